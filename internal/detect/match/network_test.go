package match

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
)

// The networks around an address are those that hold it, each once, whatever they
// were written like; values that are no address have none.
func TestNetworksAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]byte{0, 1, 127, 128, 255})
		address := rapid.Custom(func(t *rapid.T) netip.Addr {
			b := rapid.SliceOfN(part, 4, 4).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "v6") {
				return netip.AddrFrom16([16]byte{0x20, 1, b[0], b[1], 12: b[2], 15: b[3]})
			}
			return netip.AddrFrom4([4]byte(b))
		})
		var n Networks[[]int]
		var all []netip.Prefix
		for i := range rapid.IntRange(0, 20).Draw(t, "networks") {
			a := address.Draw(t, "network")
			p := netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "length"))
			all = append(all, p)
			n.Change(p, func(old []int) []int { return append(old, i) })
		}
		a := address.Draw(t, "address")
		var want, got []int
		for i, p := range all {
			if p.Contains(a) {
				want = append(want, i)
			}
		}
		o := event.Observable{Type: event.IPv4, Value: a.String()}
		if a.Is6() {
			o.Type = event.IPv6
		}
		for which := range n.Around(o) {
			got = append(got, which...)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("%s in %v: %v, want %v", a, all, got, want)
		}
	})
	var n Networks[int]
	n.Change(netip.MustParsePrefix("::/0"), func(int) int { return 1 })
	for _, o := range []event.Observable{{Type: event.IPv4, Value: "192.0.2.1"}, {Type: event.IPv6, Value: "none"},
		{Type: event.Domain, Value: "::1"}} {
		for v := range n.Around(o) {
			t.Error(fmt.Sprint(o, v))
		}
	}
}
