package finding

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// PageConfig is what the pages and the API of findings stand on.
type PageConfig struct {
	DB *store.DB
	// Hub says that findings of several members are here.
	Hub bool
	// Members names the members; nil shows their ids.
	Members identity.Names
	// Site has the panels of other capabilities on the page "finding"; nil has none.
	// They have no slots: what they have is among the next steps.
	Site *web.Site
}

// shownTraces is how many events behind a finding its page lists.
const shownTraces = 50

// Pages adds /findings and /findings/{id}. Notify "findings" when a finding was
// made or grew.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/findings", policy.RoleReader, c.listPage)
	site.Page("/findings/{id}", policy.RoleReader, c.page)
}

func (c PageConfig) member(ctx context.Context, id string) string {
	if c.Members == nil {
		return id
	}
	return c.Members.Name(ctx, id)
}

// Nav is the place of the findings in the rail.
func Nav() web.NavItem {
	return web.NavItem{Key: "findings", Path: "/findings", Text: i18n.T("Findings", "検知"),
		Icon: "findings", Letter: "f"}
}

// sortedByName returns the ids in the order of their names.
func sortedByName(names map[string]string) []string {
	ids := slices.Collect(maps.Keys(names))
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(strings.Compare(names[a], names[b]), strings.Compare(a, b))
	})
	return ids
}

// listData is the dot of findings/list.
type listData struct{ List web.List }

func (c PageConfig) listPage(r *web.Request) (*web.View, error) {
	var p list.Page[Item]
	var members []string
	var spec list.Spec[Item]
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		spec = Listing(tx.Now())
		if p, err = List(tx, spec.Ask(r)); err != nil || !c.Hub {
			return err
		}
		members, err = store.Query[string](tx,
			`SELECT DISTINCT f.member FROM findings f WHERE SCOPE(f) ORDER BY f.member LIMIT 2000`)
		return err
	})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, id := range members {
		names[id] = c.member(r.Context(), id)
	}
	spec = c.shown(spec, names)
	return &web.View{Template: "findings/list", Title: spec.Caption, Nav: "findings", Live: []string{"findings"},
		Lede: i18n.T("What rules and shared indicators found", "ルールと共有指標が見つけたもの"),
		Data: listData{spec.View(r, p)}, CSV: spec.Table(p)}, nil
}

// shown is the list as a page shows it; names are those of the members that have
// findings in it.
func (c PageConfig) shown(s list.Spec[Item], names map[string]string) list.Spec[Item] {
	name := func(id string) string { return cmp.Or(names[id], id) }
	if c.Hub {
		at := slices.IndexFunc(s.Filters, func(f list.Filter[Item]) bool { return f.Name == "member" })
		f := &s.Filters[at]
		f.Say = func(id string) i18n.Text { return i18n.T("of {0}", "{0}から").With(name(id)) }
		if len(names) > 0 {
			f.Kind, f.Text, f.Other = list.Choice, i18n.T("Member", "構成員"), true
			f.Options = []list.Option{{Text: i18n.T("any", "すべて")}}
			for _, id := range sortedByName(names) {
				f.Options = append(f.Options, list.Option{Value: id, Text: i18n.Same(names[id])})
			}
		}
	}
	s.Columns = c.columns(name)
	s.Row = func(it Item) web.Row {
		return web.Row{Key: it.ID, Path: web.Path("/findings/{0}", it.ID), Dim: it.Rule.Level == "informational"}
	}
	s.Empty, s.NoMatch = c.empty(), noMatch()
	return s
}

// columns are those on screen, and of a download: there every time is exact, and
// each column has one value.
func (c PageConfig) columns(name func(id string) string) []list.Column[Item] {
	member := list.Column[Item]{Key: "member", Text: i18n.T("Member", "構成員"), Sort: "member",
		Data: func(it Item) any { return name(it.Member) }}
	if c.Hub {
		member.Cell = member.Data
	}
	return []list.Column[Item]{
		list.Data("id", i18n.T("Id", "番号"), func(it Item) any { return it.ID }),
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(it Item) any { return web.Level(it.Rule.Level) }, Data: func(it Item) any {
				return it.Rule.Level
			}},
		{Key: "title", Text: i18n.T("What was found", "検知内容"), Role: web.RoleMain, Sort: "title",
			Cell: func(it Item) any { return web.Lines{web.Title(it.Rule.Title), about(it)} },
			Data: func(it Item) any { return it.Rule.Title }},
		list.Data("rule", i18n.T("Rule", "ルール"), func(it Item) any { return it.Rule.ID }),
		list.Data("author", i18n.T("Rule author", "ルールの作成者"), func(it Item) any { return it.Rule.Author }),
		list.Data("license", i18n.T("Rule licence", "ルールの使用許諾"), func(it Item) any { return it.Rule.License }),
		member,
		{Key: "host", Text: i18n.T("Host", "ホスト"), Role: web.RoleWide, Sort: "host", Cell: hostCell,
			Data: func(it Item) any { return it.Host }},
		list.Data("user", i18n.T("Account", "アカウント"), func(it Item) any { return it.User }),
		{Key: "count", Text: i18n.T("Events", "事象数"), Role: web.RoleNum, Sort: "count",
			Cell: func(it Item) any { return it.Count }},
		{Key: "when", Text: i18n.T("First – last", "最初 – 最後"), Role: web.RoleTime, Sort: "last", ScreenOnly: true,
			Cell: func(it Item) any { return web.Lines{web.Span{From: it.First, To: it.Last}} }},
		list.Data("first", i18n.T("First", "最初"), func(it Item) any { return it.First }),
		list.Data("last", i18n.T("Last", "最後"), func(it Item) any { return it.Last }),
		list.Data("detected", i18n.T("Detected", "検知時刻"), func(it Item) any { return it.Detected }),
		list.Data("retro", i18n.T("In the past", "過去の痕跡"), func(it Item) any { return it.Retro }),
		{Key: "how", Text: i18n.T("How", "契機"), Sort: "how", ScreenOnly: true, Cell: howCell},
		list.Data("indicator", i18n.T("Indicator", "指標"), func(it Item) any { return it.Indicator }),
		list.Data("values", i18n.T("Values", "観測値"), valuesOf),
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark, Sort: "tlp",
			Cell: func(it Item) any { return it.Handling }},
	}
}

func hostCell(it Item) any {
	if it.Host == "" {
		return nil
	}
	return web.Mono(it.Host)
}

func howCell(it Item) any {
	how := web.Lines{whenBadge(it.Retro)}
	if it.Indicator != "" {
		how = append(how, web.Badge{Text: i18n.T("shared indicator", "共有指標"), Mood: web.Info, Icon: "indicators"})
	}
	return how
}

func valuesOf(it Item) any {
	values := make([]string, len(it.Observables))
	for i, o := range it.Observables {
		values[i] = o.Value
	}
	return strings.Join(values, " ")
}

// about is the small line below a finding's title: the values, or what the rule
// says it is about. An id means nothing to a reader.
func about(it Item) any {
	if len(it.Observables) == 0 {
		return behind(it)
	}
	if len(it.Observables) == 1 && it.Observables[0].Value == it.Rule.Title { // a value that was shared, said already
		return web.KindText(string(it.Observables[0].Type))
	}
	var out web.Run
	for i, o := range it.Observables {
		if i == 2 {
			out = append(out, i18n.T("and {0} more", "ほか {0} 件").With(len(it.Observables)-2))
			break
		}
		out = append(out, web.Clip(o.Value))
	}
	return out
}

// behind says what found it: the kind of value that was shared, or the tactics
// and techniques in the rule's tags, or else who wrote the rule.
func behind(it Item) any {
	if it.Rule.ID == it.Indicator {
		if o := event.ParseObservables(it.Rule.Title); len(o) == 1 {
			return web.KindText(string(o[0].Type))
		}
		return i18n.T("value on a list", "共有された値")
	}
	var out web.Run
	for _, tag := range it.Rule.Tags {
		name, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
		if t, known := event.TacticText(name); ok && known {
			out = append(out, t)
		} else if ok && len(name) > 4 && name[0] == 't' && strings.Trim(name[1:], "0123456789.") == "" {
			out = append(out, strings.ToUpper(name))
		}
		if len(out) == 3 {
			break
		}
	}
	if len(out) == 0 {
		return i18n.T("rule by {0}", "ルールの作成者：{0}").With(cmp.Or(it.Rule.Author, "—"))
	}
	return out
}

func whenBadge(past bool) web.Badge {
	if past {
		return web.Badge{Text: i18n.T("in the past", "過去の痕跡"), Mood: web.Warn, Icon: "hunt"}
	}
	return web.Badge{Text: i18n.T("live", "即時"), Mood: web.Calm}
}

// empty is what the list shows before anything was found.
func (c PageConfig) empty() *web.Empty {
	e := &web.Empty{Icon: "findings", Text: i18n.T("No findings yet", "検知はまだありません"),
		How: i18n.T("When a rule or a shared indicator matches what the sensors read, it appears here at once.",
			"センサーが読み取った事象にルールか共有指標が一致すると、すぐにここに現れます。")}
	if c.Hub {
		e.How = i18n.T("When a rule matches at a member and its policy lets that be told, it appears here "+
			"within a second.",
			"構成員のもとでルールが一致し、その組織の方針が許せば、1秒以内にここに現れます。")
	}
	return e
}
