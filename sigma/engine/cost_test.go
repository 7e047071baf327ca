package engine_test

import (
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

const dearRules = `title: dear
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

// TestCosts: evaluations and matches of every rule are counted, and a rule above
// the ceiling is named once and evaluated no more, while the others go on.
func TestCosts(t *testing.T) {
	set := sigma.ParseCollection("a.yml", []byte(dearRules)).Set()
	if len(set.Rules) != 2 {
		t.Fatal(set.Refused)
	}
	now := time.Unix(0, 0)
	var named []engine.Cost
	e := engine.Compile(set, engine.Options{
		Clock:        func() time.Time { now = now.Add(time.Millisecond); return now },
		Ceiling:      2 * time.Millisecond,
		OnQuarantine: func(c engine.Cost) { named = append(named, c) },
	})
	run := func(e *engine.Engine, n int) map[string]int {
		w, found := e.Worker(), map[string]int{}
		for i := range n {
			ev := &event{product: "windows", fields: map[string]any{"Text": []any{"xxx", "xxy"}[i%2]}}
			for _, m := range matched(w, ev) {
				found[m.Rule.Title]++
			}
		}
		w.Flush()
		return found
	}
	if found := run(e, 10_000); found["dear"] != 5000 || found["cheap"] != 5000 || len(named) != 0 {
		t.Errorf("below the ceiling: %v, %v in quarantine", found, named)
	}
	costs := e.Costs()
	if len(costs) != 2 || costs[0].Events != 10_000 || costs[0].Matches != 5000 || costs[0].Evaluations < 5000 || costs[0].Time == 0 {
		t.Errorf("%+v", costs)
	}
	// The clock now jumps a second with each look, so that both are dear; the
	// ceiling is only met by what is evaluated.
	slow := engine.Compile(set, engine.Options{
		Clock:        func() time.Time { now = now.Add(time.Second); return now },
		Ceiling:      700 * time.Millisecond,
		OnQuarantine: func(c engine.Cost) { named = append(named, c) },
	})
	found := run(slow, 20_000)
	if len(named) != 1 || named[0].Rule.Title != "dear" || !named[0].Quarantined {
		t.Errorf("in quarantine: %+v", named)
	}
	if found["dear"] >= 10_000 || found["dear"] == 0 || found["cheap"] != 10_000 {
		t.Errorf("found %v", found)
	}
	quarantined := 0
	for _, c := range slow.Costs() {
		if c.Quarantined {
			quarantined++
		}
	}
	if quarantined != 1 {
		t.Errorf("%d rules in quarantine", quarantined)
	}
}
