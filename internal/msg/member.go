package msg

import "time"

// TopicMember carries a MemberChanged.
const TopicMember = "member.changed"

// MemberChanged says that a member joined, came, went or left.
type MemberChanged struct {
	Member string    `json:"member"`
	Online bool      `json:"online"`
	At     time.Time `json:"at"`
}
