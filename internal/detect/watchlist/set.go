package watchlist

import (
	"math"
	"slices"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
)

// Set is a watchlist in memory, without a folder: it is matched as a List is. It
// is immutable; With returns another one that shares with it what did not change,
// so that a change copies a few hundred entries of 100,000.
//
// Entries are taken as they are: the caller has them from Check or Canonical, and
// a network is masked.
type Set struct {
	snapshot *snapshot
	pool     *batches
	clock    clock.Clock
	room     int // entries that the filter was made for
	added    int // entries that the filter has taken
}

// leastRoom is the number of entries that the filter of a small Set is made for.
const leastRoom = 1024

// NewSet returns an empty set. Its entries expire by c.
func NewSet(c clock.Clock) *Set {
	return &Set{
		snapshot: newSnapshot(newSeed(), []*overlay{newOverlay(leastRoom)}, nil), pool: &batches{}, clock: c,
		room: leastRoom,
	}
}

// Len returns the number of entries, expired ones too.
func (s *Set) Len() int { return s.snapshot.layers[0].added }

// Empty reports whether there is nothing to look up.
func (s *Set) Empty() bool { return s.Len() == 0 }

// Lookup yields what List.Lookup does, without a bound on the entries of one
// value: those of one value in one way to match follow one another in the order of
// their ids, if they are of one source.
func (s *Set) Lookup(observables []event.Observable, yield func(Hit) bool) {
	b := s.pool.take()
	b.answer, b.list = answer{s: s.snapshot, clock: s.clock, yield: yield, most: math.MaxInt}, observables
	defer s.pool.back(b)
	for i := range observables {
		b.ask(i)
		if b.done {
			break
		}
	}
	b.settle()
}

// With returns the set without the entries of some keys, and with others: an entry
// replaces the one of the same key. Keys that are not there are no error.
func (s *Set) With(add []Entry, remove []Key) *Set {
	if len(add)+len(remove) == 0 {
		return s
	}
	seed := s.snapshot.seed
	batch := make([]change, 0, len(add)+len(remove))
	for _, k := range remove {
		r := recordOf(seed, Entry{Type: k.Type, Match: k.Match, Value: k.Value, Source: k.Source, ID: k.ID})
		batch = append(batch, change{key: &r})
	}
	for _, e := range add {
		r := recordOf(seed, e)
		batch = append(batch, change{add: &r})
	}
	n := *s
	top := s.snapshot.layers[0]
	if n.added += len(add); n.added > n.room {
		n.room = 2 * max(leastRoom, top.added+len(add))
		n.added = top.added + len(add)
		top = top.refiltered(n.room)
	}
	n.snapshot = newSnapshot(seed, []*overlay{top.with(batch)}, nil)
	return &n
}

// refiltered is the overlay with a new filter, and without the shapes of what is
// no longer there.
func (o *overlay) refiltered(room int) *overlay {
	n := *o
	n.filter, n.shapes = newGrowing(room), shapes{}
	for _, part := range n.entries {
		for fp, list := range part {
			n.filter.add(fp)
			for i := range list {
				n.shapes.add(list[i].kind, list[i].match, string(list[i].value))
			}
		}
	}
	return &n
}

// insert returns the list with a record at its place; the list itself stays.
func insert(list []record, r record) []record {
	at, _ := slices.BinarySearchFunc(list, r, func(a, b record) int { return a.compare(&b) })
	return slices.Insert(slices.Clip(slices.Clone(list)), at, r)
}
