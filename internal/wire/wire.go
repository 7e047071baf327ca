// Package wire is the versioned protocol between a node and its hub: the topics
// that they use and the types that cross the line. A field stands here only if
// it may leave the node that fills it in; what a receiver adds, such as the
// sender's name from its credentials, is in package msg.
package wire

// version is the version of the protocol, and the beginning of every topic: a
// node and a hub of different versions have no topic in common, so that each
// refuses what the other asks, saying what it does not know.
const version = "v1."

// Topics of the line between a node and its hub.
const (
	TopicHello      = version + "hello"       // node to hub: Hello; answered with Welcome
	TopicBatch      = version + "batch"       // node to hub: Batch; answered with BatchReply after it is stored
	TopicSync       = version + "sync"        // node to hub: SyncRequest; answered with SyncReply
	TopicPush       = version + "push"        // hub to node: Push
	TopicRuleHealth = version + "rule-health" // node to hub: PooledRequest; answered with Pooled
)

// Kind names the type of a message that a node sends to its hub.
type Kind string

// The kinds. A message of any other kind is refused by both sides.
const (
	KindFinding    Kind = "finding"
	KindCandidate  Kind = "candidate"
	KindReceipt    Kind = "receipt"
	KindRange      Kind = "receipt-range"
	KindSighting   Kind = "sighting"
	KindRuleHealth Kind = "rule-health"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindFinding, KindCandidate, KindReceipt, KindRange, KindSighting, KindRuleHealth}
}

// Body is a message that may leave a node. The set of its types is closed: only
// this package can add to it, and TestFields lists every field of every one.
// A Body is always a value, never a pointer.
type Body interface {
	// Kind reports which message it is.
	Kind() Kind

	leavesNode()
}

func (Finding) Kind() Kind      { return KindFinding }
func (Candidate) Kind() Kind    { return KindCandidate }
func (Receipt) Kind() Kind      { return KindReceipt }
func (RangeReceipt) Kind() Kind { return KindRange }
func (Sighting) Kind() Kind     { return KindSighting }
func (RuleHealth) Kind() Kind   { return KindRuleHealth }

func (Finding) leavesNode()      {}
func (Candidate) leavesNode()    {}
func (Receipt) leavesNode()      {}
func (RangeReceipt) leavesNode() {}
func (Sighting) leavesNode()     {}
func (RuleHealth) leavesNode()   {}

// ByValue reports whether b is one of the types above itself. A pointer to one
// has the same methods, so that the compiler accepts it as a Body, but a check
// that looks for the value would pass over it.
func ByValue(b Body) bool {
	switch b.(type) {
	case Finding, Candidate, Receipt, RangeReceipt, Sighting, RuleHealth:
		return true
	}
	return false
}
