package correlate

import (
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/compiled"
)

// The oracle evaluates correlations the obvious way: it has all events at once
// and looks at all of them for each moment. It shares no code with the engine but
// the parsed conditions.

// fact is a match or an alert, seen by one correlation.
type fact struct {
	at     int64
	event  string
	get    func(field string, who bool) []string
	events []string // what it contributes
}

// verdict is an alert of the oracle.
type verdict struct {
	rule   *sigma.Correlation
	group  string
	at     int64
	value  float64
	events []string
	used   []stepFact
}

type stepFact struct {
	step int
	fact *fact
}

type oracle struct {
	resolve func(field, value string) string
	base    map[*sigma.Rule][]*fact
	memo    map[*sigma.Correlation][]verdict
}

func newOracle(list []Match, resolve func(field, value string) string) *oracle {
	o := &oracle{resolve: resolve, base: map[*sigma.Rule][]*fact{}, memo: map[*sigma.Correlation][]verdict{}}
	had := map[string]bool{}
	for _, m := range list {
		id := fmt.Sprint(m.Rule.Name, m.Time.UnixNano(), m.Event)
		if had[id] {
			continue
		}
		had[id] = true
		o.base[m.Rule] = append(o.base[m.Rule], &fact{
			at: m.Time.UnixNano(), event: m.Event, events: []string{m.Rule.Name + ":" + m.Event},
			get: func(field string, who bool) []string {
				var out []string
				v, _ := m.Fields.Lookup(field)
				members, isList := v.([]any)
				if !isList {
					members = []any{v}
				}
				for _, member := range members {
					text, ok := sigma.TextOf(member)
					if ok && who && o.resolve != nil {
						text = o.resolve(field, text)
					}
					if ok && text != "" {
						out = append(out, strings.ToLower(text))
					}
				}
				return out
			},
		})
	}
	return o
}

// facts returns the facts of one step of a correlation.
func (o *oracle) facts(c *sigma.Correlation, step int) []*fact {
	if r := c.Rules[step].Rule; r != nil {
		return o.base[r]
	}
	inner := c.Rules[step].Correlation
	var out []*fact
	for i, v := range o.verdicts(inner) {
		out = append(out, &fact{
			at: v.at, event: fmt.Sprintf("alert %s %d", inner.Name, i), events: v.events,
			get: func(field string, who bool) []string {
				if k := slices.Index(inner.GroupBy, field); k >= 0 {
					return []string{strings.Split(v.group, "|")[k]}
				}
				var all []string
				for _, u := range v.used {
					all = append(all, u.fact.get(inner.Field(u.step, field), who)...)
				}
				return different(all)
			},
		})
	}
	return out
}

func different(list []string) []string {
	out := slices.Clone(list)
	sort.Strings(out)
	return slices.Compact(out)
}

// tuples returns every choice of one value for each field, joined by |.
func tuples(f *fact, c *sigma.Correlation, step int, names []string, who bool) []string {
	out := []string{""}
	for i, name := range names {
		var next []string
		for _, head := range out {
			for _, v := range different(f.get(c.Field(step, name), who)) {
				if i > 0 {
					v = head + "|" + v
				}
				next = append(next, v)
			}
		}
		out = next
	}
	return out
}

func (o *oracle) verdicts(c *sigma.Correlation) []verdict {
	if out, ok := o.memo[c]; ok {
		return out
	}
	groups := map[string][]stepFact{}
	for step := range c.Rules {
		for _, f := range o.facts(c, step) {
			if len(c.Condition.Fields) > 0 && len(o.values(c, stepFact{step, f})) == 0 {
				continue
			}
			for _, g := range tuples(f, c, step, c.GroupBy, true) {
				groups[g] = append(groups[g], stepFact{step, f})
			}
		}
	}
	var out []verdict
	for g, all := range groups {
		out = append(out, o.group(c, g, all)...)
	}
	slices.SortFunc(out, func(a, b verdict) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.group, b.group)
	})
	o.memo[c] = out
	return out
}

// values returns what a fact has in the field of the condition.
func (o *oracle) values(c *sigma.Correlation, s stepFact) []string {
	if !c.Type.Numeric() {
		return tuples(s.fact, c, s.step, c.Condition.Fields, false)
	}
	var out []string
	for _, text := range s.fact.get(c.Field(s.step, c.Condition.Fields[0]), false) {
		if _, ok := new(big.Rat).SetString(text); ok && !strings.ContainsAny(text, "/x_pi") {
			out = append(out, text)
		}
	}
	return out
}

// group judges each moment of a group.
func (o *oracle) group(c *sigma.Correlation, name string, all []stepFact) []verdict {
	span := int64(c.Timespan)
	var times []int64
	for _, s := range all {
		times = append(times, s.fact.at)
	}
	slices.Sort(times)
	times = slices.Compact(times)
	deferred := slices.ContainsFunc(c.Compiled().Alternatives, func(a compiled.Alternative) bool {
		// In an order only what is absent at the end must be waited for.
		return len(a.Absent) > 0 && (c.Type == sigma.Temporal || slices.Max(a.Absent) > slices.Max(a.Present))
	})
	lit := false
	var out []verdict
	for i, t := range times {
		if i > 0 && times[i-1] < t-span {
			lit = false
		}
		value, used, holds := o.judge(c, all, t, span)
		if holds && !lit {
			v := verdict{rule: c, group: name, at: t, value: value, used: used}
			for _, u := range used {
				v.events = append(v.events, u.fact.events...)
			}
			v.events = different(v.events)
			if deferred {
				v.at += span
			}
			out = append(out, v)
		}
		lit = holds
	}
	return out
}

func (o *oracle) judge(c *sigma.Correlation, all []stepFact, t, span int64) (float64, []stepFact, bool) {
	var in []stepFact
	for _, s := range all {
		if s.fact.at >= t-span && s.fact.at <= t {
			in = append(in, s)
		}
	}
	cond := &c.Condition
	switch {
	case c.Type == sigma.EventCount:
		in = onceEach(in)
		n := float64(len(in))
		return n, in, cond.Compare(n)
	case c.Type == sigma.ValueCount:
		last := map[string]stepFact{}
		for _, s := range in {
			for _, v := range o.values(c, s) {
				if old, ok := last[v]; !ok || later2(old, s) {
					last[v] = s
				}
			}
		}
		var used []stepFact
		for _, s := range last {
			used = append(used, s)
		}
		return float64(len(last)), used, cond.Compare(float64(len(last)))
	case c.Type.Numeric():
		in = onceEach(in)
		var numbers []float64
		sum := new(big.Rat)
		for _, s := range in {
			for _, text := range o.values(c, s) {
				r, _ := new(big.Rat).SetString(text)
				f, _ := r.Float64()
				numbers = append(numbers, f)
				sum.Add(sum, new(big.Rat).SetFloat64(f))
			}
		}
		slices.Sort(numbers)
		v, _ := sum.Float64()
		switch c.Type {
		case sigma.ValueAvg:
			v /= float64(len(numbers))
		case sigma.ValuePercentile, sigma.ValueMedian:
			// numpy's "linear".
			at := cond.Percentile / 100 * float64(len(numbers)-1)
			below := numbers[int(at)]
			above := numbers[min(int(at)+1, len(numbers)-1)]
			part := at - float64(int(at))
			if v = below*(1-part) + above*part; part == 0 || below == above {
				v = below
			}
		}
		return v, in, cond.Compare(v)
	}
	return together(c, all, in, t, span)
}

// later2 orders facts of one value or rule: by time, then rule, then name.
func later2(a, b stepFact) bool {
	if a.fact.at != b.fact.at {
		return a.fact.at < b.fact.at
	}
	if a.step != b.step {
		return a.step < b.step
	}
	return a.fact.event < b.fact.event
}

// onceEach keeps one fact for each event, that of the first rule.
func onceEach(in []stepFact) []stepFact {
	var out []stepFact
	for _, s := range in {
		i := slices.IndexFunc(out, func(o stepFact) bool {
			return o.fact.event == s.fact.event &&
				o.fact.at == s.fact.at
		})
		switch {
		case i < 0:
			out = append(out, s)
		case s.step < out[i].step:
			out[i] = s
		}
	}
	return out
}

// together judges the temporal types.
func together(c *sigma.Correlation, all, in []stepFact, t, span int64) (float64, []stepFact, bool) {
	last := map[int]stepFact{}
	for _, s := range in {
		if old, ok := last[s.step]; !ok || later2(old, s) {
			last[s.step] = s
		}
	}
	if len(c.Compiled().Alternatives) == 0 {
		var used []stepFact
		for _, s := range last {
			used = append(used, s)
		}
		n := float64(len(last))
		return n, used, c.Condition.Compare(n)
	}
	bestSize, found := 0, []stepFact(nil)
	for _, a := range c.Compiled().Alternatives {
		var used []stepFact
		if c.Type == sigma.TemporalOrdered {
			used = chainOf(a, all, in, nil, t, span)
		} else {
			used = setOf(a, all, last, t, span)
		}
		if used != nil && (found == nil || c.Type == sigma.TemporalOrdered && len(used) > bestSize &&
			c.Condition.Expression == "") {
			bestSize, found = len(used), used
		}
	}
	n := float64(bestSize)
	return n, found, found != nil && c.Condition.Compare(n)
}

func setOf(a compiled.Alternative, all []stepFact, last map[int]stepFact, t, span int64) []stepFact {
	var used []stepFact
	for _, step := range a.Present {
		s, ok := last[step]
		if !ok {
			return nil
		}
		used = append(used, s)
	}
	for _, s := range all {
		if slices.Contains(a.Absent, s.step) && s.fact.at >= t-span && s.fact.at <= t+span {
			return nil
		}
	}
	return used
}

// chainOf tries every choice of events for the steps of an alternative.
func chainOf(a compiled.Alternative, all, in, chosen []stepFact, t, span int64) []stepFact {
	// within reports whether rules that must be absent and are listed between two
	// steps (exclusive) match after from and before to (exclusive).
	within := func(lowStep, highStep int, from, to int64) bool {
		for _, s := range all {
			if slices.Contains(a.Absent, s.step) && s.step > lowStep && s.step < highStep && s.fact.at > from &&
				s.fact.at < to {
				return true
			}
		}
		return false
	}
	if len(chosen) == len(a.Present) {
		end := chosen[len(chosen)-1]
		if len(a.Absent) > 0 && within(end.step, len(all)+1000, end.fact.at, t+span+1) {
			return nil
		}
		return chosen
	}
	step := a.Present[len(chosen)]
	for _, s := range in {
		if s.step != step || slices.ContainsFunc(chosen,
			func(o stepFact) bool { return o.fact.event == s.fact.event && o.fact.at == s.fact.at }) {
			continue
		}
		if len(chosen) == 0 {
			if within(-1, step, s.fact.at-span-1, s.fact.at) {
				continue
			}
		} else if prev := chosen[len(chosen)-1]; s.fact.at < prev.fact.at ||
			within(prev.step, step, prev.fact.at, s.fact.at) {
			continue
		}
		if out := chainOf(a, all, in, append(slices.Clone(chosen), s), t, span); out != nil {
			return out
		}
	}
	return nil
}
