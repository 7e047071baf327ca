package detect

import (
	"context"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
)

// match returns what rules and indicators say of events, but for the base rules of
// correlations that are silent by themselves. What correlations say is pending until
// it is settled.
func (s *Service) match(events []*event.Event) (matches []match.Found) {
	own := s.engine.Rules()
	for _, ev := range events {
		s.engine.Match(ev, func(h match.Hit) {
			switch {
			case s.correlator == nil || h.Sigma == nil:
			case h.Shared != nil:
				s.correlator.NoteHost(ev)
				s.correlator.EnqueueFor(h.Indicator, h.Shared.Feed(h.Sigma, ev, s.clock()))
			default:
				s.correlator.Enqueue(s.correlator.Feed(own, h.Sigma, ev))
			}
			switch {
			case h.Window:
				s.recorder.Enqueue(match.Found{Event: ev, Hit: h})
			case !h.Quiet:
				matches = append(matches, match.Found{Event: ev, Hit: h})
			}
		})
	}
	return matches
}

// Tick lets the windows of correlations end where nothing comes any more. Call
// it about once a second.
func (s *Service) Tick(ctx context.Context) error {
	if s.correlator == nil {
		return nil
	}
	s.correlator.Enqueue(s.correlator.Tick())
	s.advanceShared(false)
	return s.recorder.Settle(ctx, nil)
}

// CatchUp says that nothing older than the newest event will come any more, as at
// the end of a recording: what waits for slower sensors is decided now.
func (s *Service) CatchUp(ctx context.Context) error {
	if s.correlator == nil {
		return nil
	}
	s.correlator.Enqueue(s.correlator.CatchUp())
	s.advanceShared(true)
	return s.recorder.Settle(ctx, nil)
}

// advanceShared lets time pass for the correlations that were shared.
func (s *Service) advanceShared(all bool) {
	now := s.clock()
	for _, a := range s.engine.SharedCorrelations() {
		s.correlator.EnqueueFor(a.ID, a.Correlation.Advance(now, all))
	}
}

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
	return s.recorder.Settle(ctx, nil)
}
