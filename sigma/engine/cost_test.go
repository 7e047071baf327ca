package engine_test

import (
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

const costRules = `title: expensive
id: 00000000-0000-4000-8000-000000000001
logsource:
  product: windows
detection:
  a:
    Text|re: '^(x+x+)+y$'
  condition: a
---
title: cheap
id: 00000000-0000-4000-8000-000000000002
logsource:
  product: windows
detection:
  a:
    Text|endswith: 'y'
  condition: a
`

// TestCosts: events, evaluations, matches and time of every rule are counted,
// also over several workers, and draining resets the counts.
func TestCosts(t *testing.T) {
	set := sigma.ParseCollection("a.yml", []byte(costRules)).Set()
	if len(set.Rules) != 2 {
		t.Fatal(set.Refused)
	}
	now, step := time.Unix(0, 0), time.Millisecond
	clock := func() time.Time { now = now.Add(step); return now }
	run := func(e *engine.Engine, n int) {
		list := []*engine.Worker{e.Worker(), e.Worker()}
		found := map[string]int{}
		for i := range n {
			ev := &event{product: "windows", fields: map[string]any{"Text": []any{"xxx", "xxy"}[i%2]}}
			for _, m := range matched(list[i*2/n], ev) {
				found[m.Rule.Title]++
			}
		}
		for _, w := range list {
			w.Flush()
		}
		if found["expensive"] != n/2 || found["cheap"] != n/2 {
			t.Errorf("found %v", found)
		}
	}
	for _, every := range []int{0, 1, 7} {
		e := engine.Compile(set, engine.Options{Clock: clock, TimeEvery: every})
		run(e, 10_000)
		costs := e.DrainCosts()
		if len(costs) != 2 {
			t.Fatal(costs)
		}
		for _, c := range costs {
			// Each evaluation that is timed takes one step of this clock.
			if c.Events != 10_000 || c.Matches != 5000 || c.Evaluations < 5000 ||
				c.Time != time.Duration(c.Evaluations)*step {
				t.Errorf("one of %d timed: %s: %+v", every, c.Rule.Title, c)
			}
		}
		for _, c := range e.Costs() {
			if c.Rule == nil || c.Events != 0 || c.Evaluations != 0 || c.Matches != 0 || c.Time != 0 {
				t.Errorf("after draining: %+v", c)
			}
		}
		run(e, 100)
		if costs := e.Costs(); costs[0].Events != 100 || costs[0].Matches != 50 {
			t.Errorf("after draining and more: %+v", costs)
		}
	}
	back := engine.Compile(set, engine.Options{Clock: func() time.Time { now = now.Add(-step); return now }})
	run(back, 100)
	if costs := back.Costs(); costs[0].Time != 0 || costs[0].Matches != 50 {
		t.Errorf("a clock that was set counts: %+v", costs)
	}
}
