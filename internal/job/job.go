// Package job runs work in the background and on a schedule. Jobs are in the same
// database as everything else: a job is enqueued in the transaction that makes it
// necessary, and is never lost. It runs at least once; a handler must expect to be run
// again after a crash. Every job and its state can be listed.
package job

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql/*.sql
var files embed.FS

// Migration makes the package's tables.
func Migration() store.Migration { return store.Migration{Name: "job", FS: files} }

// State is the state of a job.
type State string

// The states. Waiting and running are the open ones.
const (
	Waiting   State = "waiting" // for its time, or for its next attempt
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed" // all attempts used up, or an error that trying again cannot mend
	Cancelled State = "cancelled"
)

// Text is the state's name.
func (s State) Text() i18n.Text {
	switch s {
	case Waiting:
		return i18n.T("waiting", "待機中")
	case Running:
		return i18n.T("running", "実行中")
	case Done:
		return i18n.T("done", "完了")
	case Failed:
		return i18n.T("failed", "失敗")
	case Cancelled:
		return i18n.T("cancelled", "取消済み")
	}
	return i18n.Same(string(s))
}

// Job is one piece of work.
type Job struct {
	ID          string          `db:"id"`
	Kind        string          `db:"kind"`
	Key         string          `db:"unique_key"`
	Payload     json.RawMessage `db:"payload,json"`
	State       State           `db:"state"`
	Attempt     int             `db:"attempt"` // attempts that were begun
	MaxAttempts int             `db:"max_attempts"`
	RunAt       time.Time       `db:"run_at"` // not before
	Cancel      bool            `db:"cancel"` // it was asked to stop
	Done        int64           `db:"done"`   // progress, of Total if that is known
	Total       int64           `db:"total"`
	NoteEN      string          `db:"note_en"`
	NoteJA      string          `db:"note_ja"`
	ErrorEN     string          `db:"error_en"` // the last attempt's
	ErrorJA     string          `db:"error_ja"`
	Created     time.Time       `db:"created"`
	Started     time.Time       `db:"started"` // the last attempt
	Finished    time.Time       `db:"finished"`
	LeaseOwner  string          `db:"lease_owner"` // the runner that has it
	LeaseUntil  time.Time       `db:"lease_until"`
}

const columns = `id, kind, unique_key, payload, state, attempt, max_attempts, run_at, cancel, done, total,
	note_en, note_ja, error_en, error_ja, created, started, finished, lease_owner, lease_until`

// Note describes the progress of the job.
func (j Job) Note() i18n.Text { return i18n.Text{EN: j.NoteEN, JA: j.NoteJA} }

// Error is why the last attempt failed; it is empty if it did not.
func (j Job) Error() i18n.Text { return i18n.Text{EN: j.ErrorEN, JA: j.ErrorJA} }

// New is a job to enqueue.
type New struct {
	Kind        string
	Key         string    // if given, at most one open job of the kind has it
	Payload     any       // JSON
	At          time.Time // not before; zero is now
	MaxAttempts int       // 0 is 10
}

// Enqueue puts a job into the transaction. If an open job of the kind has the
// key, fresh is false and id is that job's.
func Enqueue(tx *store.Tx, n New) (id string, fresh bool, err error) {
	body, err := json.Marshal(n.Payload)
	if err != nil {
		return "", false, fmt.Errorf("enqueue %s: %w", n.Kind, err)
	}
	if n.Kind == "" {
		return "", false, fmt.Errorf("enqueue: a job needs a kind")
	}
	if n.MaxAttempts <= 0 {
		n.MaxAttempts = 10
	}
	if n.At.IsZero() {
		n.At = tx.Now()
	}
	if n.Key != "" {
		id, err := store.One[string](tx,
			`SELECT id FROM job WHERE kind = $1 AND unique_key = $2 AND state IN ('waiting', 'running')`, n.Kind, n.Key)
		if err == nil || !fault.Is(err, fault.NotFound) {
			return id, false, err
		}
	}
	id = clock.NewID()
	_, err = tx.Exec(`INSERT INTO job (`+columns+`)
		VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $6, $7, 0, 0, '', '', '', '', $8, 0, 0, '', 0)`,
		id, n.Kind, n.Key, string(body), n.MaxAttempts, n.At, false, tx.Now())
	return id, err == nil, err
}

// Cancel stops a job: a waiting one at once, a running one as soon as its
// handler sees that its context has ended. A job that has ended is fault.Conflict.
func Cancel(ctx context.Context, db *store.DB, id string) error {
	return db.Write(ctx, store.System("jobs are no community data"), func(tx *store.Tx) error {
		j, err := store.One[Job](tx, `SELECT `+columns+` FROM job WHERE id = $1`, id)
		if err != nil {
			return err
		}
		switch j.State {
		case Waiting:
			_, err = tx.Exec(`UPDATE job SET state = 'cancelled', cancel = $1, finished = $2 WHERE id = $3`, true,
				tx.Now(), id)
		case Running:
			_, err = tx.Exec(`UPDATE job SET cancel = $1 WHERE id = $2`, true, id)
		default:
			err = fault.New(fault.Conflict,
				i18n.T("the job has ended already: {0}", "ジョブは既に終了しています: {0}").With(j.State.Text()))
		}
		return err
	})
}

// Get returns one job.
func Get(ctx context.Context, db *store.DB, id string) (j Job, err error) {
	err = db.Read(ctx, store.System("jobs are no community data"), func(tx *store.Tx) error {
		j, err = store.One[Job](tx, `SELECT `+columns+` FROM job WHERE id = $1`, id)
		return err
	})
	return j, err
}

// Filter chooses jobs; zero fields choose all.
type Filter struct {
	Kind   string
	States []State
	Limit  int // 0 is 100
}

// List returns jobs, the newest first.
func List(ctx context.Context, db *store.DB, f Filter) (out []Job, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	err = db.Read(ctx, store.System("jobs are no community data"), func(tx *store.Tx) error {
		q, args := `SELECT `+columns+` FROM job WHERE 1=1`, []any{}
		if f.Kind != "" {
			args = append(args, f.Kind)
			q += ` AND kind = $` + strconv.Itoa(len(args))
		}
		if len(f.States) > 0 {
			in, more := store.List(len(args)+1, f.States)
			q, args = q+` AND state IN `+in, append(args, more...)
		}
		args = append(args, f.Limit)
		out, err = store.Query[Job](tx, q+` ORDER BY created DESC, id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
		return err
	})
	return out, err
}

// Prune deletes jobs that ended before a time.
func Prune(ctx context.Context, db *store.DB, before time.Time) (n int64, err error) {
	err = db.Write(ctx, store.System("jobs are no community data"), func(tx *store.Tx) error {
		n, err = tx.Exec(`DELETE FROM job WHERE state IN ('done', 'failed', 'cancelled') AND finished < $1`, before)
		return err
	})
	return n, err
}

// Lease takes or renews the named lease for owner, so that only one of several
// processes on one database does some work. It reports whether owner holds it now.
func Lease(tx *store.Tx, name, owner string, d time.Duration) (held bool, err error) {
	n, err := tx.Exec(`INSERT INTO job_lease (name, lease_owner, lease_until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
		WHERE job_lease.lease_owner = excluded.lease_owner OR job_lease.lease_until <= $4`, name, owner,
		tx.Now().Add(d), tx.Now())
	return n == 1, err
}
