package relevance

import (
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Received is the indicators that came in at a node, as a Source, with how often each was
// found in the node's own past. The hub learns nothing of it.
type Received struct{}

func received(i indicator.Indicator) Item {
	it := Item{ID: i.ID, Type: "indicator", Title: i.Label(), Kind: i.Kind, Value: i.Value, Level: i.Level,
		Added:    i.Made,
		Handling: i.Handling}
	if o, err := stix.Parse([]byte(i.Body)); err == nil {
		it = Of(o, i.Made, i.Handling)
		it.Kind, it.Value, it.Level = i.Kind, i.Value, i.Level
	}
	it.Past = max(i.Hits, 0)
	return it
}

// Since implements Source.
func (Received) Since(tx *store.Tx, after time.Time, limit int) (list []Item, more bool, err error) {
	rows, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o WHERE o.made >= $1
		AND o.withdrawn = 0 AND SCOPE(o) ORDER BY o.made DESC, o.id LIMIT $2`, clock.Micros(after), limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, i := range rows {
		list = append(list, received(i))
	}
	return list, more, nil
}

// One implements Source.
func (Received) One(tx *store.Tx, id string) (Item, error) {
	i, err := indicator.Get(tx, id)
	if err != nil {
		return Item{}, err
	}
	return received(i), nil
}

// Related implements Source: indicators alone relate to nothing.
func (Received) Related(*store.Tx, string, int) ([]Item, error) { return nil, nil }
