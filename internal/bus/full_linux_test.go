package bus_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// The stream's disk is full for a while. The server then gives the stream up for
// as long as it runs; the relay makes it anew, and nothing is lost.
func TestRelayAfterFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		if os.Getenv("CI") == "true" && os.Getuid() == 0 {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v (root can)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	db := storetest.SQLite(t)
	h := startHub(t, bus.HubConfig{Dir: disk})
	var one, two heard
	consume(t, h.Local(), "one", one.take, "t")
	consume(t, h.Local(), "two", two.take, "t")
	relay(t, db, h.Local())
	emit(t, db, "before")
	eventually(t, "the first", one.are("before"))
	eventually(t, "nothing pending", noPending(t, db))

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
	// More than what is left of the last page of the stream's file.
	err = db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		for i := range 20 {
			if err := tx.Emit("t", strconv.Itoa(i), strings.Repeat("x", 5000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a write that failed", func() bool { return !h.StreamHealthy() })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing pending", noPending(t, db))
	emit(t, db, "after")
	for _, got := range []*heard{&one, &two} {
		eventually(t, "all at both consumers", func() bool {
			seen := map[string]bool{}
			for _, id := range got.ids() {
				seen[id] = true
			}
			return len(seen) == 22
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }
