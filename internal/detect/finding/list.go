package finding

import (
	"slices"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Listing describes the list of findings at the time now, the newest first.
func Listing(now time.Time) list.Spec[Item] {
	arrived := list.Term[Item]{SQL: "f.arrived", Of: func(it Item) any { return it.Arrived }, Desc: true}
	// The newest first among equal ones, whatever the order.
	by := func(sql string, desc bool, of func(Item) any) []list.Term[Item] {
		return []list.Term[Item]{{SQL: sql, Of: of, Desc: desc}, arrived}
	}
	s := list.Spec[Item]{
		Select: columns, From: "findings f", Scope: []string{"f"},
		Key: []list.Term[Item]{{SQL: "f.id", Of: func(it Item) any { return it.ID }}},
		Sorts: []list.Sort[Item]{
			{Name: "arrived", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"),
				By: []list.Term[Item]{arrived}},
			{Name: "level", Text: i18n.T("worst first", "重要度の高い順"), Back: i18n.T("least severe first", "重要度の低い順"),
				By: by("f.rank", true, func(it Item) any { return rank(it.Rule.Level) })},
			{Name: "title", Text: i18n.T("by title", "題名順"), Back: i18n.T("by title, last first", "題名の逆順"),
				By: by("f.title", false, func(it Item) any { return it.Rule.Title })},
			{Name: "member", Text: i18n.T("by member", "構成員順"), Back: i18n.T("by member, last first", "構成員の逆順"),
				By: by("f.member", false, func(it Item) any { return it.Member })},
			{Name: "host", Text: i18n.T("by host", "ホスト順"), Back: i18n.T("by host, last first", "ホストの逆順"),
				By: by("f.host", false, func(it Item) any { return it.Host })},
			{Name: "count", Text: i18n.T("most events first", "事象の多い順"), Back: i18n.T("fewest events first", "事象の少ない順"),
				By: by("f.count", true, func(it Item) any { return it.Count })},
			{Name: "last", Text: i18n.T("latest event first", "最後の事象が新しい順"),
				Back: i18n.T("oldest event first", "最後の事象が古い順"),
				By:   by("f.last", true, func(it Item) any { return it.Last })},
			{Name: "how", Text: i18n.T("live first", "即時の検知が先"), Back: i18n.T("in the past first", "過去の痕跡が先"),
				By: by("f.retro", false, func(it Item) any { return it.Retro })},
			{Name: "tlp", Text: i18n.T("strictest marking first", "取扱いの厳しい順"),
				Back: i18n.T("widest marking first", "取扱いの緩い順"),
				By:   by("f.tlp", true, func(it Item) any { return it.Handling.TLP })},
		},
		Filters: []list.Filter[Item]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Title, rule, host or value", "題名・ルール・ホスト・値"),
				Where: func(typed string) list.Cond { return list.Contains("f.words", typed) }},
			levelFilter(), whenFilter(),
			equal("member", "f.member", func(id string) i18n.Text { return i18n.T("of {0}", "{0}から").With(id) }),
			equal("rule", "f.rule", func(id string) i18n.Text { return i18n.T("by the rule {0}", "ルール {0}").With(id) }),
			equal("indicator", "f.indicator", func(id string) i18n.Text {
				return i18n.T("of the indicator {0}", "指標 {0}").With(id)
			}),
		},
		Name: "findings", Path: "/findings", Caption: i18n.T("Findings", "検知"), All: i18n.T("findings", "検知"),
	}
	s.Filters = append(s.Filters, list.Period(i18n.T("Arrived", "到着"), "f.arrived",
		func(it Item) time.Time { return it.Arrived }, now)...)
	return s
}

// levelFilter leaves findings of a level or higher.
func levelFilter() list.Filter[Item] {
	above := func(l string) i18n.Text {
		if l == "critical" {
			return web.LevelText(l)
		}
		return i18n.T("{0} and above", "{0}以上").With(web.LevelText(l))
	}
	f := list.Filter[Item]{Name: "level", Text: i18n.T("Level", "重要度"),
		Options: []list.Option{{Text: i18n.T("any", "すべて")}},
		Knows:   func(l string) bool { return slices.Contains(web.Levels(), l) },
		Where:   func(l string) list.Cond { return list.Where("f.rank >= ?", rank(l)) },
		Say:     func(l string) i18n.Text { return i18n.T("level {0}", "重要度{0}").With(above(l)) }}
	for _, l := range []string{"critical", "high", "medium", "low"} {
		f.Options = append(f.Options, list.Option{Value: l, Text: above(l)})
	}
	return f
}

// whenFilter leaves findings of events as they came, or of a hunt in the past.
func whenFilter() list.Filter[Item] {
	return list.Filter[Item]{Name: "when", Text: i18n.T("When", "時期"), Options: []list.Option{
		{Text: i18n.T("any", "すべて")},
		{Value: "live", Text: i18n.T("live", "即時")},
		{Value: "past", Text: i18n.T("in the past", "過去の痕跡")},
	}, Where: func(w string) list.Cond { return list.Where("f.retro = ?", w == "past") }}
}

// equal leaves findings that have the value in a column; links elsewhere ask for it.
func equal(name, column string, say func(string) i18n.Text) list.Filter[Item] {
	return list.Filter[Item]{Name: name, Kind: list.Linked, Say: say,
		Where: func(value string) list.Cond { return list.Where(column+" = ?", value) }}
}

// List returns a page of the findings that the scope may see. Filters are q,
// level, when, member, rule, indicator, since and until; the newest come first.
func List(tx *store.Tx, ask list.Ask) (list.Page[Item], error) {
	p, err := Listing(tx.Now()).Read(tx, ask)
	complete(p.Rows)
	return p, err
}

// Count returns how many findings the scope may see.
func Count(tx *store.Tx) (int64, error) {
	return store.One[int64](tx, `SELECT count(*) FROM findings f WHERE SCOPE(f)`)
}

// noMatch is what the list shows where a filter leaves nothing.
func noMatch() *web.Empty {
	return &web.Empty{Icon: "findings", Text: i18n.T("Nothing matches this filter", "条件に合う検知はありません"),
		How: i18n.T("Widen the filter, or clear it to see everything.", "条件を広げるか、解除してください。"),
		Do:  &web.Link{Text: i18n.T("Show all findings", "すべての検知を表示"), Path: "/findings"}}
}
