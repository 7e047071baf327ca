package detect

import "time"

// Lateness is how long correlation waits for events of slower sensors: by the
// clock, so that files that are read one after another, and sensors that bring
// what they gathered at once, are put in the order of their times.
const Lateness = 10 * time.Second

// reach is how far events may lie apart that wait at the same time.
const reach = 70 * 365 * 24 * time.Hour

// maxAhead is how far a sensor's clock may be ahead of ours for its events to be
// used.
const maxAhead = time.Hour

// pace tells up to which event time correlation need not wait for more.
type pace struct {
	newest arrival
	come   []arrival // in the last Lateness, a second each
	past   arrival   // the newest that came before
}

// arrival is the newest event time that had come at a moment.
type arrival struct{ at, heard time.Time }

// hear notes that an event of a time has come.
func (p *pace) hear(at, now time.Time) {
	if !at.After(p.newest.at) || at.After(now.Add(maxAhead)) {
		return
	}
	p.newest = arrival{at, now}
	if n := len(p.come); n > 0 && now.Sub(p.come[n-1].heard) < time.Second {
		p.come[n-1].at = at
		return
	}
	p.come = append(p.come, p.newest)
}

// newestAt returns the newest event time that came.
func (p *pace) newestAt() time.Time { return p.newest.at }

// decided returns the event time that is decided: all that came longer than Lateness
// ago is, or all that came. Where nothing comes, event time goes on from the newest
// event as the clock does, so that recordings are not late; but it is never ahead
// of the clock, so that a sensor whose clock is does not make others late.
func (p *pace) decided(now time.Time, all bool) (time.Time, bool) {
	for len(p.come) > 0 && now.Sub(p.come[0].heard) >= Lateness {
		p.past, p.come = p.come[0], p.come[1:]
	}
	if all {
		return p.newest.at, !p.newest.at.IsZero()
	}
	if p.past.at.IsZero() {
		return time.Time{}, false
	}
	at := p.past.at.Add(now.Sub(p.past.heard) - Lateness)
	if at.After(now.Add(-Lateness)) {
		at = now.Add(-Lateness)
	}
	return at, true
}
