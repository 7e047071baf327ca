package rulehealth

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Cost is what a rule costs in the engine, on the events that passed lately.
type Cost struct {
	Rule        *sigma.Rule
	Events      int64 // of the kinds it is for
	Evaluations int64 // those of them that held one of its literals, so that it was decided
	Matches     int64
	Spent       time.Duration // for deciding it; finding the literals of all rules is not one rule's
}

// Each is the mean time for one event of the kinds it is for.
func (w Cost) Each() time.Duration {
	if w.Events == 0 {
		return 0
	}
	return w.Spent / time.Duration(w.Events)
}

// OverBudget reports whether a rule is above the ceiling. What took less than
// leastSpent in all harms nothing, and may be no more than a pause of the machine
// that fell into one evaluation.
func (w Cost) OverBudget(ceiling time.Duration) bool {
	return w.Spent > leastSpent && w.Each() > ceiling
}

const (
	leastSpent    = time.Second // in a minute
	maxOverBudget = 2           // minutes in a row in which a rule was over the budget
	agedAfter     = 1_000_000   // events
)

// CheckCosts looks at what every rule has cost since the last time, and quarantines
// what was over the budget twice in a row.
func (c *Health) CheckCosts(ctx context.Context) error {
	for _, h := range c.assess(c.Engine.DrainCosts()) {
		if err := c.enforce(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// assess adds what was spent to what is known, and returns the rules that are over the budget.
func (c *Health) assess(list []engine.Cost) []Quarantine {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Quarantine
	for _, cost := range list {
		if cost.Events == 0 {
			continue
		}
		key := cost.Rule.Key()
		lately := Cost{
			Rule: cost.Rule, Events: cost.Events, Evaluations: cost.Evaluations, Matches: cost.Matches,
			Spent: cost.Time,
		}
		all := c.costs[key]
		if all.Rule != cost.Rule { // it is new, or was changed
			all = Cost{Rule: cost.Rule}
		}
		all.Events, all.Evaluations, all.Matches, all.Spent = all.Events+lately.Events,
			all.Evaluations+lately.Evaluations, all.Matches+lately.Matches, all.Spent+lately.Spent
		if all.Events > agedAfter { // so that the mean follows what the rule costs now
			all.Events, all.Evaluations, all.Matches, all.Spent = all.Events/2, all.Evaluations/2, all.Matches/2,
				all.Spent/2
		}
		c.costs[key] = all
		if !lately.OverBudget(c.Budget) {
			delete(c.overBudget, key)
			continue
		}
		if c.overBudget[key]++; c.overBudget[key] >= maxOverBudget && !c.exempt(key) && !c.quarantines[key].Active() {
			out = append(
				out,
				Quarantine{
					Rule: key, Title: cost.Rule.Title, Why: WhyCost, Measured: lately.Each().Nanoseconds(),
					Limit: c.Budget.Nanoseconds(),
				},
			)
		}
	}
	slices.SortFunc(out, func(a, b Quarantine) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// Costs returns what the rules have cost lately, by rule, and all of it together.
func (c *Health) Costs() (map[string]Cost, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]Cost, len(c.costs))
	var spent time.Duration
	for k, w := range c.costs {
		out[k] = w
		spent += w.Spent
	}
	return out, spent
}
