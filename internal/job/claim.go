package job

import (
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

var system = store.System("jobs are no community data")

// due reports whether there may be something to claim; it is cheap.
func (r *Runner) due(ctx context.Context) (yes bool, err error) {
	kinds := r.kinds()
	in, args := store.List(2, kinds)
	err = r.DB.Read(ctx, system, func(tx *store.Tx) error {
		n, err := store.One[int](tx, `SELECT count(*) FROM (SELECT 1 AS x FROM job WHERE kind IN `+in+`
			AND ((state = 'waiting' AND run_at <= $1) OR (state = 'running' AND lease_until <= $1)) LIMIT 1) AS t`,
			append([]any{tx.Now()}, args...)...)
		yes = n > 0
		return err
	})
	return yes, err
}

func (r *Runner) kinds() []string {
	out := make([]string, 0, len(r.Handlers))
	for k := range r.Handlers {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// claim takes the job that has been due longest, for the length of a lease. A
// running job whose lease ran out was lost with its process and is due again,
// unless that was its last attempt.
func (r *Runner) claim(ctx context.Context) (j Job, ok bool, err error) {
	lock := ""
	if r.DB.Engine() == store.Postgres {
		lock = " FOR UPDATE SKIP LOCKED" // on SQLite there is one writer
	}
	in, args := store.List(4, r.kinds())
	err = r.DB.Write(ctx, system, func(tx *store.Tx) error {
		lost := lostText()
		if _, err := tx.Exec(`UPDATE job SET state = 'failed', finished = $1, error_en = $2, error_ja = $3
			WHERE state = 'running' AND lease_until <= $1 AND attempt >= max_attempts`, tx.Now(), lost.EN,
			lost.JA); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE job SET state = 'cancelled', finished = $1
			WHERE state = 'running' AND lease_until <= $1 AND cancel = $2`, tx.Now(), true); err != nil {
			return err
		}
		rows, err := store.Query[Job](tx, `UPDATE job SET state = 'running', attempt = attempt + 1, started = $1,
			lease_owner = $2, lease_until = $3
			WHERE id = (SELECT id FROM job WHERE kind IN `+in+`
				AND ((state = 'waiting' AND run_at <= $1) OR (state = 'running' AND lease_until <= $1))
				ORDER BY run_at, id LIMIT 1`+lock+`)
			RETURNING `+columns, append([]any{tx.Now(), r.name, tx.Now().Add(r.Lease)}, args...)...)
		if err != nil {
			return err
		}
		if ok = len(rows) == 1; ok {
			j = rows[0]
		}
		return nil
	})
	return j, ok && err == nil, err
}

func lostText() i18n.Text {
	return i18n.T("meneki ended during the last attempt", "最後の試行中に meneki が終了しました")
}

// renew prolongs the lease and writes the progress. Held is false when another
// runner has the job by now.
func (r *Runner) renew(ctx context.Context, j Job, p progress) (held, cancel bool, err error) {
	err = r.DB.Write(ctx, system, func(tx *store.Tx) error {
		rows, err := store.Query[bool](tx, `UPDATE job SET lease_until = $1, done = $2, total = $3, note_en =
			$4, note_ja = $5
			WHERE id = $6 AND state = 'running' AND lease_owner = $7 AND attempt = $8 RETURNING cancel`,
			tx.Now().Add(r.Lease), p.done, p.total, p.note.EN, p.note.JA, j.ID, r.name, j.Attempt)
		held = len(rows) == 1
		cancel = held && rows[0]
		return err
	})
	return held, cancel, err
}

// finish writes how an attempt ended, if the job is still this runner's.
func (r *Runner) finish(ctx context.Context, j Job, p progress, state State, at time.Time, reason i18n.Text,
	undo bool) error {
	return r.DB.Write(ctx, system, func(tx *store.Tx) error {
		finished := tx.Now()
		if state == Waiting {
			finished = time.Time{}
		}
		attempt := j.Attempt
		if undo {
			attempt--
		}
		_, err := tx.Exec(`UPDATE job SET state = $1, run_at = $2, finished = $3, error_en = $4, error_ja =
			$5, attempt = $6,
			lease_owner = '', lease_until = 0, done = $7, total = $8, note_en = $9, note_ja = $10
			WHERE id = $11 AND state = 'running' AND lease_owner = $12 AND attempt = $13`,
			state, at, finished, reason.EN, reason.JA, attempt, p.done, p.total, p.note.EN, p.note.JA, j.ID, r.name,
			j.Attempt)
		return err
	})
}
