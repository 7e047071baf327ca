package detect

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma/correlate"
)

// Match gives what rules and indicators say of events, but for the base rules of
// correlations that are silent by themselves. What correlations say is owed
// until settle has written it.
func (s *Service) match(events []*event.Event) (matches []match.Found) {
	own := s.engine.Rules()
	for _, ev := range events {
		s.engine.Match(ev, func(h match.Hit) {
			switch {
			case s.correlator == nil || h.Sigma == nil:
			case h.Shared != nil:
				s.correlator.Saw(ev)
				s.correlator.EnqueueFor(h.Indicator, h.Shared.Feed(h.Sigma, ev, s.clock()))
			default:
				s.correlator.Enqueue(s.correlator.Feed(own, h.Sigma, ev))
			}
			switch {
			case h.Window:
				s.Enqueue(match.Found{Event: ev, Hit: h})
			case !h.Quiet:
				matches = append(matches, match.Found{Event: ev, Hit: h})
			}
		})
	}
	return matches
}

// settle writes matches and what correlations say as findings. An alert comes
// only once, so it stays owed until it is durable; twice changes nothing. What a
// shared correlation said that is not armed any more is dropped.
func (s *Service) settle(ctx context.Context, matches []match.Found) error {
	pending := s.correlator.Pending()
	windows, upto := s.unwritten()
	matches = append(matches, windows...)
	var events []*event.Event
	by := map[string]string{} // rules by event
	now := s.clock()
	for _, a := range pending {
		hit := match.CorrelationHit(a)
		if hit.Indicator = s.correlator.SharedBy(a); hit.Indicator != "" && !s.engine.Valid(hit.Indicator, now) {
			continue
		}
		if hit.Indicator == "" {
			hit.Indicator = s.engine.IndicatorOf(a.Rule, now)
		}
		ev := s.correlator.Event(a)
		events, by[ev.ID] = append(events, ev), hit.Rule.ID
		matches = append(matches, match.Found{Event: ev, Hit: hit})
	}
	if len(events) > 0 {
		fresh, err := s.past.Append(ctx, events)
		if err != nil {
			return err
		}
		for _, ev := range fresh { // each once, though an alert be settled again
			s.health.CountMuted(by[ev.ID])
		}
	}
	if matches = s.admitted(matches); len(matches) > 0 {
		if err := s.record(ctx, matches); err != nil {
			return err
		}
	}
	s.correlator.Flush(pending)
	s.flush(upto)
	return nil
}

// admitted takes out the matches of rules that are in quarantine.
func (s *Service) admitted(list []match.Found) []match.Found {
	return slices.DeleteFunc(list, func(m match.Found) bool {
		return m.Hit.ByRule() && !s.health.Admit(m.Hit.Rule.ID, m.Hit.Correlated)
	})
}

// Tick lets the windows of correlations end where nothing comes any more. Call
// it about once a second.
func (s *Service) Tick(ctx context.Context) error {
	if s.correlator == nil {
		return nil
	}
	s.correlator.Enqueue(s.correlator.Tick())
	s.advanceShared(false)
	return s.settle(ctx, nil)
}

// Caught says that nothing older than the newest event will come any more, as at
// the end of a recording: what waits for slower sensors is decided now.
func (s *Service) Caught(ctx context.Context) error {
	if s.correlator == nil {
		return nil
	}
	s.correlator.Enqueue(s.correlator.Catch())
	s.advanceShared(true)
	return s.settle(ctx, nil)
}

// advanceShared lets time pass for the correlations that were shared.
func (s *Service) advanceShared(all bool) {
	now := s.clock()
	for _, a := range s.engine.SharedCorrelations() {
		s.correlator.EnqueueFor(a.ID, a.Correlation.Advance(now, all))
	}
}

// EnqueueAlerts keeps the alerts of a correlation that the community shared until
// they are written.
func (s *Service) EnqueueAlerts(indicator string, alerts []*correlate.Alert) {
	s.correlator.EnqueueFor(indicator, alerts)
}

// Correlates reports whether correlations are evaluated.
func (s *Service) Correlates() bool { return s.correlator != nil }

// Settle writes what is pending.
func (s *Service) Settle(ctx context.Context) error { return s.settle(ctx, nil) }

// Resume lets correlations go on from where they stood when the program ended.
// Call it once, before the first Take.
func (s *Service) Resume(ctx context.Context) error {
	if s.correlator == nil {
		return nil
	}
	own := s.engine.Rules()
	err := s.correlator.Resume(ctx, own, s.past, func(ev *event.Event) {
		s.engine.Match(ev, func(h match.Hit) {
			if h.Sigma != nil && h.Shared == nil {
				s.correlator.Enqueue(s.correlator.Feed(own, h.Sigma, ev))
			}
		})
	})
	if err != nil {
		return err
	}
	return s.settle(ctx, nil)
}

// Enqueue keeps the hits of windows until they are written: the same event would not
// make them again.
func (s *Service) Enqueue(list ...match.Found) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	s.pending = append(s.pending, list...)
}

// unwritten returns the hits that are pending, and the number of all that ever were.
func (s *Service) unwritten() (list []match.Found, upto int) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	return slices.Clone(s.pending), s.flushed + len(s.pending)
}

// flush drops the pending hits up to that number: they are written.
func (s *Service) flush(upto int) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	if n := upto - s.flushed; n > 0 {
		s.pending, s.flushed = slices.Delete(s.pending, 0, n), upto
	}
}
