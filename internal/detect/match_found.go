package detect

import "github.com/meneki/meneki/internal/event"

// match is an event with a hit on it.
type match struct {
	ev  *event.Event
	hit Hit
}

// key is the same for what belongs into one finding.
func (m match) key() string { return m.by() + "\x00" + m.ev.Host }

// by names what matched. One id of a watchlist's source may stand for several
// values, each with findings of its own.
func (m match) by() string {
	if m.hit.List != nil {
		return m.hit.Rule.ID + " " + m.hit.Rule.Title
	}
	return m.hit.Rule.ID
}
