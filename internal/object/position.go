package object

import (
	"math/rand/v2"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// position returns the next position. They are taken together for what may come.
func (b *batch) position() (int64, error) {
	if b.left == 0 {
		n := max(1, b.items)
		first, err := positions(b.tx, n*gap)
		if err != nil {
			return 0, err
		}
		b.next, b.left = first, n
		b.tx.AfterCommitOnce(b.s, b.s.changed)
	}
	b.left--
	b.next += gap
	return b.next - gap + rand.Int64N(gap), nil
}

// gap is how far positions are apart in the mean. Where in it a position lies is drawn, so
// that from two positions nobody learns how many there are between them that they may not
// see.
const gap = 16

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
