package correlate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma"
)

// everything has a correlation of each type and shape, also on one another.
var everything = detections("a", "b", "c", "d") +
	corr("count", "type: event_count", "rules: [a, b]", "group-by: user", "timespan: 5s", "condition: {gte: 3}") +
	corr("count_range", "type: event_count", "rules: a", "timespan: 4s", "condition: {gt: 1, lte: 3}") +
	corr("count_not", "type: event_count", "rules: [c]", "group-by: [user, host]", "timespan: 3s",
		"condition: {neq: 2}") +
	corr("values", "type: value_count", "rules: [a, c]", "group-by: host", "timespan: 6s",
		"condition: {field: user, gt: 1}") +
	corr("pairs", "type: value_count", "rules: [a, b, c]", "timespan: 4s", "condition: {field: [user, host], gte: 3}") +
	corr("sum", "type: value_sum", "rules: [a, b]", "group-by: host", "timespan: 5s",
		"condition: {field: n, gt: 7.5}") +
	corr("average", "type: value_avg", "rules: [b]", "group-by: user", "timespan: 7s",
		"condition: {field: n, lte: 2}") +
	corr("ninety", "type: value_percentile", "rules: [a, b, d]", "timespan: 8s",
		"condition: {field: n, percentile: 90, gte: 5}") +
	corr("median", "type: value_median", "rules: [a, d]", "group-by: host", "timespan: 8s",
		"condition: {field: n, eq: 2.5}") +
	corr("near", "type: temporal", "rules: [a, b, c]", "group-by: user", "timespan: 4s") +
	corr("two_of", "type: temporal", "rules: [a, b, c, d]", "group-by: host", "timespan: 2s",
		"condition: {gte: 2, lt: 4}") +
	corr("either", "type: temporal", "condition: (a or b) and (c or d)", "group-by: host", "timespan: 3s") +
	corr("without", "type: temporal", "condition: a and not b", "group-by: user", "timespan: 3s") +
	corr("or_without", "type: temporal", "condition: (a and c and not b) or (b and d and not (a or c))",
		"timespan: 4s", "group-by: host") +
	corr("order", "type: temporal_ordered", "rules: [a, b, c]", "group-by: user", "timespan: 6s") +
	corr("order_two", "type: temporal_ordered", "rules: [a, b, c]", "group-by: host", "timespan: 4s",
		"condition: {eq: 2}") +
	corr("order_some", "type: temporal_ordered", "rules: [d, c, b, a]", "timespan: 3s", "condition: {gte: 3}") +
	corr("order_or", "type: temporal_ordered", "rules: [a, b, c]", "condition: a and (b or c)", "group-by: user",
		"timespan: 4s") +
	corr("order_lead", "type: temporal_ordered", "rules: [a, b, c]", "condition: not a and b and c", "group-by: user",
		"timespan: 4s") +
	corr("order_gap", "type: temporal_ordered", "rules: [a, b, c, d]", "condition: a and not b and c and not d",
		"timespan: 5s", "group-by: host") +
	corr("order_between", "type: temporal_ordered", "rules: [a, b, c, d]", "condition: a and not b and not c and d",
		"timespan: 6s", "group-by: host") +
	corr("order_end", "type: temporal_ordered", "rules: [a, b]", "condition: a and not b", "timespan: 4s",
		"group-by: user") +
	corr("aliased", "type: temporal", "rules: [a, b]", "group-by: [who, host]", "timespan: 5s",
		"aliases:", "  who: {a: user, b: other}") +
	corr("chain", "type: temporal_ordered", "rules: [count_on_host, d]", "group-by: user", "timespan: 6s") +
	corr("count_on_host", "type: event_count", "rules: [a, b]", "group-by: host", "timespan: 4s",
		"condition: {gte: 2}", "generate: true") +
	corr("chain_values", "type: value_count", "rules: [near, without]", "timespan: 9s",
		"condition: {field: user, gte: 2}", "generate: true") +
	corr("chain_sum", "type: value_sum", "rules: [count_on_host, d]", "group-by: user", "timespan: 7s",
		"condition: {field: n, gt: 4}") +
	corr("chain_top", "type: event_count", "rules: [chain, chain_values, c]", "timespan: 9s", "condition: {gte: 2}",
		"generate: true")

// drawn returns random events, few enough values that they meet.
func drawn(t *rapid.T, set *sigma.Set, most int) []Match {
	users := []any{"alice", "ALICE", "bob", "管理者", "ボブ", "", nil, []any{"alice", "bob"}, int64(7)}
	numbers := []any{int64(1), int64(4), "2.5", 0.1, 1e15, "-3", "junk", "1e30", nil, []any{int64(2), int64(2), "3"}}
	var shots []shot
	for i := range rapid.IntRange(1, most).Draw(t, "events") {
		f := fields{}
		f["user"] = rapid.SampledFrom(users).Draw(t, "user")
		f["other"] = rapid.SampledFrom(users[:5]).Draw(t, "other")
		f["host"] = rapid.SampledFrom([]any{"h1", "h2"}).Draw(t, "host")
		f["n"] = rapid.SampledFrom(numbers).Draw(t, "n")
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "a b", "b c", "a b c d"}).Draw(t, "rules")
		at := float64(rapid.IntRange(0, 40).Draw(t, "at")) / 2
		shots = append(shots, shot{at, names, fmt.Sprintf("e%d", i), f})
	}
	var out []Match
	for _, s := range shots {
		for _, name := range strings.Fields(s.rules) {
			i := slices.IndexFunc(set.Rules, func(r *sigma.Rule) bool { return r.Name == name })
			out = append(out, Match{Rule: set.Rules[i], Time: second(s.at), Event: s.event, Fields: s.fields})
		}
	}
	return out
}

// shown is an alert or a verdict for comparison.
type shown struct {
	Rule, Group string
	At          int64
	Value       float64
	Events      string
}

// ofEngine and ofOracle leave the events of ordered correlations out: there may
// be several choices that are as good. checkChain looks at them.
func ofEngine(list []*Alert) []shown {
	out := []shown{}
	for _, a := range list {
		var group, events []string
		for _, v := range a.Group {
			group = append(group, strings.ToLower(v.Value))
		}
		for _, ev := range a.Events {
			events = append(events, ev.Rule.Name+":"+ev.Event)
		}
		out = append(out, shown{a.Rule.Name, strings.Join(group, "|"), a.At.UnixNano(), a.Value,
			eventsOf(a.Rule, events)})
	}
	return ordered(out)
}

func ofOracle(set *sigma.Set, o *oracle) []shown {
	out := []shown{}
	for _, c := range set.Correlations {
		if c.Silent {
			continue
		}
		for _, v := range o.verdicts(c) {
			out = append(out, shown{c.Name, v.group, v.at, v.value, eventsOf(c, v.events)})
		}
	}
	return ordered(out)
}

func eventsOf(c *sigma.Correlation, events []string) string {
	if reachesOrder(c) {
		return ""
	}
	return strings.Join(different(events), " ")
}

func reachesOrder(c *sigma.Correlation) bool {
	return c.Type == sigma.TemporalOrdered || slices.ContainsFunc(c.Rules, func(r sigma.RuleRef) bool {
		return r.Correlation != nil && reachesOrder(r.Correlation)
	})
}

func ordered(list []shown) []shown {
	slices.SortFunc(list, func(a, b shown) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

func compare(t *rapid.T, what string, want []shown, got []*Alert) {
	t.Helper()
	if diff := cmp.Diff(want, ofEngine(got)); diff != "" {
		t.Fatalf("%s (- oracle, + engine):\n%s", what, diff)
	}
	for i, a := range got {
		if i > 0 && a.At.Before(got[i-1].At) {
			t.Fatalf("%s: alerts out of order", what)
		}
		checkChain(t, a)
	}
}

// checkChain looks whether the events of an ordered correlation are an order.
func checkChain(t *rapid.T, a *Alert) {
	if a.First.After(a.Last) || a.Last.After(a.At) {
		t.Fatalf("times of %s", alertText(a))
	}
	if a.Rule.Type != sigma.TemporalOrdered || a.Rule.Name == "chain" {
		return
	}
	had := map[string]bool{}
	for _, ev := range a.Events {
		if had[ev.Event] {
			t.Fatalf("an event stands for two steps: %s", alertText(a))
		}
		had[ev.Event] = true
	}
	if float64(len(a.Events)) != a.Value || a.Last.Sub(a.First) > a.Rule.Timespan {
		t.Fatalf("no chain within the timespan: %s", alertText(a))
	}
}

func resolveBob(field, value string) string {
	if value == "ボブ" {
		return "Bob"
	}
	return value
}

// TestOracle: the engine gives exactly the alerts of brute force, in order,
// shuffled within the lateness, with duplicates, and restarted in between.
func TestOracle(t *testing.T) {
	set := mustSet(t, everything)
	resolve := func(field, value string, _ time.Time) string { return resolveBob(field, value) }
	rapid.Check(t, func(t *rapid.T) {
		list := drawn(t, set, 24)
		want := ofOracle(set, newOracle(list, resolveBob))

		e, _ := New(set, Config{Resolve: resolve})
		compare(t, "in order", want, play(e, sortedCopy(list)))
		if s := e.Stats(); s.Late+s.Duplicates+s.Evicted+s.Overflowed+s.Forced != 0 || s.Memory != 0 ||
			s.Groups != 0 || s.Pending != 0 {
			t.Fatalf("stats after the end: %+v", s)
		}

		const late = 6
		mixed := lateOrder(t, list, late)
		e, _ = New(set, Config{Resolve: resolve, Lateness: late * time.Second})
		compare(t, "shuffled", want, play(e, mixed))

		// Duplicates come while the first still waits.
		e, _ = New(set, Config{Resolve: resolve, Lateness: time.Hour})
		compare(t, "duplicates", want, play(e, rapid.Permutation(append(slices.Clone(list), list...)).Draw(t, "order")))
		if e.Stats().Duplicates == 0 && len(want) > 0 {
			t.Fatal("no duplicate was found")
		}

		compare(t, "restarted", want, restarted(t, set, resolve, mixed, late))
	})
}

// lateOrder draws an order of arrival in which nothing is later than allowed.
func lateOrder(t *rapid.T, list []Match, late float64) []Match {
	left := sortedCopy(list)
	var out []Match
	newest := second(-1000)
	for len(left) > 0 {
		// Whatever is taken must not make the oldest that is left too late.
		oldest := left[0].Time
		var may []int
		for i, m := range left {
			top := newest
			if m.Time.After(top) {
				top = m.Time
			}
			if i == 0 || top.Sub(oldest).Seconds() <= late {
				may = append(may, i)
			}
		}
		i := rapid.SampledFrom(may).Draw(t, "next")
		if left[i].Time.After(newest) {
			newest = left[i].Time
		}
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// restarted plays matches over several lives of the engine; after a restart the
// last matches before it come again.
func restarted(t *rapid.T, set *sigma.Set, resolve func(string, string, time.Time) string, list []Match,
	late int) []*Alert {
	cfg := Config{Resolve: resolve, Lateness: time.Duration(late) * time.Second}
	e, _ := New(set, cfg)
	var out []*Alert
	for i, m := range list {
		if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
			var state, again bytes.Buffer
			if err := e.Snapshot(&state); err != nil {
				t.Fatal(err)
			}
			before := e.Stats()
			e, _ = New(set, cfg)
			if dropped, err := e.Restore(bytes.NewReader(state.Bytes())); err != nil || dropped != 0 {
				t.Fatalf("restore: %d dropped, %v", dropped, err)
			}
			if err := e.Snapshot(&again); err != nil || !bytes.Equal(again.Bytes(), state.Bytes()) {
				t.Fatalf("a restored engine gives another snapshot: %v", err)
			}
			if after := e.Stats(); after.Memory != before.Memory || after.Groups != before.Groups ||
				after.Pending != before.Pending {
				t.Fatalf("restored %+v, had %+v", after, before)
			}
			for _, m := range list[max(0, i-3):i] {
				out = append(out, e.Add(m)...)
			}
		}
		out = append(out, e.Add(m)...)
	}
	return append(out, e.Flush()...)
}
