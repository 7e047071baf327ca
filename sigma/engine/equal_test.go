package engine_test

import (
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// drawn is choices of rapid, which can make a failing case smaller.
type drawn struct{ t *rapid.T }

func (d drawn) pick(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "") }

// seeded is choices of a generator.
type seeded struct{ r *rand.Rand }

func (s seeded) pick(n int) int { return s.r.IntN(n) }

func seed(a, b uint64) seeded { return seeded{rand.New(rand.NewPCG(a, b))} }

// fromBytes is choices that a fuzzer makes; when they end, the first are taken.
type fromBytes struct{ b []byte }

func (f *fromBytes) pick(n int) int {
	if len(f.b) == 0 {
		return 0
	}
	v := int(f.b[0])
	f.b = f.b[1:]
	if n > 256 && len(f.b) > 0 {
		v = v<<8 | int(f.b[0])
		f.b = f.b[1:]
	}
	return v % n
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func reference(set *sigma.Set, ev sigma.Event) (out []*sigma.Match) {
	for m := range set.Match(ev) {
		out = append(out, m)
	}
	return out
}

func matched(w *engine.Worker, ev sigma.Event) (out []*sigma.Match) {
	for m := range w.Match(ev) {
		out = append(out, m)
	}
	return out
}

// equal compares the engine with the reference evaluator on one event: the same
// rules in the same order, each with the same evidence.
func equal(t fataler, set *sigma.Set, w *engine.Worker, ev *event) (matches int) {
	t.Helper()
	want := reference(set, ev)
	// An event of which the engine knows no more than sigma.Event says must match
	// the same as one that is a map.
	for name, ev := range map[string]sigma.Event{"map": ev, "lookups": struct{ sigma.Event }{ev}} {
		if got := matched(w, ev); !same(want, got) {
			t.Fatalf("%s: event %v\nreference %s\nengine    %s", name, ev, show(want), show(got))
		}
	}
	return len(want)
}

func same(want, got []*sigma.Match) bool {
	return slices.EqualFunc(want, got, func(a, b *sigma.Match) bool {
		return a.Rule == b.Rule && reflect.DeepEqual(a.Fields, b.Fields) &&
			reflect.DeepEqual(a.Selections, b.Selections)
	})
}

func show(list []*sigma.Match) string {
	out := ""
	for _, m := range list {
		out += "\n  " + m.Rule.Title + " " + strconv.Quote(m.Rule.Condition()[0])
		for _, f := range m.Fields {
			out += "\n    " + strconv.Quote(f.Field) + "|" + f.Modifier + " " + strconv.Quote(f.Pattern) + " in " +
				strconv.Quote(f.Value)
		}
		out += "\n" + string(m.Rule.Source)
	}
	return out
}

// TestEqual compares the engine with the reference evaluator on random rules and
// events, and lets rapid make what differs smaller.
func TestEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn{t}
		set := ruleSet(s, 4)
		w := engine.Compile(set, engine.Options{}).Worker()
		for range 4 {
			equal(t, set, w, anyEvent(s))
		}
	})
}

// TestEqualMany does the same with many rules at once, which share tests and
// tables, and with one worker for many events. MENEKI_ENGINE_PAIRS is how many
// pairs of a rule and an event it compares at least; the default takes a second.
func TestEqualMany(t *testing.T) {
	pairs := 120_000
	if testing.Short() || raceDetector {
		pairs = 12_000
	}
	if s := os.Getenv("MENEKI_ENGINE_PAIRS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		pairs = n
	}
	first, matches, done := uint64(1), 0, 0
	if s := os.Getenv("MENEKI_ENGINE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first = n
	}
	for n := first; done < pairs; n++ {
		s := seed(n, 7)
		set := ruleSet(s, 80)
		w := engine.Compile(set, engine.Options{}).Worker()
		for range 60 {
			matches += equal(t, set, w, anyEvent(s))
			done += len(set.Rules)
		}
	}
	t.Logf("%d pairs of a rule and an event, %d matches", done, matches)
	if matches < done/100 {
		t.Errorf("only %d matches in %d pairs: what is compared here?", matches, done)
	}
}

// FuzzEngine lets the fuzzer choose rules and events.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	for n := range uint64(20) {
		s := seed(n, 1)
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(s.pick(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &fromBytes{b}
		set := ruleSet(s, 2)
		w := engine.Compile(set, engine.Options{}).Worker()
		for range 2 {
			equal(t, set, w, anyEvent(s))
		}
	})
}

// TestLearn: what is found stays the same while an engine learns which signs are
// rare.
func TestLearn(t *testing.T) {
	s := seed(3, 3)
	set := ruleSet(s, 120)
	e := engine.Compile(set, engine.Options{})
	w := e.Worker()
	var events []*event
	var want [][]*sigma.Match
	for range 40 {
		ev := anyEvent(s)
		events, want = append(events, ev), append(want, reference(set, ev))
	}
	rounds := 300
	if raceDetector {
		rounds = 60
	}
	for i := range rounds {
		for k, ev := range events {
			if got := matched(w, ev); !same(want[k], got) {
				t.Fatalf("round %d, event %v\nreference %s\nengine    %s", i, ev, show(want[k]), show(got))
			}
		}
	}
}

const wrongGuess = `title: guess
logsource:
  product: windows
detection:
  a:
    A|contains: 'a long text that is taken for rare'
    B|contains: 'shorter'
  condition: a
`

// TestLearned: a rule does not wait for long on a sign that every event has.
func TestLearned(t *testing.T) {
	e := engine.Compile(sigma.ParseCollection("a.yml", []byte(wrongGuess)).Set(), engine.Options{})
	w := e.Worker()
	ev := &event{product: "windows", fields: map[string]any{"A": "a long text that is taken for rare", "B": "other"}}
	run := func(n int) int {
		before := evaluations(e)
		for range n {
			matched(w, ev)
		}
		w.Flush()
		return evaluations(e) - before
	}
	if n := run(500); n != 500 {
		t.Errorf("%d evaluations in the first 500 events; the guess was right", n)
	}
	if n := run(1000); n > 20 {
		t.Errorf("%d evaluations in the next 1000 events", n)
	}
}

func evaluations(e *engine.Engine) (n int) {
	for _, c := range e.Costs() {
		n += int(c.Evaluations)
	}
	return n
}

// TestUnrelated: rules that are added, and the order in which rules come, do not
// change what the others find.
func TestUnrelated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn{t}
		few, more := ruleSet(s, 3), ruleSet(seed(uint64(s.pick(1000)), 5), 30)
		all := slices.Concat(few.Rules, more.Rules[min(3, len(more.Rules)):])
		for i := len(all) - 1; i > 0; i-- {
			k := s.pick(i + 1)
			all[i], all[k] = all[k], all[i]
		}
		small, large := engine.Compile(few, engine.Options{}).Worker(),
			engine.Compile(sigma.NewSet(all), engine.Options{}).Worker()
		mine := map[string]bool{}
		for _, r := range few.Rules {
			mine[string(r.Source)] = true
		}
		for range 3 {
			ev := anyEvent(s)
			want := matched(small, ev)
			got := slices.DeleteFunc(matched(large, ev),
				func(m *sigma.Match) bool { return !mine[string(m.Rule.Source)] })
			if len(want) != len(got) {
				t.Fatalf("alone %s\namong others %s", show(want), show(got))
			}
		}
	})
}

// TestWorkers: many goroutines find what one finds.
func TestWorkers(t *testing.T) {
	s := seed(11, 2)
	set := ruleSet(s, 60)
	e := engine.Compile(set, engine.Options{})
	var events []*event
	var want [][]*sigma.Match
	for range 30 {
		ev := anyEvent(s)
		events, want = append(events, ev), append(want, reference(set, ev))
	}
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for i := range 60 * len(events) {
				k := (i + n) % len(events)
				var got []*sigma.Match
				for m := range e.Match(events[k]) {
					got = append(got, m)
				}
				if !same(want[k], got) {
					t.Errorf("event %v\nreference %s\nengine    %s", events[k], show(want[k]), show(got))
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestStop: yield ends matching.
func TestStop(t *testing.T) {
	c := sigma.ParseCollection("a.yml", []byte(ruleAll+"---\n"+ruleAll2))
	set := c.Set()
	if len(set.Rules) != 2 {
		t.Fatal(set.Refused)
	}
	w := engine.Compile(set, engine.Options{}).Worker()
	ev := &event{product: "windows", fields: map[string]any{"a": "b"}}
	n := 0
	for range w.Match(ev) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("yield was called %d times", n)
	}
	if got := len(matched(w, ev)); got != 2 {
		t.Errorf("%d matches", got)
	}
}

const ruleAll = "title: one\nid: 00000000-0000-4000-8000-000000000001\n" +
	"logsource:\n  product: windows\n  definition: x\ndetection:\n  a:\n    a: b\n  condition: a\n"
const ruleAll2 = "title: two\nid: 00000000-0000-4000-8000-000000000002\nlogsource:\n  product: windows\n" +
	"detection:\n  a:\n    a|contains: b\n  condition: a\n"
