package match

import (
	"net/netip"

	"github.com/meneki/meneki/internal/event"
)

// Networks finds the networks around an address, by their lengths.
type Networks struct {
	by      map[netip.Prefix]string // indicator
	lengths [2][]int                // of IPv4 and IPv6
}

// Add adds a network of an indicator; the first indicator of a network stays.
func (n *Networks) Add(p netip.Prefix, indicator string) {
	p = p.Masked()
	if n.by == nil {
		n.by = map[netip.Prefix]string{}
	}
	if _, there := n.by[p]; there {
		return
	}
	n.by[p] = indicator
	f := family(p.Addr())
	for _, l := range n.lengths[f] {
		if l == p.Bits() {
			return
		}
	}
	n.lengths[f] = append(n.lengths[f], p.Bits())
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// Around yields the indicators of the networks that hold an address.
func (n *Networks) Around(o event.Observable, yield func(indicator string)) {
	if len(n.by) == 0 || o.Type != event.IPv4 && o.Type != event.IPv6 {
		return
	}
	a, err := netip.ParseAddr(o.Value)
	if err != nil {
		return
	}
	for _, l := range n.lengths[family(a)] {
		if p, err := a.Prefix(l); err == nil {
			if id, ok := n.by[p]; ok {
				yield(id)
			}
		}
	}
}
