package event

import (
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// Topics on the hub's own bus. A capability publishes what it has done, after
// its transaction, through the store's outbox; others consume it.
const (
	TopicFinding   = "finding.received"   // Finding
	TopicCandidate = "candidate.received" // Candidate
	TopicReceipt   = "receipt.received"   // Receipt
	TopicSighting  = "sighting.received"  // Sighting
	TopicCase      = "case.changed"       // CaseChanged
	TopicAssessed  = "case.assessed"      // Assessed
	TopicIndicator = "indicator.changed"  // IndicatorChanged
	TopicMember    = "member.changed"     // MemberChanged
)

// CaseChanged says that a case was opened or grew.
type CaseChanged struct {
	Case     string    `json:"case"` // id
	Number   string    `json:"number"`
	Opened   bool      `json:"opened"` // by this change
	Finding  string    `json:"finding,omitempty"`
	Member   string    `json:"member,omitempty"`
	Title    string    `json:"title,omitempty"` // of the finding's rule
	Past     bool      `json:"past,omitempty"`  // the finding came out of a hunt
	Sectors  []string  `json:"sectors"`
	Level    string    `json:"level"` // the highest rule level in it
	Tactics  []string  `json:"tactics,omitempty"`
	Members  int       `json:"members"`
	Realm    string    `json:"realm"`
	Sensed   time.Time `json:"sensed"`            // the case's first malicious event
	Found    time.Time `json:"found,omitzero"`    // this finding's first event was read
	Detected time.Time `json:"detected,omitzero"` // this finding was made
	At       time.Time `json:"at"`
}

// Assessed says that a case has a new severity.
type Assessed struct {
	Case   string    `json:"case"`
	Scale  string    `json:"scale"`
	Lowest int       `json:"lowest"`
	Likely int       `json:"likely"`
	Most   int       `json:"most"`
	At     time.Time `json:"at"`
}

// IndicatorChanged says that an indicator was made, changed or withdrawn.
type IndicatorChanged struct {
	Indicator string          `json:"indicator"`
	Case      string          `json:"case,omitempty"`
	Finding   string          `json:"finding,omitempty"`
	Entitled  int             `json:"entitled"` // members that it was addressed to
	Made      bool            `json:"made"`
	At        time.Time       `json:"at"`
	Pushed    time.Time       `json:"pushed"`
	Handling  policy.Handling `json:"handling"` // as it is now; what is told of the indicator is handled no wider
}

// MemberChanged says that a member joined, came, went or left.
type MemberChanged struct {
	Member string    `json:"member"`
	Online bool      `json:"online"`
	At     time.Time `json:"at"`
}
