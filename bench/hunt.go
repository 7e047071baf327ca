package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// hunts is how many indicators are hunted for at once: half of them are in the
// past, half are not.
const hunts = 1000

// hunting measures a search of a large past for many new indicators at once, and
// holds what it finds against a plain scan of every event.
func hunting(ctx context.Context, s settings) ([]table, error) {
	h, err := history.Open(ctx, history.Options{Dir: filepath.Join(s.dir, "hunt")})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	m := newMaker(11)
	var raw int64
	var wanted []event.Observable
	began := time.Now()
	for left := s.hunt; left > 0; {
		k := min(left, 5000)
		left -= k
		text, err := m.lines(k)
		if err != nil {
			return nil, err
		}
		list, err := events(ctx, "generated.jsonl", text)
		if err != nil {
			return nil, err
		}
		raw += int64(len(text))
		if _, err := h.Append(ctx, list); err != nil {
			return nil, err
		}
		// A few of the addresses and names of each batch: some rare, some not.
		for i := 0; i < len(list) && len(wanted)*s.hunt < hunts/2*(s.hunt-left); i += len(list)/8 + 1 {
			for _, o := range event.Observables(list[i]) {
				if o.Type == event.IPv4 || o.Type == event.Domain {
					wanted = append(wanted, o)
					break
				}
			}
		}
		if left%100_000 == 0 {
			fmt.Fprintf(s.log, "  %d events to go\n", left)
		}
	}
	if err := h.Flush(ctx); err != nil {
		return nil, err
	}
	filled := time.Since(began)
	for i := 0; len(wanted) < hunts; i++ {
		wanted = append(wanted, event.Observable{Type: event.Domain, Value: fmt.Sprintf("c2-%d.not-there.example", i)})
	}
	set := map[event.Observable]bool{}
	for _, o := range wanted {
		set[o] = true
	}
	out := table{Title: fmt.Sprintf("A hunt for %d indicators at once", hunts), Head: []string{"Way", "events", "raw GB", "events looked at", "hits", "seconds"},
		Note: fmt.Sprintf("The past was filled in %.0f s. The plain scan reads every event and compares all of its observables with a hash table.", filled.Seconds())}
	gb := fmt.Sprintf("%.2f", float64(raw)/1e9)
	var times samples
	var st history.Stats
	found := map[string]bool{}
	for range 5 {
		clear(found)
		if st, err = h.Search(ctx, history.Query{Observables: wanted}, func(ev *event.Event) bool { found[ev.ID] = true; return true }); err != nil {
			return nil, err
		}
		times = append(times, st.Took)
	}
	out.add("index, then the rows (p50 of 5)", count(float64(st.Events)), gb, count(float64(st.Examined)), count(float64(st.Hits)), fmt.Sprintf("%.2f", times.at(0.5).Seconds()))
	for _, some := range []int{1, 100} {
		var times samples
		for range 5 {
			if st, err = h.Search(ctx, history.Query{Observables: wanted[:some]}, func(*event.Event) bool { return true }); err != nil {
				return nil, err
			}
			times = append(times, st.Took)
		}
		out.add(fmt.Sprintf("the same for %d", some), count(float64(st.Events)), gb, count(float64(st.Examined)), count(float64(st.Hits)), fmt.Sprintf("%.2f", times.at(0.5).Seconds()))
	}
	hits := 0
	plain, err := h.Search(ctx, history.Query{}, func(ev *event.Event) bool {
		for _, o := range event.Observables(ev) {
			if set[o] {
				hits++
				if !found[ev.ID] {
					err = errors.New("the hunt did not find " + ev.ID)
				}
				break
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if hits != len(found) {
		return nil, fmt.Errorf("the hunt found %d events, the plain scan %d", len(found), hits)
	}
	out.add("plain scan", count(float64(plain.Events)), gb, count(float64(plain.Examined)), count(float64(hits)), fmt.Sprintf("%.2f", plain.Took.Seconds()))
	return []table{out}, nil
}
