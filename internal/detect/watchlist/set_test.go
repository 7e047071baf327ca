package watchlist

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
)

func askSet(s *Set, o event.Observable) []Entry {
	var out []Entry
	s.Lookup([]event.Observable{o}, func(h Hit) bool {
		out = append(out, h.Entry)
		return true
	})
	return ordered(out)
}

// A set holds what the model holds, and one that was there before a change stays
// as it was.
func TestSetAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, hand := clock.Fixed(start)
		s, m := NewSet(now), model{}
		type state struct {
			set   *Set
			model model
		}
		var before []state
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			before = append(before, state{s, maps.Clone(m)})
			var drop []Key
			there := slices.SortedFunc(
				maps.Keys(m), func(a, b Key) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) },
			)
			for range rapid.IntRange(0, 4).Draw(t, "removals") {
				k := entry().Draw(t, "entry").Key()
				if len(there) > 0 && rapid.Bool().Draw(t, "there") {
					k = rapid.SampledFrom(there).Draw(t, "key")
				}
				drop = append(drop, k)
				delete(m, k)
			}
			add := rapid.SliceOfN(entry(), 0, 8).Draw(t, "entries")
			for _, e := range add {
				m.add(e)
			}
			s = s.With(add, drop)
			hand.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "hours")) * time.Hour)
			for _, x := range append(before, state{s, m}) {
				if x.set.Len() != len(x.model) || x.set.Empty() != (len(x.model) == 0) {
					t.Fatalf("%d entries, want %d", x.set.Len(), len(x.model))
				}
				o := observable().Draw(t, "observable")
				if diff := cmp.Diff(x.model.lookup(o, now()), askSet(x.set, o)); diff != "" {
					t.Fatalf("%v: model (-), set (+):\n%s", o, diff)
				}
			}
		}
	})
}

// The filter follows as a set grows, and as its entries are replaced again and again.
func TestSetGrows(t *testing.T) {
	now, _ := clock.Fixed(start)
	s := NewSet(now)
	at := func(i int) Entry {
		return Entry{
			Type: event.Domain, Value: fmt.Sprintf("h%d.example", i), Source: "s", ID: fmt.Sprintf("i%03d", i%1000),
		}
	}
	const live, all = 3000, 30_000
	for i := 0; i < all; i += 100 {
		var add []Entry
		var drop []Key
		for k := i; k < i+100; k++ {
			add = append(add, at(k))
			if k >= live {
				drop = append(drop, at(k-live).Key())
			}
		}
		s = s.With(add, drop)
		oldest := at(max(0, i+100-live))
		if got := askSet(s, event.Observable{Type: oldest.Type, Value: oldest.Value}); len(got) != 1 {
			t.Fatalf("after %d: the oldest entry is found %d times", i+100, len(got))
		}
	}
	if s.Len() != live || s.room > 4*live {
		t.Fatalf("%d entries, and room for %d", s.Len(), s.room)
	}
	for i := range all {
		e := at(i)
		if got := askSet(s, event.Observable{Type: e.Type, Value: e.Value}); (len(got) == 1) != (i >= all-live) {
			t.Fatalf("%s: found %v", e.Value, got)
		}
	}
}

// Of one value and one source, all entries are given, in the order of their ids.
func TestSetOrder(t *testing.T) {
	now, _ := clock.Fixed(start)
	var add []Entry
	for i := range 3 * maxHits {
		add = append(
			add, Entry{Type: event.MD5, Value: strings.Repeat("a", 32), ID: fmt.Sprintf("i%03d", i*7%(3*maxHits))},
		)
	}
	s := NewSet(now).With(add[:maxHits], nil).With(add[maxHits:], nil)
	var ids []string
	s.Lookup([]event.Observable{{Type: event.MD5, Value: strings.Repeat("a", 32)}}, func(h Hit) bool {
		ids = append(ids, h.Entry.ID)
		return true
	})
	if len(ids) != len(add) || !slices.IsSorted(ids) {
		t.Errorf("%d ids of %d, in order: %v", len(ids), len(add), slices.IsSorted(ids))
	}
}
