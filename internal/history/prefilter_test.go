package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// A prefilter sees the log source and the fields of every event that the rest of the
// query leaves, sealed or not, and what it lets through comes back whole.
func TestSieve(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir(), SegmentEvents: 3000})
	const all = 14_000
	for from := 0; from < all; from += 1000 {
		if _, err := h.Append(t.Context(), samples(from, from+1000)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sealed := range []bool{false, true} {
		if sealed {
			if err := h.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for name, q := range map[string]Query{
			"all":     {},
			"source":  {Sources: []sigma.LogSource{{Product: "windows", Category: "process_creation"}}},
			"numbers": {EventIDs: []int64{2}},
			"values":  {Observables: []event.Observable{ip(3), ip(17)}},
			"times":   {From: sample(777).Time, To: sample(9000).Time},
		} {
			var want, got []*event.Event
			if _, err := h.Search(t.Context(), q, func(ev *event.Event) bool {
				if bytes.Contains([]byte(ev.Fields["CommandLine"].(string)), []byte("13")) {
					want = append(want, ev)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			var asked, waited atomic.Int64
			q.Keep = func(s *Preview) (bool, error) {
				asked.Add(1)
				ev, err := s.Event()
				if err != nil || ev.Product != s.Product {
					return false, fmt.Errorf("%v %v", ev, err)
				}
				n := ev.Fields["EventID"].(int64)
				if s.Product != "windows" || n == 3 != (s.Service == "security") ||
					n == 1 != slices.Contains(s.Categories, "process_creation") {
					t.Errorf("%+v is not the log source of %v", s, ev.Fields)
				}
				return bytes.Contains(s.Fields, []byte("13")) &&
					bytes.Contains([]byte(ev.Fields["CommandLine"].(string)), []byte("13")), nil
			}
			q.Wait = func(context.Context) error { waited.Add(1); return nil }
			st, err := h.Search(t.Context(), q, func(ev *event.Event) bool { got = append(got, ev); return true })
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range [][]*event.Event{want, got} { // a log may have been sealed in between
				slices.SortFunc(list, func(a, b *event.Event) int { return strings.Compare(a.ID, b.ID) })
			}
			if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
				t.Errorf("%s, sealed %v, %d events:\n%s", name, sealed, len(got), d)
			}
			if asked.Load() != st.Examined || st.Events != all || waited.Load() == 0 {
				t.Errorf("%s: asked %d times, waited %d times, %+v", name, asked.Load(), waited.Load(), st)
			}
		}
	}
	boom := errors.New("boom")
	if _, err := h.Search(t.Context(), Query{Wait: func(context.Context) error { return boom }},
		func(*event.Event) bool { return true }); !errors.Is(
		err,
		boom,
	) {
		t.Errorf("error of Wait: %v", err)
	}
}
