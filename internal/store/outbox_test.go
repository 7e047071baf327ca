package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

func TestEmit(t *testing.T) {
	now, _ := clock.Fixed(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var woken [][]store.Emitted
		db.OnEmit(func(list []store.Emitted) { woken = append(woken, list) })
		emit := func(topic string, ids ...string) error {
			return db.Write(t.Context(), sys, func(tx *store.Tx) error {
				for i, id := range ids {
					tx.SetLane([]string{"", "m1"}[i%2])
					if err := tx.Emit(topic, id, map[string]string{"id": id}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := emit("a", "1", "2", "3", "3"); err != nil {
			t.Fatal(err)
		}
		want := []store.Emitted{{Topic: "a"}, {Lane: "m1", Topic: "a"}, {Topic: "a"}, {Lane: "m1", Topic: "a"}}
		if d := cmp.Diff([][]store.Emitted{want}, woken); d != "" {
			t.Errorf("woken, want -, got +:\n%s", d)
		}
		if err := emit("a", "2"); err != nil { // again: nothing
			t.Fatal(err)
		}
		if err := emit("b", "4", "2"); !fault.Is(err, fault.Internal) {
			t.Errorf("one id on two topics: %v", err)
		}
		stop := errors.New("stop")
		err := db.Write(t.Context(), sys, func(tx *store.Tx) error { _ = tx.Emit("a", "5", 5); return stop })
		if !errors.Is(err, stop) {
			t.Errorf("own error: %v", err)
		}
		err = db.Read(t.Context(), sys, func(tx *store.Tx) error { return tx.Emit("a", "6", 6) })
		if !fault.Is(err, fault.Internal) {
			t.Errorf("emit in a Read: %v", err)
		}
		at := db.Now()
		rows := []storetest.Message{
			{ID: "1", Topic: "a", Body: []byte(`{"id":"1"}`), At: at},
			{ID: "2", Topic: "a", Lane: "m1", Body: []byte(`{"id":"2"}`), At: at},
			{ID: "3", Topic: "a", Body: []byte(`{"id":"3"}`), At: at},
		}
		if d := cmp.Diff(rows, storetest.Outbox(t, db)); d != "" {
			t.Errorf("outbox, want -, got +:\n%s", d)
		}
	}, storetest.Clock(now))
}

// The numbers of messages are in the order of the commits, whatever happens between
// emitting and committing: who has read up to a number has missed none before it.
func TestOutboxOrder(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		dbs := []*store.DB{storetest.Open(t, url), storetest.Open(t, url)}
		var wg sync.WaitGroup
		const writers, each = 6, 30
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := dbs[w%2].Write(t.Context(), sys, func(tx *store.Tx) error {
						return tx.Emit("t", fmt.Sprint(w, "/", i), i)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		seen, last := 0, int64(0)
		deadline := time.Now().Add(time.Minute)
		for seen < writers*each && time.Now().Before(deadline) {
			err := dbs[0].Read(t.Context(), sys, func(tx *store.Tx) error {
				list, err := store.Query[int64](tx, `SELECT seq FROM outbox WHERE seq > $1 ORDER BY seq`, last)
				for _, seq := range list {
					last = seq
					seen++
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		if n := len(storetest.Outbox(t, dbs[0])); seen != n || n != writers*each {
			t.Errorf("%d messages were read while %d were written", seen, n)
		}
	})
}

// A process hears what another has committed, and not itself.
func TestListen(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		a, b := storetest.Open(t, url), storetest.Open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		woken, done := make(chan struct{}, 10), make(chan error, 1)
		go func() { done <- a.Listen(ctx, func() { woken <- struct{}{} }) }()
		if a.Engine() == store.Postgres {
			wait := func(what string) {
				t.Helper()
				select {
				case <-woken:
				case <-time.After(30 * time.Second):
					t.Fatal("not woken " + what)
				}
			}
			emit := func(db *store.DB, id string) {
				t.Helper()
				err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return tx.Emit("t", id, 1) })
				if err != nil {
					t.Fatal(err)
				}
			}
			wait("at the beginning")
			emit(a, "own")
			emit(b, "1")
			wait("by the other")
			emit(b, "2")
			wait("by the other again")
			if len(woken) != 0 {
				t.Error("woken by itself")
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
