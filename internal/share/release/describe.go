package release

import (
	"bytes"
	"encoding/json"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

func stateText(state string) i18n.Text {
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

func stateBadge(state string) web.Badge {
	mood := map[string]web.Mood{
		StateWaiting: web.Warn, StateReady: web.Info, StateSent: web.Good, StateHeld: web.Dim, StateFailed: web.Hot,
	}[state]
	return web.Badge{Text: stateText(state), Mood: mood}
}

func kindText(kind wire.Kind) i18n.Text {
	switch kind {
	case wire.KindFinding:
		return i18n.T("finding", "検知")
	case wire.KindCandidate:
		return i18n.T("offer to the others", "ほかへの提供")
	case wire.KindReceipt:
		return i18n.T("receipt", "受領通知")
	case wire.KindRange:
		return i18n.T("receipt for many", "一括の受領通知")
	case wire.KindSighting:
		return i18n.T("sighting", "観測報告")
	case wire.KindRuleHealth:
		return i18n.T("rule counts", "ルールの集計")
	}
	return i18n.Same(string(kind))
}

func pathOf(l Message) string { return web.Path("/outgoing/{0}/{1}", string(l.Kind), l.ID) }

// what is the kind of a message, and of a receipt also what it says.
func (m Message) what() i18n.Text {
	var r struct{ State wire.State }
	if m.Kind != wire.KindReceipt && m.Kind != wire.KindRange || json.Unmarshal([]byte(m.Body), &r) != nil {
		return kindText(m.Kind)
	}
	if m.Kind == wire.KindRange {
		if r.State == wire.Hunted {
			return i18n.T("receipt for many: past searched", "一括の受領通知：遡及調査済み")
		}
		return i18n.T("receipt for many: armed", "一括の受領通知：防御済み")
	}
	switch r.State {
	case wire.Held:
		return i18n.T("receipt: received", "受領通知：受領済み")
	case wire.Armed:
		return i18n.T("receipt: armed", "受領通知：防御済み")
	case wire.Hunted:
		return i18n.T("receipt: past searched", "受領通知：遡及調査済み")
	case wire.Refused:
		return i18n.T("receipt: cannot be matched", "受領通知：照合不可")
	case wire.Disarmed:
		return i18n.T("receipt: disarmed", "受領通知：解除済み")
	}
	return kindText(m.Kind)
}

// lede is what a message is, and how grave what it is about, where it says that.
func (m Message) lede() web.Run {
	if m.Level == "" {
		return web.Run{m.what()}
	}
	return web.Run{m.what(), web.Level(m.Level)}
}

// onTheWire is the message as the sender sends it, with line breaks.
func onTheWire(m Message) string {
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
func findingIn(m Message) string {
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
