package watchlist

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// ranges is the union of networks as sorted pieces that do not touch. It answers
// whether any network holds an address; which ones do is then asked by length.
type ranges struct {
	v4 []span[uint32]
	v6 []span[wide]
	// first4 is, for each value of an address's upper 16 bits, the first piece
	// that ends there or later.
	first4 []uint32
	// touched4 has a bit for each network of 20 bits that any piece touches: it
	// settles most addresses, and at 128 kB it stays in the processor's cache.
	touched4 []uint64
}

type span[T any] struct{ from, to T } // both inside

// wide is an IPv6 address.
type wide struct{ hi, lo uint64 }

func (a wide) compare(b wide) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

func (a wide) next() wide {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func number6(a netip.Addr) wide {
	b := a.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// add adds a network; call seal after the last one.
func (r *ranges) add(p netip.Prefix) {
	n := p.Bits()
	if p.Addr().Is4() {
		from := number4(p.Addr())
		r.v4 = append(r.v4, span[uint32]{from, from | uint32(1<<(32-n)-1)})
		return
	}
	from := number6(p.Addr())
	to := from
	if n < 64 {
		to.hi, to.lo = from.hi|(1<<(64-n)-1), ^uint64(0)
	} else {
		to.lo |= 1<<(128-n) - 1
	}
	r.v6 = append(r.v6, span[wide]{from, to})
}

// seal sorts the pieces and joins those that overlap or touch.
func (r *ranges) seal() {
	slices.SortFunc(r.v4, func(a, b span[uint32]) int { return cmp.Compare(a.from, b.from) })
	out := r.v4[:0]
	for _, s := range r.v4 {
		if n := len(out); n > 0 && (s.from <= out[n-1].to || s.from == out[n-1].to+1) {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	r.v4 = slices.Clip(out)
	slices.SortFunc(r.v6, func(a, b span[wide]) int { return a.from.compare(b.from) })
	out6 := r.v6[:0]
	for _, s := range r.v6 {
		if n := len(out6); n > 0 && (s.from.compare(out6[n-1].to) <= 0 || s.from == out6[n-1].to.next()) {
			if s.to.compare(out6[n-1].to) > 0 {
				out6[n-1].to = s.to
			}
			continue
		}
		out6 = append(out6, s)
	}
	r.v6 = slices.Clip(out6)
	r.index()
}

func (r *ranges) index() {
	r.first4, r.touched4 = nil, nil
	if len(r.v4) == 0 {
		return
	}
	r.first4 = make([]uint32, 1<<16+1)
	at := 0
	for top := range 1 << 16 {
		for at < len(r.v4) && r.v4[at].to < uint32(top)<<16 {
			at++
		}
		r.first4[top] = uint32(at)
	}
	r.first4[1<<16] = uint32(len(r.v4))
	r.touched4 = make([]uint64, 1<<20/64)
	for _, s := range r.v4 {
		for n := s.from >> 12; n <= s.to>>12; n++ {
			r.touched4[n/64] |= 1 << (n % 64)
		}
	}
}

// contain reports whether any network holds a.
func (r *ranges) contain(a netip.Addr) bool {
	if a.Is4() {
		if len(r.v4) == 0 {
			return false
		}
		x := number4(a)
		if r.touched4[x>>18]&(1<<(x>>12%64)) == 0 {
			return false
		}
		lo, hi := int(r.first4[x>>16]), min(len(r.v4), int(r.first4[x>>16+1])+1)
		for lo < hi {
			if m := int(uint(lo+hi) / 2); r.v4[m].to < x {
				lo = m + 1
			} else {
				hi = m
			}
		}
		return lo < len(r.v4) && r.v4[lo].from <= x
	}
	x := number6(a)
	i, _ := slices.BinarySearchFunc(r.v6, x, func(s span[wide], x wide) int { return s.to.compare(x) })
	return i < len(r.v6) && r.v6[i].from.compare(x) <= 0
}

// sound reports whether the pieces are as seal leaves them.
func (r *ranges) sound() bool {
	for i, s := range r.v4 {
		if s.from > s.to || i > 0 && s.from <= r.v4[i-1].to {
			return false
		}
	}
	for i, s := range r.v6 {
		if s.from.compare(s.to) > 0 || i > 0 && s.from.compare(r.v6[i-1].to) <= 0 {
			return false
		}
	}
	return true
}
