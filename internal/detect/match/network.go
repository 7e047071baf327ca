package match

import (
	"iter"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/meneki/meneki/internal/event"
)

// Networks keeps a value for each of many networks.
type Networks[V any] struct{ table bart.Table[V] }

// Change gives a network the value that to returns for the one that it has: the
// zero value if it has none yet.
func (n *Networks[V]) Change(p netip.Prefix, to func(old V) V) {
	p = p.Masked()
	old, _ := n.table.Get(p)
	n.table.Insert(p, to(old))
}

// Around returns the values of the networks that hold an address; none for an
// observable that is no address.
func (n *Networks[V]) Around(o event.Observable) iter.Seq[V] {
	return func(yield func(V) bool) {
		if n.table.Size() == 0 || o.Type != event.IPv4 && o.Type != event.IPv6 {
			return
		}
		a, err := netip.ParseAddr(o.Value)
		if err != nil {
			return
		}
		for _, v := range n.table.Supernets(netip.PrefixFrom(a, a.BitLen())) {
			if !yield(v) {
				return
			}
		}
	}
}
