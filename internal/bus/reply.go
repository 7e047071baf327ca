package bus

import (
	"encoding/json"

	"github.com/nats-io/nats.go"

	"github.com/meneki/meneki/internal/fault"
)

// faultReply is the reply that an error is. Its kind is in the header, by which a
// requester distinguishes it from an answer.
func faultReply(err error) *nats.Msg {
	a := fault.AnswerOf(err)
	body, jerr := json.Marshal(a)
	if jerr != nil {
		body = nil // strings always marshal
	}
	return &nats.Msg{Header: nats.Header{headerFault: []string{a.Kind}}, Data: body}
}

// maxFault bounds the body of a reply that is a fault, in bytes.
const maxFault = 16_000

// replyError returns the fault in a reply, or nil if the reply is an answer. What
// it does not understand becomes Internal.
func replyError(h nats.Header, body []byte) error {
	label := h.Get(headerFault)
	if label == "" {
		return nil
	}
	var a fault.Answer
	if len(body) > maxFault || json.Unmarshal(body, &a) != nil {
		a = fault.Answer{}
	}
	a.Kind = label
	return a.Err()
}
