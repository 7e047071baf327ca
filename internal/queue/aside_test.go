package queue_test

import (
	"sync/atomic"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

type setAside struct {
	ID     string `db:"id"`
	Tries  int64  `db:"tries"`
	Asked  int64  `db:"asked"`
	Reason string `db:"reason"`
}

func asides(t *testing.T, db *store.DB) (out []setAside) {
	t.Helper()
	err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
		out, err = store.Query[setAside](tx, `SELECT id, tries, asked, reason FROM outbox_aside ORDER BY seq`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ask(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE outbox_aside SET asked = 1`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was set aside and is asked for again is handled once; what fails again stays,
// with its new reason; what must wait is still asked for.
func TestTryAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		bad := fault.Coded(fault.HubFindingField, nil, "count")
		const always = 1 << 30
		left := map[string]int{"m1-00000": always, "m1-00001": always, "m1-00003": always}
		f := &fails{left: left, with: bad, then: note("c", "")}
		now := func(left map[string]int, with error) {
			f.mu.Lock()
			f.left, f.with = left, with
			f.mu.Unlock()
		}
		q := open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": f.handle}})
		var told atomic.Int64
		q.OnAside(func() { told.Add(1) })
		emit(t, db, "a", "m1", ids("m1-", 5)...)
		run(t, q)
		until(t, "idle", idle(t, q))
		list := asides(t, db)
		if len(list) != 3 || list[0].Tries != 1 || list[0].Asked != 0 || told.Load() != 3 {
			t.Fatalf("set aside: %+v, told %d times", list, told.Load())
		}
		if why := reason.Read(list[0].Reason).Say(); why != bad.Text || reason.Read(list[0].Reason).JA != "" {
			t.Errorf("the reason is %+v of %q", why, list[0].Reason)
		}
		now(map[string]int{"m1-00000": 1}, bad)
		ask(t, db)
		q.Look()
		until(t, "idle", idle(t, q))
		list = asides(t, db)
		if len(list) != 1 || list[0].ID != "m1-00000" || list[0].Tries != 2 || list[0].Asked != 0 {
			t.Fatalf("after the first retry: %+v", list)
		}
		now(map[string]int{"m1-00000": 2}, fault.Coded(fault.StoreBusy, nil))
		ask(t, db)
		until(t, "the second retry", func() bool { // at the next looks, without being told
			return len(asides(t, db)) == 0 && told.Load() >= 3+3+1
		})
		until(t, "idle", idle(t, q))
		if got := notes(t, db); len(got) != 5 || told.Load() != 3+3+1 {
			t.Errorf("handled %+v, told %d times", got, told.Load())
		}
	}, storetest.With(handled))
}

// A message whose consumer is gone holds nothing up, and many are tried in batches.
func TestTryManyAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const n = 100
		const always = 1 << 30
		left := map[string]int{"gone": always}
		for _, id := range ids("m1-", n) {
			left[id] = always
		}
		f := &fails{left: left, with: fault.Coded(fault.HubBadFinding, nil), then: note("c", "")}
		topics := map[string]queue.Handler{"a": f.handle, "b": f.handle}
		q := open(t, db, queue.Consumer{Name: "c", Topics: topics})
		emit(t, db, "b", "m2", "gone")
		emit(t, db, "a", "m1", ids("m1-", n)...)
		if err := q.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := asides(t, db); len(list) != n+1 {
			t.Fatalf("%d were set aside", len(list))
		}
		clear(f.left)
		q = open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": f.handle}})
		ask(t, db)
		emit(t, db, "a", "m1", "new")
		run(t, q)
		until(t, "idle", idle(t, q))
		if list := asides(t, db); len(list) != 1 || list[0].ID != "gone" {
			t.Errorf("left: %+v", list)
		}
		if got := notes(t, db); len(got) != n+1 {
			t.Errorf("%d were handled", len(got))
		}
	}, storetest.With(handled))
}
