package engine

import (
	"cmp"
	"math/bits"
	"slices"
)

// A partition is made again with other required literals when events have shown which
// signs are not as rare as they were thought to be. Which rules match does not
// depend on it. It may happen after 512, 4,096 and 32,768 events of a partition
// that one worker has seen.
const (
	learnFirst = 1 << 9
	learnLast  = 1 << 15
	learnStep  = 3 // bits
)

// due reports whether it is time to learn after n events.
func due(n int64) bool {
	return n >= learnFirst && n <= learnLast && n&(n-1) == 0 &&
		(bits.TrailingZeros64(uint64(n))-bits.TrailingZeros64(learnFirst))%learnStep == 0
}

// learn makes the partition of a tally again if that may pay: if rules were woken
// in every fiftieth event by signs that were thought to be at most half as
// frequent.
func (e *Engine) learn(t *tally) {
	p := t.part
	seen := func(i int) float64 { return float64(t.hits[i]) / float64(t.events) }
	woken := 0.0
	for i := range p.lits {
		s := seen(i)
		if key := p.keys[i]; key.place == present && key.field != Whole && key.least == 0 && s > mostEvents &&
			p.learned[key] == 0 {
			woken++ // it need not be asked for
		}
		if s > 2*p.chances[i] {
			woken += s * float64(p.lits[i].to-p.lits[i].from)
		}
	}
	if woken < .02 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := p.route.at(p.id, p.single)
	if at.Load() != p {
		return // another worker was faster
	}
	learned := make(map[signature]float64, len(p.learned)+len(p.lits))
	for key, chance := range p.learned {
		learned[key] = chance
	}
	for i, n := range t.hits {
		// What was not seen in few events may still be more frequent than another
		// sign that is guessed to be rare, so its guess is kept.
		if n > 2 || t.events >= 1<<12 {
			learned[p.keys[i]] = max(seen(i), .0002)
		}
	}
	next := newPartition(p.route, e.serial, p.rules, &requirer{popular: e.popular, learned: learned})
	next.id, next.single, next.learned = p.id, p.single, learned
	e.serial++
	at.Store(next)
}

// order puts what is cheap and likely to decide before what is expensive.
func (n *node) order() {
	for _, part := range n.nodes {
		part.order()
		n.cost += part.cost
	}
	slices.SortStableFunc(n.nodes, func(a, b *node) int { return cmp.Compare(a.cost, b.cost) })
	if n.op == opTest {
		n.cost = n.test.cost()
		if n.neg {
			n.cost *= 2 // most filters do not apply
		}
	}
}

// cost estimates how long a test takes, in comparisons.
func (t *test) cost() float64 {
	sum := 1 + .1*float64(len(t.suffix)+len(t.prefix)+min(len(t.equal), manyEquals)) + .6*float64(len(t.inside))
	for i := range t.others {
		switch o := &t.others[i]; o.kind {
		case regex:
			if sum += 3; o.re.re != nil {
				sum += 20
			}
		case glob, casedGlob, opaque:
			sum += 4
		default:
			sum += .5
		}
	}
	return sum
}
