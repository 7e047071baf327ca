package history

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// Whatever step of sealing the process dies in, every event is there once.
func TestCrashWhileSealing(t *testing.T) {
	dir := t.TempDir()
	copies := map[string]string{}
	n := 0
	opt := Options{Dir: dir, SegmentEvents: 100, step: func(name string) {
		n++
		copies[fmt.Sprintf("%02d %s", n, name)] = copyDir(t, dir)
	}}
	h := open(t, opt)
	put(t, h, samples(0, 30)...)
	if err := h.SetFound(t.Context(), sample(4).ID); err != nil {
		t.Fatal(err)
	}
	flush(t, h)
	shut(t, h)
	copies["99 end"] = copyDir(t, dir)
	if len(copies) < 8 {
		t.Fatalf("steps: %d", len(copies))
	}
	t.Run("files taken away after the commit", func(t *testing.T) {
		for name, dir := range copies {
			if strings.HasSuffix(name, "moved") {
				dir = copyDir(t, dir)
				if err := os.Remove(under(t, dir, parquetExt)[0]); err != nil {
					t.Fatal(err)
				}
				same(t, samples(0, 30), find(t, open(t, Options{Dir: dir}), Query{}))
			}
		}
	})
	for name, dir := range copies {
		t.Run(name, func(t *testing.T) {
			h := open(t, Options{Dir: dir})
			same(t, samples(0, 30), find(t, h, Query{}))
			if fresh := put(t, h, samples(0, 31)...); len(fresh) != 1 {
				t.Errorf("%d events were new", len(fresh))
			}
			flush(t, h)
			same(t, samples(0, 31), find(t, h, Query{}))
			if p, err := h.Prevalence(t.Context(), ip(4), time.Time{}); err != nil || p.Events != 0 {
				t.Errorf("the entry is lost: %+v, %v", p, err)
			}
			if p := h.Problems(); len(p) != 0 {
				t.Errorf("problems: %v", p)
			}
			if left := append(under(t, filepath.Join(dir, tmpDir), ""), under(t, dir, sealedExt)...); len(left) != 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// A torn tail of any length costs only the event that was not acknowledged.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir})
	put(t, h, samples(0, 2)...)
	size := h.Totals().Bytes
	put(t, h, sample(2))
	shut(t, h)
	log := under(t, dir, walExt)[0]
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for end := size; end < int64(len(whole)); end += 7 {
		if err := os.WriteFile(log, whole[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		h := open(t, Options{Dir: dir})
		same(t, samples(0, 2), find(t, h, Query{}))
		if p := h.Problems(); len(p) != 0 {
			t.Fatalf("problems: %v", p)
		}
		same(t, samples(2, 3), put(t, h, sample(2)))
		shut(t, h)
		h = open(t, Options{Dir: dir})
		same(t, samples(0, 3), find(t, h, Query{}))
		shut(t, h)
	}
	for end := range len(logHead) { // killed while the log was made
		if err := os.WriteFile(log, whole[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		h := open(t, Options{Dir: dir})
		same(t, samples(0, 1), put(t, h, sample(0)))
		shut(t, h)
	}
}

const childDir = "MENEKI_HISTORY_TEST_DIR"

// child appends from several goroutines until it is killed, and prints the id of
// every event that was acknowledged.
func child(dir string) {
	h, err := Open(ctxBackground(), Options{Dir: dir, SegmentEvents: 60, Observables: ofFields})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	from := int(h.Totals().Events) + 1_000 // ids that no earlier life used
	var mu sync.Mutex
	for w := range 3 {
		go func() {
			for n := 0; ; n++ {
				at := from + w*100_000 + n*5
				if _, err := h.Append(ctxBackground(), samples(at, at+5)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				for _, ev := range samples(at, at+5) {
					fmt.Println(ev.ID)
				}
				mu.Unlock()
			}
		}()
	}
	select {}
}

// What was acknowledged is there once after kill -9, several times over.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for life := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Errorf("child: %s", lines.Text())
			}
			acknowledged[lines.Text()] = true
			if n == 150+life*70 {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()

		h := open(t, Options{Dir: dir, SegmentEvents: 60})
		seen := map[string]int{}
		if _, err := h.Search(t.Context(), Query{},
			func(ev *event.Event) bool { seen[ev.ID]++; return true }); err != nil {
			t.Fatal(err)
		}
		for id := range acknowledged {
			if seen[id] == 0 {
				t.Errorf("life %d: %s was acknowledged and is lost", life, id)
			}
		}
		for id, n := range seen {
			if n > 1 {
				t.Errorf("life %d: %s is there %d times", life, id, n)
			}
		}
		if p := h.Problems(); len(p) != 0 {
			t.Errorf("problems: %v", p)
		}
		shut(t, h)
	}
	if len(acknowledged) < 500 {
		t.Errorf("only %d events", len(acknowledged))
	}
}
