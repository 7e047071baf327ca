package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

var (
	sys   = store.System("test")
	quiet = slog.New(slog.DiscardHandler)
)

// handled is what the test's consumers write: a message that is handled twice breaks
// the unique rule.
var handled = store.Migration{Name: "handled", FS: fstest.MapFS{"sql/0001_handled.sql": &fstest.MapFile{Data: []byte(`
	CREATE TABLE handled (consumer TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL,
		n BIGINT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (consumer, id));
	CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);`)}}}

type row struct {
	Consumer string `db:"consumer"`
	ID       string `db:"id"`
	Lane     string `db:"lane"`
	N        int64  `db:"n"` // which of this consumer's messages it was
	Who      string `db:"who"`
}

// note writes down that a consumer has handled a message.
func note(consumer, who string) queue.Handler {
	return func(tx *store.Tx, m queue.Message) error {
		n, err := store.One[int64](tx, `INSERT INTO counter (name, n) VALUES ($1, 1)
			ON CONFLICT (name) DO UPDATE SET n = counter.n + 1 RETURNING n`, consumer)
		if err != nil {
			return err
		}
		return store.Insert(tx, "handled", []row{{consumer, m.ID, m.Lane, n, who}})
	}
}

func notes(t *testing.T, db *store.DB) (rows []row) {
	t.Helper()
	err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
		rows, err = store.Query[row](tx, `SELECT * FROM handled ORDER BY consumer, n`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// emit commits one message with each id, in the lane.
func emit(t *testing.T, db *store.DB, topic, lane string, ids ...string) {
	t.Helper()
	err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
		tx.SetLane(lane)
		for _, id := range ids {
			if err := tx.Emit(topic, id, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ids(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%05d", prefix, i)
	}
	return out
}

func open(t *testing.T, db *store.DB, consumers ...queue.Consumer) *queue.Queue {
	t.Helper()
	q, err := queue.New(t.Context(), db, quiet, consumers...)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// run runs a queue until stop is called.
func run(t *testing.T, q *queue.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("did not happen: " + what)
		}
	}
}

func idle(t *testing.T, q *queue.Queue) func() bool {
	return func() bool {
		ok, err := q.Idle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
}

// inOrder checks that a consumer has handled exactly these, in order within a lane.
func inOrder(t *testing.T, rows []row, consumer string, want map[string][]string) {
	t.Helper()
	got := map[string][]string{}
	for _, r := range rows {
		if r.Consumer == consumer {
			got[r.Lane] = append(got[r.Lane], r.ID)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s, want -, got +:\n%s", consumer, d)
	}
}

func TestEachOnceInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one := queue.Consumer{Name: "one", Topics: map[string]queue.Handler{"a": note("one", ""), "b": note("one", "")}}
		// Two makes a message of its own of each; three handles those.
		follow := queue.On(func(tx *store.Tx, id string) error { return tx.Emit("c", "of-"+id, id) })
		two := queue.Consumer{Name: "two", Topics: map[string]queue.Handler{"b": follow}}
		three := queue.Consumer{Name: "three", Topics: map[string]queue.Handler{"c": note("three", "")}}
		first, last := ids("m1-", 200), ids("m2-", 3)
		emit(t, db, "a", "m1", first[:100]...)
		q := open(t, db, one, two, three)
		stop := run(t, q)
		emit(t, db, "b", "m2", last...)
		emit(t, db, "a", "m1", first[100:]...)
		emit(t, db, "nobody", "m1", "x")
		until(t, "idle", idle(t, q))
		stop()
		emit(t, db, "a", "", "while it is stopped")
		q = open(t, db, one, two, three)
		run(t, q)
		until(t, "idle again", idle(t, q))
		rows := notes(t, db)
		inOrder(t, rows, "one", map[string][]string{"m1": first, "m2": last, "": {"while it is stopped"}})
		inOrder(t, rows, "three", map[string][]string{"m2": {"of-" + last[0], "of-" + last[1], "of-" + last[2]}})
	}, storetest.With(handled))
}

// One message of a member waits for a batch of another's, not for all of them.
func TestFairByLane(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		began, carryOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		take := note("c", "")
		handle := func(tx *store.Tx, m queue.Message) error {
			if m.Lane == "flood" {
				once.Do(func() { close(began); <-carryOn })
			}
			return take(tx, m)
		}
		q := open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": handle}})
		emit(t, db, "a", "flood", ids("f", 1000)...)
		run(t, q)
		<-began
		if db.Engine() == store.SQLite { // which has one writer, and that waits
			close(carryOn)
			emit(t, db, "a", "m1", "single")
		} else {
			emit(t, db, "a", "m1", "single")
			close(carryOn)
		}
		until(t, "idle", idle(t, q))
		rows := notes(t, db)
		at := slices.IndexFunc(rows, func(r row) bool { return r.ID == "single" })
		if at < 0 || at > 500 || len(rows) != 1001 {
			t.Errorf("the single message was the %dth of %d", at+1, len(rows))
		}
	}, storetest.With(handled))
}

// Many lanes with little share transactions, and what fails in one of them does not
// touch the others.
func TestManyLanes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		bad := fault.New(fault.Invalid, i18n.T("bad", "不正"))
		f := fails{left: map[string]int{"m03-1": 1 << 30}, with: bad, then: note("c", "")}
		q := open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": f.handle}})
		want := map[string][]string{}
		for i := range 100 {
			lane := fmt.Sprintf("m%02d", i)
			want[lane] = []string{lane + "-0", lane + "-1", lane + "-2"}
			emit(t, db, "a", lane, want[lane]...)
		}
		want["m03"] = []string{"m03-0", "m03-2"}
		run(t, q)
		until(t, "idle", idle(t, q))
		inOrder(t, notes(t, db), "c", want)
	}, storetest.With(handled))
}

// fails is a handler that fails for some messages, as often as it says.
type fails struct {
	mu   sync.Mutex
	left map[string]int
	with error
	then queue.Handler
}

func (f *fails) handle(tx *store.Tx, m queue.Message) error {
	if err := f.then(tx, m); err != nil { // what it wrote is to be taken back
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left[m.ID] == 0 {
		return nil
	}
	f.left[m.ID]--
	if f.with == nil {
		panic("this message makes the handler panic")
	}
	return f.with
}

type asideRow struct {
	ID     string `db:"id"`
	Kind   string `db:"kind"`
	Reason string `db:"reason"`
}

func TestFailures(t *testing.T) {
	const always = 1 << 30
	busy := fault.New(fault.Unavailable, i18n.T("not now", "今は不可"))
	bad := fault.New(fault.Invalid, i18n.T("bad", "不正"))
	for _, c := range []struct {
		name  string
		left  map[string]int
		with  error
		aside []string
		kind  fault.Kind
	}{
		{"can never be handled", map[string]int{"m1-00003": always, "m1-00000": always}, bad,
			[]string{"m1-00000", "m1-00003"}, fault.Invalid},
		{"fails some times", map[string]int{"m1-00003": 4}, errors.New("odd"), nil, 0},
		{"always fails", map[string]int{"m1-00003": always}, errors.New("odd"), []string{"m1-00003"}, fault.Internal},
		{"panics", map[string]int{"m1-00004": always}, nil, []string{"m1-00004"}, fault.Internal},
		{"waits long", map[string]int{"m1-00003": 40}, busy, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := storetest.SQLite(t, storetest.With(handled))
				f := fails{left: c.left, with: c.with, then: note("c", "")}
				q := open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": f.handle}})
				all := ids("m1-", 6)
				emit(t, db, "a", "m1", all...)
				stop := run(t, q)
				emit(t, db, "a", "m2", "other")
				until(t, "the other lane goes on", func() bool {
					return slices.ContainsFunc(notes(t, db), func(r row) bool { return r.ID == "other" })
				})
				for !idle(t, q)() {
					time.Sleep(time.Second) // of the bubble
				}
				stop()
				want := slices.DeleteFunc(all, func(id string) bool { return slices.Contains(c.aside, id) })
				inOrder(t, notes(t, db), "c", map[string][]string{"m1": want, "m2": {"other"}})
				var aside []asideRow
				err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
					aside, err = store.Query[asideRow](tx, `SELECT id, kind, error AS reason FROM outbox_aside
						ORDER BY id`)
					return err
				})
				if err != nil || len(aside) != len(c.aside) {
					t.Fatalf("set aside: %v, %v", aside, err)
				}
				for i, a := range aside {
					if a.ID != c.aside[i] || a.Kind != c.kind.Label() || a.Reason == "" {
						t.Errorf("set aside: %+v", a)
					}
				}
				if b := backlog(t, q); b.Aside != int64(len(c.aside)) || b.Waiting != 0 {
					t.Errorf("backlog: %+v", b)
				}
			})
		})
	}
}

func backlog(t *testing.T, q *queue.Queue) queue.Backlog {
	t.Helper()
	list, err := q.Backlogs(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0]
}

func TestBacklogAndPrune(t *testing.T) {
	now, hand := clock.Fixed(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		emit(t, db, "a", "m1", "1", "2")
		old := db.Now()
		hand.Add(time.Hour)
		emit(t, db, "a", "m2", "3")
		emit(t, db, "nobody", "m2", "4")
		q := open(t, db, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": note("c", "")}})
		if idle(t, q)() {
			t.Error("idle before anything was handled")
		}
		if b := backlog(t, q); b.Waiting != 3 || !b.Oldest.Equal(old) || b.Age(db.Now()) != time.Hour {
			t.Errorf("backlog: %+v", b)
		}
		prune := func(before time.Time, want int64) {
			t.Helper()
			if n, err := queue.Prune(t.Context(), db, before); n != want || err != nil {
				t.Errorf("pruned %d, want %d: %v", n, want, err)
			}
		}
		later := db.Now().Add(time.Minute)
		prune(later, 1) // the one that nobody reads
		if err := q.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b := backlog(t, q); b.Waiting != 0 || b.Age(db.Now()) != 0 {
			t.Errorf("backlog: %+v", b)
		}
		prune(later.Add(-time.Hour), 2)
		prune(later, 1)
		emit(t, db, "a", "m1", "1") // the outbox no longer knows it
		if err := q.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("an error in Drain: %v", err)
		}
	}, storetest.With(handled), storetest.Clock(now))
}

func TestConsumersNeedNames(t *testing.T) {
	db := storetest.SQLite(t)
	topics := map[string]queue.Handler{"a": note("c", "")}
	good := queue.Consumer{Name: "c", Topics: topics}
	for _, bad := range [][]queue.Consumer{{{Topics: topics}}, {{Name: "c"}}, {good, good}} {
		if _, err := queue.New(t.Context(), db, quiet, bad...); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestOnRefusesWhatIsNotReadable(t *testing.T) {
	h := queue.On(func(*store.Tx, int) error { return nil })
	body, _ := json.Marshal("text")
	if err := h(nil, queue.Message{Body: body}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
