package msg

import "github.com/meneki/meneki/internal/wire"

// TopicReceipt carries a Receipt that a member sent.
const TopicReceipt = "receipt.received"

// Receipt is a receipt as the hub received it.
type Receipt struct {
	wire.Receipt
	Member string `json:"member,omitempty"` // by the sender's credentials
	Case   string `json:"case,omitempty"`   // that the object was made in
}
