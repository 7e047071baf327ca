package bus

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// wireFault is a fault on its way to a requester: what anybody may read of it.
// Its kind goes in the header, and the inner error stays at home.
type wireFault struct {
	EN     string `json:"en"`
	JA     string `json:"ja"`
	HintEN string `json:"hint_en,omitempty"`
	HintJA string `json:"hint_ja,omitempty"`
}

const maxWireText = 2000 // bytes of one text of a fault

func faultReply(err error) *nats.Msg {
	text, hint := fault.TextOf(err), fault.HintOf(err)
	body, jerr := json.Marshal(wireFault{EN: clip(text.EN), JA: clip(text.JA), HintEN: clip(hint.EN), HintJA: clip(hint.JA)})
	if jerr != nil {
		body = nil // four strings always marshal
	}
	return &nats.Msg{Header: nats.Header{headerFault: []string{fault.KindOf(err).Label()}}, Data: body}
}

// replyError gives the fault in a reply, or nil if the reply is an answer. What
// it does not understand becomes Internal.
func replyError(h nats.Header, body []byte) error {
	label := h.Get(headerFault)
	if label == "" {
		return nil
	}
	kind := fault.Internal
	for _, k := range fault.Kinds() {
		if k.Label() == label {
			kind = k
		}
	}
	var w wireFault
	if len(body) > 8*maxWireText || json.Unmarshal(body, &w) != nil || w.EN == "" || w.JA == "" {
		return fault.Wrap(kind, kind.Title(), errors.New("bus: the answer is a fault with no readable text"))
	}
	e := fault.New(kind, i18n.T(clip(w.EN), clip(w.JA)))
	if w.HintEN != "" && w.HintJA != "" {
		e = e.WithHint(i18n.T(clip(w.HintEN), clip(w.HintJA)))
	}
	return e
}

// clip cuts s to maxWireText bytes, at the end of a rune.
func clip(s string) string {
	if len(s) <= maxWireText {
		return s
	}
	s = s[:maxWireText]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}
