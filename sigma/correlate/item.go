package correlate

import (
	"cmp"
	"strings"
)

// item is a match or an alert on its way into one group of one correlation; or,
// with timer, the moment to judge what was put off.
type item struct {
	at      int64
	plan    *plan
	step    int32
	timer   bool
	event   string
	key     string // the group, folded
	shown   string // the group as written
	values  []string
	numbers []float64
	carry   [][]string // by plan.carry
	inner   *inner
	bytes   int64 // its cost, once it is put
}

// inner is what an alert brings with it into an outer correlation.
type inner struct {
	first   int64
	refs    []ref
	omitted int
}

// ref is an event that contributed.
type ref struct {
	at    int64
	rule  int32 // index into Engine.rules
	event string
}

// entry is what a group keeps of an item.
type entry struct {
	at    int64
	step  int32
	event string
	carry [][]string
	inner *inner
}

func (it *item) entry() entry {
	return entry{at: it.at, step: it.step, event: it.event, carry: it.carry, inner: it.inner}
}

// The costs are estimates of the bytes that Go needs, on the high side.
const (
	itemCost  = 256
	entryCost = 112
)

func (it *item) cost() int64 {
	n := itemCost + len(it.key) + len(it.shown) + len(it.event) + 8*len(it.numbers)
	for _, v := range it.values {
		n += 16 + len(v)
	}
	return int64(n) + extraCost(it.carry, it.inner)
}

func (en *entry) cost() int64 {
	return entryCost + int64(len(en.event)) + extraCost(en.carry, en.inner)
}

func extraCost(carry [][]string, in *inner) int64 {
	n := 0
	for _, list := range carry {
		n += 24
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	if in != nil {
		n += 64
		for _, r := range in.refs {
			n += 48 + len(r.event)
		}
	}
	return int64(n)
}

// before is the order of work within one moment: inner correlations before outer
// ones, a group at a time, what comes in before what was put off.
func before(a, b *item) int {
	if a.plan != b.plan {
		return cmp.Compare(a.plan.index, b.plan.index)
	}
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	if a.timer != b.timer {
		if b.timer {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.step, b.step), strings.Compare(a.event, b.event))
}

// slot is an item in the heap; the time stands beside it so that sifting does not
// have to follow pointers.
type slot struct {
	at int64
	it *item
}

// heap is a binary heap of items by time.
type heap []slot

func (h *heap) push(it *item) {
	s := append(*h, slot{it.at, it})
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up].at <= s[i].at {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
	*h = s
}

func (h *heap) pop() *item {
	s := *h
	top := s[0].it
	end := len(s) - 1
	s[0] = s[end]
	s[end] = slot{}
	s = s[:end]
	for i := 0; ; {
		down := 2*i + 1
		if down >= end {
			break
		}
		if down+1 < end && s[down+1].at < s[down].at {
			down++
		}
		if s[i].at <= s[down].at {
			break
		}
		s[i], s[down] = s[down], s[i]
		i = down
	}
	*h = s
	return top
}

// queue is a double-ended queue in one slice.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int    { return len(q.items) - q.head }
func (q *queue[T]) all() []T    { return q.items[q.head:] }
func (q *queue[T]) front() *T   { return &q.items[q.head] }
func (q *queue[T]) push(item T) { q.items = append(q.items, item) }

func (q *queue[T]) pop() T {
	var zero T
	out := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head >= 16 && q.head*2 >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return out
}
