package objects

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// Row is an object as lists show it.
type Row struct {
	object.Object
	o     *stix.Object
	owner string // what the giver is called; empty if the reader may not know
	ties  string // of a relationship: what it ties, by name
}

// title is what the object is called, exact.
func (r Row) title() string {
	switch {
	case r.o == nil:
		return r.ID
	case r.ties != "":
		return r.ties
	}
	return named(r.o)
}

// state is where an object stands; the zero Badge of one that holds.
func (r Row) state(now time.Time) web.Badge {
	if r.Flags&object.Revoked != 0 {
		return web.Badge{Text: i18n.T("revoked", "取消し済み"), Mood: web.Dim}
	}
	if r.o != nil {
		if until, ok := r.o.Time("valid_until"); ok && !now.Before(until.Time()) {
			return web.Badge{Text: i18n.T("expired", "期限切れ"), Mood: web.Dim}
		}
	}
	return web.Badge{}
}

// sub is what stands below an object's name in a list.
func (r Row) sub() web.Run {
	out := web.Run{kindOf(r.Type()).text}
	if r.o == nil {
		return out
	}
	if r.Type() == "relationship" {
		from, _, _ := strings.Cut(r.o.Text("source_ref"), "--")
		to, _, _ := strings.Cut(r.o.Text("target_ref"), "--")
		out = append(out, i18n.T("{0} → {1}", "{0} → {1}").With(kindOf(from).text, kindOf(to).text))
	}
	if r.Type() == "attack-pattern" {
		for _, t := range object.Techniques(r.o) {
			out = append(out, t)
		}
	}
	if d := strings.Join(strings.Fields(r.o.Text("description")), " "); d != "" && d != r.title() {
		out = append(out, clip(safe(d), 120))
	}
	return out
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// rowOf reads an object for a list.
func (p *pages) rowOf(ctx context.Context, v policy.Viewer, x object.Object) Row {
	r := Row{Object: x, owner: p.giver(ctx, v, x.Handling.Owner)}
	r.o, _ = stix.Parse(x.Body)
	return r
}

// giver is what the giver of an object is called, for who may know it: the hub's people and
// the giver. Others learn only that it came from the community.
func (p *pages) giver(ctx context.Context, v policy.Viewer, owner string) string {
	switch {
	case !v.Hub && (v.Member == "" || v.Member != owner), p.Members == nil, owner == "":
		return ""
	}
	return p.Members.Name(ctx, owner)
}

// The values of the filter by who gave an object.
const (
	fromUs  = "us"
	fromHub = "hub"
)

// spec describes the list of objects for a viewer.
func (p *pages) spec(v policy.Viewer, now time.Time) list.Spec[Row] {
	every := list.Option{Text: i18n.T("any", "すべて")}
	types, tlps, from := []list.Option{every}, []list.Option{every}, []list.Option{every}
	for _, k := range kinds() {
		types = append(types, list.Option{Value: k.typ, Text: k.text})
	}
	for t := policy.Clear; t <= policy.Red; t++ {
		tlps = append(tlps, list.Option{Value: t.Slug(), Text: i18n.Same(t.String())})
	}
	if v.Member != "" {
		from = append(from, list.Option{Value: fromUs, Text: i18n.T("my organisation", "自組織")})
	} else if p.hub() {
		from = append(from, list.Option{Value: fromHub, Text: i18n.T("the hub", "ハブ")})
	}
	filters := []list.Filter[Row]{
		{Name: "q", Kind: list.Words, Text: i18n.T("Words, a value or an id", "語句・値・番号")},
		{Name: "type", Text: i18n.T("Type", "種類"), Options: types, Other: true,
			Say: func(t string) i18n.Text { return kindOf(t).text }},
		{Name: "tlp", Text: i18n.T("Marking", "取扱い"), Options: tlps},
		{Name: "from", Text: i18n.T("From", "提供元"), Options: from, Other: v.Hub,
			Say: func(s string) i18n.Text { return p.saysFrom(v, s) }},
		{Name: "label", Kind: list.Linked, Say: func(s string) i18n.Text {
			return i18n.T("labelled “{0}”", "ラベル「{0}」").With(s)
		}},
		{Name: "technique", Kind: list.Linked, Say: func(s string) i18n.Text {
			return i18n.T("of technique {0}", "攻撃手法 {0}").With(s)
		}},
		{Name: "realm", Kind: list.Linked, Say: func(s string) i18n.Text {
			return i18n.T("of the exercise {0}", "演習 {0}").With(s)
		}},
	}
	filters = append(filters, list.Period(i18n.T("Since", "期間"), "o.seq", func(r Row) time.Time { return r.Added() },
		now)...)
	seq := list.Term[Row]{SQL: "o.seq", Of: func(r Row) any { return r.Seq }, Desc: true}
	s := list.Spec[Row]{
		Key: []list.Term[Row]{{SQL: "o.seq", Of: func(r Row) any { return r.Seq }}},
		Sorts: []list.Sort[Row]{{Name: "new", Text: i18n.T("newest first", "新しい順"),
			Back: i18n.T("oldest first", "古い順"), By: []list.Term[Row]{seq}}},
		Filters: filters, Name: "objects", Path: "/objects", Caption: i18n.T("Objects", "オブジェクト"),
		All: i18n.T("all objects", "すべてのオブジェクト"), Columns: p.columns(v, now),
		Row: func(r Row) web.Row {
			return web.Row{Key: r.ID, Path: pathOf(r.Object), Dim: r.state(now).Mood == web.Dim}
		},
		Empty: p.none(v),
		NoMatch: &web.Empty{Icon: "search", Text: i18n.T("Nothing that you may see matches", "閲覧できる範囲に該当するものはありません"),
			How: i18n.T("Try a part of a word, or widen the filter.", "語句の一部で試すか、条件を広げてください。"),
			Do:  &web.Link{Text: i18n.T("Show all objects", "すべて表示"), Path: "/objects"}},
	}
	return s
}

func (p *pages) none(v policy.Viewer) *web.Empty {
	e := &web.Empty{Icon: "share", Text: i18n.T("No objects yet", "オブジェクトはまだありません"),
		How: i18n.T("What members share, what feeds bring and what TAXII clients add appears here.",
			"構成員の共有、外部フィード、TAXII クライアントから届いたものがここに現れます。")}
	if p.composes(v) {
		e.Do = &web.Link{Text: i18n.T("Share a report", "レポートを共有する"), Path: "/share/new"}
	}
	return e
}

// pathOf is the page of an object.
func pathOf(o object.Object) string {
	if o.Realm != "" && o.Realm != live {
		return web.Path("/objects/{0}?realm={1}", o.ID, o.Realm)
	}
	return web.Path("/objects/{0}", o.ID)
}

func (p *pages) saysFrom(v policy.Viewer, s string) i18n.Text {
	switch {
	case s == fromUs:
		return i18n.T("from my organisation", "自組織から")
	case s == fromHub:
		return i18n.T("from the hub", "ハブから")
	case v.Hub && p.hub():
		return i18n.T("from {0}", "{0}から").With(p.Members.Name(context.Background(), s))
	}
	return i18n.Same(s)
}

func (p *pages) columns(v policy.Viewer, now time.Time) []list.Column[Row] {
	type column = list.Column[Row]
	out := []column{
		list.Data("id", i18n.T("STIX id", "STIX 番号"), func(r Row) any { return r.ID }),
		list.Data("type", i18n.T("Type", "種類"), func(r Row) any { return r.Type() }),
		{Key: "title", Text: i18n.T("What it is", "内容"), Role: web.RoleMain,
			Cell: func(r Row) any { return web.Lines{inList(r.title()), r.sub()} },
			Data: func(r Row) any { return r.title() }},
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark, Cell: func(r Row) any { return r.Handling }},
	}
	if v.Hub && p.hub() {
		out = append(out, column{Key: "from", Text: i18n.T("From", "提供元"), Cell: func(r Row) any {
			if r.Handling.Owner == "" {
				return i18n.T("the hub", "ハブ")
			}
			return r.owner
		}, Data: func(r Row) any { return r.owner }})
	}
	return append(out,
		column{Key: "confidence", Text: i18n.T("Confidence", "確度"), Role: web.RoleNum, Cell: func(r Row) any {
			if r.o != nil {
				if n, ok := r.o.Confidence(); ok {
					return n
				}
			}
			return nil
		}},
		column{Key: "added", Text: i18n.T("Came", "受領"), Role: web.RoleTime, Sort: "new",
			Cell: func(r Row) any { return web.Brief(came(r.Object)) },
			Data: func(r Row) any { return came(r.Object) }},
		column{Key: "state", Text: i18n.T("State", "状態"), Cell: func(r Row) any {
			if b := r.state(now); !b.Text.Zero() {
				return b
			}
			return nil
		}, Data: func(r Row) any { return r.state(now).Text.EN }})
}

// came is when an object came, to the second: where in a second is drawn.
func came(o object.Object) time.Time { return o.Added().Truncate(time.Second) }

// searchOf is what the filters of the list ask for.
func searchOf(v policy.Viewer, values map[string]string, now time.Time) object.Search {
	s := object.Search{Realm: values["realm"], Text: values["q"], Label: values["label"],
		Technique: values["technique"]}
	if t := values["type"]; t != "" {
		s.Types = []string{t}
	}
	if t, ok := policy.ParseTLP(values["tlp"]); ok {
		s.TLP = t
	}
	hub := ""
	switch from := values["from"]; {
	case from == fromUs && v.Member != "":
		s.Owner = &v.Member
	case from == fromHub:
		s.Owner = &hub
	case from != "" && v.Hub:
		s.Owner = &from
	}
	for name, at := range map[string]*time.Time{"since": &s.From, "until": &s.To} {
		if t, ok := list.Moment(values[name], now); ok {
			*at = t
		}
	}
	return s
}

// read returns a page of a list of objects.
func (p *pages) read(ctx context.Context, tx *store.Tx, v policy.Viewer, spec list.Spec[Row], ask list.Ask,
	types ...string) (list.Page[Row], error) {
	page, err := spec.Through(ask, func(values map[string]string, _ string, back bool, after []any, limit int) ([]Row,
		error) {
		s := searchOf(v, values, tx.Now())
		s.Oldest, s.Limit = back, limit
		if len(s.Types) == 0 {
			s.Types = types
		}
		if len(after) > 0 {
			s.After, _ = after[0].(int64)
		}
		found, err := p.Objects.Find(tx, s)
		rows := make([]Row, len(found))
		for i, o := range found {
			rows[i] = p.rowOf(ctx, v, o)
		}
		if err != nil {
			return nil, err
		}
		return rows, p.tie(tx, rows)
	})
	return page, err
}

// tie names what relationships among rows tie, as far as the scope may see it.
func (p *pages) tie(tx *store.Tx, rows []Row) error {
	var ids []string
	for _, r := range rows[:min(len(rows), 1000)] {
		if r.o != nil && r.Type() == "relationship" {
			ids = append(ids, r.o.Text("source_ref"), r.o.Text("target_ref"))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	page, err := p.Objects.Read(tx, object.Ask{Realm: rows[0].Realm, IDs: ids, Limit: len(ids), Bodies: true})
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, x := range page.Objects {
		if o, err := stix.Parse(x.Body); err == nil {
			names[x.ID] = inList(named(o))
		}
	}
	for i, r := range rows {
		if r.o == nil || r.Type() != "relationship" {
			continue
		}
		if from, to := names[r.o.Text("source_ref")], names[r.o.Text("target_ref")]; from != "" && to != "" {
			rows[i].ties = from + " – " + r.o.Text("relationship_type") + " → " + to
		}
	}
	return nil
}

func (p *pages) list(r *web.Request) (*web.View, error) { return p.listView(r, "/objects") }

// reports lists what people read: reports and groupings.
func (p *pages) reports(r *web.Request) (*web.View, error) { return p.listView(r, "/reports") }

func (p *pages) listView(r *web.Request, path string) (*web.View, error) {
	now := p.DB.Now()
	spec := p.spec(r.Viewer, now)
	var types []string
	lede := i18n.T("Everything that is shared with you, whatever it came by", "共有されたすべての情報（経路を問わず）")
	if path == "/reports" {
		types = []string{"report", "grouping"}
		spec.Path, spec.Name, spec.Caption = path, "reports", i18n.T("Reports", "レポート")
		spec.All, spec.Empty.Text = i18n.T("all reports", "すべてのレポート"), i18n.T("No reports yet", "レポートはまだありません")
		spec.NoMatch.Do = &web.Link{Text: i18n.T("Show all reports", "すべて表示"), Path: path}
		spec.Filters[1].Options = spec.Filters[1].Options[:2]
		spec.Filters[1].Options = append(spec.Filters[1].Options, list.Option{Value: "grouping",
			Text: kindOf("grouping").text})
		spec.Filters[1].Other = false
		lede = i18n.T("Objects on one topic, with what people wrote about them", "ひとつの主題についてまとめた情報と説明")
	}
	ask := spec.Ask(r)
	var page list.Page[Row]
	var total int64
	err := p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if page, err = p.read(r.Context(), tx, r.Viewer, spec, ask, types...); err != nil {
			return err
		}
		a := object.Ask{Realm: ask.Values["realm"], Types: types}
		if t := ask.Values["type"]; t != "" {
			a.Types = []string{t}
		}
		total, err = p.Objects.Count(tx, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	l := spec.View(r, page)
	l.Count = web.Count{}
	if whole(ask.Values) {
		l.Count = web.Exactly(total)
	} else if page.Next == "" && ask.After == "" {
		l.Count = web.Exactly(int64(len(page.Rows)))
	}
	if path == "/objects" && p.hub() && r.Viewer.Role != policy.RoleNone {
		l.Select = p.selection(r.Viewer)
	}
	var next []web.Next
	if key := r.Value("undo"); key != "" && p.composes(r.Viewer) {
		next = append(next, web.Next{Text: i18n.T("Undo", "元に戻す"), Path: "/objects/selected", Post: true,
			Form: []web.Hidden{{Name: "do", Value: doUndo}, {Name: "key", Value: key}},
			Note: i18n.T("for five minutes", "5 分以内")})
	}
	v := &web.View{Template: "objects/list", Next: next, Live: []string{"objects", "indicators"}, Title: spec.Caption,
		Nav: "objects", Lede: lede,
		Tabs: p.tabsOf(r.Viewer, path), Data: l, CSV: spec.Table(page)}
	if ask.Values["realm"] != "" && ask.Values["realm"] != live {
		v.Realm = ask.Values["realm"]
	}
	return v, nil
}

// whole reports whether a list is narrowed by nothing that is not counted.
func whole(values map[string]string) bool {
	for name, v := range values {
		if v != "" && name != "type" && name != "realm" {
			return false
		}
	}
	return true
}

// finder searches the objects that no other finder finds: indicators of the cycle have one.
func (p *pages) finder() search.Finder {
	find := func(tx *store.Tx, q string, limit int) (out []search.Hit, err error) {
		found, err := p.Objects.Find(tx, object.Search{Text: q, Limit: limit})
		for _, o := range found {
			title := o.ID
			if so, err := stix.Parse(o.Body); err == nil {
				title = titleOf(so)
			}
			out = append(out, search.Hit{Path: pathOf(o), Title: title, Note: web.Run{kindOf(o.Type()).text,
				o.Handling.TLP}})
		}
		return out, err
	}
	return search.InStore(p.DB, i18n.T("Objects", "オブジェクト"), "/objects", find)
}
