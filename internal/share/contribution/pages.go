package contribution

import (
	"context"
	"fmt"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/web"
)

// pages is the pages and the API of contributions at a hub.
type pages struct{ *Service }

// addTo adds /contribution and what belongs to it.
func (c pages) addTo(site *web.Site) {
	site.Templates(files)
	site.Page("/contribution", policy.RoleReader, c.first)
	site.Page("/contribution/members/{id}", policy.RoleReader, c.member)
	site.Page("/contribution/rules", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return c.rules(r, nil)
	})
	site.Action("/contribution/rules", policy.RoleCoordinator, c.setRules)
	site.Action("/contribution/marks", policy.RoleAnalyst, c.mark)
	for name, to := range map[string]MarkState{"uphold": Upheld, "decline": Declined, "reopen": Open, "undo": Undone} {
		site.Action("/contribution/marks/{id}/"+name, policy.RoleAnalyst, func(r *web.Request) (string, error) {
			return c.decide(r, to)
		})
	}
}

func tabs(on string) []web.Tab {
	return []web.Tab{{Text: i18n.T("Contribution", "貢献"), Path: "/contribution", On: on == "/contribution"},
		{Text: i18n.T("Rules", "規則"), Path: "/contribution/rules", On: on == "/contribution/rules"}}
}

// first is a member's own account; for the hub's people it is all members.
func (c pages) first(r *web.Request) (*web.View, error) {
	if r.Viewer.Hub {
		return c.everybody(r)
	}
	return c.account(r, r.Viewer.Member)
}

func (c pages) member(r *web.Request) (*web.View, error) {
	id := r.PathValue("id")
	if !r.Viewer.Hub && id != r.Viewer.Member {
		return nil, noMember()
	}
	list, err := c.Members.Active(r.Context())
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.ID == id {
			return c.account(r, id)
		}
	}
	return nil, noMember()
}

func noMember() error {
	return fault.New(fault.NotFound, i18n.T("there is no such member, or it is not there for you",
		"構成員が存在しないか、閲覧できません"))
}

// ownData is the dot of contribution/own.
type ownData struct {
	Facts []web.Fact
	Place i18n.Text
	Tiers []TierCount
	Gave  web.List
}

// account is the page of what one member has earned.
func (c pages) account(r *web.Request, member string) (*web.View, error) {
	a, err := c.Account(r.Context(), r.Viewer, member)
	if err != nil {
		return nil, err
	}
	spec := gaveList(member, r.Viewer.Hub)
	p, err := spec.Of(a.Gave, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	if err := c.reach(r.Context(), r.Viewer, p.Rows); err != nil {
		return nil, err
	}
	d := ownData{Facts: facts(a), Gave: spec.View(r, p)}
	v := &web.View{Template: "contribution/own", Title: i18n.T("{0} points for what others confirmed",
		"ほかの構成員に確認され {0} 点").With(a.Points), Nav: "contribution", Live: []string{"contribution"}, CSV: spec.Table(p)}
	if r.Viewer.Hub {
		v.Title = i18n.Same(c.Members.Name(r.Context(), member))
		v.Back = &web.Link{Text: i18n.T("Contribution", "貢献"), Path: "/contribution"}
		v.Lede = i18n.T("{0} points for what others confirmed", "ほかの構成員に確認され {0} 点").With(a.Points)
		tier, err := c.Tier(r.Context(), member)
		if err != nil {
			return nil, err
		}
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Tier in force", "適用中の階層"), Value: tier.Text(),
			Note: i18n.T("of what the member itself may know", "構成員自身が知り得る範囲で判定")})
	} else {
		v.Tabs = tabs("/contribution")
		v.Lede = i18n.T("What became of what your organisation gave, and what it earned by that. Volume alone "+
			"earns nothing.",
			"自組織が提供した情報のその後と、それによる点数です。量だけでは点数になりません。")
		if err := c.place(r.Context(), a, &d); err != nil {
			return nil, err
		}
	}
	v.Data = d
	return v, nil
}

// place says where a member is among the others, whom it names not.
func (c pages) place(ctx context.Context, a Account, d *ownData) error {
	p, err := c.Community(ctx)
	if err != nil || p == nil {
		return err
	}
	third := i18n.T("the lower third", "下位 3 分の 1")
	switch pts := a.Points.Float(); {
	case pts >= p.Thirds[1] && p.Thirds[1] > 0:
		third = i18n.T("the upper third", "上位 3 分の 1")
	case pts >= p.Thirds[0] && p.Thirds[0] > 0:
		third = i18n.T("the middle third", "中位 3 分の 1")
	case p.Thirds[0] == 0:
		third = i18n.T("where most are who begin", "多くの組織と同じ出発点")
	}
	d.Place = i18n.T("Among {0} members your organisation is in {1}.", "{0} 構成員のうち、自組織は{1}にいます。").With(p.Members, third)
	d.Tiers = p.Tiers
	return nil
}

func facts(a Account) []web.Fact {
	points := web.Fact{Name: i18n.T("Points", "点数"), Value: a.Points.String()}
	if a.Kept > 0 {
		points.Note = i18n.T("{0} of them by members that do not say what they saw; told at most once a day, and of "+
			"three or more", "うち {0} 点は、観測を開示しない構成員によるもの（3 組織以上、1 日 1 回まで反映）").With(a.Kept)
	}
	tier := web.Fact{Name: i18n.T("Tier", "階層"), Value: a.Tier.Text(), Note: buys(a.Tier)}
	out := []web.Fact{points, tier}
	if a.Next != nil {
		out = append(out, web.Fact{Name: i18n.T("Next tier", "次の階層"), Value: a.Next.Text(),
			Note: i18n.T("from {0} points", "{0} 点から").With(a.Next.Points)})
	}
	return append(out, web.Fact{Name: i18n.T("Given", "提供"), Value: a.Given},
		web.Fact{Name: i18n.T("Confirmed", "確認済み"), Value: a.Confirmed},
		web.Fact{Name: i18n.T("False positives", "誤検知"), Value: a.Mistakes})
}

// buys says what a tier is good for.
func buys(t credit.Tier) i18n.Text {
	out := i18n.T("{0} standing queries, {1} related objects with each", "常設の条件 {0} 件、関連情報は 1 件につき {1} 件まで").
		With(t.Queries, t.Depth)
	if t.Delay > 0 {
		more := i18n.T(", {0} hours later", "（{0} 時間後）").With(t.Delay)
		out = i18n.Text{EN: out.EN + more.EN, JA: out.JA + more.JA}
	}
	return out
}

// gaveList describes what a member gave.
func gaveList(member string, hub bool) list.Spec[Gave] {
	term := func(desc bool, of func(Gave) any) list.Term[Gave] { return list.Term[Gave]{Of: of, Desc: desc} }
	by := func(name string, first, back i18n.Text, terms ...list.Term[Gave]) list.Sort[Gave] {
		return list.Sort[Gave]{Name: name, Text: first, Back: back, By: terms}
	}
	points := term(true, func(g Gave) any { return int64(g.Line.Points) })
	at := term(true, func(g Gave) any { return g.At })
	figure := func(key, sort string, text i18n.Text, of func(Gave) int) list.Column[Gave] {
		return list.Column[Gave]{Key: key, Text: text, Role: web.RoleNum, Sort: sort,
			Cell: func(g Gave) any {
				if g.Line.Kind == credit.Correction {
					return nil
				}
				return of(g)
			}, Data: func(g Gave) any { return of(g) }}
	}
	path := "/contribution"
	if hub {
		path = web.Path("/contribution/members/{0}", member)
	}
	sorted := func(name string, of func(Gave) int, most, least i18n.Text) list.Sort[Gave] {
		return by(name, most, least, term(true, func(g Gave) any { return of(g) }), at)
	}
	armed, seen := func(g Gave) int { return g.Armed }, func(g Gave) int { return g.Seen }
	got := func(g Gave) int { return g.Got }
	return list.Spec[Gave]{
		Key: []list.Term[Gave]{term(false, func(g Gave) any { return g.Object + " " + string(g.Line.Kind) })},
		Sorts: []list.Sort[Gave]{
			by("points", i18n.T("most points first", "点数の多い順"), i18n.T("fewest points first", "点数の少ない順"),
				points, term(true, func(g Gave) any { return g.Seen }), at),
			by("given", i18n.T("newest first", "新しい順"), i18n.T("oldest first", "古い順"), at),
			sorted("seen", seen, i18n.T("those that most saw first", "観測した組織の多い順"),
				i18n.T("those that fewest saw first", "観測した組織の少ない順")),
		},
		Filters: []list.Filter[Gave]{{Name: "q", Kind: list.Words, Text: i18n.T("Value or name", "値・名前"),
			Match: func(g Gave, typed string) bool { return list.Holds(g.Name+"\n"+g.Value, typed) }}},
		Name: "gave", Path: path, Card: true, All: i18n.T("all that was given", "提供したすべて"),
		Caption: i18n.T("What became of what was given", "提供した情報のその後"),
		Columns: []list.Column[Gave]{
			list.Data("id", i18n.T("STIX id", "STIX 番号"), func(g Gave) any { return g.Object }),
			{Key: "what", Text: i18n.T("What", "対象"), Role: web.RoleMain, Cell: what,
				Data: func(g Gave) any { return g.Name }},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark,
				Cell: func(g Gave) any { return g.Handling }},
			{Key: "given", Text: i18n.T("Given", "提供"), Role: web.RoleTime, Sort: "given",
				Cell: func(g Gave) any { return web.Brief(g.At) }, Data: func(g Gave) any { return g.At }},
			figure("got", "", i18n.T("Got it", "受信"), got),
			figure("armed", "", i18n.T("Armed", "防御済み"), armed),
			figure("seen", "seen", i18n.T("Saw it", "観測"), seen),
			{Key: "points", Text: i18n.T("Points", "点数"), Role: web.RoleNum, Sort: "points",
				Cell: func(g Gave) any { return g.Line.Points.String() },
				Data: func(g Gave) any { return g.Line.Points.Float() }},
			{Key: "why", Text: i18n.T("Why", "理由"), Role: web.RoleNote,
				Cell: func(g Gave) any { return g.Line.Reason() }},
		},
		Row: func(g Gave) web.Row {
			return web.Row{Key: g.Object + " " + string(g.Line.Kind), Path: web.Path("/indicators/{0}", g.Object),
				Dim: g.Line.Kind == credit.Mistaken}
		},
		Empty: &web.Empty{Icon: "share", Text: i18n.T("Nothing was given yet", "提供した情報はまだありません"),
			How: i18n.T("When an indicator is made of what the organisation's node offers, it appears here with "+
				"who is armed "+
				"by it and how many saw it.",
				"ノードが提供した値や振る舞いが指標になると、防御した組織数や観測した組織数とともにここに現れます。")},
		NoMatch: &web.Empty{Icon: "share", Text: i18n.T("Nothing matches this filter", "条件に合うものはありません"),
			Do: &web.Link{Text: i18n.T("Show everything", "すべて表示"), Path: path}},
	}
}

func what(g Gave) any {
	if g.Kind == "sigma" || g.Value == "" {
		return web.Lines{g.Name, web.KindText(g.Kind)}
	}
	return web.Lines{web.Title(g.Value), web.KindText(g.Kind)}
}

// allData is the dot of contribution/all.
type allData struct {
	Members web.List
	Open    []markLine
	Decided []markLine
	Decides bool
	Chart   any
}

// markLine is a mark with what it is about.
type markLine struct {
	Mark
	Title any
	Who   string
	State web.Badge
}

// everybody is the page of all members, for the hub's people.
func (c pages) everybody(r *web.Request) (*web.View, error) {
	members, err := c.Everybody(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	spec := everybodyList(func(id string) string { return c.Members.Name(r.Context(), id) })
	p, err := spec.Of(members, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	d := allData{Members: spec.View(r, p), Decides: identity.AtLeast(r.Viewer.Role, policy.RoleCoordinator)}
	if d.Open, d.Decided, err = c.marks(r); err != nil {
		return nil, err
	}
	given, confirmed := 0, 0
	for _, m := range members {
		given, confirmed = given+m.Given, confirmed+m.Confirmed
	}
	h := policy.Handling{TLP: policy.AmberStrict}
	v := &web.View{Template: "contribution/all", Title: i18n.T("Contribution", "貢献"), Nav: "contribution",
		Lede: i18n.T("{0} given, {1} of them confirmed by others. Members see only their own account.",
			"提供 {0} 件、うち {1} 件をほかの構成員が確認。構成員に見えるのは自組織の内訳だけです。").With(given, confirmed),
		Handling: &h, Tabs: tabs("/contribution"), Live: []string{"contribution"}, Data: d, CSV: spec.Table(p)}
	if len(d.Open) > 0 && d.Decides {
		v.Next = append(v.Next, web.Next{Text: i18n.T("Decide on {0} {0:report|reports} of false positives",
			"誤検知の指摘 {0} 件を判断する").With(len(d.Open)), Path: "#marks"})
	}
	return v, nil
}

func everybodyList(name func(string) string) list.Spec[Standing] {
	term := func(desc bool, of func(Standing) any) list.Term[Standing] {
		return list.Term[Standing]{Of: of, Desc: desc}
	}
	points := term(true, func(s Standing) any { return int64(s.Points) })
	order := func(name string, of func(Standing) int, most, least i18n.Text) list.Sort[Standing] {
		return list.Sort[Standing]{Name: name, Text: most, Back: least,
			By: []list.Term[Standing]{term(true, func(s Standing) any { return of(s) }), points}}
	}
	given, confirmed := func(s Standing) int { return s.Given }, func(s Standing) int { return s.Confirmed }
	mistakes := func(s Standing) int { return s.Mistakes }
	figure := func(key string, text i18n.Text, of func(Standing) int) list.Column[Standing] {
		return list.Column[Standing]{Key: key, Text: text, Role: web.RoleNum, Sort: key,
			Cell: func(s Standing) any { return of(s) }}
	}
	return list.Spec[Standing]{
		Key: []list.Term[Standing]{term(false, func(s Standing) any { return s.Member })},
		Sorts: []list.Sort[Standing]{
			{Name: "points", Text: i18n.T("most points first", "点数の多い順"), Back: i18n.T("fewest points first",
				"点数の少ない順"), By: []list.Term[Standing]{points, term(true, func(s Standing) any { return s.Given })}},
			{Name: "member", Text: i18n.T("by name", "名前順"), Back: i18n.T("by name, last first", "名前の逆順"),
				By: []list.Term[Standing]{term(false, func(s Standing) any { return name(s.Member) })}},
			order("given", given, i18n.T("most given first", "提供の多い順"), i18n.T("least given first", "提供の少ない順")),
			order("confirmed", confirmed, i18n.T("most confirmed first", "確認済みの多い順"),
				i18n.T("least confirmed first", "確認済みの少ない順")),
			order("mistakes", mistakes, i18n.T("most false positives first", "誤検知の多い順"),
				i18n.T("fewest false positives first", "誤検知の少ない順")),
		},
		Filters: []list.Filter[Standing]{{Name: "q", Kind: list.Words, Text: i18n.T("Name", "名前"),
			Match: func(s Standing, typed string) bool { return list.Holds(name(s.Member), typed) }}},
		Name: "contributors", Path: "/contribution", Card: true, Caption: i18n.T("Members", "構成員"),
		All: i18n.T("all members", "すべての構成員"),
		Columns: []list.Column[Standing]{
			{Key: "member", Text: i18n.T("Member", "構成員"), Role: web.RoleMain, Sort: "member",
				Cell: func(s Standing) any { return name(s.Member) }},
			{Key: "points", Text: i18n.T("Points", "点数"), Role: web.RoleNum, Sort: "points",
				Cell: func(s Standing) any { return s.Points.String() },
				Data: func(s Standing) any { return s.Points.Float() }},
			{Key: "tier", Text: i18n.T("Tier", "階層"), Cell: func(s Standing) any { return s.Tier.Text() }},
			figure("given", i18n.T("Given", "提供"), given),
			figure("confirmed", i18n.T("Confirmed", "確認済み"), confirmed),
			figure("mistakes", i18n.T("False positives", "誤検知"), mistakes),
			{Key: "word", Text: i18n.T("Its word counts", "確認の重み"), Role: web.RoleNum,
				Cell: func(s Standing) any { return fmt.Sprintf("%d / %d", s.Word, credit.Whole) }},
			{Key: "last", Text: i18n.T("Last given", "最終提供"), Role: web.RoleTime,
				Cell: func(s Standing) any { return web.Brief(s.Last) }, Data: func(s Standing) any { return s.Last }},
		},
		Row: func(s Standing) web.Row {
			return web.Row{Key: s.Member, Path: web.Path("/contribution/members/{0}", s.Member)}
		},
		Empty: &web.Empty{Icon: "members", Text: i18n.T("No member has joined yet", "参加した構成員はまだいません"),
			How: i18n.T("Members appear here with what they gave once they have joined.",
				"構成員が参加すると、提供した情報の件数とともにここに現れます。")},
		NoMatch: &web.Empty{Icon: "members", Text: i18n.T("No member matches this filter", "条件に合う構成員はいません"),
			Do: &web.Link{Text: i18n.T("Show all members", "すべての構成員を表示"), Path: "/contribution"}},
	}
}
