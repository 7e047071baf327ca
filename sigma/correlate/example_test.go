package correlate_test

import (
	"fmt"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

func Example() {
	set := sigma.ParseCollection("guess.yml", []byte(`
title: Failed login
name: failed
logsource: {category: authentication}
detection:
    s: {outcome: failure}
    condition: s
---
title: Password guessing
level: high
correlation:
    type: event_count
    rules: [failed]
    group-by: [user]
    timespan: 5m
    condition: {gte: 3}
`)).Set()
	person := func(field, value string, at time.Time) string {
		if value == `CORP\hanako` || value == "hanako@example.org" {
			return "花子"
		}
		return value
	}
	engine, err := correlate.New(set, correlate.Config{Lateness: time.Minute, Resolve: person})
	if err != nil {
		panic(err)
	}
	begin := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	for i, user := range []string{`CORP\hanako`, "taro", "hanako@example.org", "花子"} {
		engine.Add(correlate.Match{
			Rule: set.Rules[0], Time: begin.Add(time.Duration(i) * time.Minute), Event: fmt.Sprint("record ", i),
			Fields: sigma.Map{Fields: map[string]any{"user": user}},
		})
	}
	for _, a := range engine.Flush() {
		fmt.Println(a.Rule.Title, a.Group, a.Value, a.First.Format("15:04"), a.Last.Format("15:04"))
		for _, e := range a.Events {
			fmt.Println(" ", e.Rule.Title, e.Event)
		}
	}
	// Output:
	// Password guessing [{user 花子}] 3 09:00 09:03
	//   Failed login record 0
	//   Failed login record 2
	//   Failed login record 3
}
