package release

import (
	"cmp"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// states in the order of the tabs; the first is what waits for a person.
var states = []string{StateWaiting, StateReady, StateSent, StateHeld, StateFailed}

// listing describes the list of messages that leave, or wait.
func listing() list.Spec[Message] {
	term := func(sql string, of func(Message) any) list.Term[Message] { return list.Term[Message]{SQL: sql, Of: of} }
	at := term("l.at", func(l Message) any { return l.At })
	at.Desc = true
	level := list.ByLevel("l.level", func(l Message) string { return l.Level })
	var tabs []list.Option
	for _, s := range append(states, "all") {
		tabs = append(tabs, list.Option{Value: s, Text: stateText(s)})
	}
	kinds := []list.Option{{Text: i18n.T("any", "すべて")}}
	for _, k := range []wire.Kind{
		wire.KindCandidate, wire.KindFinding, wire.KindSighting, wire.KindReceipt, wire.KindRange,
		wire.KindRuleHealth,
	} {
		kinds = append(kinds, list.Option{Value: string(k), Text: kindText(k)})
	}
	return list.Spec[Message]{
		Select: columns, From: "outgoing l",
		Key: []list.Term[Message]{
			term("l.kind", func(l Message) any { return string(l.Kind) }),
			term("l.id", func(l Message) any { return l.ID }),
		},
		Sorts: []list.Sort[Message]{
			{
				Name: "at", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"),
				By: []list.Term[Message]{at},
			},
			{Name: "level", Text: i18n.T("worst first", "重要度の高い順"), Back: i18n.T(
				"least severe first", "重要度の低い順",
			),
				By: []list.Term[Message]{level, at}},
		},
		Filters: []list.Filter[Message]{
			{Name: "state", Kind: list.Tab, Missing: StateWaiting, Options: tabs, Where: func(s string) list.Cond {
				if s == "all" {
					return list.All()
				}
				return list.Where("l.state = ?", s)
			}},
			{Name: "q", Kind: list.Words, Text: i18n.T(
				"Title, value or finding id", "題名・値・検知番号",
			), Where: func(typed string) list.Cond {
				// A message of a finding names it in its body.
				return list.Any(list.Contains("lower(l.title)", typed),
					list.Where("replace(l.body, ?, '') <> l.body OR l.id = ?", typed, typed))
			}},
			{Name: "kind", Text: i18n.T("Kind", "種類"), Options: kinds,
				Where: func(k string) list.Cond { return list.Where("l.kind = ?", k) }},
		},
		Name: "outgoing", Path: "/outgoing", Caption: i18n.T("Outgoing", "外部送信"), All: i18n.T("messages", "メッセージ"),
	}
}

// List returns a page of what leaves or waits. Filters are state, which
// is what waits unless it is given, q and kind.
func List(tx *store.Tx, ask list.Ask) (list.Page[Message], error) {
	return listing().Read(tx, ask)
}

func (c PageConfig) list(r *web.Request) (*web.View, error) {
	spec := shown()
	var p list.Page[Message]
	counts := map[string]int64{}
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		for _, s := range []string{StateWaiting, StateFailed} {
			if counts[s], err = Count(tx, s); err != nil {
				return err
			}
		}
		if p, err = spec.Read(tx, spec.Ask(r)); err != nil || r.Download() {
			return err
		}
		return nameReceipts(tx, p.Rows)
	})
	if err != nil {
		return nil, err
	}
	tabs := spec.Tabs(r, p, "state")
	for i, s := range append(states, "all") {
		tabs[i].Count = int(counts[s])
	}
	l := spec.View(r, p)
	l.Empty = nothing(p.Value("state"))
	return &web.View{
		Template: "outgoing/list",
		Title:    spec.Caption,
		Nav:      "outgoing",
		Live:     []string{"outgoing"},
		Tabs:     tabs,
		Lede: i18n.T(
			"What this node tells the hub, and what waits for your word",
			"このノードがハブに伝えることと、判断を待つもの",
		),
		Data: l,
		CSV:  spec.Table(p),
	}, nil
}

// shown is the list of messages as the page shows it.
func shown() list.Spec[Message] {
	s := listing()
	s.Columns = []list.Column[Message]{
		{Key: "kind", Text: i18n.T("Kind", "種類"), Data: func(m Message) any { return string(m.Kind) }},
		{Key: "id", Text: i18n.T("Id", "番号"), Data: func(m Message) any { return m.ID }},
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(m Message) any { return web.Level(m.Level) }, Data: func(m Message) any { return m.Level }},
		{Key: "title", Text: i18n.T("What", "内容"), Role: web.RoleMain,
			Cell: func(m Message) any {
				var why any
				if m.Reason != "" {
					why = reason.Read(m.Reason).Say()
				}
				return web.Lines{web.Title(cmp.Or(m.Title, m.ID)), m.what(), why}
			}, Data: func(m Message) any { return m.Title }},
		{
			Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark,
			Cell: func(m Message) any { return m.Handling },
		},
		{Key: "state", Text: i18n.T("State", "状態"),
			Cell: func(m Message) any { return stateBadge(m.State) }, Data: func(m Message) any { return m.State }},
		{Key: "at", Text: i18n.T("Offered", "発生"), Role: web.RoleTime, Sort: "at",
			Cell: func(m Message) any { return web.Brief(m.At) }, Data: func(m Message) any { return m.At }},
		{Key: "decided", Text: i18n.T("Decided", "判断"), Data: func(m Message) any { return m.Decided }},
		{
			Key: "by", Text: i18n.T("Decided by", "判断者"), Role: web.RoleWide,
			Cell: func(m Message) any { return m.By },
		},
		{Key: "sent", Text: i18n.T("Sent", "送信"), Data: func(m Message) any { return m.Sent }},
		{
			Key: "reason", Text: i18n.T("Reason", "理由"),
			Data: func(m Message) any { return reason.Read(m.Reason).Say() },
		},
	}
	s.Row = func(m Message) web.Row {
		return web.Row{
			Key: string(m.Kind) + "/" + m.ID, Path: pathOf(m),
			Dim: m.State == StateHeld || m.Kind == wire.KindReceipt || m.Kind == wire.KindRange,
		}
	}
	return s
}

// nothing is what the list says where nothing is in a state.
func nothing(state string) *web.Empty {
	policyLink := &web.Link{Text: i18n.T("See the sharing policy", "共有方針を確認"), Path: "/settings/sharing"}
	switch state {
	case StateWaiting:
		return &web.Empty{Icon: "inbox", Text: i18n.T("Nothing waits for you", "判断待ちはありません"), Do: policyLink,
			How: i18n.T("What your policy does not let leave by itself waits here for a person.",
				"共有方針で自動送信としていないものが、人の判断を待つ間ここに並びます。")}
	case StateFailed:
		return &web.Empty{Icon: "check", Text: i18n.T("The hub refused nothing", "ハブに拒否されたものはありません")}
	}
	return &web.Empty{Icon: "inbox", Text: i18n.T("Nothing here", "該当なし"), Do: policyLink,
		How: i18n.T(
			"Everything that leaves this node about what happened here is listed on this page, before and after "+
				"it left. "+
				"Beside it, the hub is told twice a minute that the node lives: its version, and how many rules, "+
				"indicators, events and waiting messages it has.",
			"ここで起きたことについてノードから出るものは、送信の前も後も、すべてこのページに載ります。"+
				"ほかに、ノードの稼働確認として、版と、ルール・指標・事象・送信待ちの件数を 30 秒ごとにハブへ伝えます。",
		)}
}

// nameReceipts calls receipts by what they are about: a receipt itself holds the
// id of the indicator only, which tells a reader nothing.
func nameReceipts(tx *store.Tx, list []Message) error {
	names := map[string]string{}
	for i, m := range list {
		if m.Kind != wire.KindReceipt {
			continue
		}
		name, known := names[m.Title]
		if !known {
			in, err := indicator.Get(tx, m.Title)
			switch {
			case fault.Is(err, fault.NotFound):
				name = m.Title
			case err != nil:
				return err
			default:
				name = in.Label()
			}
			names[m.Title] = name
		}
		list[i].Title = name
	}
	return nil
}
