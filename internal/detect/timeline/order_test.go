package timeline

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/sigma"
)

var same = []cmp.Option{cmp.AllowUnexported(Match{}), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b *sigma.Rule) bool { return a == b })}

func anyMatch(set *sigma.Set) *rapid.Generator[*Match] {
	return rapid.Custom(func(t *rapid.T) *Match {
		text := rapid.StringN(0, 12, 40)
		m := &Match{
			rule: rapid.IntRange(0, len(set.Rules)-1).Draw(t, "rule"), file: rapid.IntRange(0, 3).Draw(t, "file"),
			File:   rapid.SampledFrom([]string{"a", "b!c", "あ"}).Draw(t, "File"),
			Record: rapid.Int64Range(-1, 5).Draw(t, "record"),
			Host:   text.Draw(t, "host"), User: text.Draw(t, "user"),
		}
		m.Rule = set.Rules[m.rule]
		if rapid.Bool().Draw(t, "timed") {
			m.Time = time.Unix(rapid.Int64Range(-62135596799, 9999999999).Draw(t, "sec"),
				rapid.Int64Range(0, 3).Draw(t, "ns")).UTC()
		}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			m.Fields = append(m.Fields, Field{text.Draw(t, "name"), rapid.SliceOfN(text, 1, 3).Draw(t, "values")})
		}
		if rapid.Bool().Draw(t, "seen") {
			m.Seen = []event.Observable{{Type: event.IPv4, Value: text.Draw(t, "value")}}
		}
		return m
	})
}

func TestSpoolKeepsAll(t *testing.T) {
	set := rules(t, ruleA, ruleB, ruleC)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(anyMatch(set)).Draw(t, "list")
		s := spoolMatches(dir, set.Rules)
		defer s.close()
		cut := rapid.IntRange(0, len(list)).Draw(t, "cut")
		var segments []segment
		for _, part := range [][]*Match{list[:cut], list[cut:]} {
			seg, err := s.write(part)
			if err != nil {
				t.Fatal(err)
			}
			segments = append(segments, seg)
		}
		var got []*Match
		for _, seg := range segments {
			next := s.open(seg)
			for {
				m, err := next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m)
			}
		}
		if d := cmp.Diff(list, got, same...); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSorter(t *testing.T) {
	set := rules(t, ruleA, ruleB, ruleC)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(anyMatch(set), 0, 60).Draw(t, "list")
		s := &sorter[*Match]{spool: spoolMatches(dir, set.Rules), limit: rapid.IntRange(1, 5000).Draw(t, "limit"),
			before: before}
		defer s.spool.close()
		for _, m := range list {
			if err := s.add(m); err != nil {
				t.Fatal(err)
			}
		}
		var got []*Match
		if err := s.each(func(m *Match) error { got = append(got, m); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(got, before) || len(got) != len(list) {
			t.Fatalf("%d of %d, sorted: %v", len(got), len(list), slices.IsSortedFunc(got, before))
		}
		// Matches that before holds for equal may differ; the rest is one order only.
		want := map[string]int{}
		key := func(m *Match) string { return string(appendMatch(nil, m)) }
		for _, m := range list {
			want[key(m)]++
		}
		for _, m := range got {
			want[key(m)]--
		}
		for k, n := range want {
			if n != 0 {
				t.Fatalf("%q: %d too few", k, n)
			}
		}
	})
}

func TestSpoolDisk(t *testing.T) {
	set, list := sample(t)
	s := spoolMatches(t.TempDir()+"/gone", set.Rules)
	if _, err := s.write(list); !fault.Is(err, fault.Storage) || fault.HintOf(err).Zero() {
		t.Errorf("no folder: %v", err)
	}
}

// Whatever the order in which workers pass on, matches come out in the order
// of the inputs, and so do the reports.
func TestTrays(t *testing.T) {
	set, list := sample(t)
	for _, limit := range []int{1, 1000, 1 << 20} {
		const inputs, each = 9, 50
		sp := spoolMatches(t.TempDir(), set.Rules)
		var got []int
		var done []int64
		tr := &inOrder{spool: sp, limit: limit, open: map[int]*buffer{},
			out:  func(m *Match) error { got = append(got, m.file*each+int(m.Record)); return nil },
			done: func(r read.Report) { done = append(done, r.Events) }}
		var all sync.WaitGroup
		for i := range inputs {
			all.Go(func() {
				for k := range each {
					m := *list[0]
					m.file, m.Record = i, int64(k)
					if err := tr.put(i, []*Match{&m}); err != nil {
						t.Error(err)
					}
				}
				if err := tr.end(i, read.Report{Events: int64(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(got) != inputs*each || !slices.IsSorted(got) || len(done) != inputs || !slices.IsSorted(done) ||
			tr.held != 0 {
			t.Errorf("limit %d: %d matches, %v reports, %d bytes held", limit, len(got), done, tr.held)
		}
		sp.close()
	}
}

func TestTraysStop(t *testing.T) {
	set, list := sample(t)
	full := errors.New("disk full")
	tr := &inOrder{spool: spoolMatches(t.TempDir(), set.Rules), limit: 1 << 20, open: map[int]*buffer{},
		out: func(*Match) error { return full }, done: func(read.Report) {}}
	if err := tr.put(1, list); err != nil {
		t.Errorf("what waits: %v", err)
	}
	if err := tr.put(0, list); err != full {
		t.Errorf("what goes out: %v", err)
	}
	if err := tr.put(1, list); err != full {
		t.Errorf("the others go on: %v", err)
	}
}

func FuzzReadMatch(f *testing.F) {
	set, list := sample(f)
	for _, m := range list {
		f.Add(appendMatch(nil, m))
	}
	f.Add([]byte{0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMatch(b, set.Rules)
		if err != nil {
			return
		}
		again, err := readMatch(appendMatch(nil, m), set.Rules)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again, same...); d != "" {
			t.Fatal(d)
		}
	})
}

// What comes back from disk by another way is told from what was put there.
func FuzzReadKept(f *testing.F) {
	for _, v := range []any{nil, "x", int64(-5), 2.5, true, []any{"a", nil, map[string]any{"k": int64(1)}}} {
		ev := &event.Event{Time: at("2026-01-02T03:04:05Z"), Seen: at("2026-01-03T00:00:00Z"),
			Categories: []string{"authentication"}, Host: "h", Fields: map[string]any{"f": v}}
		f.Add(appendKept(nil, &kept{kind: keptSignIn, file: 3, event: ev}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := readKept(b)
		if err != nil {
			return
		}
		again, err := readKept(appendKept(nil, k))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(k, again, cmp.AllowUnexported(kept{}), cmpopts.EquateNaNs()); d != "" {
			t.Fatal(d)
		}
		if keptBefore(k, again) != 0 || k.weight() != again.weight() {
			t.Fatal("equal ones are told apart")
		}
	})
}
