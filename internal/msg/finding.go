package msg

import (
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// TopicFinding carries a Finding that a member sent, each version once.
const TopicFinding = "finding.received"

// Finding is a finding as its node or the hub keeps it: what may be sent, and
// what the receiver or the node alone adds to it.
type Finding struct {
	wire.Finding
	// Member is whose finding it is: at the hub by the sender's credentials, never by its own statement.
	Member string `json:"member,omitempty"`
	// Listed is the entry of the member's own watchlist that matched; at the node only.
	Listed *ListEntry `json:"list,omitempty"`
}

// ListEntry names the entry of a member's own watchlist by which a finding was
// made. It never leaves the node, and the finding only if policy.MayShareWithCommunity lets
// it.
type ListEntry struct {
	Source string               `json:"source"`       // who says so
	ID     string               `json:"id,omitempty"` // under which the source knows it
	Type   event.ObservableType `json:"type"`
	Value  string               `json:"value"` // as the source has it: a network, a domain with all below it
	Match  string               `json:"match"` // in which way: exact, tree, below, prefix, network
	TLP    policy.TLP           `json:"tlp"`   // the strictest that it had while the finding grew
	Until  time.Time            `json:"until,omitzero"`
}

// Stays reports whether a finding that was made by this entry may not leave the
// node, nor change anything that does: its source does not allow that. A finding
// without an entry, nil, may leave.
func (e *ListEntry) Stays() bool { return e != nil && !policy.MayShareWithCommunity(e.TLP) }
