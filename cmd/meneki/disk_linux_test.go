package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("CI") == "true" && os.Getuid() == 0 {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v (root can)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that is full, at the start and in the middle of the work. What was not
// kept is kept when there is room again.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	samples := sampleDir(t)
	disk := smallDisk(t, "size=48m")
	ballast := filepath.Join(disk, "ballast")
	block := func() {
		if err := fill(ballast, 1<<30); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk takes more than it has: %v", err)
		}
	}
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power", "--share", "open", "--rules", filepath.Join(samples, "rules"))
	n.stop()
	if err := os.Rename(n.data, n.data+".moved"); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(disk, "node")
	if err := os.CopyFS(data, os.DirFS(n.data+".moved")); err != nil {
		t.Fatal(err)
	}
	n.data = data

	block()
	refused(t, h.env, 74, "error: cannot write into the folder "+data, "free disk space", n.args()...)
	fresh := filepath.Join(disk, "fresh")
	refused(t, h.env, 74, "error: cannot ", "", "hub", "--data", fresh, "--listen", freePort(t), "--bus", freePort(t))

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n.up(t)
	all := wave(t, 0)
	live := filepath.Join(n.watch, "live.jsonl")
	write(t, live, all)
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)

	block()
	for i := 1; i < 30; i++ {
		write(t, live, wave(t, i))
		all = append(all, wave(t, i)...)
	}
	await.Until(t, 30*time.Second, func() string {
		if !strings.Contains(n.err.String(), "goes on by itself") {
			return "the node says nothing of its full disk: " + n.err.String()
		}
		return ""
	})
	await.Stays(t, time.Second, func() string {
		select {
		case <-n.ended:
			return fmt.Sprintf("the node ended on a full disk:\n%s", n.err.String())
		default:
			return ""
		}
	})
	said := n.err.String()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)
	atRest(t, h, all, n)
	if k := strings.Count(n.err.String(), "\n"); k > 200 {
		t.Errorf("%d lines of log for one full disk", k)
	}
	if !strings.Contains(said, "no space left on device") && !strings.Contains(said, "full") {
		t.Errorf("the log does not name the reason:\n%s", said)
	}
	t.Logf("said: %.600s", said)
}

// A file system that may not be written to.
func TestReadOnlyData(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	disk := smallDisk(t, "size=1m,ro")
	env := []string{"LANG=C", "LC_ALL=C", "XDG_STATE_HOME=" + t.TempDir()}
	for _, role := range []string{"hub", "node"} {
		refused(t, env, 74, "error: cannot write into the folder "+disk, "free disk space or check the disk", role,
			"--data", disk, "--listen", freePort(t))
		refused(t, env, 74, "error: cannot make the folder "+disk+"/d", "choose a folder that you may write to", role,
			"--data", disk+"/d", "--listen", freePort(t))
	}
}

// The hub's disk is full in the middle of the work: the nodes keep what they
// have until the hub can take it.
func TestFullDiskAtTheHub(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	samples := sampleDir(t)
	disk := smallDisk(t, "size=64m")
	ballast := filepath.Join(disk, "ballast")
	h := newHubOn(t, disk, "")
	n := h.newNode(t, "Power Co", "power", "--share", "open", "--rules", filepath.Join(samples, "rules"))
	live := filepath.Join(n.watch, "live.jsonl")
	all := wave(t, 0)
	write(t, live, all)
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)

	if err := fill(ballast, 1<<30); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk takes more than it has: %v", err)
	}
	for i := 1; i < 40; i++ {
		write(t, live, wave(t, i))
		all = append(all, wave(t, i)...)
	}
	findings(t, filepath.Join(n.data, "node.db"), all)
	await.Stays(t, 3*time.Second, func() string {
		select {
		case <-h.ended:
			return fmt.Sprintf("the hub ended on a full disk:\n%s", h.err.String())
		default:
			return ""
		}
	})
	said := h.err.String()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	atHub(t, h, n)
	atRest(t, h, all, n)
	if !strings.Contains(said, "full") && !strings.Contains(said, "no space") {
		t.Errorf("the hub says nothing of its full disk:\n%s", said)
	}
	if k := strings.Count(said, "\n"); k > 200 {
		t.Errorf("%d lines of log for one full disk", k)
	}
	t.Logf("said: %.1500s", said)
}
