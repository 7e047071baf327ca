package match

import "github.com/meneki/meneki/internal/event"

// Match is an event with a hit on it.
type Found struct {
	Event *event.Event
	Hit   Hit
}

// Key is the same for what belongs into one finding.
func (m Found) Key() string { return m.By() + "\x00" + m.Event.Host }

// By names what matched. One id of a watchlist's source may stand for several
// values, each with findings of its own.
func (m Found) By() string {
	if m.Hit.List != nil {
		return m.Hit.Rule.ID + " " + m.Hit.Rule.Title
	}
	return m.Hit.Rule.ID
}
