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
				s.joined.saw(ev)
				s.joined.oweFor(h.Indicator, h.joint.feed(h.Sigma, ev, s.clock()))
			default:
				s.joined.owe(s.joined.Feed(own, h.Sigma, ev))
			}
			switch {
			case h.Window:
				s.owe(match{ev, h})
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
	owed := s.joined.owed()
	windows, upto := s.owes()
	matches = append(matches, windows...)
	var events []*event.Event
	by := map[string]string{} // rules by event
	b, now := s.engine.now.Load(), s.clock()
	for _, a := range owed {
		hit := joinedHit(a)
		if hit.Indicator = s.joined.sharedBy(a); hit.Indicator != "" && !b.valid(hit.Indicator, now) {
			continue
		}
		if id := b.byJoin[a.Rule]; hit.Indicator == "" && b.valid(id, now) {
			hit.Indicator = id
		}
		ev := s.joined.event(a)
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
	s.joined.paid(owed)
	s.paid(upto)
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
	s.joined.owe(s.joined.Tick())
	s.advanceJoints(false)
	return s.settle(ctx, nil)
}

// Caught says that nothing older than the newest event will come any more, as at
// the end of a recording: what waits for slower sensors is decided now.
func (s *Service) Caught(ctx context.Context) error {
	if s.joined == nil {
		return nil
	}
	s.joined.owe(s.joined.advance(true))
	s.advanceJoints(true)
	return s.settle(ctx, nil)
}

// advanceJoints lets time pass for the correlations that were shared.
func (s *Service) advanceJoints(all bool) {
	now := s.clock()
	for _, a := range s.engine.now.Load().joints {
		s.joined.oweFor(a.ID, a.joint.advance(now, all))
	}
}

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
				s.joined.owe(s.joined.Feed(own, h.Sigma, ev))
			}
		})
	})
	if err != nil {
		return err
	}
	return s.settle(ctx, nil)
}

// owe keeps alerts until they are written.
func (k *Correlator) owe(alerts []*correlate.Alert) { k.oweFor("", alerts) }

// oweFor is owe for those of a correlation that came as an indicator.
func (k *Correlator) oweFor(indicator string, alerts []*correlate.Alert) {
	if len(alerts) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range alerts {
		if a.Rule.Silent {
			continue
		}
		k.due = append(k.due, a)
		if indicator != "" {
			k.from[a] = indicator
		}
	}
}

// sharedBy gives the indicator that an alert which is owed is of; "" for one of our
// own correlations.
func (k *Correlator) sharedBy(a *correlate.Alert) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.from[a]
}

func (k *Correlator) owed() []*correlate.Alert {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]*correlate.Alert(nil), k.due...)
}

func (k *Correlator) paid(alerts []*correlate.Alert) {
	if len(alerts) == 0 {
		return
	}
	done := make(map[*correlate.Alert]bool, len(alerts))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range alerts {
		done[a] = true
		delete(k.from, a)
	}
	left := k.due[:0]
	for _, a := range k.due {
		if !done[a] {
			left = append(left, a)
		}
	}
	clear(k.due[len(left):])
	k.due = left
}
