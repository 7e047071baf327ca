package job_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/job"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

var sys = store.System("test")

// bubble runs body in a synctest bubble with a database opened inside.
func bubble(t *testing.T, body func(t *testing.T, open func() *store.DB)) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			body(t, func() *store.DB { return storetest.Open(t, url, storetest.With(job.Migration())) })
		})
	})
}

func start(t *testing.T, r *job.Runner) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

func enqueue(t *testing.T, db *store.DB, n job.New) (id string, fresh bool) {
	t.Helper()
	err := db.Write(t.Context(), sys, func(tx *store.Tx) (err error) {
		id, fresh,
			err = job.Enqueue(tx, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, fresh
}

func state(t *testing.T, db *store.DB, id string) job.Job {
	t.Helper()
	j, err := job.Get(t.Context(), db, id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestRunRetryAndFail(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		var tries []time.Time
		r := &job.Runner{DB: db, Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute },
			Handlers: map[string]job.Handler{
				"flaky": func(_ context.Context, a *job.Attempt) error {
					var p struct{ X string }
					if err := a.Read(&p); err != nil || p.X != "脅威" {
						t.Errorf("payload %q, %v", p.X, err)
					}
					tries = append(tries, time.Now())
					a.Progress(int64(a.Attempt), 3, i18n.T("step", "段階"))
					if a.Attempt == 2 {
						panic("second")
					}
					if a.Attempt < 3 {
						return errors.New("try again")
					}
					return nil
				},
				"bad": func(context.Context, *job.Attempt) error {
					return fault.New(fault.Invalid, i18n.T("no", "不可"))
				},
				"hard": func(context.Context, *job.Attempt) error { return errors.New("never") },
			}}
		id, fresh := enqueue(t, db, job.New{Kind: "flaky", Key: "k", Payload: map[string]string{"x": "脅威"}})
		again, second := enqueue(t, db, job.New{Kind: "flaky", Key: "k"})
		if !fresh || second || id != again {
			t.Errorf("unique key: %v %v", fresh, second)
		}
		bad, _ := enqueue(t, db, job.New{Kind: "bad"})
		hard, _ := enqueue(t, db, job.New{Kind: "hard", MaxAttempts: 2})
		later, _ := enqueue(t, db, job.New{Kind: "bad", At: time.Now().Add(24 * time.Hour)})
		foreign, _ := enqueue(t, db, job.New{Kind: "of another program"})
		begin := time.Now()
		stop := start(t, r)
		time.Sleep(10 * time.Minute)
		stop()
		if j := state(t, db, id); j.State != job.Done || j.Attempt != 3 || j.Done != 3 || j.Note().JA != "段階" ||
			j.Finished.IsZero() || !j.Error().Zero() {
			t.Errorf("flaky: %+v", j)
		}
		for i, min := range []time.Duration{0, time.Minute, 3 * time.Minute} {
			if i < len(tries) && tries[i].Sub(begin) < min {
				t.Errorf("try %d came after %v", i, tries[i].Sub(begin))
			}
		}
		if j := state(t, db, bad); j.State != job.Failed || j.Attempt != 1 || j.Error().JA != "不可" {
			t.Errorf("bad: %+v", j)
		}
		if j := state(t, db, hard); j.State != job.Failed || j.Attempt != 2 {
			t.Errorf("hard: %+v", j)
		}
		if j := state(t, db, later); j.State != job.Waiting {
			t.Errorf("later: %+v", j)
		}
		if j := state(t, db, foreign); j.State != job.Waiting {
			t.Errorf("foreign: %+v", j)
		}
		if _, fresh := enqueue(t, db, job.New{Kind: "flaky", Key: "k"}); !fresh {
			t.Error("a key is not free after its job has ended")
		}
		list, err := job.List(t.Context(), db, job.Filter{Kind: "bad", States: []job.State{job.Failed, job.Done}})
		if err != nil || len(list) != 1 || list[0].ID != bad {
			t.Errorf("list: %+v, %v", list, err)
		}
		if n, err := job.Prune(t.Context(), db, time.Now()); n != 3 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
	})
}

func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		var started atomic.Bool
		r := &job.Runner{DB: db, Handlers: map[string]job.Handler{"slow": func(ctx context.Context,
			a *job.Attempt) error {
			started.Store(true)
			<-ctx.Done()
			return ctx.Err()
		}}}
		waiting, _ := enqueue(t, db, job.New{Kind: "slow", At: time.Now().Add(time.Hour)})
		running, _ := enqueue(t, db, job.New{Kind: "slow"})
		stop := start(t, r)
		time.Sleep(5 * time.Minute) // many leases long
		if j := state(t, db, running); !started.Load() || j.State != job.Running || j.Attempt != 1 {
			t.Errorf("a long job: %+v", j)
		}
		for _, id := range []string{waiting, running} {
			if err := job.Cancel(t.Context(), db, id); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		for _, id := range []string{waiting, running} {
			if j := state(t, db, id); j.State != job.Cancelled {
				t.Errorf("%+v", j)
			}
		}
		if err := job.Cancel(t.Context(), db, running); !fault.Is(err, fault.Conflict) {
			t.Errorf("cancel twice: %v", err)
		}
		if err := job.Cancel(t.Context(), db, "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("cancel none: %v", err)
		}
		stop()
	})
}

// A process that dies keeps its job until the lease runs out; one that is
// stopped returns it back.
func TestLeaseAndStop(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		var runs atomic.Int32
		handlers := map[string]job.Handler{"k": func(ctx context.Context, a *job.Attempt) error {
			if runs.Add(1) < 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		id, _ := enqueue(t, db, job.New{Kind: "k", MaxAttempts: 2})
		stop := start(t, &job.Runner{DB: db, Handlers: handlers})
		time.Sleep(time.Second)
		stop()
		if j := state(t, db, id); j.State != job.Waiting || j.Attempt != 0 {
			t.Errorf("after a stop: %+v", j)
		}
		// The dead process: its lease is in the database, and is not renewed.
		dead := open()
		stop = start(t, &job.Runner{DB: dead, Handlers: handlers})
		time.Sleep(time.Second)
		dead.Close()
		stop()
		if j := state(t, db, id); j.State != job.Running || j.Attempt != 1 {
			t.Errorf("after a crash: %+v", j)
		}
		stop = start(t, &job.Runner{DB: db, Handlers: handlers})
		time.Sleep(10 * time.Second)
		if runs.Load() != 2 {
			t.Error("the lease was not respected")
		}
		time.Sleep(time.Minute)
		stop()
		if j := state(t, db, id); j.State != job.Done || j.Attempt != 2 {
			t.Errorf("after the lease: %+v", j)
		}
		// A job that takes its process down every time ends some day.
		killer, _ := enqueue(t, db, job.New{Kind: "killer", MaxAttempts: 1})
		dead = open()
		stop = start(t, &job.Runner{DB: dead, Handlers: map[string]job.Handler{"killer": func(ctx context.Context,
			_ *job.Attempt) error {
			dead.Close()
			<-ctx.Done()
			return ctx.Err()
		}}})
		time.Sleep(time.Second)
		stop()
		time.Sleep(time.Minute)
		stop = start(t, &job.Runner{DB: db, Handlers: map[string]job.Handler{"killer": func(context.Context,
			*job.Attempt) error {
			t.Error("run again")
			return nil
		}}})
		time.Sleep(time.Second)
		stop()
		if j := state(t, db, killer); j.State != job.Failed || j.Error().Zero() {
			t.Errorf("killer: %+v", j)
		}
	})
}

func TestPeriodicHasOneLeader(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *store.DB) {
		a, b := open(), open()
		var runs atomic.Int32
		runner := func(db *store.DB) *job.Runner {
			return &job.Runner{DB: db, Poll: 10 * time.Second,
				Periodic: []job.Periodic{{Name: "tidy", Kind: "tidy", Every: 10 * time.Minute}},
				Handlers: map[string]job.Handler{"tidy": func(context.Context,
					*job.Attempt) error {
					runs.Add(1)
					return nil
				}}}
		}
		stopA, stopB := start(t, runner(a)), start(t, runner(b))
		time.Sleep(time.Hour - time.Second)
		if n := runs.Load(); n != 6 {
			t.Errorf("%d runs in an hour", n)
		}
		stopA()
		time.Sleep(time.Hour)
		if n := runs.Load(); n != 12 {
			t.Errorf("%d runs in two hours", n)
		}
		stopB()
	})
}

func TestManyRunnersDoEachJobOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		dbs := []*store.DB{storetest.Open(t, url, storetest.With(job.Migration())),
			storetest.Open(t, url, storetest.With(job.Migration()))}
		const jobs = 60
		seen := make(chan string, 2*jobs)
		err := dbs[0].Write(t.Context(), sys, func(tx *store.Tx) error {
			for range jobs {
				if _, _, err := job.Enqueue(tx, job.New{Kind: "k"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var stops []func()
		for _, db := range dbs {
			stops = append(stops, start(t, &job.Runner{DB: db, Workers: 4, Poll: time.Millisecond,
				Handlers: map[string]job.Handler{
					"k": func(_ context.Context, a *job.Attempt) error { seen <- a.ID; return nil }}}))
		}
		var ids []string
		for range jobs {
			ids = append(ids, <-seen)
		}
		for _, stop := range stops {
			stop()
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != jobs || len(seen) != 0 {
			t.Error("a job ran twice")
		}
	})
}

func TestLeaseRow(t *testing.T) {
	db := storetest.SQLite(t, storetest.With(job.Migration()))
	take := func(owner string) (held bool) {
		if err := db.Write(t.Context(), sys,
			func(tx *store.Tx) (err error) {
				held,
					err = job.Lease(tx, "relay", owner, time.Hour)
				return err
			}); err != nil {
			t.Fatal(err)
		}
		return held
	}
	if !take("a") || take("b") || !take("a") {
		t.Error("a lease is not exclusive")
	}
}
