package timeline

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

const manyShells = `title: Many shells
id: 44444444-4444-4444-8444-444444444444
author: Chie
license: DRL-1.1
level: critical
tags: [attack.t1110]
correlation:
    type: event_count
    rules: [11111111-1111-4111-8111-111111111111]
    group-by: [Computer]
    timespan: 10s
    condition:
        gte: 5
`

// A correlation sees the events of all files by their times, however they are
// read, and its base rule is silent unless it says otherwise.
func TestCorrelation(t *testing.T) {
	dir := logs(t)
	inputs, _, err := Inputs([]string{dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, generate := range []bool{false, true} {
		c := sigma.ParseCollection("rules/a.yml", []byte(ruleA))
		text := manyShells
		if generate {
			text = strings.Replace(text, "    type:", "    generate: true\n    type:", 1)
		}
		c.Add(sigma.ParseCollection("rules/d.yml", []byte(text)))
		set := c.Set()
		if len(set.Refused) > 0 {
			t.Fatal(set.Refused)
		}
		want := ""
		for _, jobs := range []int{1, 3} {
			for _, sorted := range []bool{false, true} {
				got, res := ran(t, Config{Rules: set, Inputs: inputs, Jobs: jobs, Sort: sorted, Memory: 2000,
					Dir: t.TempDir()})
				var alerts []string
				for l := range strings.Lines(got) {
					if strings.Contains(l, "Many shells") {
						alerts = append(alerts, l)
					}
				}
				if want == "" {
					want = strings.Join(alerts, "")
				}
				if strings.Join(alerts, "") != want || len(alerts) != 2 {
					t.Fatalf("jobs %d, sorted %v: %q", jobs, sorted, alerts)
				}
				base := res.Tally.Matches - 2
				if generate && base != 800 || !generate && base != 0 {
					t.Errorf("generate %v: %d matches of the base rule", generate, base)
				}
			}
		}
		for _, part := range []string{`"id":"44444444-4444-4444-8444-444444444444"`, `"author":"Chie"`,
			`"license":"DRL-1.1"`, `"level":"critical"`, `"time":"2026-01-01T10:00:04Z"`, `"Computer":"host:pc1"`,
			`"event_count":"5"`, "sub/3.json#5"} {
			if !strings.Contains(want, part) {
				t.Errorf("%s is missing in %s", part, want)
			}
		}
		// A filter keeps what a correlation needs, and shows only what it lets through.
		_, res := ran(t, Config{Rules: set, Inputs: inputs, Filter: Filter{Level: sigma.Critical}})
		if res.Tally.Matches != 2 || res.Used != 1 {
			t.Errorf("only the correlation: %d matches, %d rules used", res.Tally.Matches, res.Used)
		}
		_, res = ran(t, Config{Rules: set, Inputs: inputs, Filter: Filter{Exclude: []string{"Many shells"}}})
		if res.Tally.Matches != 800 || res.Used != 1 {
			t.Errorf("without the correlation: %d matches, %d rules used", res.Tally.Matches, res.Used)
		}
	}
}
