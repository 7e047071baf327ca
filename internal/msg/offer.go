package msg

import (
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// Offer is something that a node would send to the hub, if the member's policy
// lets it. Offering the same kind and id again replaces what has not left yet.
type Offer struct {
	ID       string
	Level    string // of the rule behind it
	Title    string // for the person who decides
	Handling policy.Handling
	Body     wire.Body // by value
	First    bool      // this kind and id were never offered before
	// Origin is the label under which a third party gave the member what this rests
	// on; nil if it rests on nothing of a third party's.
	Origin *policy.TLP
}
