package detect

import (
	"context"

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
			if s.joined != nil && h.Sigma != nil {
				s.joined.owe(s.joined.Feed(own, h.Sigma, ev))
			}
			switch {
			case h.Window:
				s.owe(match{ev, h})
			case h.Sigma == nil || !own.Silent(h.Sigma):
				matches = append(matches, match{ev, h})
			}
		})
	}
	return matches
}

// settle writes matches and what correlations say as findings. An alert comes
// only once, so it stays owed until it is durable; twice changes nothing.
func (s *Service) settle(ctx context.Context, matches []match) error {
	owed := s.joined.owed()
	windows, upto := s.owes()
	matches = append(matches, windows...)
	var events []*event.Event
	by := map[string]string{} // rules by event
	for _, a := range owed {
		ev, hit := s.joined.event(a), s.joined.hit(a)
		events, by[ev.ID] = append(events, ev), hit.Rule.ID
		matches = append(matches, match{ev, hit})
	}
	if len(events) > 0 {
		fresh, err := s.past.Append(ctx, events)
		if err != nil {
			return err
		}
		for _, ev := range fresh { // each once, though an alert be settled again
			s.care.muteJoined(by[ev.ID])
		}
	}
	if matches = s.care.pass(matches); len(matches) > 0 {
		if err := s.record(ctx, matches, false); err != nil {
			return err
		}
	}
	s.joined.paid(owed)
	s.paid(upto)
	return nil
}

// Tick lets the windows of correlations end where nothing comes any more. Call
// it about once a second.
func (s *Service) Tick(ctx context.Context) error {
	if s.joined == nil {
		return nil
	}
	s.joined.owe(s.joined.Tick())
	return s.settle(ctx, nil)
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
			if h.Sigma != nil {
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
func (k *Correlator) owe(alerts []*correlate.Alert) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range alerts {
		if !a.Rule.Silent {
			k.due = append(k.due, a)
		}
	}
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
	for _, a := range alerts {
		done[a] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	left := k.due[:0]
	for _, a := range k.due {
		if !done[a] {
			left = append(left, a)
		}
	}
	clear(k.due[len(left):])
	k.due = left
}
