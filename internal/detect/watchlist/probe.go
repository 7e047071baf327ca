package watchlist

import (
	"net/netip"
	"strings"

	"github.com/zeebo/xxh3"
)

// fingerprint returns the 64 bits by which an entry is found. It is not what
// decides: a find is compared by value.
func fingerprint(seed uint64, k kind, m Match, v string) uint64 {
	if m == Network {
		if p, err := netip.ParsePrefix(v); err == nil {
			return networkFingerprint(seed, p)
		}
	}
	return matched(hashOf(seed, k, v), m)
}

// hashOf is what the fingerprints of a value have in common, whatever the match.
func hashOf(seed uint64, k kind, v string) uint64 {
	return xxh3.HashStringSeed(v, seed^uint64(k)*0x9e3779b97f4a7c15)
}

// matched makes the fingerprint. The upper half stays, so that one value's
// fingerprints are in one block of the filter and cost one cache line together.
func matched(hash uint64, m Match) uint64 { return hash ^ uint64(uint32(m)*0x9e3779b9) }

// networkFingerprint is fingerprint without the network written as text.
func networkFingerprint(seed uint64, p netip.Prefix) uint64 {
	var b [17]byte
	a := p.Addr().As16()
	copy(b[:], a[:])
	b[16] = byte(p.Bits())
	k := kindIPv6
	if p.Addr().Is4() {
		k = kindIPv4
	}
	return xxh3.HashSeed(b[:], seed^(uint64(k)<<8|uint64(Network))*0x9e3779b97f4a7c15)
}

// maxCuts bounds the beginnings of one URL that are looked up. Prefixes of more
// parts are refused by Check, so that nothing is left out in silence.
const maxCuts = 64

// cuts yields the beginnings of a canonical URL that end where a part ends: in
// front of and behind each "/" of the path and each "&" of the query, and the
// "?" between them, and the whole. The same beginning has the same ordinal
// (from 1) in every URL that has it.
func cuts(url string, yield func(cut string, ordinal int) bool) {
	i := strings.Index(url, "://")
	if i < 0 {
		return
	}
	i += 3
	n := strings.IndexByte(url[i:], '/')
	if n < 0 {
		return
	}
	first := i + n // the slash behind the host
	last, ordinal, query := 0, 0, false
	emit := func(to int) bool {
		if to <= last {
			return true
		}
		last = to
		ordinal++
		return yield(url[:to], ordinal)
	}
	for p := first; p < len(url); p++ {
		c := url[p]
		if query && c != '&' || !query && c != '/' && c != '?' {
			continue
		}
		query = query || c == '?'
		if p > first && !emit(p) || !emit(p+1) {
			return
		}
	}
	emit(len(url))
}

// depth is the place of a value among those of its kind that one look-up may
// have to ask for: labels of a domain, ordinal of a URL's cut, bits of a network.
func depth(k kind, m Match, v string) int {
	switch m {
	case Tree, Below:
		return strings.Count(v, ".") + 1
	case Prefix:
		n := 0
		cuts(v, func(_ string, ordinal int) bool {
			n = ordinal
			return n <= maxCuts
		})
		return n
	case Network:
		if p, err := netip.ParsePrefix(v); err == nil {
			return p.Bits()
		}
	}
	return 0
}

// depths is a set of numbers below 192.
type depths [3]uint64

func (d *depths) add(n int)      { d[uint(n)/64%3] |= 1 << (uint(n) % 64) }
func (d *depths) has(n int) bool { return d[uint(n)/64%3]&(1<<(uint(n)%64)) != 0 }
func (d *depths) none() bool     { return d[0]|d[1]|d[2] == 0 }

// shapes says which depths there are of each kind and way to match, so that a
// look-up asks for nothing that is not on the list.
type shapes [kinds][matches]depths

func (s *shapes) add(k kind, m Match, v string) { s[k][m].add(depth(k, m, v)) }

func (s *shapes) merge(t *shapes) {
	for k := range s {
		for m := range s[k] {
			for i := range s[k][m] {
				s[k][m][i] |= t[k][m][i]
			}
		}
	}
}
