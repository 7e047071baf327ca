package correlate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma"
)

func counting(threshold int, more ...string) string {
	return detections("a") + corr("x", append([]string{"type: event_count", "rules: a", "group-by: user",
		"timespan: 10s", fmt.Sprintf("condition: {gte: %d}", threshold)}, more...)...)
}

// TestTime: what is late, ahead, or has no time, and how time goes on by itself.
func TestTime(t *testing.T) {
	set := mustSet(t, counting(2))
	now := second(100)
	e := mustEngine(t, set, Config{Lateness: 5 * time.Second, Now: func() time.Time { return now },
		MaxAhead: time.Minute})
	add := func(at float64, event string) []string {
		return tellAll(e.Add(matches(t, set, []shot{{at: at, rules: "a", event: event, fields: u("x")}})[0]))
	}
	add(100, "1")
	add(95, "2")   // just in time
	add(94.9, "3") // late
	add(161, "4")  // ahead
	add(160, "5")  // not quite
	if s := e.Stats(); s.Matches != 5 || s.Late != 1 || s.Ahead != 1 || s.Pending != 1 || s.Alerts != 1 {
		t.Errorf("%+v", s)
	}
	for _, at := range []time.Time{{}, time.Unix(0, 0).AddDate(-400, 0, 0), time.Unix(0, 0).AddDate(300, 0, 0)} {
		e.Add(Match{Rule: set.Rules[0], Time: at, Event: "x", Fields: u("x")})
		if got := e.Advance(at); got != nil {
			t.Errorf("advance to %v: %v", at, got)
		}
	}
	if s := e.Stats(); s.BadTime != 3 {
		t.Errorf("%+v", s)
	}
	now = second(170)
	add(165, "6")
	if got := tellAll(e.Advance(second(170))); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	if diff := cmp.Diff([]string{"x{x}@165=2[a:5 a:6]"}, tellAll(e.Advance(second(170).Add(1)))); diff != "" {
		t.Error(diff)
	}
	if got := add(169, "7"); len(got) != 0 || e.Stats().Pending != 1 {
		t.Errorf("%v", got)
	}
	if e.Advance(second(0)); e.Stats().Pending != 1 {
		t.Error("time went back")
	}
	e.Flush()
	if add(1000, "8"); e.Stats().Late != 2 {
		t.Error("after the end")
	}
	if got := e.Add(Match{Rule: &sigma.Rule{}, Time: second(1)}); got != nil || e.RefersTo(&sigma.Rule{}) {
		t.Error("a rule that no correlation wants")
	}
	if _, err := New(set, Config{Lateness: -1}); err == nil {
		t.Error("negative lateness")
	}
	loose := sigma.ParseCollection("f.yml", []byte(counting(2))).Correlations
	if _, err := New(&sigma.Set{Correlations: loose}, Config{}); err == nil {
		t.Error("a correlation that was not resolved")
	}
}

// TestPerGroup: counts go on exactly beyond what a group may keep; what computes
// with all values says that it saw only the newest.
func TestPerGroup(t *testing.T) {
	set := mustSet(t, counting(8)+
		corr("v", "type: value_count", "rules: a", "timespan: 10s", "condition: {field: n, gt: 7}")+
		corr("s", "type: value_sum", "rules: a", "timespan: 10s", "condition: {field: n, gte: 15}")+
		corr("few", "type: event_count", "rules: a", "timespan: 10s", "condition: {lte: 2}")+
		corr("w", "type: temporal", "timespan: 10s", "condition: a"))
	e := mustEngine(t, set, Config{MaxPerGroup: 3, MaxEvents: 2})
	var shots []shot
	for i := range 12 {
		shots = append(shots, shot{at: float64(i) / 10, rules: "a", fields: fields{"user": "x", "n": int64(i)}})
	}
	got := map[string]*Alert{}
	for _, a := range play(e, matches(t, set, shots)) {
		if got[a.Rule.Name] != nil {
			t.Errorf("again: %s", alertText(a))
		}
		got[a.Rule.Name] = a
	}
	for name, want := range map[string]string{
		"x": "x{x}@0.7=8[a:e6 a:e7]", "v": "v{}@0.7=8[a:e6 a:e7]", "s": "s{}@0.6=15[a:e5 a:e6]",
		"few": "few{}@0=1[a:e0]", "w": "w{}@0=1[a:e0]",
	} {
		a := got[name]
		if a == nil || alertText(a) != want || a.Truncated != (name == "s") {
			t.Errorf("%s: %+v, want %s", name, a, want)
		}
		if a != nil && a.Omitted+len(a.Events) != map[string]int{"x": 8, "v": 8, "s": 3, "few": 1, "w": 1}[name] {
			t.Errorf("%s: %d omitted", name, a.Omitted)
		}
	}
	// x may keep 10, v 9, s 3, few 4.
	if s := e.Stats(); s.Overflowed != 2+3+9+8 {
		t.Errorf("%+v", s)
	}
}

// TestWaitingPerGroup: so are moments that wait for absence.
func TestWaitingPerGroup(t *testing.T) {
	set := mustSet(t, detections("a", "b")+corr("x", "type: temporal", "condition: a and not b", "timespan: 10s"))
	e := mustEngine(t, set, Config{MaxPerGroup: 3})
	var shots []shot
	for i := range 6 {
		shots = append(shots, shot{at: float64(i), rules: "a"})
	}
	got := play(e, matches(t, set, shots))
	if len(got) != 1 || alertText(got[0]) != "x{}@13=1[a:e3]" || !got[0].Truncated || e.Stats().Overflowed != 3 {
		t.Errorf("%v %+v", tellAll(got), e.Stats())
	}
}

// TestMemory: the bound holds, what is given up is counted, and what is busy
// stays.
func TestMemory(t *testing.T) {
	set := mustSet(t, counting(50)+corr("near", "type: temporal", "rules: [a]", "group-by: user", "timespan: 1d",
		"condition: {gte: 1}"))
	const most = 1 << 20
	e := mustEngine(t, set, Config{MaxMemory: most})
	alerts := 0
	for i := range 30_000 {
		user := fmt.Sprint("user", i)
		if i%10 == 0 {
			user = "busy"
		}
		at := second(float64(i) / 10_000)
		for _, a := range e.Add(Match{Rule: set.Rules[0], Time: at, Event: fmt.Sprint(i), Fields: u(user)}) {
			if a.Rule.Name == "x" {
				alerts++
			}
		}
		if m := e.Stats().Memory; m > most {
			t.Fatalf("%d bytes after %d events", m, i)
		}
	}
	s := e.Stats()
	if alerts != 1 || s.Evicted < 20_000 || s.Forced != 0 ||
		s.Correlations[0].Evicted+s.Correlations[1].Evicted != s.Evicted {
		t.Errorf("%d alerts, %+v", alerts, s)
	}
	if e.Flush(); e.Stats().Memory != 0 || e.Stats().Groups != 0 {
		t.Errorf("at the end %+v", e.Stats())
	}
	// What waits is bounded too: then moments are worked through early.
	e = mustEngine(t, set, Config{MaxMemory: most, Lateness: time.Hour})
	for i := range 10_000 {
		e.Add(Match{Rule: set.Rules[0], Time: second(float64(i) / 1000), Event: fmt.Sprint(i),
			Fields: u(strings.Repeat("長い", i%200))})
		if m := e.Stats().Memory; m > most {
			t.Fatalf("%d bytes after %d events", m, i)
		}
	}
	if s := e.Stats(); s.Forced == 0 || s.Late != 0 {
		t.Errorf("%+v", s)
	}
}

// TestLongTexts: long values stay apart, whatever their end, and are short in
// memory.
func TestLongTexts(t *testing.T) {
	set := mustSet(t, counting(2))
	long := strings.Repeat("管理者", 1000)
	e := mustEngine(t, set, Config{})
	got := play(e, matches(t, set, []shot{
		{at: 0, rules: "a", event: long, fields: u(long + "a")}, {at: 1, rules: "a", fields: u(long + "b")},
		{at: 2, rules: "a", fields: u(long + "A")},
	}))
	if len(got) != 1 || since(got[0].At) != 2 || len(got[0].Group[0].Value) > 300 ||
		len(got[0].Events[0].Event) > 300 || !strings.HasPrefix(got[0].Group[0].Value, "管理者") {
		t.Errorf("%v", tellAll(got))
	}
	// Many values of one field, and deep lists.
	var many []any
	for i := range 1000 {
		many = append(many, fmt.Sprint(i))
	}
	deep := any("x")
	for range 10_000 {
		deep = []any{deep}
	}
	e = mustEngine(t, set, Config{})
	play(e, matches(t, set, []shot{{at: 0, rules: "a", fields: fields{"user": many}},
		{at: 1, rules: "a", fields: fields{"user": deep}}}))
	if s := e.Stats(); s.LeftOut == 0 || s.Ungrouped != 1 {
		t.Errorf("%+v", s)
	}
	// Values that look alike when joined are different groups.
	set = mustSet(t, detections("a")+corr("x", "type: event_count", "rules: a", "group-by: [p, q]", "timespan: 10s",
		"condition: {gte: 2}"))
	got = play(mustEngine(t, set, Config{}), matches(t, set, []shot{
		{at: 0, rules: "a", fields: fields{"p": "a", "q": "bc"}},
		{at: 1, rules: "a", fields: fields{"p": "ab", "q": "c"}},
		{at: 2, rules: "a", fields: fields{"p": "A", "q": "BC"}},
	}))
	if diff := cmp.Diff([]string{"x{a,bc}@2=2[a:e0 a:e2]"}, tellAll(got)); diff != "" {
		t.Error(diff)
	}
}

// TestSnapshotRefused: a damaged snapshot is refused whole, and the state of
// correlations that changed is left out.
func TestSnapshotRefused(t *testing.T) {
	set := mustSet(t, counting(3)+corr("other", "type: temporal", "rules: [a]", "timespan: 5s", "group-by: user"))
	e := mustEngine(t, set, Config{Lateness: 3 * time.Second})
	for _, m := range matches(t, set, []shot{{at: 0, rules: "a", fields: u("x")}, {at: 1, rules: "a", fields: u("x")},
		{at: 5, rules: "a", fields: u("y")}}) {
		e.Add(m)
	}
	var state bytes.Buffer
	if err := e.Snapshot(&state); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Restore(bytes.NewReader(state.Bytes())); err == nil {
		t.Error("restored into an engine in use")
	}
	for i := range state.Len() {
		bad := bytes.Clone(state.Bytes())
		bad[i] ^= 1
		for _, data := range [][]byte{bad, state.Bytes()[:i]} {
			fresh := mustEngine(t, set, Config{})
			if _, err := fresh.Restore(bytes.NewReader(data)); !errors.Is(err, ErrSnapshot) {
				t.Fatalf("byte %d: %v", i, err)
			}
			if s := fresh.Stats(); s.Memory != 0 || s.Groups != 0 || s.Pending != 0 {
				t.Fatalf("byte %d: %+v", i, s)
			}
		}
	}
	cause := errors.New("disk")
	if err := e.Snapshot(brokenWriter{cause}); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	// Another threshold: what was counted for the old one is not used.
	changed := mustSet(t, counting(2)+corr("other", "type: temporal", "rules: [a]", "timespan: 5s", "group-by: user"))
	fresh := mustEngine(t, changed, Config{Lateness: 3 * time.Second})
	if dropped, err := fresh.Restore(bytes.NewReader(state.Bytes())); err != nil || dropped != 1 {
		t.Errorf("%d dropped, %v", dropped, err)
	}
	if s := fresh.Stats(); s.Groups != 1 || s.Pending != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRestoreBytes: with any byte wrong behind the checksum's back, a snapshot is
// refused or gives an engine that works.
func TestRestoreBytes(t *testing.T) {
	set := mustSet(t, everything)
	e := mustEngine(t, set, Config{Lateness: 2 * time.Second})
	var shots []shot
	for i := range 14 {
		shots = append(shots, shot{at: float64(i) / 3, rules: string("abcd"[i*7%4]),
			fields: fields{"user": fmt.Sprint("u", i%3), "other": "u1", "host": "h", "n": float64(i) / 2}})
	}
	for _, m := range matches(t, set, shots) {
		e.Add(m)
	}
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	body := b.Bytes()[len(snapshotHead) : b.Len()-sha256.Size]
	refused := 0
	for i := 0; i < len(body); i += 7 {
		bad := bytes.Clone(body)
		bad[i] ^= byte(1 << (i % 8))
		fresh := mustEngine(t, set, Config{})
		if _, err := fresh.restore(bad); err != nil {
			refused++
			if !errors.Is(err, ErrSnapshot) || fresh.Stats().Memory != 0 {
				t.Fatalf("byte %d: %v", i, err)
			}
			continue
		}
		for _, m := range matches(t, set, shots[:4]) {
			m.Time = m.Time.Add(4 * time.Second)
			fresh.Add(m)
		}
		fresh.Flush()
	}
	if refused == 0 || refused == len(body) {
		t.Errorf("%d of %d refused", refused, len(body))
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzRestore: no bytes bring the engine down, neither while they are read nor
// afterwards.
func FuzzRestore(f *testing.F) {
	set := mustSet(f, everything)
	rules := set.Rules
	fill := func(n int) *Engine {
		e, _ := New(set, Config{Lateness: 2 * time.Second})
		for i := range n {
			e.Add(Match{Rule: rules[i*7%4], Time: second(float64(i) / 3), Event: fmt.Sprint(i), Fields: fields{
				"user": fmt.Sprint("u", i%3), "other": "u1", "host": fmt.Sprint("h", i%2), "n": float64(i) / 2,
			}})
		}
		return e
	}
	for _, n := range []int{0, 1, 5, 30, 60} {
		var b bytes.Buffer
		if err := fill(n).Snapshot(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes()[len(snapshotHead) : b.Len()-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, _ := New(set, Config{Lateness: 2 * time.Second})
		if _, err := e.restore(body); err != nil {
			if !errors.Is(err, ErrSnapshot) || e.Stats().Memory != 0 {
				t.Fatalf("%v", err)
			}
			return
		}
		for i := range 8 {
			e.Add(Match{Rule: rules[i%4], Time: second(float64(i) * 2), Event: fmt.Sprint("n", i),
				Fields: fields{"user": "u1", "other": "u1", "host": "h1", "n": "2"}})
		}
		e.Flush()
	})
}

// TestManyGroups: with very many groups, shuffled, doubled and restarted in
// between, exactly those that reach the threshold within the timespan alert.
func TestManyGroups(t *testing.T) {
	groups := 30_000
	if testing.Short() {
		groups = 3000
	}
	set := mustSet(t, counting(3))
	random := rand.New(rand.NewPCG(1, 2))
	times := make([][]float64, groups)
	var list []Match
	for i := range 3 * groups {
		g := random.IntN(groups)
		at := float64(random.IntN(100_000)) / 1000
		times[g] = append(times[g], at)
		m := Match{Rule: set.Rules[0], Time: second(at), Event: fmt.Sprint(i), Fields: u(fmt.Sprintf("利用者%d", g))}
		if list = append(list, m); i%5 == 0 {
			list = append(list, m)
		}
	}
	want := map[string]bool{}
	for g, list := range times {
		slices.Sort(list)
		last := false
		for i := range list {
			if i+1 < len(list) && list[i+1] == list[i] {
				continue // the moment has more events
			}
			holds := i >= 2 && list[i]-list[i-2] <= 10+1e-9
			if holds && !last {
				want[fmt.Sprintf("利用者%d@%.3f", g, list[i])] = true
			}
			last = holds
		}
	}
	list = sortedCopy(list)
	for i := 0; i+1 < len(list); i += 50 { // a shuffle of neighbours
		part := list[i:min(i+50, len(list))]
		random.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
	cfg := Config{Lateness: 5 * time.Second}
	e := mustEngine(t, set, cfg)
	var got []*Alert
	for i, m := range list {
		if i == len(list)/2 {
			var state bytes.Buffer
			if err := e.Snapshot(&state); err != nil {
				t.Fatal(err)
			}
			e = mustEngine(t, set, cfg)
			if _, err := e.Restore(&state); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, e.Add(m)...)
	}
	got = append(got, e.Flush()...)
	for _, a := range got {
		name := fmt.Sprintf("%s@%.3f", a.Group[0].Value, since(a.At))
		if !want[name] {
			t.Fatalf("%s alerts, or again", alertText(a))
		}
		delete(want, name)
	}
	if len(want) > 0 || len(got) < groups/50 {
		t.Errorf("%d alerts, %d are missing", len(got), len(want))
	}
}

// TestGoroutines: the engine may be used by several at once; run with -race.
func TestGoroutines(t *testing.T) {
	set := mustSet(t, counting(100))
	e := mustEngine(t, set, Config{Lateness: time.Hour})
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 25 {
				e.Add(Match{Rule: set.Rules[0], Time: second(float64(g) / 10), Event: fmt.Sprint(g, i), Fields: u("x")})
				e.Stats()
			}
		})
	}
	wait.Wait()
	if got := e.Flush(); len(got) != 1 || got[0].Value != 100 {
		t.Errorf("%v", tellAll(got))
	}
}

// TestAlertID: the same alert has the same id in another engine, and no other has
// it.
func TestAlertID(t *testing.T) {
	set := mustSet(t, counting(1)+corr("y", "type: event_count", "rules: a", "group-by: user", "timespan: 1s",
		"condition: {gte: 1}"))
	shots := []shot{{at: 0, rules: "a", fields: u("x")}, {at: 0, rules: "a", fields: u("y")},
		{at: 50, rules: "a", fields: u("x")}}
	seen := map[string]string{}
	for range 2 {
		for _, a := range play(mustEngine(t, set, Config{}), matches(t, set, shots)) {
			if old, ok := seen[a.ID]; ok && old != alertText(a) {
				t.Errorf("%s and %s", old, alertText(a))
			}
			seen[a.ID] = alertText(a)
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d ids: %v", len(seen), seen)
	}
}

// TestExactSum compares with numbers of unlimited size.
func TestExactSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.OneOf(
			rapid.Float64Range(-maxNumber, maxNumber), rapid.Float64Range(-10, 10),
			rapid.SampledFrom([]float64{0.1, -0.1, 1e100, -1e100, 1, 1 << 53, 5e-324, 1e-300}),
		), 1, 30).Draw(t, "numbers")
		want := new(big.Rat)
		for _, n := range list {
			want.Add(want, new(big.Rat).SetFloat64(n))
		}
		exact, _ := want.Float64()
		got := exactSum(func(yield func(float64) bool) {
			for _, n := range list {
				if !yield(n) {
					return
				}
			}
		})
		if got != exact && !(got == 0 && exact == 0) {
			t.Fatalf("%v: %v, want %v", list, got, exact)
		}
	})
}

func TestPercentile(t *testing.T) {
	list := []float64{1, 2, 3, 4, 10}
	for p, want := range map[float64]float64{0: 1, 25: 2, 50: 3, 75: 4, 100: 10, 12.5: 1.5, 90: 7.6} {
		if got := percentile(list, p); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: %v, want %v", p, got, want)
		}
	}
	if got := percentile([]float64{5}, 99); got != 5 {
		t.Error(got)
	}
	for text, want := range map[string]bool{"5": true, "-5.5e3": true, "0x10": false, "1,000": false, "": false,
		"inf": false, "nan": false, "1e281": false, ".": false, "e": false, " 5": false} {
		if _, ok := number(text); ok != want {
			t.Errorf("number(%q) = %v", text, ok)
		}
	}
}
