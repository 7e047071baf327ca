package detect

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

// Bounds of what the correlations of one hunt keep, in bytes by their own estimate:
// all together, but each so much in any case. What waits beyond it is taken in the
// order of its times as far as it has come.
const (
	huntMemory = 256 << 20
	leastHunt  = 4 << 20
)

// huntJoints searches for correlations in one pass: past events of their base rules
// go, in the order of their times, through an engine of each correlation's own.
func (s *Searcher) huntJoints(ctx context.Context, list []Armed, which []int, out []Hunted, w *watch) error {
	book := newBaseBook(pointers(list), which, nil)
	book.index = book.index.of(book.rules, nil)
	engines := make(map[int]*correlate.Engine, len(which))
	for _, i := range which {
		engines[i] = list[i].joint.fresh(max(huntMemory/int64(len(which)), leastHunt), s.engine.Resolver(), nil)
	}
	t := traces{out: out, kept: make([]int, len(list)), whole: true} // alerts are kept, too
	see := func(i int, alerts []*correlate.Alert) {
		for _, a := range alerts {
			if a.Rule.Silent {
				continue
			}
			t.add(i, alertEvent(a, s.clock(), ""), func() Hit {
				h := joinedHit(a)
				h.Indicator = list[i].ID
				return h
			})
		}
	}
	q := ruleQuery(book.rules)
	q.Keep = newSieves(slices.Collect(book.index.engines)).keep
	st, err := s.past.Search(ctx, w.query(q), func(ev *event.Event) bool {
		book.match(ev, func(x base, _ *sigma.Match) { see(x.at, engines[x.at].Add(matchOf(x.rule, ev))) })
		return true
	})
	if err != nil {
		return err
	}
	for _, i := range which {
		if err := s.giveWay(ctx); err != nil {
			return err
		}
		see(i, engines[i].Flush())
		if es := engines[i].Stats(); lost(es)+es.BadTime > 0 {
			s.log.Warn("a hunt for a correlation was not complete", slog.String("indicator", list[i].ID), slog.Int64("late", es.Late), slog.Int64("without_time", es.BadTime),
				slog.Int64("given_up", es.Evicted+es.Overflowed+es.LeftOut))
		}
		out[i].Searched, out[i].Examined = st.Events, st.Examined
	}
	return s.recordJoined(ctx, t.found)
}

// recordJoined is recordAll for what correlations found in the past: the events that
// stand for their alerts are kept first.
func (s *Searcher) recordJoined(ctx context.Context, found []match) error {
	for some := range slices.Chunk(found, recordTraces) {
		var events []*event.Event
		for _, m := range some {
			if m.ev.Host == "" {
				if err := s.hostOf(ctx, m); err != nil {
					return err
				}
			}
			events = append(events, m.ev)
		}
		if err := s.giveWay(ctx); err != nil {
			return err
		}
		if _, err := s.past.Append(ctx, events); err != nil {
			return err
		}
	}
	return s.recordAll(ctx, found)
}

// hostOf names the machine of the last event that an alert rests on.
func (s *Searcher) hostOf(ctx context.Context, m match) error {
	ids := basisOf(m.hit.basis)
	if len(ids) == 0 {
		return nil
	}
	events, err := s.past.Named(ctx, m.hit.basis.First, m.hit.basis.Last, ids[len(ids)-1])
	if len(events) > 0 {
		m.ev.Host = events[0].Host
	}
	return err
}

// RefillJoints gives the live engines of some correlations that were shared, or of
// all, the past that reaches into them, as Refill does for patterns: what was there
// before they were armed, or before the program ended. Live events go first.
func (s *Searcher) RefillJoints(ctx context.Context, ids ...string) error {
	shared := s.engine.SharedCorrelations()
	var which []int
	depth := time.Duration(0)
	for i, a := range shared {
		if len(ids) == 0 || slices.Contains(ids, a.ID) {
			which, depth = append(which, i), max(depth, a.joint.depth())
		}
	}
	if len(which) == 0 || !s.correlates {
		return nil
	}
	book := newBaseBook(shared, which, s.engine.Quarantined())
	book.index = book.index.of(book.rules, nil)
	fresh := make(map[int]*correlate.Engine, len(which))
	for _, i := range which {
		fresh[i] = shared[i].joint.refill(s.engine.Resolver(), s.clock)
	}
	q := ruleQuery(book.rules)
	q.Keep, q.From, q.Cores, q.Wait = newSieves(slices.Collect(book.index.engines)).keep, s.clock().Add(-depth), s.cores, s.giveWay
	var err error
	if len(book.rules) > 0 {
		_, err = s.past.Search(ctx, q, func(ev *event.Event) bool {
			book.match(ev, func(x base, _ *sigma.Match) { s.recorder.EnqueueAlerts(x.id, fresh[x.at].Add(matchOf(x.rule, ev))) })
			return true
		})
	}
	for _, i := range which {
		s.recorder.EnqueueAlerts(shared[i].ID, shared[i].joint.refilled(fresh[i], err == nil))
	}
	if err != nil {
		return err
	}
	return s.recorder.Settle(ctx)
}
