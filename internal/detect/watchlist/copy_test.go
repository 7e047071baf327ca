package watchlist

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// A copy that is made while the list changes is a list of some moment: it opens,
// holds all of the source that never changes, and one whole import of the other.
func TestSnapshotWhileItChanges(t *testing.T) {
	dir := t.TempDir()
	if list, err := Snapshot(filepath.Join(dir, "none")); list != nil || err != nil {
		t.Fatalf("of nothing: %v, %v", list, err)
	}
	l, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	load := func(source string, round, n int) {
		b, err := l.Load(Scope{Sources: []string{source}})
		if err != nil {
			t.Error(err)
			return
		}
		for i := range n {
			if err := b.Add(
				Entry{Type: event.Domain, Value: fmt.Sprintf("r%d-%d.example", round, i), Source: source},
			); err != nil {
				t.Error(err)
			}
		}
		if err := b.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}
	load("steady", 0, 300)
	load("other", 0, 200)
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for round := 1; ; round++ {
			select {
			case <-stop:
				return
			default:
			}
			load("other", round, 200)
			if err := l.Add(
				t.Context(),
				Entry{Type: event.Domain, Value: "journal.example", Source: "journal", ID: fmt.Sprint(round)},
			); err != nil {
				t.Error(err)
			}
		}
	}()
	for k := range 20 {
		list, err := Snapshot(dir)
		if err != nil || len(list) < 2 {
			t.Fatalf("%d files: %v", len(list), err)
		}
		to := filepath.Join(t.TempDir(), fmt.Sprint(k))
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			b, err := io.ReadAll(f)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(f.Name())), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		c, err := Open(to, Options{})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		rounds := map[string]bool{}
		err = c.All(t.Context(), func(e Entry) bool {
			counts[e.Source]++
			if e.Source == "other" {
				var round, i int
				if _, err := fmt.Sscanf(e.Value, "r%d-%d.example", &round, &i); err != nil {
					t.Error(err)
				}
				rounds[fmt.Sprint(round)] = true
			}
			return true
		})
		if err != nil || c.Verify(t.Context()) != nil || counts["steady"] != 300 || counts["other"] != 200 ||
			len(rounds) != 1 {
			t.Errorf("copy %d: %v, rounds %v, %v", k, counts, rounds, err)
		}
		c.Close()
	}
	close(stop)
	<-done
}
