package queue_test

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// While the disk is full nothing is handled, nothing is set aside, and the log says so
// once; when there is room again, everything is handled.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		if os.Getenv("CI") == "true" && os.Getuid() == 0 {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v (root can)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	db := storetest.Open(t, filepath.Join(disk, "hub.db"), storetest.With(handled))
	var warned atomic.Int64
	log := slog.New(slog.NewTextHandler(writer(func(line string) {
		if strings.Contains(line, "cannot be handled now") {
			warned.Add(1)
		}
	}), nil))
	var gate atomic.Bool // the handler writes
	big := strings.Repeat("x", 50_000)
	take := func(tx *store.Tx, m queue.Message) error {
		if !gate.Load() {
			return nil
		}
		return store.Insert(tx, "handled", []row{{"c", m.ID, m.Lane, m.Seq, big}})
	}
	q, err := queue.New(t.Context(), db, log, queue.Consumer{Name: "c", Topics: map[string]queue.Handler{"a": take}})
	if err != nil {
		t.Fatal(err)
	}
	emit(t, db, "a", "m1", "before")
	emit(t, db, "a", "m2", "before too")
	if err := q.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate.Store(true)
	one, two := ids("m1-", 8), ids("m2-", 8)
	emit(t, db, "a", "m1", one...)
	emit(t, db, "a", "m2", two...)
	ballast := filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, endless{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk takes more than it has: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, q)
	until(t, "a write that failed", func() bool { return warned.Load() > 0 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "everything is handled", idle(t, q))
	inOrder(t, notes(t, db), "c", map[string][]string{"m1": one, "m2": two})
	if n := warned.Load(); n != 1 {
		t.Errorf("%d warnings", n)
	}
	list, err := q.Backlogs(t.Context())
	if err != nil || slices.ContainsFunc(list, func(b queue.Backlog) bool { return b.Aside > 0 }) {
		t.Errorf("%+v, %v", list, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type writer func(line string)

func (w writer) Write(p []byte) (int, error) { w(string(p)); return len(p), nil }
