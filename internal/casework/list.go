package casework

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// The states that a list of cases can be asked for, beside each State.
const (
	active = "active" // all but closed
	every  = "all"
)

// wide reports whether the scope may know a case as a whole. A party may know
// its own part only: not by a search either, nor by a filter or an order that
// another's part decides.
func wide(s store.Scope) bool {
	v, asks := s.Viewer()
	return !asks || v.Hub
}

// cases describes the list of cases for a scope.
func cases(s store.Scope) list.Spec[Case] {
	term := func(sql string, of func(Case) any) list.Term[Case] {
		return list.Term[Case]{SQL: sql, Of: of, Desc: true}
	}
	severity := term("c.severity", func(c Case) any { return c.Severity })
	updated := term("c.updated", func(c Case) any { return c.Updated })
	opened := term("c.opened", func(c Case) any { return c.Opened })
	out := list.Spec[Case]{
		Select: caseColumns, From: "cases c", Scope: []string{"c"},
		Key: []list.Term[Case]{term("c.number", func(c Case) any { return c.Number })},
		Filters: []list.Filter[Case]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Number, title or rule", "番号・件名・ルール"), Where: wordsOf(s)},
			{Name: "state", Kind: list.Tab, Missing: active, Options: []list.Option{
				{Value: active, Text: i18n.T("Active", "進行中")},
				{Value: string(Open), Text: i18n.T("Open", "対応中")},
				{Value: string(Contained), Text: i18n.T("Contained", "封じ込め済み")},
				{Value: string(Closed), Text: i18n.T("Closed", "終結")},
				{Value: every, Text: i18n.T("All", "すべて")},
			}, Where: inState},
			{Name: "sector", Kind: list.Linked, Where: func(string) list.Cond { return list.Never() }},
		},
		Name: "cases", Path: "/cases", Caption: i18n.T("Cases", "事案"), All: i18n.T("cases", "事案"),
	}
	if !wide(s) {
		// A party must not learn when another's part opened or changed the case.
		out.Sorts = []list.Sort[Case]{
			{Name: "since", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"), KeyOnly: true,
				By: []list.Term[Case]{opened}},
			{Name: "severity", Text: i18n.T("worst first", "深刻な順"), Back: i18n.T("least severe first", "軽い順"),
				KeyOnly: true,
				By:      []list.Term[Case]{severity, opened}},
		}
		return out
	}
	number := func(name, sql string, of func(Case) any, most, least i18n.Text) list.Sort[Case] {
		return list.Sort[Case]{Name: name, Text: most, Back: least, By: []list.Term[Case]{term(sql, of), updated}}
	}
	out.Sorts = []list.Sort[Case]{
		{Name: "severity", Text: i18n.T("worst first", "深刻な順"), Back: i18n.T("least severe first", "軽い順"),
			By: []list.Term[Case]{severity, updated}},
		{Name: "updated", Text: i18n.T("last changed first", "更新の新しい順"), Back: i18n.T("first changed first", "更新の古い順"),
			By: []list.Term[Case]{updated}},
		{Name: "worst", Text: i18n.T("worst first, then newest", "深刻な順・新しい順"), By: []list.Term[Case]{severity, opened}},
		number("findings", "c.findings", func(c Case) any { return c.Findings },
			i18n.T("most findings first", "検知の多い順"), i18n.T("fewest findings first", "検知の少ない順")),
		number("members", "c.members", func(c Case) any { return c.Members },
			i18n.T("most members first", "構成員の多い順"), i18n.T("fewest members first", "構成員の少ない順")),
	}
	sector := &out.Filters[2]
	sector.Kind, sector.Text = list.Choice, i18n.T("Sector", "分野")
	sector.Options = []list.Option{{Text: i18n.T("all sectors", "すべての分野")}}
	for _, x := range identity.Sectors() {
		sector.Options = append(sector.Options, list.Option{Value: x.Slug, Text: x.Name})
	}
	sector.Where = func(slug string) list.Cond {
		return list.Where("replace(c.sectors, ?, '') <> c.sectors", `"`+slug+`"`)
	}
	sector.Say = func(slug string) i18n.Text { return i18n.T("in the sector {0}", "分野：{0}").With(sectorName(slug)) }
	return out
}

// wordsOf returns what the scope may search cases by: everything, or for a party
// the number and the titles of its own findings.
func wordsOf(s store.Scope) func(string) list.Cond {
	return func(typed string) list.Cond {
		if wide(s) {
			return list.Contains("c.words", typed)
		}
		v, _ := s.Viewer()
		own := list.All(
			list.Where("p.case_id = c.id AND p.member = ? AND SCOPE(p)", v.Member),
			list.Contains("p.words", typed),
		)
		own.SQL = "EXISTS (SELECT 1 FROM case_finding p WHERE " + own.SQL + ")"
		return list.Any(list.Contains("lower(c.number)", typed), own)
	}
}

func inState(state string) list.Cond {
	switch state {
	case every:
		return list.All()
	case active:
		return list.Where("c.state <> ?", string(Closed))
	}
	return list.Where("c.state = ?", state)
}

// List returns a page of the cases that the scope may see, each as much as the
// scope may know of it. Filters are q, state and sector.
func List(tx *store.Tx, ask list.Ask) (list.Page[Case], error) {
	p, err := cases(tx.Scope()).Read(tx, ask)
	if err != nil {
		return p, err
	}
	return p, narrow(tx, p.Rows)
}

// Worst returns the cases that are not closed and that the scope may see, the
// most severe first, and how many there are.
func Worst(tx *store.Tx, limit int) ([]Case, int64, error) {
	ask := list.Ask{Sort: "severity", Limit: limit, Count: true}
	if wide(tx.Scope()) {
		ask.Sort = "worst"
	}
	p, err := List(tx, ask)
	return p.Rows, p.Total, err
}

// narrow makes cases what the scope may know of them: whole for the hub's
// people, and for an organisation in them, its own part. Get returns the whole
// row, since what changes a case needs it; show forParty of it.
func narrow(tx *store.Tx, list []Case) error {
	if wide(tx.Scope()) {
		return nil
	}
	v, _ := tx.Scope().Viewer()
	for i := range list {
		parts, err := Parts(tx, list[i].ID)
		if err != nil {
			return err
		}
		list[i] = list[i].forParty(ownParts(v, parts))
	}
	return nil
}

// ownParts returns those of a case's findings that are of v's own organisation.
func ownParts(v policy.Viewer, parts []Part) []Part {
	var own []Part
	for _, p := range parts {
		if v.Member != "" && p.Member == v.Member {
			own = append(own, p)
		}
	}
	return own
}
