package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

// correlationTypes are the correlations that are measured, each over two base
// rules and a minute.
var correlationTypes = []struct{ name, text string }{
	{"event_count", "type: event_count, group-by: [user], condition: {gte: 100}"},
	{"value_count", "type: value_count, group-by: [user], condition: {field: host, gte: 100}"},
	{"value_sum", "type: value_sum, group-by: [user], condition: {field: n, gt: 1000000}"},
	{"value_percentile", "type: value_percentile, group-by: [user], condition: {field: n, percentile: 99, " +
		"gt: 1000000}"},
	{"temporal", "type: temporal, group-by: [user]"},
	{"temporal_ordered", "type: temporal_ordered, group-by: [user]"},
	{"a and not b", "type: temporal, group-by: [user], condition: a and not b"},
	{"event_count by two fields", "type: event_count, group-by: [user, host], condition: {gte: 100}"},
}

const correlationBase = `title: A
name: a
logsource: {product: any}
detection: {s: {x: 1}, condition: s}
---
title: B
name: b
logsource: {product: any}
detection: {s: {x: 2}, condition: s}
---
`

func correlationEngine(text string, memory int64) (*correlate.Engine, []*sigma.Rule, error) {
	set := sigma.ParseCollection("bench.yml",
		[]byte(correlationBase+"title: C\ncorrelation: {rules: [a, b], timespan: 60s, "+text+"}\n")).Set()
	if len(set.Refused) > 0 || len(set.Correlations) != 1 {
		return nil, nil, fmt.Errorf("the correlation is refused: %v", set.Refused)
	}
	e, err := correlate.New(set, correlate.Config{Lateness: time.Second, MaxMemory: memory})
	return e, set.Rules, err
}

// correlations measures matches a second by the type of correlation, and what
// very many groups take.
func correlations(ctx context.Context, s settings) ([]table, error) {
	const few, feed = 100_000, 1_000_000
	speed := table{Title: "Correlation", Head: []string{"Type", "matches/s, 1,000 groups", "matches/s, 100,000 groups"},
		Note: "One core, group by an account, windows of a minute, a match every 100 µs of event time and up to a " +
			"second late."}
	for _, c := range correlationTypes {
		row := []any{c.name}
		for _, groups := range []int{1000, few} {
			e, rules, err := correlationEngine(c.text, 4<<30)
			if err != nil {
				return nil, err
			}
			m := newMatches(rules, groups)
			for range 2 * groups {
				e.Add(m.next())
			}
			began := time.Now()
			for i := range feed {
				if e.Add(m.next()); i%1024 == 0 && ctx.Err() != nil {
					return nil, ctx.Err()
				}
			}
			if st := e.Stats(); st.Late+st.Evicted+st.Overflowed != 0 {
				return nil, fmt.Errorf("%s: %+v", c.name, st)
			}
			row = append(row, count(feed/time.Since(began).Seconds()))
		}
		speed.add(row...)
	}

	many := table{Title: fmt.Sprintf("%s groups at once", count(float64(s.groups))),
		Head: []string{"Type", "bound", "groups kept", "given up, and said so", "memory by its own word (MB)",
			"heap (MB)", "bytes a group", "matches/s"},
		Note: "Every group has two matches within the window. The heap is measured after a collection, less what it " +
			"was before."}
	for _, c := range correlationTypes {
		if !slices.Contains([]string{"event_count", "temporal_ordered"}, c.name) {
			continue
		}
		for _, bound := range []int64{4 << 30, 256 << 20} {
			e, rules, err := correlationEngine(c.text, bound)
			if err != nil {
				return nil, err
			}
			m := newMatches(rules, s.groups)
			m.apart, m.fresh = 20*time.Microsecond, true // so that all of them fall into one window
			base := heap()
			began := time.Now()
			for range 2 * s.groups {
				e.Add(m.next())
			}
			took := time.Since(began)
			held := int64(heap()) - int64(base)
			st := e.Stats()
			if st.Groups == 0 || bound == 4<<30 && st.Evicted > 0 {
				return nil, fmt.Errorf("%s: %+v", c.name, st)
			}
			many.add(c.name, fmt.Sprintf("%d MB", bound>>20), count(float64(st.Groups)), count(float64(st.Evicted)),
				mb(st.Memory), mb(held), count(float64(held)/float64(st.Groups)),
				count(float64(2*s.groups)/took.Seconds()))
			runtime.KeepAlive(e)
			runtime.KeepAlive(m)
		}
	}
	if len(many.Rows) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return []table{speed, many}, nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// matches is an endless stream of matches.
type matches struct {
	rules  []*sigma.Rule
	events []*flatEvent
	names  []string
	apart  time.Duration
	fresh  bool // every match brings its own texts, as matches of real events do
	n      int
}

// flatEvent is an event whose fields are found without any search, to measure
// correlation alone.
type flatEvent struct{ user, host, n any }

// Lookup returns a field.
func (f *flatEvent) Lookup(name string) (any, bool) {
	switch name {
	case "user":
		return f.user, true
	case "host":
		return f.host, true
	}
	return f.n, true
}

func newMatches(rules []*sigma.Rule, users int) *matches {
	m := &matches{rules: rules, apart: 100 * time.Microsecond}
	for i := range users {
		m.events = append(m.events,
			&flatEvent{fmt.Sprintf("user%07d", i), fmt.Sprintf("host%d", i%500), int64(i % 1000)})
	}
	for i := range 1 << 16 {
		m.names = append(m.names, fmt.Sprintf("event-%012d", i))
	}
	return m
}

func (m *matches) next() correlate.Match {
	m.n++
	late := time.Duration(m.n*104729%1_000_000) * time.Microsecond
	out := correlate.Match{Rule: m.rules[m.n/3%2],
		Time: time.Unix(1_700_000_000, 0).Add(time.Duration(m.n)*m.apart - late), Event: m.names[m.n%len(m.names)],
		Fields: m.events[m.n*7919%len(m.events)]} // each comes equally often
	if m.fresh {
		f := *m.events[m.n*7919%len(m.events)]
		f.user = strings.Clone(f.user.(string))
		out.Event, out.Fields = strings.Clone(out.Event), &f
	}
	return out
}
