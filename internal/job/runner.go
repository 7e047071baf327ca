package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Handler does one attempt at a job. It must end soon after ctx does. An error
// that another attempt cannot change (fault.Invalid, Denied, NotFound,
// Gone, TooLarge, Unsupported, Missed) ends the job; any other is tried again.
type Handler func(ctx context.Context, a *Attempt) error

// Attempt is one run of a job, as its handler sees it. It is safe for concurrent use.
type Attempt struct {
	Job
	mu sync.Mutex
	p  progress // under mu
}

type progress struct {
	done, total int64
	note        i18n.Text
}

// Read decodes the job's payload.
func (a *Attempt) Read(into any) error {
	if err := json.Unmarshal(a.Payload, into); err != nil {
		return fault.Wrap(fault.Invalid, i18n.T("the job's payload cannot be read", "ジョブの内容を読み取れません"), err)
	}
	return nil
}

// Progress reports how far the job is. It is written with the next renewal of the
// lease, so that frequent calls are cheap. Total 0 is unknown.
func (a *Attempt) Progress(done, total int64, note i18n.Text) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.p = progress{done, total, note}
}

func (a *Attempt) progress() progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.p
}

// Periodic enqueues a job of its kind every so often. Of several processes on
// one database, the one that holds the lease does it. If times passed while
// no process ran, it is enqueued once for all of them.
type Periodic struct {
	Name    string // also the job's unique key, so that a slow one does not pile up
	Kind    string
	Every   time.Duration
	Payload any
}

// Runner runs jobs.
type Runner struct {
	DB       *store.DB
	Handlers map[string]Handler // by kind; jobs of other kinds are left to other runners
	Periodic []Periodic
	Workers  int           // jobs at once; 0 is 2
	Poll     time.Duration // how often to look for due jobs; 0 is 500 ms
	Lease    time.Duration // how long a lost process keeps its jobs; 0 is 30 s
	// wait after a failed attempt; nil is 2 s doubled up to 15 min, with jitter
	Backoff func(attempt int) time.Duration
	Log     *slog.Logger // nil is slog.Default

	name string
	once sync.Once
}

// errCancelled is the cause of a handler's context when someone cancelled the
// job; errLost when the lease was lost.
var (
	errCancelled = errors.New("job: cancelled")
	errLost      = errors.New("job: the lease was lost")
)

func (r *Runner) init() {
	r.once.Do(func() {
		r.Workers = or(r.Workers, 2)
		r.Poll = or(r.Poll, 500*time.Millisecond)
		r.Lease = or(r.Lease, 30*time.Second)
		if r.Backoff == nil {
			r.Backoff = backoff
		}
		if r.Log == nil {
			r.Log = slog.Default()
		}
		r.name = clock.RandomID()
	})
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func backoff(attempt int) time.Duration {
	d := min(2*time.Second<<min(attempt-1, 20), 15*time.Minute)
	return d/2 + rand.N(d/2)
}

// Run works until ctx ends; then it stops its handlers, puts their jobs back as
// if they had not been begun, and returns nil. While the database fails, it
// waits.
func (r *Runner) Run(ctx context.Context) error {
	r.init()
	slots := make(chan struct{}, r.Workers)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		if err := r.schedule(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("the schedule could not be read", "err", err)
		}
		for more := true; more && ctx.Err() == nil; {
			slots <- struct{}{}
			if ctx.Err() != nil {
				break
			}
			j, ok, err := r.next(ctx)
			if more = ok; !ok {
				<-slots
				if err != nil && ctx.Err() == nil {
					r.Log.Warn("no job could be claimed", "err", err)
				}
				break
			}
			wg.Go(func() {
				defer func() { <-slots }()
				r.work(ctx, j)
			})
		}
		t := time.NewTimer(r.Poll)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		t.Stop()
	}
}

func (r *Runner) next(ctx context.Context) (Job, bool, error) {
	if yes, err := r.due(ctx); !yes || err != nil {
		return Job{}, false, err
	}
	return r.claim(ctx)
}

// work makes one attempt at a claimed job.
func (r *Runner) work(ctx context.Context, j Job) {
	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a := &Attempt{Job: j, p: progress{j.Done, j.Total, j.Note()}}
	ended := make(chan struct{})
	var keep sync.WaitGroup
	keep.Go(func() { r.keep(run, a, stop, ended) })
	err := r.attempt(run, a)
	close(ended)
	keep.Wait()

	// The end is written even while the program is being stopped.
	fin, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	state, at, reason, undo := Done, j.RunAt, i18n.Text{}, false
	switch cause := context.Cause(run); {
	case err == nil:
	case errors.Is(cause, errLost):
		r.Log.Warn("a job's lease was lost; another runner has it", "job", j.ID, "kind", j.Kind)
		return
	case errors.Is(cause, errCancelled):
		state = Cancelled
	case ctx.Err() != nil:
		state, undo = Waiting, true
	default:
		reason = fault.TextOf(err)
		if j.Attempt < j.MaxAttempts && !final(err) {
			state, at = Waiting, r.DB.Now().Add(r.Backoff(j.Attempt))
		} else {
			state = Failed
		}
		r.Log.Warn("a job's attempt failed", "job", j.ID, "kind", j.Kind, "attempt", j.Attempt, "state", string(state),
			"err", err)
	}
	if err := r.finish(fin, j, a.progress(), state, at, reason, undo); err != nil {
		// The lease runs out, and the job is run again.
		r.Log.Error("the end of a job could not be written", "job", j.ID, "kind", j.Kind, "err", err)
	}
}

// attempt calls the handler; a panic is an error of the job, not the end of the program.
func (r *Runner) attempt(ctx context.Context, a *Attempt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.Handlers[a.Kind](ctx, a)
}

// keep renews the lease until the attempt ends.
func (r *Runner) keep(ctx context.Context, a *Attempt, stop context.CancelCauseFunc, ended <-chan struct{}) {
	t := time.NewTicker(min(r.Lease/3, 5*time.Second))
	defer t.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-t.C:
		}
		held, cancel, err := r.renew(ctx, a.Job, a.progress())
		switch {
		case err != nil:
			if ctx.Err() == nil {
				r.Log.Warn("a job's lease could not be renewed", "job", a.ID, "err", err)
			}
		case !held:
			stop(errLost)
		case cancel:
			stop(errCancelled)
		}
	}
}

// final reports whether another attempt would fail in the same way.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Denied, fault.NotFound, fault.Gone, fault.TooLarge, fault.Unsupported, fault.Missed:
		return true
	}
	return false
}

// schedule enqueues the periodic jobs that are due, if this process leads.
func (r *Runner) schedule(ctx context.Context) error {
	if len(r.Periodic) == 0 {
		return nil
	}
	due, err := r.scheduleDue(ctx)
	if err != nil || !due {
		return err
	}
	return r.DB.Write(ctx, system, func(tx *store.Tx) error {
		if held, err := Lease(tx, "schedule", r.name, r.Lease); err != nil || !held {
			return err
		}
		for _, p := range r.Periodic {
			next, err := store.One[time.Time](tx, `SELECT next FROM job_schedule WHERE name = $1`, p.Name)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if next.After(tx.Now()) && !next.After(tx.Now().Add(p.Every)) {
				continue // a time further away than one period was written by a wrong clock
			}
			if _, _, err := Enqueue(tx, New{Kind: p.Kind, Key: p.Name, Payload: p.Payload}); err != nil {
				return err
			}
			if _, err := tx.Exec(
				`INSERT INTO job_schedule (name, next) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE
					SET next = excluded.next`,
				p.Name, tx.Now().Truncate(p.Every).Add(p.Every)); err != nil {
				return err
			}
		}
		return nil
	})
}

// scheduleDue looks without the write lock.
func (r *Runner) scheduleDue(ctx context.Context) (due bool, err error) {
	err = r.DB.Read(ctx, system, func(tx *store.Tx) error {
		due = false
		for _, p := range r.Periodic {
			next, err := store.One[time.Time](tx, `SELECT next FROM job_schedule WHERE name = $1`, p.Name)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if !next.After(tx.Now()) || next.After(tx.Now().Add(p.Every)) {
				due = true
			}
		}
		return nil
	})
	return due, err
}
