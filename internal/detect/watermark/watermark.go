// Package watermark tells up to which event time correlation need not wait for more
// events, though sensors are slow and their clocks are wrong.
package watermark

import "time"

// Lateness is how long correlation waits for events of slower sensors: by the
// clock, so that files that are read one after another, and sensors that bring
// what they gathered at once, are put in the order of their times.
const Lateness = 10 * time.Second

// Reach is how far events may lie apart that wait at the same time.
const Reach = 70 * 365 * 24 * time.Hour

// MaxAhead is how far a sensor's clock may be ahead of ours for its events to be
// used.
const MaxAhead = time.Hour

// Watermark tells up to which event time correlation need not wait for more.
type Watermark struct {
	newest arrival
	come   []arrival // in the last Lateness, a second each
	past   arrival   // the newest that came before
}

// arrival is the newest event time that had come at a moment.
type arrival struct{ at, came time.Time }

// Observe notes that an event of a time has come.
func (p *Watermark) Observe(at, now time.Time) {
	if !at.After(p.newest.at) || at.After(now.Add(MaxAhead)) {
		return
	}
	p.newest = arrival{at, now}
	if n := len(p.come); n > 0 && now.Sub(p.come[n-1].came) < time.Second {
		p.come[n-1].at = at
		return
	}
	p.come = append(p.come, p.newest)
}

// Newest returns the newest event time that came.
func (p *Watermark) Newest() time.Time { return p.newest.at }

// Decided returns the event time that is decided: all that came longer than Lateness
// ago is, or all that came. Where nothing comes, event time goes on from the newest
// event as the clock does, so that recordings are not late; but it is never ahead
// of the clock, so that a sensor whose clock is does not make others late.
func (p *Watermark) Decided(now time.Time, all bool) (time.Time, bool) {
	for len(p.come) > 0 && now.Sub(p.come[0].came) >= Lateness {
		p.past, p.come = p.come[0], p.come[1:]
	}
	if all {
		return p.newest.at, !p.newest.at.IsZero()
	}
	if p.past.at.IsZero() {
		return time.Time{}, false
	}
	at := p.past.at.Add(now.Sub(p.past.came) - Lateness)
	if at.After(now.Add(-Lateness)) {
		at = now.Add(-Lateness)
	}
	return at, true
}
