package hunt

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/detect/match"
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

// huntCorrelations searches for correlations in one pass: past events of their base rules
// go, in the order of their times, through an engine of each correlation's own.
func (s *Searcher) huntCorrelations(
	ctx context.Context, list []match.Armed, which []int, out []Result, w *progressOf,
) error {
	book := match.NewBaseRules(match.Pointers(list), which, nil)
	book.Index = book.Index.Of(book.Rules, nil)
	engines := make(map[int]*correlate.Engine, len(which))
	for _, i := range which {
		engines[i] = list[i].Correlation.Fresh(max(huntMemory/int64(len(which)), leastHunt), s.Engine.Resolver(), nil)
	}
	t := traces{out: out, kept: make([]int, len(list)), whole: true} // alerts are kept, too
	see := func(i int, alerts []*correlate.Alert) {
		for _, a := range alerts {
			if a.Rule.Silent {
				continue
			}
			t.add(i, match.AlertEvent(a, s.Clock(), ""), func() match.Hit {
				h := match.CorrelationHit(a)
				h.Indicator = list[i].ID
				return h
			})
		}
	}
	q := ruleQuery(book.Rules)
	q.Keep = newSieves(slices.Collect(book.Index.Engines)).keep
	st, err := s.History.Search(ctx, w.query(q), func(ev *event.Event) bool {
		book.Match(ev, func(x match.Base, _ *sigma.Match) { see(x.At, engines[x.At].Add(match.MatchOf(x.Rule, ev))) })
		return true
	})
	if err != nil {
		return err
	}
	for _, i := range which {
		if err := s.yieldToLive(ctx); err != nil {
			return err
		}
		see(i, engines[i].Flush())
		if es := engines[i].Stats(); match.Lost(es)+es.BadTime > 0 {
			s.Log.Warn(
				"a hunt for a correlation was not complete",
				slog.String("indicator", list[i].ID),
				slog.Int64("late", es.Late),
				slog.Int64("without_time", es.BadTime),
				slog.Int64("given_up", es.Evicted+es.Overflowed+es.LeftOut),
			)
		}
		out[i].Searched, out[i].Examined = st.Events, st.Examined
	}
	return s.recordCorrelated(ctx, t.found)
}

// recordCorrelated is recordAll for what correlations found in the past: the events that
// stand for their alerts are kept first.
func (s *Searcher) recordCorrelated(ctx context.Context, found []match.Found) error {
	for some := range slices.Chunk(found, recordTraces) {
		var events []*event.Event
		for _, m := range some {
			if m.Event.Host == "" {
				if err := s.hostOf(ctx, m); err != nil {
					return err
				}
			}
			events = append(events, m.Event)
		}
		if err := s.yieldToLive(ctx); err != nil {
			return err
		}
		if _, err := s.History.Append(ctx, events); err != nil {
			return err
		}
	}
	return s.recordAll(ctx, found)
}

// hostOf names the machine of the last event that an alert rests on.
func (s *Searcher) hostOf(ctx context.Context, m match.Found) error {
	ids := match.BasisOf(m.Hit.Basis)
	if len(ids) == 0 {
		return nil
	}
	events, err := s.History.ByIDs(ctx, m.Hit.Basis.First, m.Hit.Basis.Last, ids[len(ids)-1])
	if len(events) > 0 {
		m.Event.Host = events[0].Host
	}
	return err
}

// RefillCorrelations gives the live engines of some correlations that were shared, or of
// all, the past that reaches into them, as Refill does for patterns: what was there
// before they were armed, or before the program ended. Live events go first.
func (s *Searcher) RefillCorrelations(ctx context.Context, ids ...string) error {
	shared := s.Engine.SharedCorrelations()
	var which []int
	depth := time.Duration(0)
	for i, a := range shared {
		if len(ids) == 0 || slices.Contains(ids, a.ID) {
			which, depth = append(which, i), max(depth, a.Correlation.Depth())
		}
	}
	if len(which) == 0 || s.Correlator == nil {
		return nil
	}
	book := match.NewBaseRules(shared, which, s.Engine.Quarantined())
	book.Index = book.Index.Of(book.Rules, nil)
	fresh := make(map[int]*correlate.Engine, len(which))
	for _, i := range which {
		fresh[i] = shared[i].Correlation.Refill(s.Engine.Resolver(), s.Clock)
	}
	q := ruleQuery(book.Rules)
	q.Keep = newSieves(slices.Collect(book.Index.Engines)).keep
	q.From, q.Cores, q.Wait = s.Clock().Add(-depth), s.Cores, s.yieldToLive
	var err error
	if len(book.Rules) > 0 {
		_, err = s.History.Search(ctx, q, func(ev *event.Event) bool {
			book.Match(ev, func(x match.Base, _ *sigma.Match) {
				s.Correlator.EnqueueFor(x.Indicator, fresh[x.At].Add(match.MatchOf(x.Rule, ev)))
			})
			return true
		})
	}
	for _, i := range which {
		s.Correlator.EnqueueFor(shared[i].ID, shared[i].Correlation.Refilled(fresh[i], err == nil))
	}
	if err != nil {
		return err
	}
	return s.Recorder.Settle(ctx, nil)
}
