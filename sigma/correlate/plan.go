package correlate

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/compiled"
)

// plan is a correlation made ready, with its groups.
type plan struct {
	rule        *sigma.Correlation
	index       int // correlations that others refer to come first
	span        int64
	steps       []step
	outer       []link
	carry       []source // what outer correlations ask of alerts, beside the group
	limit       int      // of entries in a group
	fingerprint string
	absent      uint64 // rules that some alternative wants to be absent
	absentIn    []uint64
	presentIn   []uint64 // by alternative

	numbers []int32 // of the rules of a snapshot, by its own number

	groups      map[string]*group
	first, last *group // by the time they were touched
	stats       CorrelationStats
}

// step is one of the rules that a correlation refers to.
type step struct {
	rule   int32 // index into Engine.rules, -1 for a correlation
	group  []source
	values []source
	carry  []source
}

// link is where matches or alerts go.
type link struct {
	plan *plan
	step int32
}

// deferred reports whether moments can only be judged one timespan later: a rule
// must be absent behind them. In an order that is so if it is listed last.
func (p *plan) deferred() bool {
	if p.rule.Type != sigma.TemporalOrdered {
		return p.absent != 0
	}
	return slices.ContainsFunc(p.rule.Compiled().Alternatives, func(a compiled.Alternative) bool {
		return len(a.Absent) > 0 && a.Absent[len(a.Absent)-1] > a.Present[len(a.Present)-1]
	})
}

// compile makes the plans, the inner ones first, and says which rules feed them.
func (e *Engine) compile(set *sigma.Set) error {
	byRule := make(map[*sigma.Correlation]*plan)
	var visit func(c *sigma.Correlation) (*plan, error)
	visit = func(c *sigma.Correlation) (*plan, error) {
		if p := byRule[c]; p != nil {
			return p, nil
		}
		p := &plan{rule: c, span: int64(c.Timespan), groups: make(map[string]*group)}
		p.stats.Rule = c
		p.limit = e.cfg.MaxPerGroup
		for _, cmp := range c.Condition.Comparisons {
			if c.Type == sigma.EventCount || c.Type == sigma.ValueCount {
				p.limit = max(p.limit, int(min(cmp.Value, math.MaxInt32))+2)
			}
		}
		p.masks()
		for i, ref := range c.Rules {
			st := step{rule: -1}
			for _, f := range c.GroupBy {
				st.group = append(st.group, source{field: c.Field(i, f), who: true})
			}
			for _, f := range c.Condition.Fields {
				st.values = append(st.values, source{field: c.Field(i, f), all: c.Type.Numeric()})
			}
			p.steps = append(p.steps, st)
			switch {
			case ref.Rule != nil:
				p.steps[i].rule = e.ruleIndex(ref.Rule)
				e.feeds[ref.Rule] = append(e.feeds[ref.Rule], link{p, int32(i)})
			case ref.Correlation != nil:
				inner, err := visit(ref.Correlation)
				if err != nil {
					return nil, err
				}
				inner.outer = append(inner.outer, link{p, int32(i)})
			default:
				return nil, reasons.New("correlate.set.foreign", c.Title, c.Path, c.Line)
			}
		}
		p.index = len(e.plans)
		p.fingerprint = p.print(byRule)
		e.plans = append(e.plans, p)
		byRule[c] = p
		return p, nil
	}
	for _, c := range set.Correlations {
		if _, err := visit(c); err != nil {
			return err
		}
	}
	// What an outer correlation asks, the inner ones must carry.
	for _, p := range slices.Backward(e.plans) {
		for _, l := range p.outer {
			outer := l.plan.steps[l.step]
			for _, list := range [][]source{outer.group, outer.values, outer.carry} {
				for _, s := range list {
					s.all = false // alerts have different values only
					if !slices.Contains(p.rule.GroupBy, s.field) && !slices.Contains(p.carry, s) {
						p.carry = append(p.carry, s)
					}
				}
			}
		}
		for i := range p.steps {
			for _, s := range p.carry {
				p.steps[i].carry = append(p.steps[i].carry, source{field: p.rule.Field(i, s.field), who: s.who})
			}
		}
	}
	// The same document twice, without an id, must not share its state.
	seen := make(map[string]int)
	for _, p := range e.plans {
		n := seen[p.fingerprint]
		seen[p.fingerprint]++
		if n > 0 {
			p.fingerprint += fmt.Sprintf("#%d", n)
		}
	}
	return nil
}

func (e *Engine) ruleIndex(r *sigma.Rule) int32 {
	if i := slices.Index(e.rules, r); i >= 0 {
		return int32(i)
	}
	e.rules = append(e.rules, r)
	return int32(len(e.rules) - 1)
}

func (p *plan) masks() {
	for _, a := range p.rule.Compiled().Alternatives {
		var present, absent uint64
		for _, i := range a.Present {
			present |= 1 << i
		}
		for _, i := range a.Absent {
			absent |= 1 << i
		}
		p.presentIn = append(p.presentIn, present)
		p.absentIn = append(p.absentIn, absent)
		p.absent |= absent
	}
}

// print identifies what the correlation's state means: kept state is only used
// for a correlation that asks the same of the same rules.
func (p *plan) print(byRule map[*sigma.Correlation]*plan) string {
	c := p.rule
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %d %q %v %q %g %v", c.Key(), c.Type, c.Timespan, c.GroupBy, c.Condition.Comparisons,
		c.Condition.Fields, c.Condition.Percentile, c.Compiled().Alternatives)
	for i, ref := range c.Rules {
		key := ref.Key()
		if ref.Correlation != nil {
			key = byRule[ref.Correlation].fingerprint
		}
		fmt.Fprintf(&b, " %q", key)
		for _, f := range append(slices.Clone(c.GroupBy), c.Condition.Fields...) {
			fmt.Fprintf(&b, " %q", c.Field(i, f))
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return string(sum[:])
}
