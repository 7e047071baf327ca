package msg

import "github.com/meneki/meneki/internal/wire"

// TopicCandidate carries a Candidate that a member sent.
const TopicCandidate = "candidate.received"

// Candidate is a candidate as the hub received it.
type Candidate struct {
	wire.Candidate
	Member string `json:"member,omitempty"` // by the sender's credentials
}
