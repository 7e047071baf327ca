package queue

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/store"
)

// Backlog is what waits for one consumer.
type Backlog struct {
	Consumer string
	Waiting  int64
	Oldest   time.Time // when the oldest that waits was emitted; zero if none does
	Aside    int64     // messages that were set aside
}

// Age is how long the oldest message has waited.
func (b Backlog) Age(now time.Time) time.Duration {
	if b.Waiting == 0 {
		return 0
	}
	return max(0, now.Sub(b.Oldest))
}

type waitingRow struct {
	N      int64     `db:"n"`
	Oldest time.Time `db:"oldest"`
}

// Backlogs returns what waits for each consumer, in the order of New.
func (q *Queue) Backlogs(ctx context.Context) ([]Backlog, error) {
	out := make([]Backlog, len(q.workers))
	err := q.db.Read(ctx, store.System("queue: backlog"), func(tx *store.Tx) error {
		for i, w := range q.workers {
			b := Backlog{Consumer: w.name}
			lanes, _ := w.lanes.waiting()
			for _, lane := range lanes {
				row, err := w.waitingIn(tx, lane)
				if err != nil {
					return err
				}
				if row.N > 0 && (b.Waiting == 0 || row.Oldest.Before(b.Oldest)) {
					b.Oldest = row.Oldest
				}
				b.Waiting += row.N
			}
			var err error
			b.Aside, err = store.One[int64](tx, `SELECT count(*) FROM outbox_aside WHERE consumer = $1`, w.name)
			if err != nil {
				return err
			}
			out[i] = b
		}
		return nil
	})
	return out, err
}

func (w *worker) waitingIn(tx *store.Tx, lane string) (waitingRow, error) {
	after, err := w.cursor(tx, lane)
	if err != nil {
		return waitingRow{}, err
	}
	in, args := store.List(3, w.topics)
	return store.One[waitingRow](tx, `SELECT count(*) AS n, min(at) AS oldest FROM outbox
		WHERE lane = $1 AND seq > $2 AND topic IN `+in, append([]any{lane, after}, args...)...)
}

// Idle reports whether no consumer has anything to do. It is false until Run has looked.
func (q *Queue) Idle(ctx context.Context) (bool, error) {
	if err := q.recent(ctx); err != nil {
		return false, err
	}
	var before, after int64
	for _, w := range q.workers {
		list, moves := w.lanes.waiting()
		if len(list) > 0 || w.asked.Load() {
			return false, nil
		}
		before += moves
	}
	for _, w := range q.workers { // one may have given another work meanwhile
		_, moves := w.lanes.waiting()
		after += moves
	}
	return before == after, nil
}

// Prune deletes messages from before a time that all their consumers have handled, and
// reports how many.
func Prune(ctx context.Context, db *store.DB, before time.Time) (n int64, err error) {
	err = db.Write(ctx, store.System("queue: prune"), func(tx *store.Tx) error {
		n, err = tx.Exec(`DELETE FROM outbox WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM outbox_consumer t
			LEFT JOIN outbox_cursor c ON c.consumer = t.consumer AND c.lane = outbox.lane
			WHERE t.topic = outbox.topic AND outbox.seq > coalesce(c.seq, 0))`, before)
		return err
	})
	return n, err
}
