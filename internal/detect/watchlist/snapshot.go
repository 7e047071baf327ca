package watchlist

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// snapshot is what look-ups see. It is never changed, only replaced.
type snapshot struct {
	seed   uint64
	layers []*overlay // newest first; the first takes changes
	base   *segment   // nil if there is none
	shapes shapes     // of all layers
}

func newSnapshot(seed uint64, layers []*overlay, base *segment) *snapshot {
	s := &snapshot{seed: seed, layers: layers, base: base}
	for _, o := range layers {
		s.shapes.merge(&o.shapes)
	}
	if base != nil {
		s.shapes.merge(&base.shapes)
	}
	return s
}

// may asks the filters only; 1 is perhaps.
func (s *snapshot) may(fp uint64) uint64 {
	var yes uint64
	if s.base != nil {
		yes = s.base.filter.may(fp)
	}
	for _, o := range s.layers {
		if o.added > 0 && o.filter.may(fp) {
			yes = 1
		}
	}
	return yes
}

// batch is one look-up. It gathers what is to be asked for before it asks the
// filters: questions that do not wait for one another's answer cost a tenth of
// those that do, because the processor fetches their cache lines side by side.
type batch struct {
	answer
	list  []event.Observable
	n     int
	asked [batchSize]question
}

const batchSize = 32

// batches are used again and again: to make one, all of it would be cleared,
// which takes longer than to ask for one value.
type batches struct{ pool sync.Pool }

func (p *batches) take() *batch {
	if b, ok := p.pool.Get().(*batch); ok {
		return b
	}
	return new(batch)
}

func (p *batches) back(b *batch) {
	b.answer, b.list, b.n = answer{}, nil, 0
	p.pool.Put(b)
}

// question is one value of one kind that may be on the list in one way.
type question struct {
	fp       uint64
	at       uint32 // observable in list
	from, to uint32 // its part that is asked for
	kind     kind
	match    Match
	bits     uint8 // length of a network
}

// ask notes every question about observable i that may have an entry.
func (b *batch) ask(i int) {
	k := kindOf(b.list[i].Type)
	if k == 0 {
		return
	}
	sh := &b.s.shapes[k]
	v := b.list[i].Value
	hash := hashOf(b.s.seed, k, v)
	note := func(m Match, from, to int, hash uint64) {
		b.note(question{fp: matched(hash, m), at: uint32(i), from: uint32(from), to: uint32(to), kind: k, match: m})
	}
	if !sh[Exact].none() {
		note(Exact, 0, len(v), hash)
	}
	switch k {
	case kindDomain:
		if sh[Tree].none() && sh[Below].none() {
			return
		}
		labels := 1
		for dot := strings.LastIndexByte(v, '.'); dot >= 0; dot = strings.LastIndexByte(v[:dot], '.') {
			if tree, below := sh[Tree].has(labels), sh[Below].has(labels); tree || below {
				h := hashOf(b.s.seed, k, v[dot+1:])
				if tree {
					note(Tree, dot+1, len(v), h)
				}
				if below {
					note(Below, dot+1, len(v), h)
				}
			}
			labels++
		}
		if sh[Tree].has(labels) {
			note(Tree, 0, len(v), hash)
		}
	case kindURL:
		if sh[Prefix].none() {
			return
		}
		cuts(v, func(cut string, ordinal int) bool {
			if sh[Prefix].has(ordinal) {
				h := hash
				if len(cut) < len(v) {
					h = hashOf(b.s.seed, k, cut)
				}
				note(Prefix, 0, len(cut), h)
			}
			return ordinal < maxCuts
		})
	case kindIPv4, kindIPv6:
		if !sh[Network].none() {
			b.networks(i, k)
		}
	}
}

// networks asks for the networks of each length that there is. The segment is
// asked only if one of its networks is known to hold the address.
func (b *batch) networks(i int, k kind) {
	addr, err := netip.ParseAddr(b.list[i].Value)
	if err != nil {
		return
	}
	var lengths depths
	if base := b.s.base; base != nil && base.nets.contain(addr) {
		lengths = base.shapes[k][Network]
	}
	for _, o := range b.s.layers {
		for j, d := range o.shapes[k][Network] {
			lengths[j] |= d
		}
	}
	if lengths.none() {
		return
	}
	for n := addr.BitLen(); n >= 0; n-- {
		if lengths.has(n) {
			p, _ := addr.Prefix(n)
			b.note(question{fp: networkFingerprint(b.s.seed, p), at: uint32(i), kind: k, match: Network,
				bits: uint8(n)})
		}
	}
}

func (b *batch) note(q question) {
	if b.n == batchSize {
		b.settle()
	}
	if base := b.s.base; base != nil {
		prefetch(&base.filter.block(q.fp)[0])
	}
	b.asked[b.n] = q
	b.n++
}

// settle asks the filters, and for what may be there, the layers themselves.
func (b *batch) settle() {
	var perhaps uint64
	for i := range b.asked[:b.n] {
		perhaps |= b.s.may(b.asked[i].fp) << i
	}
	for i := 0; perhaps != 0 && !b.done; i, perhaps = i+1, perhaps>>1 {
		if perhaps&1 == 0 {
			continue
		}
		q := &b.asked[i]
		o := b.list[q.at]
		v := o.Value[q.from:q.to]
		if q.match == Network {
			if addr, err := netip.ParseAddr(o.Value); err == nil {
				p, _ := addr.Prefix(int(q.bits))
				v = p.String()
			}
		}
		b.compare(o, q.fp, q.kind, q.match, v)
	}
	b.n = 0
}

// maxHits bounds the entries that are yielded for one value in one way to match:
// that many sources already say the same.
const maxHits = 100

// answer is the result of a look-up.
type answer struct {
	s     *snapshot
	clock func() time.Time
	now   time.Time // read at the first find
	yield func(Hit) bool
	most  int   // entries for one value in one way to match
	done  bool  // yield wants no more
	err   error // the first
}

// compare holds what lies under the fingerprint against what is asked for.
func (a *answer) compare(o event.Observable, fp uint64, k kind, m Match, v string) {
	n := 0
	take := func(above []*overlay, r *record) {
		if a.done || n == a.most || !r.is(k, m, v) {
			return
		}
		for _, l := range above {
			if l.hides(r) {
				return
			}
		}
		if a.now.IsZero() {
			a.now = a.clock()
		}
		if r.expired(a.now) {
			return
		}
		n++
		a.done = !a.yield(Hit{o, r.entry()})
	}
	for i, l := range a.s.layers {
		l.find(fp, func(r *record) { take(a.s.layers[:i], r) })
	}
	if a.s.base != nil {
		if err := a.s.base.find(fp, func(r *record) { take(a.s.layers, r) }); err != nil && a.err == nil {
			a.err = err
		}
	}
}
