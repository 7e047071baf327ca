package share

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// states in the order of the tabs; the first is what waits for a person.
var states = []string{StateWaiting, StateReady, StateSent, StateHeld, StateFailed}

func leavingText(state string) i18n.Text {
	switch state {
	case StateWaiting:
		return i18n.T("Waiting for you", "判断待ち")
	case StateReady:
		return i18n.T("On the way", "送信待ち")
	case StateSent:
		return i18n.T("Sent", "送信済み")
	case StateHeld:
		return i18n.T("Held back", "保留")
	case StateFailed:
		return i18n.T("Refused by the hub", "ハブが拒否")
	}
	return i18n.T("All", "すべて")
}

func leavingBadge(state string) web.Badge {
	mood := map[string]web.Mood{StateWaiting: web.Warn, StateReady: web.Info, StateSent: web.Good, StateHeld: web.Dim, StateFailed: web.Hot}[state]
	return web.Badge{Text: leavingText(state), Mood: mood}
}

func messageText(kind wire.Kind) i18n.Text {
	switch kind {
	case wire.KindFinding:
		return i18n.T("finding", "検知")
	case wire.KindCandidate:
		return i18n.T("offer to the others", "ほかへの提供")
	case wire.KindReceipt:
		return i18n.T("receipt", "受領通知")
	case wire.KindSighting:
		return i18n.T("sighting", "目撃情報")
	case wire.KindRuleHealth:
		return i18n.T("rule counts", "規則の集計")
	}
	return i18n.Same(string(kind))
}

// leavings describes the list of messages that leave, or wait.
func leavings() list.Spec[Leaving] {
	term := func(sql string, of func(Leaving) any) list.Term[Leaving] { return list.Term[Leaving]{SQL: sql, Of: of} }
	at := term("l.at", func(l Leaving) any { return l.At })
	at.Desc = true
	level := list.Rank("l.level", func(l Leaving) string { return l.Level }, "informational", "low", "medium", "high", "critical")
	level.Desc = true
	var tabs []list.Option
	for _, s := range append(states, "all") {
		tabs = append(tabs, list.Option{Value: s, Text: leavingText(s)})
	}
	kinds := []list.Option{{Text: i18n.T("any", "すべて")}}
	for _, k := range []wire.Kind{wire.KindCandidate, wire.KindFinding, wire.KindSighting, wire.KindReceipt, wire.KindRuleHealth} {
		kinds = append(kinds, list.Option{Value: string(k), Text: messageText(k)})
	}
	return list.Spec[Leaving]{
		Select: leavingColumns, From: "leaving l",
		Key: []list.Term[Leaving]{
			term("l.kind", func(l Leaving) any { return string(l.Kind) }),
			term("l.id", func(l Leaving) any { return l.ID }),
		},
		Sorts: []list.Sort[Leaving]{
			{Name: "at", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"), By: []list.Term[Leaving]{at}},
			{Name: "level", Text: i18n.T("worst first", "重要度の高い順"), Back: i18n.T("least severe first", "重要度の低い順"),
				By: []list.Term[Leaving]{level, at}},
		},
		Filters: []list.Filter[Leaving]{
			{Name: "state", Kind: list.Tab, Missing: StateWaiting, Options: tabs, Where: func(s string) list.Cond {
				if s == "all" {
					return list.All()
				}
				return list.Where("l.state = ?", s)
			}},
			{Name: "q", Kind: list.Words, Text: i18n.T("Title, value or finding id", "題名・値・検知番号"), Where: func(typed string) list.Cond {
				// A message of a finding names it in its body.
				return list.Any(list.Contains("lower(l.title)", typed),
					list.Where("replace(l.body, ?, '') <> l.body OR l.id = ?", typed, typed))
			}},
			{Name: "kind", Text: i18n.T("Kind", "種類"), Options: kinds,
				Where: func(k string) list.Cond { return list.Where("l.kind = ?", k) }},
		},
		Name: "leaving", Path: "/leaving", Caption: i18n.T("Leaving", "送出"), All: i18n.T("messages", "メッセージ"),
	}
}

// ListLeaving returns a page of what leaves or waits. Filters are state, which
// is what waits unless it is given, q and kind.
func ListLeaving(tx *store.Tx, ask list.Ask) (list.Page[Leaving], error) {
	return leavings().Read(tx, ask)
}

func letterPath(l Leaving) string { return web.Path("/leaving/{0}/{1}", string(l.Kind), l.ID) }

// leavingData is the dot of leaving/list.
type leavingData struct{ List web.List }

func (c NodePageConfig) leaving(r *web.Request) (*web.View, error) {
	spec := shownLeaving()
	var p list.Page[Leaving]
	counts := map[string]int64{}
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		for _, s := range []string{StateWaiting, StateFailed} {
			if counts[s], err = CountLeaving(tx, s); err != nil {
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
	l.Empty = nothingLeaves(p.Value("state"))
	return &web.View{Template: "leaving/list", Title: spec.Caption, Nav: "leaving", Live: []string{"leaving"}, Tabs: tabs,
		Lede: i18n.T("What this node tells the hub, and what waits for your word", "このノードがハブに伝えることと、判断を待つもの"),
		Data: leavingData{l}, CSV: spec.Table(p)}, nil
}

// shownLeaving is the list of messages as the page shows it.
func shownLeaving() list.Spec[Leaving] {
	s := leavings()
	s.Columns = []list.Column[Leaving]{
		{Key: "kind", Text: i18n.T("Kind", "種類"), Data: func(m Leaving) any { return string(m.Kind) }},
		{Key: "id", Text: i18n.T("Id", "番号"), Data: func(m Leaving) any { return m.ID }},
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(m Leaving) any { return web.Level(m.Level) }, Data: func(m Leaving) any { return m.Level }},
		{Key: "title", Text: i18n.T("What", "内容"), Role: web.RoleMain,
			Cell: func(m Leaving) any {
				var why any
				if m.Reason != "" {
					why = reason.Read(m.Reason).Say()
				}
				return web.Lines{web.Title(cmp.Or(m.Title, m.ID)), m.what(), why}
			}, Data: func(m Leaving) any { return m.Title }},
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark, Cell: func(m Leaving) any { return m.Handling }},
		{Key: "state", Text: i18n.T("State", "状態"),
			Cell: func(m Leaving) any { return leavingBadge(m.State) }, Data: func(m Leaving) any { return m.State }},
		{Key: "at", Text: i18n.T("Offered", "発生"), Role: web.RoleTime, Sort: "at",
			Cell: func(m Leaving) any { return web.Brief(m.At) }, Data: func(m Leaving) any { return m.At }},
		{Key: "decided", Text: i18n.T("Decided", "判断"), Data: func(m Leaving) any { return m.Decided }},
		{Key: "by", Text: i18n.T("Decided by", "判断者"), Role: web.RoleWide, Cell: func(m Leaving) any { return m.By }},
		{Key: "sent", Text: i18n.T("Sent", "送信"), Data: func(m Leaving) any { return m.Sent }},
		{Key: "reason", Text: i18n.T("Reason", "理由"), Data: func(m Leaving) any { return reason.Read(m.Reason).Say() }},
	}
	s.Row = func(m Leaving) web.Row {
		return web.Row{Key: string(m.Kind) + "/" + m.ID, Path: letterPath(m), Dim: m.State == StateHeld || m.Kind == wire.KindReceipt}
	}
	return s
}

// nothingLeaves is what the list says where nothing is in a state.
func nothingLeaves(state string) *web.Empty {
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
		How: i18n.T("Everything that leaves this node about what happened here is listed on this page, before and after it left. "+
			"Beside it, the hub is told twice a minute that the node lives: its version, and how many rules, indicators, events and waiting messages it has.",
			"ここで起きたことについてノードから出るものは、送信の前も後も、すべてこのページに載ります。"+
				"ほかに、ノードの稼働確認として、版と、規則・指標・事象・送信待ちの件数を 30 秒ごとにハブへ伝えます。")}
}

// letterTitle is what a message is about; a value is defanged.
func letterTitle(m Leaving) any {
	if m.Title == "" {
		return m.ID
	}
	return web.Defang(m.Title)
}

// letterData is the dot of leaving/one.
type letterData struct {
	Letter Leaving
	Says   []i18n.Text // what the hub will know
	Hides  []i18n.Text // what it will not
	JSON   string
	Facts  []web.Fact
	Open   bool // can still be decided
	Field  web.Field
	Send   string
	Hold   string
	Held   bool
	Ready  bool
}

func (c NodePageConfig) find(r *web.Request) (Leaving, error) {
	var m Leaving
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if m, err = leavingOne(tx, r.PathValue("kind"), r.PathValue("id")); err != nil {
			return err
		}
		one := []Leaving{m}
		err = nameReceipts(tx, one)
		m = one[0]
		return err
	})
	return m, err
}

// nameReceipts calls receipts by what they are about: a receipt itself holds the
// id of the indicator only, which tells a reader nothing.
func nameReceipts(tx *store.Tx, list []Leaving) error {
	names := map[string]string{}
	for i, m := range list {
		if m.Kind != wire.KindReceipt {
			continue
		}
		name, known := names[m.Title]
		if !known {
			in, err := Get(tx, m.Title)
			switch {
			case fault.Is(err, fault.NotFound):
				name = m.Title
			case err != nil:
				return err
			default:
				name = in.called()
			}
			names[m.Title] = name
		}
		list[i].Title = name
	}
	return nil
}

// what is the kind of a message, and of a receipt also what it says.
func (m Leaving) what() i18n.Text {
	var r wire.Receipt
	if m.Kind != wire.KindReceipt || json.Unmarshal([]byte(m.Body), &r) != nil {
		return messageText(m.Kind)
	}
	switch r.State {
	case wire.Armed:
		return i18n.T("receipt: armed", "受領通知：防御済み")
	case wire.Hunted:
		return i18n.T("receipt: past searched", "受領通知：遡及調査済み")
	case wire.Refused:
		return i18n.T("receipt: cannot be matched", "受領通知：照合不可")
	case wire.Disarmed:
		return i18n.T("receipt: disarmed", "受領通知：解除済み")
	}
	return messageText(m.Kind)
}

func leavingOne(tx *store.Tx, kind, id string) (Leaving, error) {
	return store.One[Leaving](tx, `SELECT `+leavingColumns+` FROM leaving WHERE kind = $1 AND id = $2`, kind, id)
}

func (c NodePageConfig) letter(r *web.Request) (*web.View, error) {
	m, err := c.find(r)
	if err != nil {
		return nil, err
	}
	d := letterData{Letter: m, JSON: onTheWire(m), Open: m.State == StateWaiting || m.State == StateHeld || m.State == StateReady,
		Held: m.State == StateHeld, Ready: m.State == StateReady, Send: letterPath(m) + "/send", Hold: letterPath(m) + "/hold"}
	d.Says, d.Hides = plainWords(m)
	d.Field = web.Field{Name: "tlp", Kind: "select", Label: i18n.T("Marking it leaves with", "送るときの取扱区分"), Value: m.Handling.TLP.Slug(), Options: tlpOptions(m.Floor, m.Handling.TLP),
		Help: i18n.T("It is yours: you may make it stricter or wider. With TLP:RED no other member gets it.", "自組織のものなので、厳しくも広くもできます。TLP:RED ではほかの構成員に届きません。")}
	if m.Floor > policy.Clear {
		d.Field.Help = i18n.T("An entry of your watchlist found it, and whoever gave you that marked it {0}: you may make it stricter, not wider.", "監視リストの項目による検知で、その提供元が {0} の区分を付けています。厳しくはできますが、広げることはできません。").With(m.Floor.String())
	}
	d.Facts = []web.Fact{{Name: i18n.T("State", "状態"), Value: leavingBadge(m.State)}, {Name: i18n.T("Kind", "種類"), Value: m.what()}, {Name: i18n.T("Offered", "発生"), Value: m.At}}
	if !m.Decided.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Decided", "判断"), Value: web.Lines{m.Decided, m.By}})
	}
	if !m.Sent.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Sent", "送信"), Value: m.Sent})
	}
	if m.Reason != "" {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("What the hub said", "ハブの回答"), Value: reason.Read(m.Reason).Say()})
	}
	if f := findingIn(m); f != "" {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Finding", "元の検知"), Value: findingLink(f, c.findingTitle(r, f))})
	}
	state := leavingBadge(m.State)
	title := i18n.Same(fmt.Sprint(letterTitle(m)))
	return &web.View{Template: "leaving/one", Title: title, Nav: "leaving", Handling: &m.Handling, State: &state, Live: []string{"leaving"},
		Back: &web.Link{Text: i18n.T("Leaving", "送出"), Path: "/leaving"}, Lede: m.lede(), Data: d}, nil
}

// findingTitle is a finding's title, or empty where it cannot be told.
func (c NodePageConfig) findingTitle(r *web.Request, id string) (title string) {
	if c.FindingTitle == nil {
		return ""
	}
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		title = c.FindingTitle(tx, id)
		return nil
	})
	if err != nil { // the page stands without it
		return ""
	}
	return title
}

// lede is what a message is, and how grave what it is about, where it says that.
func (m Leaving) lede() web.Run {
	if m.Level == "" {
		return web.Run{m.what()}
	}
	return web.Run{m.what(), web.Level(m.Level)}
}

// onTheWire is the letter as the courier sends it, with line breaks.
func onTheWire(m Leaving) string {
	b, err := json.Marshal(wire.Message{Kind: m.Kind, ID: m.ID, Body: json.RawMessage(m.Body)})
	if err != nil {
		return m.Body
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return string(b)
	}
	return out.String()
}

// findingIn is the finding that a message is about.
func findingIn(m Leaving) string {
	switch m.Kind {
	case wire.KindFinding, wire.KindSighting:
		return m.ID // a sighting has its finding's id
	case wire.KindCandidate:
		var c wire.Candidate
		if json.Unmarshal([]byte(m.Body), &c) == nil {
			return c.Finding
		}
	}
	return ""
}

func (c NodePageConfig) send(r *web.Request) (string, error) {
	tlp, ok := policy.ParseTLP(r.PostFormValue("tlp"))
	if !ok {
		return "", fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	m, err := c.find(r)
	if err == nil {
		err = c.Gate.Decide(r.Context(), m.Kind, m.ID, true, &tlp, r.Viewer.Name)
	}
	if err != nil {
		return "", err
	}
	c.changed()
	r.Flash(i18n.T("“{0}” is on its way to the hub, marked {1}.", "「{0}」を {1} でハブに送ります。").With(letterTitle(m), tlp))
	return "/leaving", nil
}

func (c NodePageConfig) hold(r *web.Request) (string, error) {
	m, err := c.find(r)
	if err == nil {
		err = c.Gate.Decide(r.Context(), m.Kind, m.ID, false, nil, r.Viewer.Name)
	}
	if err != nil {
		return "", err
	}
	c.changed()
	r.Flash(i18n.T("“{0}” stays here. You can still send it later.", "「{0}」は保留にしました。あとから送ることもできます。").With(letterTitle(m)))
	return "/leaving", nil
}
