package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
)

// fields is an event as a map.
type fields map[string]any

func (f fields) Lookup(name string) (any, bool) { return sigma.LookupIn(f, name) }

// detections are the rules that tests correlate: a, b, c, d.
func detections(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "title: Rule %s\nid: 00000000-0000-4000-8000-00000000000%d\nname: %s\n"+
			"logsource: {product: test}\ndetection: {s: {kind: %s}, condition: s}\n---\n", name, i, name, name)
	}
	return b.String()
}

// corr writes a correlation document; the lines stand below "correlation".
func corr(name string, lines ...string) string {
	return "title: Correlation " + name + "\nname: " + name + "\ncorrelation:\n    " + strings.Join(lines, "\n    ") +
		"\n---\n"
}

// mustSet makes a set of documents that must all be understood.
func mustSet(t testing.TB, text string) *sigma.Set {
	t.Helper()
	set := sigma.ParseCollection("test.yml", []byte(text)).Set()
	for _, e := range set.Refused {
		t.Fatalf("refused: %v", e)
	}
	return set
}

func mustEngine(t testing.TB, set *sigma.Set, cfg Config) *Engine {
	t.Helper()
	e, err := New(set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// second is a time in seconds from the tests' own beginning.
func second(s float64) time.Time {
	return time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
}

func since(at time.Time) float64 { return at.Sub(second(0)).Seconds() }

// ruleNamed finds a rule of a set by its name.
func ruleNamed(t testing.TB, set *sigma.Set, name string) *sigma.Rule {
	t.Helper()
	i := slices.IndexFunc(set.Rules, func(r *sigma.Rule) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no rule %q", name)
	}
	return set.Rules[i]
}

// shot is one event of a test: at a time, of one or several rules ("a b").
type shot struct {
	at     float64
	rules  string
	event  string // "" makes one of the position in the list
	fields fields
}

// matches returns the matches of events in their order.
func matches(t testing.TB, set *sigma.Set, shots []shot) []Match {
	t.Helper()
	var out []Match
	for i, s := range shots {
		if s.event == "" {
			s.event = fmt.Sprintf("e%d", i)
		}
		for _, name := range strings.Fields(s.rules) {
			out = append(out, Match{Rule: ruleNamed(t, set, name), Time: second(s.at), Event: s.event,
				Fields: s.fields})
		}
	}
	return out
}

// play returns matches to an engine and flushes it.
func play(e *Engine, list []Match) []*Alert {
	var out []*Alert
	for _, m := range list {
		out = append(out, e.Add(m)...)
	}
	return append(out, e.Flush()...)
}

// alertText writes an alert in short: "name{group}@time=value[events]".
func alertText(a *Alert) string {
	var group, events []string
	for _, v := range a.Group {
		group = append(group, v.Value)
	}
	for _, ev := range a.Events {
		events = append(events, ev.Rule.Name+":"+ev.Event)
	}
	return fmt.Sprintf("%s{%s}@%g=%g[%s]", a.Rule.Name, strings.Join(group, ","), since(a.At), a.Value,
		strings.Join(events, " "))
}

func tellAll(list []*Alert) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, alertText(a))
	}
	return out
}

// sortedCopy sorts matches by time, as an archive would give them.
func sortedCopy(list []Match) []Match {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Match) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	return out
}
