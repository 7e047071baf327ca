package event

import (
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// Live is the realm of real work; any other realm is the id of an exercise.
const Live = "live"

// ObservableType is a kind of value worth matching, as STIX names its type or
// its hash algorithm.
type ObservableType string

// The observable types.
const (
	IPv4   ObservableType = "ipv4-addr"
	IPv6   ObservableType = "ipv6-addr"
	Domain ObservableType = "domain-name"
	URL    ObservableType = "url"
	Email  ObservableType = "email-addr"
	MD5    ObservableType = "MD5"
	SHA1   ObservableType = "SHA-1"
	SHA256 ObservableType = "SHA-256"
)

// Observable is one value worth matching, in its canonical form: addresses as
// netip writes them, domains in lower-case A-label form, hashes in lower-case
// hexadecimal.
type Observable struct {
	Type  ObservableType `json:"type"`
	Value string         `json:"value"`
}

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

// Finding says that a rule or an indicator matched events at a node. It goes to
// the hub as far as the member's policy lets it: Host, User, Matched and
// Observables may have been left out.
type Finding struct {
	ID          string          `json:"id"`
	Version     int             `json:"version"`          // grows when Count does
	Member      string          `json:"member,omitempty"` // set by the hub from the sender's credentials, never believed from the wire
	Realm       string          `json:"realm"`
	Rule        RuleRef         `json:"rule"`
	Indicator   string          `json:"indicator,omitempty"` // STIX id, if an indicator matched rather than an own rule
	First       time.Time       `json:"first"`               // event time
	Last        time.Time       `json:"last"`
	Count       int             `json:"count"`
	Host        string          `json:"host,omitempty"`
	User        string          `json:"user,omitempty"`
	Matched     []FieldValue    `json:"matched,omitempty"`
	Observables []Observable    `json:"observables,omitempty"`
	Past        bool            `json:"past,omitempty"` // found by a hunt, not live
	List        *ListEntry      `json:"list,omitempty"` // at the node only, if an entry of its watchlist matched
	Sensed      time.Time       `json:"sensed"`         // when the first matching event was read, by the hub's clock
	Detected    time.Time       `json:"detected"`
	Handling    policy.Handling `json:"handling"`
}

// ListEntry names the entry of a member's own watchlist by which a finding was
// made. It never leaves the node, and the finding only if policy.MayForward lets
// it.
type ListEntry struct {
	Source string         `json:"source"`       // who says so
	ID     string         `json:"id,omitempty"` // under which the source knows it
	Type   ObservableType `json:"type"`
	Value  string         `json:"value"` // as the source has it: a network, a domain with all below it
	Match  string         `json:"match"` // in which way: exact, tree, below, prefix, network
	TLP    policy.TLP     `json:"tlp"`   // the strictest that it had while the finding grew
	Until  time.Time      `json:"until,omitzero"`
}

// Candidate is what a member offers the community to match: one observable, or
// a rule where the attack leaves no distinctive value.
type Candidate struct {
	ID         string          `json:"id"`
	Member     string          `json:"member,omitempty"` // as in Finding
	Finding    string          `json:"finding"`
	Realm      string          `json:"realm"`
	Observable *Observable     `json:"observable,omitempty"`
	Sigma      string          `json:"sigma,omitempty"` // YAML text as it was written: a rule, or a correlation behind the rules that it is built on
	Base       []RuleRef       `json:"base,omitempty"`  // of a correlation: who is to be credited for those
	Rule       RuleRef         `json:"rule"`
	Why        string          `json:"why,omitempty"` // why it was thought distinctive
	Handling   policy.Handling `json:"handling"`
	Sensed     time.Time       `json:"sensed"`
}

// Object is a STIX 2.1 object on its way to a member. Seq is the member's own
// delivery number: gap-free from 1, so that a receiver knows what it missed.
type Object struct {
	Seq      int64           `json:"seq"`
	ID       string          `json:"id"`       // STIX id
	Modified time.Time       `json:"modified"` // STIX version
	Realm    string          `json:"realm"`
	Handling policy.Handling `json:"handling"`           // without the owner: who it came from is not told
	Withdraw bool            `json:"withdraw,omitempty"` // disarm and forget the object
	STIX     json.RawMessage `json:"stix,omitempty"`     // the STIX 2.1 object itself; its marking is one of the five that everyone knows
}

// State is how far a member is with an object.
type State string

// The states of an object at a member, in order.
const (
	Sent     State = "sent"     // the hub handed it to the wire
	Armed    State = "armed"    // the live engine matches it
	Hunted   State = "hunted"   // the member's past was searched to its end
	Refused  State = "refused"  // the member cannot or will not use it; Reason says why
	Disarmed State = "disarmed" // withdrawn or expired
)

// Receipt is a member's word about one object.
type Receipt struct {
	ID       string    `json:"id"`
	Member   string    `json:"member,omitempty"` // as in Finding
	Object   string    `json:"object"`
	Modified time.Time `json:"modified"`
	State    State     `json:"state"`
	At       time.Time `json:"at"` // by the hub's clock
	Searched int64     `json:"searched,omitempty"`
	Hits     int64     `json:"hits,omitempty"`
	Untold   bool      `json:"untold,omitempty"` // the member does not say by itself what it found; Hits is 0 whatever it was
	Reason   string    `json:"reason,omitempty"`
}

// Sighting is a member's word that it saw an indicator. It tells no host and no user.
type Sighting struct {
	ID        string          `json:"id"`
	Member    string          `json:"member,omitempty"` // as in Finding
	Indicator string          `json:"indicator"`
	Realm     string          `json:"realm"`
	Count     int             `json:"count"`
	First     time.Time       `json:"first"`
	Last      time.Time       `json:"last"`
	Past      bool            `json:"past"`
	At        time.Time       `json:"at"`
	Handling  policy.Handling `json:"handling"`
}

// Kinds of messages that a member may offer to the hub.
const (
	KindFinding   = "finding"
	KindCandidate = "candidate"
	KindReceipt   = "receipt"
	KindSighting  = "sighting"
)

// Offer is something that a node would tell the hub, if the member's policy
// lets it. Offering the same kind and id again replaces what has not left yet.
type Offer struct {
	Kind     string          `json:"kind"`
	ID       string          `json:"id"`
	Level    string          `json:"level,omitempty"` // of the rule behind it
	Title    string          `json:"title,omitempty"` // for the person who decides
	Handling policy.Handling `json:"handling"`
	Body     any             `json:"body"`
	First    bool            `json:"-"` // this kind and id were never offered before
}
