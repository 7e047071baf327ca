package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

func emit(t *testing.T, db *store.DB, ids ...string) {
	t.Helper()
	err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.Emit("t", id, map[string]string{"id": id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// relay runs Relay until the returned stop, or the test, ends it.
func relay(t *testing.T, db bus.Outbox, l *bus.Local) (stop func()) {
	t.Helper()
	log, _ := logger(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Relay(ctx, db, l, log) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("relay: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func noPending(t *testing.T, db *store.DB) func() bool {
	return func() bool {
		rows, err := db.Pending(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(rows) == 0
	}
}

func TestRelay(t *testing.T) {
	db := storetest.SQLite(t)
	dir := t.TempDir()
	h := startHub(t, bus.HubConfig{Dir: dir})
	var got heard
	consume(t, h.Local(), "c", got.take, "t")
	emit(t, db, "1", "2") // before the relay
	stop := relay(t, db, h.Local())
	eventually(t, "the first two", got.are("1", "2"))
	emit(t, db, "3")
	eventually(t, "the third", got.are("1", "2", "3"))
	eventually(t, "nothing pending", noPending(t, db))
	stop()

	// What was emitted meanwhile goes after a restart, and what was published
	// just before may come again.
	emit(t, db, "4")
	h.Close()
	h = startHub(t, bus.HubConfig{Dir: dir})
	var after heard
	consume(t, h.Local(), "c", after.take, "t")
	relay(t, db, h.Local())
	eventually(t, "the fourth", func() bool { ids := after.ids(); return len(ids) > 0 && ids[len(ids)-1] == "4" })
	eventually(t, "nothing pending", noPending(t, db))
}

// A hub that lost its stream gets back what the outbox still holds, long after.
func TestRelayAfterLostStream(t *testing.T) {
	db := storetest.SQLite(t)
	dir := t.TempDir()
	h := startHub(t, bus.HubConfig{Dir: dir})
	var got heard
	consume(t, h.Local(), "c", got.take, "t")
	stop := relay(t, db, h.Local())
	emit(t, db, "1", "2")
	eventually(t, "both", got.are("1", "2"))
	eventually(t, "nothing pending", noPending(t, db))
	stop()
	h.Close()

	// The mark says that all is on disk, up to the second message…
	if err := db.SetSetting(t.Context(), "bus.relay", fmt.Sprintf("%d %d", db.Now().UnixMicro()+1, 2)); err != nil {
		t.Fatal(err)
	}
	h = startHub(t, bus.HubConfig{Dir: dir})
	var none heard
	consume(t, h.Local(), "c", none.take, "t")
	stop = relay(t, db, h.Local())
	emit(t, db, "3")
	eventually(t, "only the new one", none.are("3"))
	stop()
	h.Close()

	// …and a stream that knows nothing of it was lost.
	if err := os.RemoveAll(filepath.Join(dir, "bus", "jetstream")); err != nil {
		t.Fatal(err)
	}
	h = startHub(t, bus.HubConfig{Dir: dir})
	var again heard
	consume(t, h.Local(), "c", again.take, "t")
	relay(t, db, h.Local())
	eventually(t, "all again", again.are("1", "2", "3"))
}

// flaky is a store that fails now and then.
type flaky struct {
	*store.DB
	n atomic.Int64
}

func (f *flaky) Published(ctx context.Context, ids []string) error {
	if f.n.Add(1) <= 3 {
		return errors.New("disk full")
	}
	return f.DB.Published(ctx, ids)
}

func (f *flaky) Pending(ctx context.Context, limit int) ([]store.OutboxRow, error) {
	if f.n.Add(1) == 2 {
		return nil, errors.New("disk full")
	}
	return f.DB.Pending(ctx, limit)
}

func TestRelayOverTrouble(t *testing.T) {
	db := storetest.SQLite(t)
	h := startHub(t, bus.HubConfig{})
	var got heard
	consume(t, h.Local(), "c", got.take, "t")
	emit(t, db, "1")
	// A row that can never go must not hold up those behind it.
	err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return tx.Emit("not a topic", "bad", 1) })
	if err != nil {
		t.Fatal(err)
	}
	emit(t, db, "2")
	relay(t, &flaky{DB: db}, h.Local())
	// Published fails after the stream has them: the stream knows them again.
	eventually(t, "nothing pending", noPending(t, db))
	eventually(t, "both, once", got.are("1", "2"))
}

func TestParseMark(t *testing.T) {
	at, seq, err := bus.ParseMark("1700000000000000 42")
	if err != nil || at.UnixMicro() != 1700000000000000 || seq != 42 {
		t.Errorf("%v %v %v", at, seq, err)
	}
	for _, s := range []string{"", "x", "1", "1 x", "1 -1", " 1"} {
		if _, _, err := bus.ParseMark(s); err == nil {
			t.Errorf("%q is read", s)
		}
	}
}
