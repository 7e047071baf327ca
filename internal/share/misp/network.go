package misp

import (
	"net/netip"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
)

// network reports whether an address is a whole network.
func network(o event.Observable) bool {
	_, err := netip.ParsePrefix(o.Value)
	return err == nil && (o.Type == event.IPv4 || o.Type == event.IPv6)
}

// reserved reports whether a network begins or ends in what says nothing, or is so large
// that it holds some of it.
func reserved(o event.Observable, own exclusion.CommunityAssets) bool {
	p, err := netip.ParsePrefix(o.Value)
	if err != nil {
		return false
	}
	if p.Bits() < 8 {
		return true
	}
	last := p.Addr().AsSlice()
	for i := p.Bits(); i < len(last)*8; i++ {
		last[i/8] |= 1 << (7 - i%8)
	}
	end, _ := netip.AddrFromSlice(last)
	for _, a := range []netip.Addr{p.Addr(), end} {
		if exclusion.Reason(event.Observable{Type: o.Type, Value: a.String()}, own) != "" {
			return true
		}
	}
	return false
}
