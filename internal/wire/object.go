package wire

import (
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
)

// Object is a STIX 2.1 object on its way to a member: the latest version of it, or that
// the member may not have it any more.
type Object struct {
	ID       string    `json:"id"`       // STIX id
	Modified time.Time `json:"modified"` // STIX version; when it came, of an object without versions
	Realm    string    `json:"realm"`
	// without owner and audience: who it came from and who else has it is not disclosed
	Handling policy.Handling `json:"handling"`
	Withdraw bool            `json:"withdraw,omitempty"` // disarm and forget the object
	STIX     json.RawMessage `json:"stix,omitempty"`     // the STIX 2.1 object as it was given
}

// State is how far a member is with an object.
type State string

// The states of an object at a member, in order.
const (
	Sent     State = "sent"     // the hub handed it to the line
	Armed    State = "armed"    // the live engine matches it
	Held     State = "held"     // the member has it; there is nothing in it to match
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

// RangeReceipt is a member's statement about everything that one reply brought it: between
// the cursor From that it asked with, empty at the start, and the cursor Upto that it got.
type RangeReceipt struct {
	ID       string    `json:"id"`
	From     string    `json:"from,omitempty"`
	Upto     string    `json:"upto"`
	State    State     `json:"state"` // armed or hunted
	At       time.Time `json:"at"`    // by the hub's clock
	Searched int64     `json:"searched,omitempty"`
	// the member does not say by itself what it found; Hits is empty whatever it was
	Undisclosed bool        `json:"undisclosed,omitempty"`
	Except      []Exception `json:"except,omitempty"` // of armed: what is not
	Hits        []Hits      `json:"hits,omitempty"`   // of hunted: what was found
}

// Exception is an object of a RangeReceipt that is not armed.
type Exception struct {
	Object   string        `json:"object"`
	Modified time.Time     `json:"modified"`
	State    State         `json:"state"`
	Reason   reason.Reason `json:"reason,omitzero"`
}

// Hits is an object of a RangeReceipt, and how often the past matched it.
type Hits struct {
	Object   string    `json:"object"`
	Modified time.Time `json:"modified"`
	Hits     int64     `json:"hits"`
}

// SyncRequest asks the hub for what changed behind a cursor: all objects that the member
// may have, if the cursor is empty.
type SyncRequest struct {
	Cursor string `json:"cursor,omitempty"` // of the last reply or push that was taken
	Limit  int    `json:"limit"`
}

// SyncReply holds it, in order. Cursor stands behind the last of it, and means nothing to
// anybody but the hub.
type SyncReply struct {
	Objects []Object `json:"objects"`
	Cursor  string   `json:"cursor"`
	More    bool     `json:"more"`
	// Reset: the hub does not know the cursor, or what the member may have is another matter
	// now. The reply begins from the start, and what does not come again is to be forgotten.
	Reset bool `json:"reset,omitempty"`
}

// Push is what the hub tells a connected member unasked: what changed behind the cursor
// From. A member that is not there asks instead; one without cursors tells it to ask.
type Push struct {
	From    string   `json:"from,omitempty"`
	Cursor  string   `json:"cursor,omitempty"`
	Objects []Object `json:"objects,omitempty"`
}
