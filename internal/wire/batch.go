package wire

import (
	"encoding/json"

	"github.com/meneki/meneki/internal/reason"
)

// Batch is what a node sends at once.
type Batch struct {
	Items []Message `json:"items"`
}

// Message is one message of a batch.
type Message struct {
	Kind Kind            `json:"kind"`
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}

// BatchReply reports, message by message in the same order, what became of a
// batch. An empty Problem means that it is stored.
type BatchReply struct {
	Results []Result `json:"results"`
}

// Result is the answer to one message.
type Result struct {
	Problem string        `json:"problem,omitempty"` // fault kind
	Reason  reason.Reason `json:"reason,omitzero"`
}
