package object

import (
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// position returns the next position. They are taken together for what may come.
func (b *batch) position() (int64, error) {
	if b.left == 0 {
		n := max(1, b.items)
		first, err := positions(b.tx, n)
		if err != nil {
			return 0, err
		}
		b.next, b.left = first, n
	}
	b.left--
	b.next++
	return b.next - 1, nil
}

// positions takes n positions in the order of the commits and returns the first. From
// here to the end of the commit no other transaction takes any.
func positions(tx *store.Tx, n int) (int64, error) {
	now := clock.Micros(tx.Now())
	if tx.Engine() == store.Postgres {
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtext('meneki.object.' || current_schema()))`); err !=
			nil {
			return 0, err
		}
		last, err := store.One[int64](tx, `SELECT setval('object_position',
			greatest((SELECT last_value FROM object_position) + 1, $1) + $2 - 1)`, now, n)
		return last - int64(n) + 1, err
	}
	last, err := store.One[int64](tx, `UPDATE object_position SET seq = max(seq + 1, $1) + $2 - 1 RETURNING seq`,
		now, n)
	return last - int64(n) + 1, err
}
