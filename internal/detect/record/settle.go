package record

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
)

// Settle writes matches and what correlations say as findings. An alert comes
// only once, so it stays pending until it is durable; twice changes nothing. What a
// shared correlation said that is not armed any more is dropped.
func (r *Recorder) Settle(ctx context.Context, matches []match.Found) error {
	pending := r.correlator.Pending()
	windows, upto := r.unwritten()
	matches = append(matches, windows...)
	var events []*event.Event
	by := map[string]string{} // rules by event
	now := r.clock()
	for _, a := range pending {
		hit := match.CorrelationHit(a)
		if hit.Indicator = r.correlator.SharedBy(a); hit.Indicator != "" && !r.engine.Valid(hit.Indicator, now) {
			continue
		}
		if hit.Indicator == "" {
			hit.Indicator = r.engine.IndicatorOf(a.Rule, now)
		}
		ev := r.correlator.Event(a)
		events, by[ev.ID] = append(events, ev), hit.Rule.ID
		matches = append(matches, match.Found{Event: ev, Hit: hit})
	}
	if len(events) > 0 {
		fresh, err := r.history.Append(ctx, events)
		if err != nil {
			return err
		}
		for _, ev := range fresh { // each once, though an alert be settled again
			r.health.CountMuted(by[ev.ID])
		}
	}
	if matches = r.admitted(matches); len(matches) > 0 {
		if err := r.live(ctx, matches); err != nil {
			return err
		}
	}
	r.correlator.Flush(pending)
	r.flush(upto)
	return nil
}

// admitted takes out the matches of rules that are in quarantine.
func (r *Recorder) admitted(list []match.Found) []match.Found {
	return slices.DeleteFunc(list, func(m match.Found) bool {
		return m.Hit.ByRule() && !r.health.Admit(m.Hit.Rule.ID, m.Hit.Correlated)
	})
}

// Enqueue keeps the hits of windows until they are written: the same event would not
// make them again.
func (r *Recorder) Enqueue(list ...match.Found) {
	r.pendingMu.Lock()
	defer r.pendingMu.Unlock()
	r.pending = append(r.pending, list...)
}

// unwritten returns the hits that are pending, and the number of all that ever were.
func (r *Recorder) unwritten() (list []match.Found, upto int) {
	r.pendingMu.Lock()
	defer r.pendingMu.Unlock()
	return slices.Clone(r.pending), r.flushed + len(r.pending)
}

// flush drops the pending hits up to that number: they are written.
func (r *Recorder) flush(upto int) {
	r.pendingMu.Lock()
	defer r.pendingMu.Unlock()
	if n := upto - r.flushed; n > 0 {
		r.pending, r.flushed = slices.Delete(r.pending, 0, n), upto
	}
}
