package detect

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma/correlate"
)

// match gives what rules and indicators say of events, but for the base rules of
// correlations that are silent by themselves. What correlations say is owed
// until settle has written it.
func (s *Service) match(events []*event.Event) (matches []match) {
	own := s.engine.Rules()
	for _, ev := range events {
		s.engine.Match(ev, func(h Hit) {
			switch {
			case s.joined == nil || h.Sigma == nil:
			case h.joint != nil:
				s.joined.Saw(ev)
				s.joined.EnqueueFor(h.Indicator, h.joint.feed(h.Sigma, ev, s.clock()))
			default:
				s.joined.Enqueue(s.joined.Feed(own, h.Sigma, ev))
			}
			switch {
			case h.Window:
				s.Enqueue(match{ev, h})
			case !h.quiet:
				matches = append(matches, match{ev, h})
			}
		})
	}
	return matches
}

// settle writes matches and what correlations say as findings. An alert comes
// only once, so it stays owed until it is durable; twice changes nothing. What a
// shared correlation said that is not armed any more is dropped.
func (s *Service) settle(ctx context.Context, matches []match) error {
	pending := s.joined.Pending()
	windows, upto := s.unwritten()
	matches = append(matches, windows...)
	var events []*event.Event
	by := map[string]string{} // rules by event
	now := s.clock()
	for _, a := range pending {
		hit := joinedHit(a)
		if hit.Indicator = s.joined.SharedBy(a); hit.Indicator != "" && !s.engine.Valid(hit.Indicator, now) {
			continue
		}
		if hit.Indicator == "" {
			hit.Indicator = s.engine.IndicatorOf(a.Rule, now)
		}
		ev := s.joined.Event(a)
		events, by[ev.ID] = append(events, ev), hit.Rule.ID
		matches = append(matches, match{ev, hit})
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
	s.joined.Flush(pending)
	s.flush(upto)
	return nil
}

// admitted takes out the matches of rules that are in quarantine.
func (s *Service) admitted(list []match) []match {
	return slices.DeleteFunc(list, func(m match) bool {
		return m.hit.byRule() && !s.health.Admit(m.hit.Rule.ID, m.hit.Joined)
	})
}

// Tick lets the windows of correlations end where nothing comes any more. Call
// it about once a second.
func (s *Service) Tick(ctx context.Context) error {
	if s.joined == nil {
		return nil
	}
	s.joined.Enqueue(s.joined.Tick())
	s.advanceJoints(false)
	return s.settle(ctx, nil)
}

// Caught says that nothing older than the newest event will come any more, as at
// the end of a recording: what waits for slower sensors is decided now.
func (s *Service) Caught(ctx context.Context) error {
	if s.joined == nil {
		return nil
	}
	s.joined.Enqueue(s.joined.Catch())
	s.advanceJoints(true)
	return s.settle(ctx, nil)
}

// advanceJoints lets time pass for the correlations that were shared.
func (s *Service) advanceJoints(all bool) {
	now := s.clock()
	for _, a := range s.engine.SharedCorrelations() {
		s.joined.EnqueueFor(a.ID, a.joint.advance(now, all))
	}
}

// EnqueueAlerts keeps the alerts of a correlation that the community shared until
// they are written.
func (s *Service) EnqueueAlerts(indicator string, alerts []*correlate.Alert) {
	s.joined.EnqueueFor(indicator, alerts)
}

// Settle writes what is pending.
func (s *Service) Settle(ctx context.Context) error { return s.settle(ctx, nil) }

// Resume lets correlations go on from where they stood when the program ended.
// Call it once, before the first Take.
func (s *Service) Resume(ctx context.Context) error {
	if s.joined == nil {
		return nil
	}
	own := s.engine.Rules()
	err := s.joined.Resume(ctx, own, s.past, func(ev *event.Event) {
		s.engine.Match(ev, func(h Hit) {
			if h.Sigma != nil && h.joint == nil {
				s.joined.Enqueue(s.joined.Feed(own, h.Sigma, ev))
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
func (s *Service) Enqueue(list ...match) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	s.pending = append(s.pending, list...)
}

// unwritten returns the hits that are pending, and the number of all that ever were.
func (s *Service) unwritten() (list []match, upto int) {
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
