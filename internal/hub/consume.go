package hub

import (
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
)

// consumers says which capability handles which messages. Each capability is one
// consumer, so that it handles what a member did in the order in which it happened.
func (h *Hub) consumers() []queue.Consumer {
	return []queue.Consumer{
		{Name: "casework", Topics: map[string]queue.Handler{
			msg.TopicFinding:   queue.On(h.cases.OnFinding),
			msg.TopicAssessed:  queue.On(h.cases.OnAssessed),
			msg.TopicIndicator: queue.On(h.cases.OnIndicator),
			msg.TopicSighting:  queue.On(h.cases.OnSighting),
		}},
		{Name: "severity", Topics: map[string]queue.Handler{
			msg.TopicCase: queue.On(h.judge.OnCaseChanged),
		}},
		{Name: "share", Topics: map[string]queue.Handler{
			msg.TopicCase:      queue.On(h.office.OnCase),
			msg.TopicCandidate: queue.On(h.office.OnCandidate),
		}},
		{Name: "situation", Topics: map[string]queue.Handler{
			msg.TopicCase:      queue.On(h.tracker.OnCase),
			msg.TopicAssessed:  queue.On(h.tracker.OnAssessed),
			msg.TopicIndicator: queue.On(h.tracker.OnIndicator),
			msg.TopicReceipt:   queue.On(h.tracker.OnReceipt),
			msg.TopicSighting:  queue.On(h.tracker.OnSighting),
		}},
	}
}
