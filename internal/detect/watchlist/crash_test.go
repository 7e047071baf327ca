package watchlist

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
)

func named(n int, source string) Entry {
	return Entry{Type: event.Domain, Value: fmt.Sprintf("d%d.example", n), Source: source, TLP: 2}
}

func opened(t testing.TB, dir string, o Options) *List {
	t.Helper()
	if o.Clock == nil {
		o.Clock, _ = clock.Fixed(start)
	}
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func everything(t testing.TB, l *List) []string {
	t.Helper()
	var out []string
	if err := l.All(context.Background(),
		func(e Entry) bool { out = append(out, e.Value+" "+e.Source); return true }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestCrashBetweenSteps stops a merge and a load in front of every step they take
// and looks at what the folder then holds.
func TestCrashBetweenSteps(t *testing.T) {
	ctx := context.Background()
	stop := errors.New("stopped")
	before := []string{"d1.example a", "d2.example a", "d3.example b", "d4.example b"}
	for _, c := range []struct {
		name  string
		after []string
		run   func(*List) error
	}{
		{"merge", before, func(l *List) error { return l.Merge(ctx) }},
		{"load", []string{"d1.example a", "d2.example a", "d9.example b"}, func(l *List) error {
			b, err := l.Load(Scope{Sources: []string{"b"}})
			if err != nil {
				return err
			}
			if err := b.Add(named(9, "b")); err != nil {
				return err
			}
			return b.Commit(ctx)
		}},
	} {
		steps := 0
		for at := 1; ; at++ {
			dir := t.TempDir()
			l := opened(t, dir, Options{})
			if err := l.Add(ctx, named(1, "a"), named(3, "b")); err != nil {
				t.Fatal(err)
			}
			if err := l.Merge(ctx); err != nil {
				t.Fatal(err)
			}
			if err := l.Add(ctx, named(2, "a"), named(4, "b")); err != nil {
				t.Fatal(err)
			}
			n, where := 0, ""
			l.step = func(s string) error {
				if n++; n == at {
					where = s
					return stop
				}
				return nil
			}
			err := c.run(l)
			if err != nil && !errors.Is(err, stop) {
				t.Fatal(err)
			}
			if where == "" {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			steps++
			// Whoever goes on in the same process sees one of the two, and may go on changing.
			live := everything(t, l)
			if !slices.Equal(live, before) && !slices.Equal(live, c.after) {
				t.Errorf("%s stopped at %q: %v", c.name, where, live)
			}
			l.step = func(string) error { return nil }
			if err := l.Add(ctx, named(5, "c")); err != nil {
				t.Fatalf("%s stopped at %q: %v", c.name, where, err)
			}
			// And so does anyone who opens it again, with the later change and nothing left over.
			again := opened(t, dir, Options{})
			want := append(slices.Clone(live), "d5.example c")
			slices.Sort(want)
			if diff := cmp.Diff(want, everything(t, again)); diff != "" {
				t.Errorf("%s stopped at %q:\n%s", c.name, where, diff)
			}
			if left, err := leftovers(dir, again.files); err != nil || len(left) > 0 {
				t.Errorf("%s stopped at %q: left over: %v %v", c.name, where, left, err)
			}
			if err := again.Merge(ctx); err != nil {
				t.Errorf("%s stopped at %q: %v", c.name, where, err)
			}
			if diff := cmp.Diff(want, everything(t, again)); diff != "" {
				t.Errorf("%s stopped at %q, then merged:\n%s", c.name, where, diff)
			}
		}
		if steps < 4 {
			t.Errorf("%s has only %d steps", c.name, steps)
		}
	}
}

// TestKill kills a process that adds entries, and asks for every one it had said
// to have added.
func TestKill(t *testing.T) {
	if dir := os.Getenv("WATCHLIST_KILL_DIR"); dir != "" {
		l, err := Open(dir, Options{MaxChanged: 25})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			if err := l.Add(context.Background(), named(i, "a")); err != nil {
				t.Fatal(err)
			}
			fmt.Println("added", i)
		}
	}
	dir := t.TempDir()
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "WATCHLIST_KILL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, s := 0, bufio.NewScanner(out)
		for s.Scan() && said < 60+20*round {
			if strings.HasPrefix(s.Text(), "added ") {
				said++
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		if said == 0 {
			t.Fatal("the process added nothing")
		}
		l := opened(t, dir, Options{})
		for i := range said {
			if got := ask(t, l, event.Observable{Type: event.Domain, Value: named(i, "").Value}); len(got) != 1 {
				t.Fatalf("round %d: entry %d of %d that were added is there %d times", round, i, said, len(got))
			}
		}
		l.Close()
	}
}

// TestDamage flips every byte and cuts every length of every file, and holds that
// each is named or harmless: never a wrong answer.
func TestDamage(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	for i := range 12 {
		e := named(i, "a")
		if i%3 == 0 {
			e = Entry{Type: event.IPv4, Value: fmt.Sprintf("10.%d.0.0/16", i), Source: "b"}
		}
		if err := l.Add(ctx, e); err != nil {
			t.Fatal(err)
		}
		if i == 8 {
			if err := l.Merge(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.Close()
	want := everything(t, opened(t, dir, Options{}))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	// read opens a copy in which one file is changed, and reads all of it.
	read := func(name string, data []byte) ([]string, []string, error) {
		copied := t.TempDir()
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if f.Name() == name {
				b = data
			}
			if err := os.WriteFile(filepath.Join(copied, f.Name()), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := Open(copied, Options{})
		if err != nil {
			return nil, nil, err
		}
		defer l.Close()
		if err := l.Verify(ctx); err != nil {
			return nil, nil, err
		}
		var got []string
		err = l.All(ctx, func(e Entry) bool { got = append(got, e.Value+" "+e.Source); return true })
		slices.Sort(got)
		return got, l.Stats().Notices, err
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(data)/400)
		for at := 0; at < len(data); at += step {
			for what, changed := range map[string][]byte{
				"flip": append(append(bytes.Clone(data[:at]), data[at]^0x10), data[at+1:]...),
				"cut":  data[:at],
			} {
				got, notices, err := read(f.Name(), changed)
				var d *DamagedError
				switch {
				case errors.As(err, &d):
					if filepath.Base(d.File) != f.Name() {
						t.Errorf("%s %s at %d: names %s", what, f.Name(), at, d.File)
					}
				case err != nil:
					t.Errorf("%s %s at %d: %v", what, f.Name(), at, err)
				case strings.HasPrefix(f.Name(), "journal-") && len(notices) > 0:
					// The end of the journal looks as if it was being written: told, and all in front of it is there.
					for _, g := range got {
						if !slices.Contains(want, g) {
							t.Errorf("%s %s at %d: %q was never added", what, f.Name(), at, g)
						}
					}
				case strings.HasPrefix(f.Name(), "journal-") && what == "cut":
					// between two batches: nothing shows that there were more
					if len(got) >= len(want) {
						t.Errorf("%s %s at %d: nothing is missing", what, f.Name(), at)
					}
				default:
					t.Errorf("%s %s at %d: not found out", what, f.Name(), at)
				}
			}
		}
	}
}

// TestDamageInTheMiddleOfAJournal is not mistaken for a write that the machine's
// stop cut off: there are whole batches behind it.
func TestDamageInTheMiddleOfAJournal(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	var ends []int64
	for i := range 3 {
		if err := l.Add(context.Background(), named(i, "a")); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, l.journal.size)
	}
	path := l.journal.path
	l.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(len(journalHead)); at < ends[1]; at++ {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var d *DamagedError
		if _, err := Open(dir, Options{}); !errors.As(err, &d) || d.File != path {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

// TestOneFingerprintTwoValues forges what chance gives once in 2^64: a record
// under the fingerprint of another value. It is not found under that value.
func TestOneFingerprintTwoValues(t *testing.T) {
	ctx := context.Background()
	l := opened(t, t.TempDir(), Options{})
	asked := event.Observable{Type: event.Domain, Value: "asked.example"}
	b, err := l.Load(Scope{})
	if err != nil {
		t.Fatal(err)
	}
	seed := l.now.Load().seed
	r := recordOf(seed, named(1, "a"))
	r.fp = fingerprint(seed, kindDomain, Exact, asked.Value)
	if err := b.sort.add(&r); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 { // out of the file, then out of memory
		if got := ask(t, l, asked); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}
	if err := l.apply(ctx, []change{{add: &r}}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, l, asked); len(got) != 0 {
		t.Errorf("%v", got)
	}
	// Both stand side by side if both are there.
	if err := l.Add(ctx, Entry{Type: event.Domain, Value: asked.Value, Source: "b", TLP: 1}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, l, asked); len(got) != 1 || got[0].Source != "b" {
		t.Errorf("%v", got)
	}
	var d *DamagedError
	if err := l.Verify(ctx); !errors.As(err, &d) {
		t.Errorf("the forged record is not found out: %v", err)
	}
}

func TestDamagedBlockIsToldByLookup(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	if err := l.Add(ctx, named(1, "a")); err != nil {
		t.Fatal(err)
	}
	if err := l.Merge(ctx); err != nil {
		t.Fatal(err)
	}
	path := l.now.Load().base.path
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(segmentHead)+12] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var d *DamagedError
	err = l.Lookup([]event.Observable{{Type: event.Domain, Value: "d1.example"}},
		func(h Hit) bool { t.Errorf("%v", h); return true })
	if !errors.As(err, &d) || d.File != path || !errors.Is(l.Stats().Damage, err) {
		t.Errorf("%v, then %v", err, l.Stats().Damage)
	}
	// A load that replaces all does not need what is damaged.
	b, err := l.Load(Scope{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Add(named(2, "a")); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, l, event.Observable{Type: event.Domain, Value: "d2.example"}); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// TestReadersWhileItChanges asks all the time for what is always there, and for
// what comes and goes as a whole.
func TestReadersWhileItChanges(t *testing.T) {
	ctx := context.Background()
	l := opened(t, t.TempDir(), Options{MaxChanged: 30})
	if err := l.Add(ctx, named(0, "always")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got := ask(t, l, event.Observable{Type: event.Domain, Value: "d0.example"}); len(got) != 1 {
					t.Errorf("what is always there was found %d times", len(got))
					return
				}
				// Two values of one load are seen together, whichever load it is.
				var seen []string
				if err := l.Lookup([]event.Observable{{Type: event.Domain, Value: "x.example"},
					{Type: event.Domain, Value: "y.example"}}, func(h Hit) bool {
					seen = append(seen, h.Entry.ID)
					return true
				}); err != nil || len(seen) != 0 && (len(seen) != 2 || seen[0] != seen[1]) {
					t.Errorf("%v %v", seen, err)
					return
				}
			}
		})
	}
	for i := range 40 {
		b, err := l.Load(Scope{Sources: []string{"feed"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"x.example", "y.example"} {
			if err := b.Add(Entry{Type: event.Domain, Value: v, Source: "feed", ID: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if err := l.Add(ctx, named(i+1, "some")); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove(ctx, named(i, "some").Key()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}

// TestChangesDuringACommit adds and removes while a load is being written: what
// came later counts, and is not lost with the old segment.
func TestChangesDuringACommit(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	if err := l.Add(ctx, named(1, "a"), named(2, "a")); err != nil {
		t.Fatal(err)
	}
	once := false
	l.step = func(s string) error {
		if s == "write the segment" && !once {
			once = true
			if err := l.Add(ctx, named(7, "b")); err != nil {
				return err
			}
			return l.Remove(ctx, named(3, "b").Key(), named(1, "a").Key())
		}
		return nil
	}
	b, err := l.Load(Scope{Sources: []string{"b"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{3, 4} {
		if err := b.Add(named(n, "b")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"d2.example a", "d4.example b", "d7.example b"}
	if diff := cmp.Diff(want, everything(t, l)); diff != "" {
		t.Error(diff)
	}
	l.Close()
	if diff := cmp.Diff(want, everything(t, opened(t, dir, Options{}))); diff != "" {
		t.Error(diff)
	}
}
