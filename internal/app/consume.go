package app

import (
	"context"
	"encoding/json"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
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
			event.TopicFinding:   on(h.cases.OnFinding),
			event.TopicAssessed:  on(h.cases.OnAssessed),
			event.TopicIndicator: on(h.cases.OnIndicator),
			event.TopicSighting:  on(h.cases.OnSighting),
		},
		"severity": {
			event.TopicCase: on(h.judge.OnCaseChanged),
		},
		"share": {
			event.TopicCase:      on(h.office.OnCase),
			event.TopicCandidate: on(h.office.OnCandidate),
		},
		"situation": {
			event.TopicCase:      on(h.tracker.OnCase),
			event.TopicAssessed:  on(h.tracker.OnAssessed),
			event.TopicIndicator: on(h.tracker.OnIndicator),
			event.TopicReceipt:   on(h.tracker.OnReceipt),
			event.TopicSighting:  on(h.tracker.OnSighting),
		},
	}
}
