package wire

import (
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
)

// Object is a STIX 2.1 object on its way to a member. Seq is the member's own
// delivery number: gap-free from 1, so that a receiver knows what it missed.
type Object struct {
	Seq      int64           `json:"seq"`
	ID       string          `json:"id"`       // STIX id
	Modified time.Time       `json:"modified"` // STIX version
	Realm    string          `json:"realm"`
	Handling policy.Handling `json:"handling"`           // without the owner: who it came from is not disclosed
	Withdraw bool            `json:"withdraw,omitempty"` // disarm and forget the object
	// the STIX 2.1 object itself, with one of the five TLP markings
	STIX json.RawMessage `json:"stix,omitempty"`
}

// State is how far a member is with an object.
type State string

// The states of an object at a member, in order.
const (
	Sent     State = "sent"     // the hub handed it to the line
	Armed    State = "armed"    // the live engine matches it
	Hunted   State = "hunted"   // the member's past was searched to its end
	Refused  State = "refused"  // the member cannot or will not use it; Reason says why
	Disarmed State = "disarmed" // withdrawn or expired
)

// Receipt is a member's statement about one object.
type Receipt struct {
	ID       string    `json:"id"`
	Object   string    `json:"object"`
	Modified time.Time `json:"modified"`
	State    State     `json:"state"`
	At       time.Time `json:"at"` // by the hub's clock
	Searched int64     `json:"searched,omitempty"`
	Hits     int64     `json:"hits,omitempty"`
	// the member does not say by itself what it found; Hits is 0 whatever it was
	Undisclosed bool          `json:"undisclosed,omitempty"`
	Reason      reason.Reason `json:"reason,omitzero"`
}

// SyncRequest asks the hub for the objects that a node does not have yet.
type SyncRequest struct {
	After int64  `json:"after"`
	Limit int    `json:"limit"`
	Run   string `json:"run,omitempty"` // of the reply that After is from; empty if that is not known
}

// SyncReply holds them, in order. Upto is the last delivery number that the
// reply covers, which may be greater than the last object's.
type SyncReply struct {
	Run     string   `json:"run"` // names the hub's count; a hub that was restored counts from the start
	Objects []Object `json:"objects"`
	Upto    int64    `json:"upto"`
	More    bool     `json:"more"`
	Reset   bool     `json:"reset,omitempty"` // the hub's numbers went back: the reply starts from the first
}
