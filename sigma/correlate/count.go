package correlate

import (
	"slices"
	"strings"
)

// countWindow counts events: event_count.
type countWindow struct {
	plan     *plan
	overflow func()
	entries  queue[entry]
	size     int64
	gone     int64
}

func (w *countWindow) prune(before int64) {
	for w.entries.len() > 0 && w.entries.front().at < before {
		w.drop()
	}
}

func (w *countWindow) drop() int64 {
	en := w.entries.pop()
	w.size -= en.cost()
	return en.at
}

func (w *countWindow) take(at int64, items []*item) {
	for _, it := range distinctEvents(items) {
		if w.entries.len() >= w.plan.limit {
			w.gone = w.drop()
			w.overflow()
		}
		en := it.entry()
		w.size += en.cost()
		w.entries.push(en)
	}
}

// distinctEvents leaves out all but the first of several items of one event,
// which matched several rules.
func distinctEvents(items []*item) []*item {
	if len(items) < 2 || items[0].step == items[len(items)-1].step {
		return items // sorted by step: each event matched the one rule once
	}
	byEvent := slices.Clone(items)
	slices.SortStableFunc(byEvent, func(a, b *item) int { return strings.Compare(a.event, b.event) })
	return slices.CompactFunc(byEvent, func(a, b *item) bool { return a.event == b.event })
}

func (w *countWindow) measure() (float64, bool) {
	n := float64(w.entries.len())
	return n, w.plan.rule.Condition.Compare(n)
}

func (w *countWindow) evidence() []entry { return w.entries.all() }
func (w *countWindow) lost() int64       { return w.gone }
func (w *countWindow) bytes() int64      { return w.size }

// seen is one value of a distinctWindow with the last event that had it.
type seen struct {
	value      string
	last       entry
	prev, next *seen
}

// distinctWindow counts different values: value_count. Only the last event of
// each value matters, since windows end now.
type distinctWindow struct {
	plan       *plan
	overflow   func()
	byValue    map[string]*seen
	head, tail *seen // by time of the last event
	size       int64
	gone       int64
}

func (s *seen) cost() int64 { return 120 + int64(len(s.value)) + s.last.cost() }

func (w *distinctWindow) prune(before int64) {
	for w.head != nil && w.head.last.at < before {
		w.drop()
	}
}

func (w *distinctWindow) drop() int64 {
	s := w.head
	w.unlink(s)
	delete(w.byValue, s.value)
	w.size -= s.cost()
	return s.last.at
}

func (w *distinctWindow) unlink(s *seen) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		w.tail = s.prev
	}
	s.prev, s.next = nil, nil
}

func (w *distinctWindow) push(s *seen) {
	if s.prev = w.tail; w.tail != nil {
		w.tail.next = s
	} else {
		w.head = s
	}
	w.tail = s
}

func (w *distinctWindow) take(at int64, items []*item) {
	for _, it := range items {
		for _, value := range it.values {
			s := w.byValue[value]
			if s != nil {
				w.size -= s.cost()
				w.unlink(s)
			} else {
				if len(w.byValue) >= w.plan.limit {
					w.gone = w.drop()
					w.overflow()
				}
				s = &seen{value: value}
				w.byValue[value] = s
			}
			s.last = it.entry()
			w.size += s.cost()
			w.push(s)
		}
	}
}

func (w *distinctWindow) measure() (float64, bool) {
	n := float64(len(w.byValue))
	return n, w.plan.rule.Condition.Compare(n)
}

func (w *distinctWindow) evidence() []entry {
	var out []entry
	for s := w.head; s != nil; s = s.next {
		out = append(out, s.last)
	}
	return out
}

func (w *distinctWindow) lost() int64  { return w.gone }
func (w *distinctWindow) bytes() int64 { return w.size + 256 } // the map itself
