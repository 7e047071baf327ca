package stix

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// sighted is one observation of a test: an object a with the number b.
type sighted struct {
	b  int
	at time.Duration // after noon
}

func (s sighted) observed() Observation { return Observation{{"type": "a", "b": s.b}} }

// ways gives every set of observations, as bits, that makes an expression true,
// word by word as the specification defines its operators.
func ways(t interface{ Fatal(...any) }, o observations, list []sighted) map[uint]bool {
	at := func(set uint) (first, last time.Duration) {
		first, last = 1<<62, -1<<62
		for i, s := range list {
			if set&(1<<i) != 0 {
				first, last = min(first, s.at), max(last, s.at)
			}
		}
		return first, last
	}
	and := func(a, b map[uint]bool, good func(a, b uint) bool) map[uint]bool {
		out := map[uint]bool{}
		for x := range a {
			for y := range b {
				if x&y == 0 && good(x, y) {
					out[x|y] = true
				}
			}
		}
		return out
	}
	always := func(a, b uint) bool { return true }
	out := map[uint]bool{}
	switch o := o.(type) {
	case expression:
		for i, s := range list {
			m := matcher{seen: s.observed()}
			if ok, err := m.eval(o.test, m.seen[0]); err != nil {
				t.Fatal(err)
			} else if ok {
				out[1<<i] = true
			}
		}
	case combined:
		a, b := ways(t, o.left, list), ways(t, o.right, list)
		switch o.op {
		case "OR":
			for x := range a {
				out[x] = true
			}
			for x := range b {
				out[x] = true
			}
		case "AND":
			out = and(a, b, always)
		default:
			out = and(a, b, func(a, b uint) bool {
				_, end := at(a)
				begin, _ := at(b)
				return begin >= end
			})
		}
	case qualified:
		out = ways(t, o.of, list)
		for _, q := range o.qualifiers {
			var good func(first, last time.Duration) bool
			switch q.kind {
			case "REPEATS":
				n, _ := strconv.Atoi(q.number)
				one := out
				for range n - 1 {
					out = and(out, one, always)
				}
				continue
			case "WITHIN":
				f, _ := strconv.ParseFloat(q.number, 64)
				good = func(first, last time.Duration) bool { return (last - first).Seconds() < f }
			case "START":
				good = func(first, last time.Duration) bool {
					return !noon.Add(first).Before(q.start.Time()) && noon.Add(last).Before(q.stop.Time())
				}
			}
			for set := range out {
				if !good(at(set)) {
					delete(out, set)
				}
			}
		}
	}
	return out
}

func randomPattern(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		leaf := rapid.SampledFrom([]string{"[a:b = 1]", "[a:b = 2]", "[a:b = 3]", "[a:b >= 2]", "[a:b > 0]"})
		s := leaf.Draw(t, "leaf")
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "inner") > 0 {
			s = "(" + randomPattern(depth-1).Draw(t, "left") + " " +
				rapid.SampledFrom([]string{"AND", "OR", "FOLLOWEDBY"}).Draw(t, "op") + " " +
				randomPattern(depth-1).Draw(t, "right") + ")"
		}
		if n := rapid.IntRange(0, 6).Draw(t, "repeats"); n > 0 && n < 4 {
			s += " REPEATS " + strconv.Itoa(n) + " TIMES"
		}
		switch rapid.IntRange(0, 4).Draw(t, "qualifier") {
		case 0, 1:
			s += " WITHIN " + rapid.SampledFrom([]string{"1", "2", "2.5", "4", "9"}).Draw(t, "seconds") + " SECONDS"
		case 2:
			s += " START t'2026-01-01T12:00:0" + strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "start")) +
				"Z' STOP t'2026-01-01T12:00:0" + strconv.Itoa(rapid.IntRange(4, 9).Draw(t, "stop")) + "Z'"
		}
		return s
	})
}

// TestStreamAgainstOracle holds every answer of a stream against all sets of
// observations, in any order of arrival.
func TestStreamAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := randomPattern(rapid.IntRange(0, 3).Draw(t, "depth")).Draw(t, "pattern")
		p, err := ParsePattern(src)
		if err != nil {
			t.Fatal(err)
		}
		const horizon = 6 * time.Second
		s, err := p.Stream(StreamOptions{Horizon: horizon, Lateness: time.Minute, Steps: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		var list []sighted
		for i := range rapid.IntRange(1, 8).Draw(t, "n") {
			list = append(list,
				sighted{rapid.IntRange(0, 3).Draw(t, "b"),
					time.Duration(rapid.IntRange(0, 16).Draw(t, "at")) * time.Second / 2})
			got, err := s.Add(strconv.Itoa(i), noon.Add(list[i].at), list[i].observed())
			if err != nil {
				t.Fatal(err)
			}
			all := ways(t, p.root, list)
			want := false
			for set := range all {
				first, last := list[0].at, list[0].at
				some := false
				for j, o := range list {
					if set&(1<<j) == 0 {
						continue
					}
					if !some {
						first, last, some = o.at, o.at, true
					}
					first, last = min(first, o.at), max(last, o.at)
				}
				// The horizon binds where the pattern sets no bound.
				if s.plan.reach == horizon && last-first >= horizon && isWithin(s.plan.root, horizon) {
					delete(all, set)
					continue
				}
				want = want || set&(1<<i) != 0
			}
			if (got != nil) != want {
				t.Fatalf("%s\n%v: %v, want %v", src, list, got, want)
			}
			if got == nil {
				continue
			}
			var set uint
			for _, id := range got.IDs {
				n, _ := strconv.Atoi(id)
				set |= 1 << n
			}
			if !all[set] || set&(1<<i) == 0 {
				t.Fatalf("%s\n%v: %v is no match with %d in it", src, list, got.IDs, i)
			}
		}
		if st := s.Stats(); st.Late+st.Dropped+st.Undecided != 0 {
			t.Fatalf("%+v", st)
		}
	})
}

func isWithin(s stage, less time.Duration) bool {
	w, ok := s.(within)
	return ok && w.less == less
}

func stream(t testing.TB, src string, o StreamOptions) *Stream {
	t.Helper()
	p, err := ParsePattern(src)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Stream(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// play gives the ids of each match, and "-" where there is none.
func play(t testing.TB, s *Stream, list ...sighted) string {
	t.Helper()
	var out []string
	for i, o := range list {
		m, err := s.Add(strconv.Itoa(i), noon.Add(o.at), o.observed())
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			out = append(out, "-")
		} else {
			out = append(out, strings.Join(m.IDs, "+"))
		}
	}
	return strings.Join(out, " ")
}

func TestStreamExamples(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		src  string
		list []sighted
		want string
	}{
		{`[a:b = 1]`, []sighted{{1, 0}, {2, 0}, {1, 9 * s}}, "0 - 2"},
		{`[a:b = 1] AND [a:b = 2] WITHIN 5 SECONDS`, []sighted{{2, 0}, {1, 9 * s}}, "- 0+1"},
		{`([a:b = 1] AND [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 0}, {1, 5 * s}, {2, 9999 * time.Millisecond}},
			"- - 1+2"},
		{`([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 0}, {1, 1 * s}, {2, 1 * s}}, "- - 1+2"},
		{`([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 3 * s}, {1, 1 * s}},
			"- 1+0"}, // came out of order
		{`[a:b = 1] REPEATS 3 TIMES WITHIN 4 SECONDS`, []sighted{{1, 0}, {1, 2 * s}, {1, 4 * s}, {1, 5 * s}},
			"- - - 1+2+3"},
		{`([a:b > 0] AND [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 0}, {2, 1 * s}},
			"- 0+1"}, // on different observations
		{`([a:b > 0] AND [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 0}, {2, 5*s - 1}}, "- 0+1"},
		{`([a:b > 0] AND [a:b = 2]) WITHIN 5 SECONDS`, []sighted{{2, 0}, {2, 5 * s}}, "- -"},
		{`([a:b = 3] AND [a:b > 0]) WITHIN 5 SECONDS`, []sighted{{1, 0}, {3, 5*s - 1}}, "- 0+1"},
		{`(([a:b = 1] FOLLOWEDBY [a:b = 2]) REPEATS 2 TIMES) WITHIN 9 SECONDS`,
			[]sighted{{1, 0}, {2, 1 * s}, {2, 2 * s}, {1, 3 * s}, {2, 4 * s}}, "- - - - 0+1+3+4"},
		{`[a:b = 1] START t'2026-01-01T12:00:01Z' STOP t'2026-01-01T12:00:02Z'`,
			[]sighted{{1, 0}, {1, 1 * s}, {1, 2 * s}}, "- 1 -"},
		{`[a:b = 1] START t'2026-01-01T12:00:01.0000000001Z' STOP t'2026-01-01T12:00:02.0000000001Z'`,
			[]sighted{{1, 1 * s}, {1, 1*s + 1}, {1, 2 * s}}, "- 1 2"},
	} {
		if got := play(t, stream(t, c.src, StreamOptions{Horizon: time.Minute}), c.list...); got != c.want {
			t.Errorf("%s\n%v: %s, want %s", c.src, c.list, got, c.want)
		}
	}
}

func TestStreamRefuses(t *testing.T) {
	for _, c := range []struct{ src, say string }{
		{`[a:b = 1] AND [a:b = 2]`, "no bound"},
		{`[a:b = 1] REPEATS 2 TIMES`, "no bound"},
		{`([a:b = 1] AND [a:b = 2]) WITHIN 99999999999999999999.5 SECONDS`, "no bound"},
		{`[a:b MATCHES '(?=x)'] WITHIN 5 SECONDS`, "cannot be searched for"},
		{`[a:b = 1] REPEATS 1001 TIMES WITHIN 5 SECONDS`, "1000"},
		{`(([a:b = 1] REPEATS 40 TIMES) REPEATS 40 TIMES) WITHIN 5 SECONDS`, "1000"},
		{`(` + strings.Repeat(`[a:b = 1] AND `, 64) + `[a:b = 1]) WITHIN 5 SECONDS`, "64"},
	} {
		p, err := ParsePattern(c.src)
		if err != nil {
			t.Fatal(err)
		}
		var u *UnsupportedError
		if _, err := p.Stream(StreamOptions{}); !errors.As(err, &u) || !strings.Contains(u.Reason.Error(), c.say) {
			t.Errorf("%s: %v", c.src, err)
		}
	}
	s := stream(t, `[a:b > t'2026-01-01T00:00:00Z']`, StreamOptions{})
	var bad *MatchError
	if _, err := s.Add("", noon, Observation{{"type": "a", "b": "no time"}}); !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
}

func TestStreamBounds(t *testing.T) {
	const src = `([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 100 SECONDS`
	s := stream(t, src, StreamOptions{Lateness: 10 * time.Second, Kept: 3})
	if s.MaxSpan() != 100*time.Second {
		t.Errorf("%v", s.MaxSpan())
	}
	// The same id counts once; what meets no part is not kept; what is too late is counted.
	for range 3 {
		if _, err := s.Add("x", noon, Observation{{"type": "a", "b": 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add("", noon.Add(20*time.Second), Observation{{"type": "a", "b": 3}}); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Add("y", noon.Add(9*time.Second), Observation{{"type": "a", "b": 2}}); m != nil || err != nil {
		t.Errorf("%v %v", m, err)
	}
	if st := s.Stats(); st != (StreamStats{Kept: 1, Late: 1}) {
		t.Errorf("%+v", st)
	}
	// Of too many the oldest go.
	for i := range 4 {
		if _, err := s.Add("", noon.Add(time.Duration(20+i)*time.Second),
			Observation{{"type": "a", "b": 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st != (StreamStats{Kept: 3, Late: 1, Dropped: 2}) {
		t.Errorf("%+v", st)
	}
	// And all go with time.
	if _, err := s.Add("", noon.Add(time.Hour), Observation{{"type": "b"}}); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Kept != 0 {
		t.Errorf("%+v", st)
	}
	// Where a search is given up that is counted: ten observations for eleven expressions that each would take any.
	hard := stream(t, `(`+strings.Repeat(`[a:b > 0] AND `, 10)+`[a:b > 0]) WITHIN 100 SECONDS`,
		StreamOptions{Steps: 1000})
	for i := range 10 {
		if m, err := hard.Add("", noon.Add(time.Duration(i)*time.Second),
			Observation{{"type": "a", "b": 1}}); m != nil || err != nil {
			t.Fatalf("%v %v", m, err)
		}
	}
	if st := hard.Stats(); st.Undecided == 0 {
		t.Errorf("%+v", st)
	}
}

// TestStreamManyKept counts on the spans deciding what a search would take for
// ever to.
func TestStreamManyKept(t *testing.T) {
	s := stream(t, `([a:b = 1] REPEATS 500 TIMES FOLLOWEDBY [a:b = 2]) WITHIN 3600 SECONDS`, StreamOptions{})
	for i := range 3000 {
		if m, err := s.Add("", noon.Add(time.Duration(i)*time.Second), Observation{{"type": "a", "b": 1}}); m != nil ||
			err != nil {
			t.Fatalf("%v %v", m, err)
		}
	}
	m, err := s.Add("last", noon.Add(3000*time.Second), Observation{{"type": "a", "b": 2}})
	if err != nil || m == nil {
		t.Fatalf("%v %v", m, err)
	}
	if len(m.IDs) != 501 || m.IDs[500] != "last" || !m.From.Equal(noon.Add(2500*time.Second)) {
		t.Errorf("%d ids from %v", len(m.IDs), m.From)
	}
}

// FuzzStream gives any pattern some observations: no panic, and what level 1 does
// by Match a stream does too.
func FuzzStream(f *testing.F) {
	for _, s := range []string{`[a:b = 1]`, `([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 5 SECONDS`,
		`([a:b = 1] OR [a:b = 2] REPEATS 2 TIMES) REPEATS 3 TIMES`,
		`[a:b = 1] START t'2026-01-01T12:00:01Z' STOP t'2026-01-01T12:00:02Z' WITHIN 0.000001 SECONDS`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := ParsePattern(src)
		if err != nil {
			return
		}
		s, err := p.Stream(StreamOptions{Horizon: 10 * time.Second, Steps: 1000})
		if err != nil {
			return
		}
		for i := range 12 {
			o := sighted{i % 4, 0}.observed()
			m, err := s.Add(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second), o)
			if p.Level() > 1 {
				continue
			}
			want, err2 := p.Match(o)
			if (m != nil) != want || (err == nil) != (err2 == nil) {
				t.Fatalf("%q: stream says %v %v, Match says %v %v", src, m, err, want, err2)
			}
		}
	})
}
