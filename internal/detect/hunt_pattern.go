package detect

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/stix"
)

// maxSighted bounds the past events that are put in order at once for a pattern
// over several events. Of more, one that comes later than huntLateness behind
// another batch's newest is left out, which is logged.
const (
	maxSighted   = 100_000
	huntLateness = 48 * time.Hour
)

// huntPattern is Hunt for networks and for patterns. Where every event that a
// pattern sees holds one of some observables, only such events are read.
func (s *Service) huntPattern(ctx context.Context, a Armed, w *watch) (Hunted, error) {
	var out Hunted
	var matches []match
	hit := func(ev *event.Event, h Hit) {
		out.add(ev.Time)
		if len(matches) < maxTraces {
			matches = append(matches, match{ev, h})
		}
	}
	q, end := w.query(history.Query{}), func() {}
	var see func(*event.Event) bool
	switch {
	case a.Pattern == nil:
		see = a.seeNetworks(hit)
	case a.window == nil:
		q.Observables = a.sights()
		see = func(ev *event.Event) bool {
			if ok, err := a.Pattern.Match(observed.Of(ev)); err == nil && ok {
				hit(ev, patternHit(a, nil))
			}
			return true
		}
	default:
		q.Observables = a.sights()
		stream, err := a.Pattern.Stream(stix.StreamOptions{Lateness: huntLateness, Kept: 4 * windowKept})
		if err != nil {
			return out, err
		}
		var batch []*event.Event
		flush := func() {
			slices.SortStableFunc(batch, func(x, y *event.Event) int { return x.Time.Compare(y.Time) })
			for _, ev := range batch {
				if m, err := stream.Add(ev.ID, ev.Time, observed.Of(ev)); err == nil && m != nil {
					hit(ev, patternHit(a, m.IDs))
				}
			}
			batch = batch[:0]
		}
		see = func(ev *event.Event) bool {
			if ok, err := a.Pattern.Sees(observed.Of(ev)); err == nil && ok {
				if batch = append(batch, ev); len(batch) == maxSighted {
					flush()
				}
			}
			return true
		}
		end = func() {
			flush()
			if st := stream.Stats(); st.Late+st.Dropped+st.Undecided > 0 {
				s.log.Warn("a hunt over several events was not complete", slog.String("indicator", a.ID), slog.Int64("late", st.Late), slog.Int64("dropped", st.Dropped), slog.Int64("undecided", st.Undecided))
			}
		}
	}
	st, err := s.past.Search(ctx, q, see)
	if err == nil {
		end()
	}
	out.Searched, out.Examined = st.Events, st.Examined
	if err != nil || len(matches) == 0 {
		return out, err
	}
	return out, s.recordAll(ctx, matches)
}

func (a Armed) seeNetworks(hit func(*event.Event, Hit)) func(*event.Event) bool {
	var nets networks
	for _, n := range a.Networks {
		nets.add(n, a.ID)
	}
	wanted := map[event.Observable]bool{}
	for _, v := range a.Values {
		wanted[v] = true
	}
	return func(ev *event.Event) bool {
		for _, o := range event.Observables(ev) {
			found := wanted[o]
			nets.around(o, func(string) { found = true })
			if found {
				hit(ev, valueHit(a, o))
				break
			}
		}
		return true
	}
}

// Refill gives the live windows of some armed patterns, or of all, the past that
// reaches into them: what was seen before they were armed, or before the program
// ended. What it completes is found again, which counts nothing twice. It looks
// back from now as far as a pattern reaches.
func (s *Service) Refill(ctx context.Context, ids ...string) error {
	b := s.engine.now.Load()
	if b.pats == nil {
		return nil
	}
	for _, a := range b.pats.list {
		if a.window == nil || len(ids) > 0 && !slices.Contains(ids, a.ID) {
			continue
		}
		if err := s.refill(ctx, a); err != nil {
			return err
		}
	}
	return s.settle(ctx, nil)
}

func (s *Service) refill(ctx context.Context, a Armed) error {
	w := a.window
	fresh, err := a.Pattern.Stream(windowOptions())
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.refills++
	w.mu.Unlock()
	var past []*event.Event
	from := s.clock().Add(-fresh.Reach() - windowLateness)
	_, err = s.past.Search(ctx, history.Query{Observables: a.sights(), From: from}, func(ev *event.Event) bool {
		if ok, err := a.Pattern.Sees(observed.Of(ev)); err == nil && ok {
			past = append(past, ev)
		}
		return len(past) < maxSighted
	})
	slices.SortStableFunc(past, func(x, y *event.Event) int { return x.Time.Compare(y.Time) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refills--
	since := w.since
	if w.refills == 0 {
		w.since = nil
	}
	if err != nil {
		return err
	}
	for _, ev := range past {
		if m, err := fresh.Add(ev.ID, ev.Time, observed.Of(ev)); err == nil && m != nil {
			s.owe(match{ev, patternHit(a, m.IDs)})
		}
	}
	for _, x := range since {
		_, _ = fresh.Add(x.id, x.at, x.seen) // its match was yielded when it came, or the past has it
	}
	w.stream = fresh
	return nil
}

// owe keeps the hits of windows until they are written: the same event would not
// make them again.
func (s *Service) owe(list ...match) {
	s.owing.Lock()
	defer s.owing.Unlock()
	s.owed = append(s.owed, list...)
}

// owes gives what is owed, and the number of all that ever was.
func (s *Service) owes() (list []match, upto int) {
	s.owing.Lock()
	defer s.owing.Unlock()
	return slices.Clone(s.owed), s.written + len(s.owed)
}

// paid says that everything owed up to that number is written.
func (s *Service) paid(upto int) {
	s.owing.Lock()
	defer s.owing.Unlock()
	if n := upto - s.written; n > 0 {
		s.owed, s.written = slices.Delete(s.owed, 0, n), upto
	}
}
