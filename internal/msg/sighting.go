package msg

import "github.com/meneki/meneki/internal/wire"

// TopicSighting carries a Sighting that a member sent.
const TopicSighting = "sighting.received"

// Sighting is a sighting as the hub received it.
type Sighting struct {
	wire.Sighting
	Member string `json:"member,omitempty"` // by the sender's credentials
	Case   string `json:"case,omitempty"`   // that the indicator was made in
}
