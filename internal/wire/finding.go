package wire

import (
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
)

// RuleRef names a rule wherever its match is shown (DRL 1.1 asks for author and licence).
type RuleRef struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Author  string   `json:"author,omitempty"`
	License string   `json:"license,omitempty"`
	Level   string   `json:"level,omitempty"` // informational low medium high critical
	Tags    []string `json:"tags,omitempty"`
}

// FieldValue is one field that made a rule match, and what it held.
type FieldValue struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Bounds of what one finding holds.
const (
	MaxMatched     = 24   // fields
	MaxValue       = 2000 // bytes of a field's value
	MaxObservables = 20
	// MaxCount keeps counts and versions within what every database holds.
	MaxCount = 999_999_999
)

// Finding says that a rule or an indicator matched events at a node. It goes to
// the hub as far as the member's policy lets it: Host, User, Matched and
// Observables may have been left out.
type Finding struct {
	ID      string  `json:"id"`
	Version int     `json:"version"` // grows when Count does
	Realm   string  `json:"realm"`
	Rule    RuleRef `json:"rule"`
	// STIX id, if an indicator matched rather than an own rule
	Indicator   string             `json:"indicator,omitempty"`
	First       time.Time          `json:"first"` // event time
	Last        time.Time          `json:"last"`
	Count       int                `json:"count"`
	Host        string             `json:"host,omitempty"`
	User        string             `json:"user,omitempty"`
	Matched     []FieldValue       `json:"matched,omitempty"`
	Observables []event.Observable `json:"observables,omitempty"`
	Retro       bool               `json:"retro,omitempty"` // found by a hunt, not live
	// when the first matching event was read, by the hub's clock
	Sensed   time.Time       `json:"sensed"`
	Detected time.Time       `json:"detected"`
	Handling policy.Handling `json:"handling"`
}

// Candidate is what a member offers the community to match: one observable, or
// a rule where the attack leaves no distinctive value.
type Candidate struct {
	ID         string            `json:"id"`
	Finding    string            `json:"finding"`
	Realm      string            `json:"realm"`
	Observable *event.Observable `json:"observable,omitempty"`
	// YAML as it was written: a rule, or a correlation behind the rules it is built on
	Sigma    string          `json:"sigma,omitempty"`
	Base     []RuleRef       `json:"base,omitempty"` // of a correlation: who is to be credited for those
	Rule     RuleRef         `json:"rule"`
	Why      string          `json:"why,omitempty"` // why it was thought distinctive
	Handling policy.Handling `json:"handling"`
	Sensed   time.Time       `json:"sensed"`
}

// Sighting is a member's statement that it saw an indicator. It names no host and no user.
type Sighting struct {
	ID        string          `json:"id"`
	Indicator string          `json:"indicator"`
	Realm     string          `json:"realm"`
	Count     int             `json:"count"`
	First     time.Time       `json:"first"`
	Last      time.Time       `json:"last"`
	Retro     bool            `json:"retro"`
	At        time.Time       `json:"at"`
	Handling  policy.Handling `json:"handling"`
}
