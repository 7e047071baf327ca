package history

import (
	"context"
	"math"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// Prevalence says in how much of the past a value occurs.
type Prevalence struct {
	Events int64
	Hosts  int64     // different machines, by the name that was written
	Days   int64     // different UTC days
	First  time.Time // event time; zero if there are no events
	Last   time.Time
}

// Prevalence counts the events that hold o and have not led to a finding, before
// a time, or all if that is zero. Only indexes are read, no events. It sees what
// was appended before it began.
func (h *History) Prevalence(ctx context.Context, o event.Observable, before time.Time) (Prevalence, error) {
	if h.ctx.Err() != nil {
		return Prevalence{}, errClosed()
	}
	parts, release := h.parts()
	defer release()
	until := int64(math.MaxInt64)
	if !before.IsZero() {
		until = microsUp(before)
	}
	probe := probeOf(o)
	sum := newTally()
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return Prevalence{}, err
		}
		if s := p.span(); s.Events == 0 || s.Min >= until {
			continue
		}
		if err := h.withPart(p, func() error {
			return p.occurrences(probe, func(at uint32, m rowMeta) {
				if _, found := p.found[at]; !found && m.Time < until {
					sum.add(m)
				}
			})
		}); err != nil {
			return Prevalence{}, err
		}
	}
	return sum.result(), nil
}

const dayMicros = 24 * 60 * 60 * 1e6

// tally counts rows.
type tally struct {
	events      int64
	hosts       map[key]struct{}
	days        map[int64]struct{}
	host        key   // the last one, to spare the map
	day         int64 // the last one
	first, last int64
}

func newTally() *tally {
	return &tally{hosts: map[key]struct{}{}, days: map[int64]struct{}{}, day: math.MinInt64}
}

func (t *tally) add(m rowMeta) {
	if t.events == 0 {
		t.first, t.last = m.Time, m.Time
	}
	t.events++
	t.first, t.last = min(t.first, m.Time), max(t.last, m.Time)
	if m.Host != t.host && m.Host != 0 {
		t.host = m.Host
		t.hosts[m.Host] = struct{}{}
	}
	day := m.Time / dayMicros
	if m.Time < 0 && m.Time%dayMicros != 0 {
		day--
	}
	if day != t.day {
		t.day = day
		t.days[day] = struct{}{}
	}
}

func (t *tally) result() Prevalence {
	p := Prevalence{Events: t.events, Hosts: int64(len(t.hosts)), Days: int64(len(t.days))}
	if t.events > 0 {
		p.First, p.Last = time.UnixMicro(t.first).UTC(), time.UnixMicro(t.last).UTC()
	}
	return p
}
