package policy

// MayForward decides whether a member's node may tell the hub what it learnt
// through something that a third party gave the member under this label, such as
// an entry of a feed that the member subscribes to. The hub was not among those
// whom the third party gave it to, and it is neither the member itself nor its
// client. So (TLP 2.0, section 5):
//
//	CLEAR          yes
//	GREEN          yes: the hub and the community behind it are peers
//	AMBER          no: the recipient's own organisation and its clients
//	AMBER+STRICT   no: the recipient's own organisation
//	RED            no: the recipient's own persons
//
// A label out of range, and no label at all, is RED. What may be told keeps the
// label: mark it with Strictest of it and of the member's own.
func MayForward(label TLP) bool { return label == Clear || label == Green }
