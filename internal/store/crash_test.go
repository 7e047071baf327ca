package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// childURL makes a run of the test binary a child that writes until it is killed.
const childURL = "MENEKI_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		child(url)
	}
	os.Exit(m.Run())
}

// child says a number on stdout once its row is acknowledged.
func child(url string) {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: url})
	if err == nil {
		err = db.Migrate(ctx, things)
	}
	for i := 0; err == nil; i++ {
		err = db.Write(ctx, sys, func(tx *store.Tx) error {
			if _, err := tx.Exec(`INSERT INTO counter (id, n) VALUES ($1, $2)`, "r"+strconv.Itoa(i), i); err != nil {
				return err
			}
			return tx.Emit("t", "m"+strconv.Itoa(i), i)
		})
		fmt.Println(i)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

func TestKill9(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		acked := 0
		for range 3 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childURL+"="+url)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			n := 0
			for lines.Scan() {
				if n++; n == 40 {
					cmd.Process.Kill() // SIGKILL; what it still says before it dies counts too
				}
			}
			cmd.Wait()
			if n < 40 {
				t.Fatalf("the child ended by itself after %d rows", n)
			}
			db := storetest.Open(t, url, storetest.With(things))
			rows := count(t, db)
			emitted := storetest.Outbox(t, db)
			// The last row may have been committed without having been said.
			if rows < n || rows > n+1 || len(emitted) != rows {
				t.Errorf("%d rows acknowledged, %d found, %d messages", n, rows, len(emitted))
			}
			acked += n
			err = db.Write(t.Context(), sys, func(tx *store.Tx) error {
				if _, err := tx.Exec(`DELETE FROM counter`); err != nil {
					return err
				}
				_, err := tx.Exec(`DELETE FROM outbox`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
		}
		t.Logf("%d acknowledged rows were all found", acked)
	})
}

// A CLI command opens the file of a running hub and both write.
func TestTwoProcesses(t *testing.T) {
	url := filepath.Join(t.TempDir(), "hub.db")
	db := storetest.Open(t, url, storetest.With(things))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	for i := range 30 {
		if !lines.Scan() {
			t.Fatal("the other process ended")
		}
		if err := db.SetSetting(t.Context(), "k", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db); n < 30 {
		t.Errorf("only %d rows of the other process are seen", n)
	}
}

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a tmpfs to fill")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs to fill: %v %s", err, strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	db := storetest.Open(t, filepath.Join(dir, "full.db"), storetest.With(things))
	acked := 0
	put := func(id string) error {
		return db.Write(t.Context(), sys, func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO counter (id, n) VALUES ($1, 1)`, id+strings.Repeat("x", 8000))
			return err
		})
	}
	var err error
	for acked < 1000 {
		if err = put(strconv.Itoa(acked)); err != nil {
			break
		}
		acked++
	}
	if !fault.Is(err, fault.Storage) || fault.HintOf(err).JA == "" {
		t.Fatalf("full disk: %v", err)
	}
	if n := count(t, db); n != acked {
		t.Errorf("%d acknowledged, %d found", acked, n)
	}
	// Once there is room it goes on, without being opened again.
	if out, err := exec.Command("mount", "-o", "remount,size=16m", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot enlarge the tmpfs: %v %s", err, out)
	}
	if err := put("after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if n := count(t, db); n != acked+1 {
		t.Errorf("%d found", n)
	}
}

func TestReadOnlyFile(t *testing.T) {
	if os.Getuid() == 0 && runtime.GOOS != "linux" {
		t.Skip("root may write everything")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs: %v %s", err, strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	db := storetest.Open(t, filepath.Join(dir, "ro.db"))
	db.Close()
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot remount: %v %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := store.Open(ctx, store.Options{URL: filepath.Join(dir, "ro.db")})
	if !fault.Is(err, fault.Storage) || !strings.Contains(fault.TextOf(err).EN, "read-only") {
		t.Errorf("read-only disk: %v", err)
	}
}
