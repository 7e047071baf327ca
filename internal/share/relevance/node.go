package relevance

import (
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
)

// Received is what came in at a node, as a Source, with how often each indicator was found in
// the node's own past. The hub learns nothing of it.
type Received struct{ Objects }

type pastRow struct {
	ID   string `db:"id"`
	Hits int64  `db:"hits"`
}

// Since implements Source.
func (r Received) Since(tx *store.Tx, after time.Time, limit int) (list []Item, more bool, err error) {
	if list, more, err = r.Objects.Since(tx, after, limit); err != nil {
		return nil, false, err
	}
	rows, err := store.Query[pastRow](tx, `SELECT o.id, o.hits FROM objects o WHERE o.hits > 0 AND SCOPE(o)`)
	if err != nil {
		return nil, false, err
	}
	past := make(map[string]int64, len(rows))
	for _, x := range rows {
		past[x.ID] = x.Hits
	}
	for i := range list {
		list[i].Past = past[list[i].ID]
	}
	return list, more, nil
}

// One implements Source.
func (r Received) One(tx *store.Tx, id string) (Item, error) {
	it, err := r.Objects.One(tx, id)
	if err != nil {
		return it, err
	}
	hits, err := store.One[int64](tx, `SELECT o.hits FROM objects o WHERE o.id = $1 AND SCOPE(o)`, id)
	if fault.Is(err, fault.NotFound) {
		return it, nil
	}
	it.Past = max(hits, 0)
	return it, err
}
