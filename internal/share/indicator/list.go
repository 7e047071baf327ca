package indicator

import (
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// kinds of indicators, in the order in which they are offered for choice. An
// indicator's kind may also be another STIX type.
var kinds = []string{
	string(event.IPv4), string(event.IPv6), string(event.Domain), string(event.URL), string(event.Email),
	string(event.SHA256), string(event.SHA1), string(event.MD5), "sigma",
}

// Listing describes the list of indicators at the time now.
func Listing(now time.Time) list.Spec[Indicator] {
	term := func(sql string, desc bool, of func(Indicator) any) list.Term[Indicator] {
		return list.Term[Indicator]{SQL: sql, Of: of, Desc: desc}
	}
	made := term("o.made", true, func(i Indicator) any { return i.Made })
	until := term("o.valid_until", false, func(i Indicator) any { return i.ValidUntil })
	level := list.ByLevel("o.level", func(i Indicator) string { return i.Level })
	every := list.Option{Text: i18n.T("any", "すべて")}
	kind, state := []list.Option{every}, []list.Option{every}
	for _, k := range kinds {
		kind = append(kind, list.Option{Value: k, Text: web.KindText(k)})
	}
	for _, s := range []string{"active", "expired", "withdrawn"} {
		state = append(state, list.Option{Value: s, Text: validityText(s)})
	}
	return list.Spec[Indicator]{
		Select: Columns, From: "objects o", Scope: []string{"o"},
		Key: []list.Term[Indicator]{term("o.id", false, func(i Indicator) any { return i.ID })},
		Sorts: []list.Sort[Indicator]{
			{Name: "made", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"), KeyOnly: true,
				By: []list.Term[Indicator]{made}},
			{Name: "level", Text: i18n.T("worst first", "重要度の高い順"), Back: i18n.T("least severe first", "重要度の低い順"),
				By: []list.Term[Indicator]{level, made}},
			{Name: "until", Text: i18n.T("first to end first", "期限の早い順"), Back: i18n.T("last to end first", "期限の遅い順"),
				By: []list.Term[Indicator]{until}},
		},
		Filters: []list.Filter[Indicator]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Value, rule or id", "値・ルール・番号"),
				Where: func(typed string) list.Cond { return list.Contains("o.words", typed) }},
			{Name: "kind", Text: i18n.T("Kind", "種類"), Options: kind, Other: true,
				Where: func(k string) list.Cond { return list.Where("o.kind = ?", k) },
				Say:   web.KindText},
			{Name: "state", Text: i18n.T("State", "状態"), Options: state,
				Where: func(s string) list.Cond { return inForce(s, now) }},
			{Name: "case", Kind: list.Linked,
				Where: func(id string) list.Cond { return list.Where("o.case_id = ?", id) },
				Say:   func(string) i18n.Text { return i18n.T("of one case", "一つの事案のもの") }},
		},
		Name: "indicators", Path: "/indicators", Caption: i18n.T("Indicators", "指標"),
		All: i18n.T("all indicators", "すべての指標"),
		NoMatch: &web.Empty{Icon: "indicators", Text: i18n.T("Nothing matches this filter", "条件に合う指標はありません"),
			How: i18n.T("Widen the filter, or clear it to see everything.", "条件を広げるか、解除してください。"),
			Do:  &web.Link{Text: i18n.T("Show all indicators", "すべての指標を表示"), Path: "/indicators"}},
	}
}

// inForce returns the condition that an indicator is in a state at the time now.
func inForce(state string, now time.Time) list.Cond {
	switch state {
	case "active":
		return list.Where("o.withdrawn = 0 AND (o.valid_until = 0 OR o.valid_until > ?)", clock.Micros(now))
	case "withdrawn":
		return list.Where("o.withdrawn <> 0")
	case "expired":
		return list.Where("o.withdrawn = 0 AND o.valid_until <> 0 AND o.valid_until <= ?", clock.Micros(now))
	}
	return list.Never()
}

// List returns a page of the indicators that the scope may see. Filters are q,
// kind, state and case; the newest come first.
func List(tx *store.Tx, ask list.Ask) (list.Page[Indicator], error) {
	return Listing(tx.Now()).Read(tx, ask)
}

// FirstColumns are what every list of indicators begins with.
func FirstColumns(subject i18n.Text) []list.Column[Indicator] {
	return []list.Column[Indicator]{
		{Key: "id", Text: i18n.T("STIX id", "STIX 番号"), Data: func(i Indicator) any { return i.ID }},
		{Key: "kind", Text: i18n.T("Kind", "種類"), Data: func(i Indicator) any { return i.Kind }},
		{Key: "value", Text: i18n.T("Value or rule", "値またはルール"), Data: func(i Indicator) any { return i.Value }},
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(i Indicator) any { return web.Level(i.Level) }, Data: func(i Indicator) any { return i.Level }},
		{
			Key:  "name",
			Text: subject,
			Role: web.RoleMain,
			Cell: subjectCell,
			Data: func(i Indicator) any { return i.Name },
		},
		{
			Key:  "tlp",
			Text: i18n.T("Marking", "取扱い"),
			Role: web.RoleMark,
			Cell: func(i Indicator) any { return i.Handling },
		},
	}
}

// UntilColumn is when an indicator ends.
func UntilColumn() list.Column[Indicator] {
	return list.Column[Indicator]{
		Key:  "valid_until",
		Text: i18n.T("Valid until", "有効期限"),
		Role: web.RoleTime,
		Sort: "until",
		Cell: func(i Indicator) any { return web.Day(i.ValidUntil) },
		Data: func(i Indicator) any { return i.ValidUntil },
	}
}

// None is what an empty list says; how says how to get what would be here.
func None(how i18n.Text) *web.Empty {
	return &web.Empty{Icon: "indicators", Text: i18n.T("No indicators yet", "指標はまだありません"), How: how}
}
