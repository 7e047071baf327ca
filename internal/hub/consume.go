package hub

import (
	"context"
	"encoding/json"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
)

// handler takes one message of the hub's own bus.
type handler func(ctx context.Context, m bus.Message) error

// on makes a handler of a capability's typed method.
func on[T any](fn func(ctx context.Context, v T, msg string) error) handler {
	return func(ctx context.Context, m bus.Message) error {
		var v T
		if err := json.Unmarshal(m.Body, &v); err != nil {
			return fault.Wrap(fault.Invalid, i18n.T("a message of the hub is not readable", "ハブ内のメッセージを読み取れません"), err)
		}
		return fn(ctx, v, m.ID)
	}
}

// consumers says which capability hears what. One consumer each, so that a
// capability hears everything in the order in which it came to pass.
func (h *Hub) consumers() map[string]map[string]handler {
	return map[string]map[string]handler{
		"incident": {
			msg.TopicFinding:   on(h.cases.OnFinding),
			msg.TopicAssessed:  on(h.cases.OnAssessed),
			msg.TopicIndicator: on(h.cases.OnIndicator),
			msg.TopicSighting:  on(h.cases.OnSighting),
		},
		"severity": {
			msg.TopicCase: on(h.judge.OnCaseChanged),
		},
		"share": {
			msg.TopicCase:      on(h.office.OnCase),
			msg.TopicCandidate: on(h.office.OnCandidate),
		},
		"situation": {
			msg.TopicCase:      on(h.tracker.OnCase),
			msg.TopicAssessed:  on(h.tracker.OnAssessed),
			msg.TopicIndicator: on(h.tracker.OnIndicator),
			msg.TopicReceipt:   on(h.tracker.OnReceipt),
			msg.TopicSighting:  on(h.tracker.OnSighting),
		},
	}
}
