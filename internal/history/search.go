package history

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// Query says what to search for. All that it states must hold; of a list, any
// one. The zero Query finds all events.
type Query struct {
	Observables []event.Observable // canonical, see event.Canonical
	Sources     []sigma.LogSource
	// EventIDs are Windows event numbers, from the field EventID. An event whose
	// EventID is no whole number is found, too; one without the field is not.
	EventIDs []int64
	// From and To bound the event time, From <= t < To; zero is no bound. An
	// event that states no time happened when it was seen.
	From, To time.Time
	Limit    int // stop after so many events; 0 is no limit

	// Pick, if given with Observables, is asked about every event that the indexes say
	// holds some of them: when it happened, and the places of these in Observables. Only
	// what it lets through is read, so that an event that is only counted need not be read. It is called in the order
	// of the events, on one goroutine, some way ahead of
	// yield and beside it. The indexes know a value by 64 bits of its SHA-256, and a
	// file that proves damaged is left out only behind them. which is valid during the call.
	Pick func(at time.Time, which []int) bool
	// Keep, if given, is asked about every event that the rest of the query does not
	// rule out, by several goroutines at once; only what it lets through is read in
	// full.
	Keep Prefilter
	// Cores is how many slices of the past are read side by side; 0 is as many as
	// there are processors.
	Cores int
	// Wait, if given, is called by several goroutines before each few hundred events
	// are read, so that a search can yield to other work. An error ends the search.
	Wait func(ctx context.Context) error

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
	Pruned   int64 // files skipped without reading an event
	Bytes    int64 // size of the files that were not skipped
	Took     time.Duration
	Stopped  bool // by Limit or by yield, before the end
}

// sliceRows is how many rows are read at once, prefilterRows how many where a prefilter
// leaves few of them. Slices are read side by side.
const (
	sliceRows     = 512
	prefilterRows = 4096
)

// slice is a stretch of the rows of one part, and what came out of it.
type slice struct {
	part   part
	places []uint32
	last   bool // of its part
	pruned bool // the part has no rows to read

	done     chan struct{} // closed when the rest is set
	hits     []hit
	examined int64
	err      error
}

// hit is an event that was found.
type hit struct {
	ev    *event.Event
	holds []event.Observable
}

// Search calls yield with the past events of a query, file by file, from the oldest
// file to the newest, until yield returns false, the limit is reached or ctx
// ends. It sees what was appended before it began. Events given to yield are the
// caller's. Damaged files are set aside, see Problems, and the rest is searched.
func (h *History) Search(ctx context.Context, q Query, yield func(*event.Event) bool) (Stats, error) {
	return h.search(ctx, q, false, func(x hit) bool { return yield(x.ev) })
}

// SearchMetadata is Search for a caller that needs no more of an event than when, where and
// whose it was, and which observables it holds: they come without Fields and Raw, which are
// nearly all of a file and are not read. holds are as they were when the event came.
func (h *History) SearchMetadata(
	ctx context.Context,
	q Query,
	yield func(ev *event.Event, holds []event.Observable) bool,
) (Stats, error) {
	return h.search(ctx, q, true, func(x hit) bool { return yield(x.ev, x.holds) })
}

func (h *History) search(ctx context.Context, q Query, outline bool, yield func(hit) bool) (st Stats, err error) {
	began := time.Now()
	err = h.searchParts(ctx, q, outline, &st, yield)
	st.Took = time.Since(began)
	return st, err
}

func (h *History) searchParts(ctx context.Context, q Query, outline bool, st *Stats, yield func(hit) bool) error {
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
	for _, p := range parts {
		total += p.span().Events
	}
	// The planner looks up rows and starts a reader for each slice of them; slices
	// come out in the order in which they went in, and few are under way at once.
	cores := q.Cores
	if cores <= 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	slices := make(chan *slice, cores-1) // and the one that is waited for
	size := sliceRows
	if q.Keep != nil {
		size = prefilterRows
	}
	workers.Go(func() {
		defer close(slices)
		for _, p := range parts {
			if !h.planPart(ctx, p, f, size, func(s *slice) bool {
				select {
				case slices <- s:
				case <-ctx.Done():
					return false
				}
				workers.Go(func() { h.readSlice(ctx, s, f, &q, outline) })
				return true
			}) {
				return
			}
		}
	})
	for s := range slices {
		<-s.done
		if s.err != nil {
			return s.err
		}
		st.Examined += s.examined
		for _, x := range s.hits {
			st.Hits++
			if !yield(x) || q.Limit > 0 && st.Hits >= int64(q.Limit) {
				st.Stopped = true
				return nil
			}
		}
		if !s.last {
			continue
		}
		span := s.part.span()
		st.Files++
		st.Events += span.Events
		if s.pruned {
			st.Pruned++
		} else {
			st.Bytes += span.Bytes
		}
		if q.Progress != nil {
			q.Progress(st.Events, total)
		}
	}
	if h.ctx.Err() != nil {
		return errClosed()
	}
	return ctx.Err()
}

// planPart sends the slices of a part, one at least; it reports whether to go on.
func (h *History) planPart(ctx context.Context, p part, f *filter, size int, give func(*slice) bool) bool {
	var places []uint32
	err := h.withPart(p, func() (err error) {
		places, err = p.rows(f)
		return err
	})
	s := &slice{part: p, pruned: len(places) == 0, done: make(chan struct{}), err: err}
	for len(places) > size {
		s.places, places = places[:size], places[size:]
		if !give(s) {
			return false
		}
		s = &slice{part: p, done: make(chan struct{})}
	}
	s.places, s.last = places, true
	return give(s) && err == nil
}

// readSlice reads the rows of a slice.
func (h *History) readSlice(ctx context.Context, s *slice, f *filter, q *Query, outline bool) {
	defer close(s.done)
	if s.err != nil || len(s.places) == 0 {
		return
	}
	if q.Wait != nil {
		if s.err = q.Wait(ctx); s.err != nil {
			return
		}
	}
	in := interner{}
	s.err = h.withPart(s.part, func() error {
		s.hits, s.examined = nil, int64(len(s.places))
		places := s.places
		if q.Keep != nil {
			var err error
			if places, err = s.part.prefilter(ctx, places, q.Keep); err != nil || len(places) == 0 {
				return err
			}
		}
		var bad error
		err := s.part.read(ctx, places, outline, func(_ uint32, r *row) bool {
			switch {
			case !f.holds(r):
			case outline:
				s.hits = append(s.hits, hit{r.outline(), r.Observables})
			default:
				var ev *event.Event
				if ev, bad = r.event(in); bad == nil {
					s.hits = append(s.hits, hit{ev, r.Observables})
				}
			}
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	if s.err != nil && h.ctx.Err() != nil {
		s.err = errClosed()
	}
}
