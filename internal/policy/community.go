package policy

// MayShareWithCommunity reports whether a member's node may share with its hub, and so
// with the community, what a third party disclosed to the member under a label, such
// as an entry of a feed that the member subscribes to. The third party did not disclose
// it to the hub, which is neither the member's own organization nor its client. So
// (TLP 2.0, section 5):
//
//	CLEAR          yes: disclosure is not limited
//	GREEN          yes: the hub and its members are peers in the community
//	AMBER          no: the recipient's organization and its clients only
//	AMBER+STRICT   no: the recipient's organization only
//	RED            no: the individual recipients only
//
// A label out of range, and no label at all, is RED. What is shared keeps its label:
// mark it with Strictest of it and of the member's own.
func MayShareWithCommunity(label TLP) bool { return label == Clear || label == Green }
