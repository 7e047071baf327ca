package finding

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
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
	// MemberName returns a member's name; nil, or an empty answer, shows the id.
	MemberName func(ctx context.Context, id string) string
	// CaseOf returns the case that a finding is in, as far as tx may see it; nil at a node.
	CaseOf func(tx *store.Tx, finding string) (id, number string, ok bool)
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
	if c.MemberName != nil && id != "" {
		if name := c.MemberName(ctx, id); name != "" {
			return name
		}
	}
	return id
}

// filterOf reads a filter out of the address. What is not one of the choices is
// left out, as if nothing had been chosen.
func filterOf(get func(string) string) Filter {
	f := Filter{Text: get("q"), Member: get("member"), Rule: get("rule"), Indicator: get("indicator")}
	if l := get("level"); levelText(l) != (i18n.Text{}) {
		f.Level = l
	}
	if w := get("when"); w == "live" || w == "past" {
		f.When = w
	}
	return f
}

// zero reports whether nothing was chosen.
func (f Filter) zero() bool {
	return f.Text == "" && f.Level == "" && f.Member == "" && f.Rule == "" && f.Indicator == "" && f.When == "" && len(f.IDs) == 0
}

// sortedByName returns the ids in the order of their names.
func sortedByName(names map[string]string) []string {
	ids := slices.Collect(maps.Keys(names))
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(strings.Compare(names[a], names[b]), strings.Compare(a, b)) })
	return ids
}

func levelText(l string) i18n.Text {
	switch l {
	case "informational":
		return i18n.T("informational", "情報")
	case "low":
		return i18n.T("low", "低")
	case "medium":
		return i18n.T("medium", "中")
	case "high":
		return i18n.T("high", "高")
	case "critical":
		return i18n.T("critical", "重大")
	}
	return i18n.Text{}
}

// listData is the dot of findings/list.
type listData struct{ List web.List }

func (c PageConfig) listPage(r *web.Request) (*web.View, error) {
	f := filterOf(r.Value)
	after := ParseCursor(r.Value("after"))
	limit := list.PageRows
	if r.Download() {
		after, limit = Cursor{}, list.DownloadRows
	}
	var items []Item
	var total int64
	var members []string
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if items, err = List(tx, f, after, limit+1); err != nil {
			return err
		}
		if total, err = Count(tx, f); err != nil || !c.Hub {
			return err
		}
		members, err = store.Query[string](tx, `SELECT DISTINCT f.member FROM findings f WHERE SCOPE(f) ORDER BY f.member LIMIT 2000`)
		return err
	})
	if err != nil {
		return nil, err
	}
	next := ""
	if len(items) > limit {
		items = items[:limit]
		last := items[limit-1]
		next = r.With("after", Cursor{At: last.Arrived, ID: last.ID}.String())
	}
	names := map[string]string{}
	for _, id := range members {
		names[id] = c.member(r.Context(), id)
	}
	v := &web.View{Template: "findings/list", Title: i18n.T("Findings", "検知"), Nav: "findings", Live: []string{"findings"},
		Lede: i18n.T("What rules and shared indicators found, newest first", "ルールと共有指標が見つけたもの。新しい順")}
	l := web.List{ID: "findings", Caption: i18n.T("Findings", "検知"), Count: web.Exactly(total), Bare: true, Columns: c.columns(),
		Filter: c.filter(r, f, names), Empty: c.empty(f), Pager: web.Pager{Next: next}}
	if after.ID != "" {
		l.Pager.First = r.With("after", "")
	}
	for _, it := range items {
		l.Rows = append(l.Rows, c.row(it, names))
	}
	v.Data, v.CSV = listData{l}, c.table(items, names)
	return v, nil
}

func (c PageConfig) columns() []web.ListColumn {
	cols := []web.ListColumn{
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
		{Key: "title", Text: i18n.T("What was found", "検知内容"), Role: web.RoleMain},
	}
	if c.Hub {
		cols = append(cols, web.ListColumn{Key: "member", Text: i18n.T("Member", "構成員")})
	}
	return append(cols,
		web.ListColumn{Key: "host", Text: i18n.T("Host", "ホスト"), Role: web.RoleWide},
		web.ListColumn{Key: "count", Text: i18n.T("Events", "事象数"), Role: web.RoleNum},
		web.ListColumn{Key: "when", Text: i18n.T("First – last", "最初 – 最後"), Role: web.RoleTime},
		web.ListColumn{Key: "how", Text: i18n.T("How", "契機")},
		web.ListColumn{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
	)
}

func (c PageConfig) row(it Item, names map[string]string) web.Row {
	how := web.Lines{whenBadge(it.Retro)}
	if it.Indicator != "" {
		how = append(how, web.Badge{Text: i18n.T("shared indicator", "共有指標"), Mood: web.Info, Icon: "indicators"})
	}
	when := web.Lines{web.Span{From: it.First, To: it.Last}}
	var host any
	if it.Host != "" {
		host = web.Mono(it.Host)
	}
	cells := []any{web.Level(it.Rule.Level), web.Lines{web.Title(it.Rule.Title), about(it)}}
	if c.Hub {
		name := names[it.Member]
		if name == "" {
			name = it.Member
		}
		cells = append(cells, name)
	}
	cells = append(cells, host, it.Count, when, how, it.Handling)
	return web.Row{Key: it.ID, Path: web.Path("/findings/{0}", it.ID), Cells: cells, Dim: it.Rule.Level == "informational"}
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

// table is the list as data: every time exact, one value a column.
func (c PageConfig) table(items []Item, names map[string]string) *web.Table {
	t := &web.Table{Name: i18n.T("Findings", "検知"), Columns: []web.Column{
		{Key: "id", Text: i18n.T("Id", "番号")}, {Key: "level", Text: i18n.T("Level", "重要度")}, {Key: "title", Text: i18n.T("What was found", "検知内容")},
		{Key: "rule", Text: i18n.T("Rule", "ルール")}, {Key: "author", Text: i18n.T("Rule author", "ルールの作成者")}, {Key: "license", Text: i18n.T("Rule licence", "ルールの使用許諾")},
		{Key: "member", Text: i18n.T("Member", "構成員")}, {Key: "host", Text: i18n.T("Host", "ホスト")}, {Key: "user", Text: i18n.T("Account", "アカウント")},
		{Key: "count", Text: i18n.T("Events", "事象数"), Number: true}, {Key: "first", Text: i18n.T("First", "最初")}, {Key: "last", Text: i18n.T("Last", "最後")},
		{Key: "detected", Text: i18n.T("Detected", "検知時刻")}, {Key: "past", Text: i18n.T("In the past", "過去の痕跡")}, {Key: "indicator", Text: i18n.T("Indicator", "指標")},
		{Key: "values", Text: i18n.T("Values", "観測値")}, {Key: "tlp", Text: i18n.T("Marking", "取扱い")},
	}}
	for _, it := range items {
		values := make([]string, len(it.Observables))
		for i, o := range it.Observables {
			values[i] = o.Value
		}
		name := names[it.Member]
		if name == "" {
			name = it.Member
		}
		t.Rows = append(t.Rows, []any{it.ID, it.Rule.Level, it.Rule.Title, it.Rule.ID, it.Rule.Author, it.Rule.License, name, it.Host, it.User,
			it.Count, it.First, it.Last, it.Detected, it.Retro, it.Indicator, strings.Join(values, " "), it.Handling})
	}
	return t
}

func (c PageConfig) filter(r *web.Request, f Filter, names map[string]string) *web.Filter {
	out := &web.Filter{Path: "/findings", Query: f.Text, Ask: i18n.T("Title, rule, host or value", "題名・ルール・ホスト・値"), Say: c.say(f, names)}
	if !f.zero() {
		out.Clear = "/findings"
	}
	any := func(on bool) web.Option { return web.Option{Value: "", Text: i18n.T("any", "すべて"), On: on} }
	level := web.Choice{Name: "level", Text: i18n.T("Level", "重要度"), Options: []web.Option{any(f.Level == "")}}
	for _, l := range []string{"critical", "high", "medium", "low"} {
		text := levelText(l)
		if l != "critical" {
			text = i18n.T("{0} and above", "{0}以上").With(text)
		}
		level.Options = append(level.Options, web.Option{Value: l, Text: text, On: f.Level == l})
	}
	out.Fields = append(out.Fields, level, web.Choice{Name: "when", Text: i18n.T("When", "時期"), Options: []web.Option{any(f.When == ""),
		{Value: "live", Text: i18n.T("live", "即時"), On: f.When == "live"}, {Value: "past", Text: i18n.T("in the past", "過去の痕跡"), On: f.When == "past"}}})
	if c.Hub && len(names) > 0 {
		m := web.Choice{Name: "member", Text: i18n.T("Member", "構成員"), Options: []web.Option{any(f.Member == "")}}
		for _, id := range sortedByName(names) {
			m.Options = append(m.Options, web.Option{Value: id, Text: names[id], On: f.Member == id})
		}
		out.Fields = append(out.Fields, m)
	}
	if f.Rule != "" {
		out.Keep = append(out.Keep, web.Hidden{Name: "rule", Value: f.Rule})
	}
	if f.Indicator != "" {
		out.Keep = append(out.Keep, web.Hidden{Name: "indicator", Value: f.Indicator})
	}
	return out
}

// say is the filter as a sentence.
func (c PageConfig) say(f Filter, names map[string]string) i18n.Text {
	what := i18n.T("all findings", "すべての検知")
	if f.When == "live" {
		what = i18n.T("live findings", "即時の検知")
	} else if f.When == "past" {
		what = i18n.T("traces in the past", "過去の痕跡")
	}
	add := func(t i18n.Text) { what = i18n.Text{EN: what.EN + ", " + t.EN, JA: what.JA + "、" + t.JA} }
	if f.Level != "" {
		add(i18n.T("level {0} and above", "重要度{0}以上").With(levelText(f.Level)))
	}
	if f.Member != "" {
		name := names[f.Member]
		if name == "" {
			name = f.Member
		}
		add(i18n.T("of {0}", "{0}から").With(name))
	}
	if f.Rule != "" {
		add(i18n.T("by the rule {0}", "ルール {0}").With(f.Rule))
	}
	if f.Indicator != "" {
		add(i18n.T("of the indicator {0}", "指標 {0}").With(f.Indicator))
	}
	if f.Text != "" {
		add(i18n.T("with “{0}”", "「{0}」を含む").With(f.Text))
	}
	add(i18n.T("newest first", "新しい順"))
	return what
}

func (c PageConfig) empty(f Filter) *web.Empty {
	switch {
	case !f.zero():
		return &web.Empty{Icon: "findings", Text: i18n.T("Nothing matches this filter", "条件に合う検知はありません"),
			How: i18n.T("Widen the filter, or clear it to see everything.", "条件を広げるか、解除してください。"), Do: &web.Link{Text: i18n.T("Show all findings", "すべての検知を表示"), Path: "/findings"}}
	case c.Hub:
		return &web.Empty{Icon: "findings", Text: i18n.T("No findings yet", "検知はまだありません"),
			How: i18n.T("When a rule matches at a member and its policy lets that be told, it appears here within a second.", "構成員のもとでルールが一致し、その組織の方針が許せば、1秒以内にここに現れます。")}
	}
	return &web.Empty{Icon: "findings", Text: i18n.T("No findings yet", "検知はまだありません"),
		How: i18n.T("When a rule or a shared indicator matches what the sensors read, it appears here at once.", "センサーが読み取った事象にルールか共有指標が一致すると、すぐにここに現れます。")}
}
