package finding

import (
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// HourCount is how many findings of a member arrived in an hour.
type HourCount struct {
	Member string `db:"member"`
	Hour   int64  `db:"hour"` // hours since 1970
	N      int    `db:"n"`
}

// Start is the hour's beginning.
func (h HourCount) Start() time.Time { return time.Unix(h.Hour*3600, 0).UTC() }

// Hourly counts the findings that the scope may see and that arrived since a time.
func Hourly(tx *store.Tx, since time.Time) ([]HourCount, error) {
	return store.Query[HourCount](tx, `SELECT f.member AS member, f.arrived / 3600000000 AS hour, count(*) AS n
		FROM findings f WHERE f.arrived >= $1 AND SCOPE(f) GROUP BY f.member, f.arrived / 3600000000`,
		clock.Micros(since))
}
