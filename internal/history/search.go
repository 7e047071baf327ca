package history

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// Query says what to search for. All that it gives must hold; of a list, any
// one. The zero Query finds all events.
type Query struct {
	Observables []event.Observable // canonical, see event.Canonical
	Sources     []sigma.LogSource
	// EventIDs are Windows event numbers, from the field EventID. An event whose
	// EventID is no whole number is found, too; one without the field is not.
	EventIDs []int64
	// From and To bound the event time, From <= t < To; zero is no bound. An
	// event that tells no time happened when it was seen.
	From, To time.Time
	Limit    int // stop after so many events; 0 is no limit

	// Progress is called in between, on Search's own goroutine: how many events
	// of how many have been dealt with. It may be nil.
	Progress func(done, total int64)
}

// Stats says what a search came to.
type Stats struct {
	Events   int64 // events that the answer is about: all that there are, unless the search ended early
	Examined int64 // events of these that had to be read
	Hits     int64 // events given to yield
	Files    int64 // sealed files and open logs
	Pruned   int64 // files passed by without reading an event
	Bytes    int64 // size of the files that were not passed by
	Took     time.Duration
	Stopped  bool // by Limit or by yield, before the end
}

// chunk is how many events are handed over at once.
const chunk = 64

// result is what a part of the past gives.
type result struct {
	hits           chan []*event.Event // closed at the end
	examined       atomic.Int64
	pruned         bool  // after hits is closed, as err
	err            error //
	events, onDisk int64
}

// Search gives yield the past events of a query, file by file, from the oldest
// file to the newest, until yield returns false, the limit is reached or ctx
// ends. It sees what was appended before it began. Events given to yield are the
// caller's. Damaged files are set aside, see Problems, and the rest is searched.
func (h *History) Search(ctx context.Context, q Query, yield func(*event.Event) bool) (Stats, error) {
	began := time.Now()
	var st Stats
	err := h.search(ctx, q, &st, yield)
	st.Took = time.Since(began)
	return st, err
}

func (h *History) search(ctx context.Context, q Query, st *Stats, yield func(*event.Event) bool) error {
	if h.ctx.Err() != nil {
		return errClosed()
	}
	parts, release := h.parts()
	defer release()
	f := newFilter(q)
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait() // before release; after cancel
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()

	total := int64(0)
	results := make([]*result, len(parts))
	for i, p := range parts {
		s := p.span()
		total += s.Events
		results[i] = &result{hits: make(chan []*event.Event, 4), events: s.Events, onDisk: s.Bytes}
	}
	started := 0
	start := func() {
		if started < len(parts) {
			p, r := parts[started], results[started]
			workers.Go(func() { h.searchPart(ctx, p, f, r) })
			started++
		}
	}
	for range runtime.GOMAXPROCS(0) {
		start()
	}
	for _, r := range results {
		for hits := range r.hits {
			for _, ev := range hits {
				st.Hits++
				if !yield(ev) || q.Limit > 0 && st.Hits >= int64(q.Limit) {
					st.Stopped = true
					st.Examined += r.examined.Load()
					return nil
				}
			}
		}
		start()
		if r.err != nil {
			return r.err
		}
		st.Files++
		st.Events += r.events
		st.Examined += r.examined.Load()
		if r.pruned {
			st.Pruned++
		} else {
			st.Bytes += r.onDisk
		}
		if q.Progress != nil {
			q.Progress(st.Events, total)
		}
	}
	return nil
}

// searchPart searches one part and sends its hits in order.
func (h *History) searchPart(ctx context.Context, p part, f *filter, out *result) {
	defer close(out.hits)
	in := interner{}
	var hits []*event.Event
	send := func() bool {
		if len(hits) == 0 {
			return true
		}
		select {
		case out.hits <- hits:
			hits = nil
			return true
		case <-ctx.Done():
			return false
		}
	}
	next := uint32(0) // rows below were dealt with, if the part is read again
	var bad error
	run := func() error {
		places, err := p.rows(f)
		if err != nil {
			return err
		}
		for len(places) > 0 && places[0] < next {
			places = places[1:]
		}
		if out.pruned = len(places) == 0 && next == 0; len(places) == 0 {
			return nil
		}
		return p.read(ctx, places, func(at uint32, r *row) bool {
			next = at + 1
			out.examined.Add(1)
			if !f.holds(r) {
				return true
			}
			var ev *event.Event
			if ev, bad = r.event(in); bad != nil {
				return false
			}
			hits = append(hits, ev)
			return len(hits) < chunk || send()
		})
	}
	var err error
	if file, ok := p.unit.(*file); ok {
		err = h.withFile(file, run)
	} else if err = run(); damagedRecord(err) {
		h.problemOnce(p.unit.(*view).path, err)
		err = nil
	}
	send()
	out.err = errors.Join(err, bad, ctx.Err())
	if out.err != nil && h.ctx.Err() != nil {
		out.err = errClosed()
	}
}
