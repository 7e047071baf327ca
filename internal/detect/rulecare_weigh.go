package detect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Weight is what a rule costs in the engine, on the events that passed lately.
type Weight struct {
	Rule        *sigma.Rule
	Events      int64 // of the kinds it is for
	Evaluations int64 // those of them that held one of its literals, so that it was decided
	Matches     int64
	Spent       time.Duration // for deciding it; finding the literals of all rules is not one rule's
}

// Each is the mean time for one event of the kinds it is for.
func (w Weight) Each() time.Duration {
	if w.Events == 0 {
		return 0
	}
	return w.Spent / time.Duration(w.Events)
}

// TooDear reports whether a rule is above the ceiling. What took less than
// leastSpent in all harms nothing, and may be no more than a pause of the machine
// that fell into one evaluation.
func (w Weight) TooDear(ceiling time.Duration) bool {
	return w.Spent > leastSpent && w.Each() > ceiling
}

const (
	leastSpent = time.Second // in a minute
	maxStrikes = 2           // minutes in a row in which a rule was too dear
	agedAfter  = 1_000_000   // events
)

// Weigh looks at what every rule has cost since the last time, and quarantines
// what was too dear twice in a row.
func (c *Care) Weigh(ctx context.Context) error {
	for _, h := range c.judge(c.Engine.DrainCosts()) {
		if err := c.hold(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// judge adds what was spent to what is known, and gives the rules that are too dear.
func (c *Care) judge(list []engine.Cost) []Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Held
	for _, cost := range list {
		if cost.Events == 0 {
			continue
		}
		key := cost.Rule.Key()
		lately := Weight{Rule: cost.Rule, Events: cost.Events, Evaluations: cost.Evaluations, Matches: cost.Matches, Spent: cost.Time}
		all := c.weights[key]
		if all.Rule != cost.Rule { // it is new, or was changed
			all = Weight{Rule: cost.Rule}
		}
		all.Events, all.Evaluations, all.Matches, all.Spent = all.Events+lately.Events, all.Evaluations+lately.Evaluations, all.Matches+lately.Matches, all.Spent+lately.Spent
		if all.Events > agedAfter { // so that the mean follows what the rule costs now
			all.Events, all.Evaluations, all.Matches, all.Spent = all.Events/2, all.Evaluations/2, all.Matches/2, all.Spent/2
		}
		c.weights[key] = all
		if !lately.TooDear(c.Ceiling) {
			delete(c.strikes, key)
			continue
		}
		if c.strikes[key]++; c.strikes[key] >= maxStrikes && !c.spared(key) && !c.held[key].Active() {
			out = append(out, Held{Rule: key, Title: cost.Rule.Title, Why: WhyCost, Measured: lately.Each().Nanoseconds(), Ceiling: c.Ceiling.Nanoseconds()})
		}
	}
	slices.SortFunc(out, func(a, b Held) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// Weights gives what the rules have cost lately, by rule, and all of it together.
func (c *Care) Weights() (map[string]Weight, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]Weight, len(c.weights))
	var spent time.Duration
	for k, w := range c.weights {
		out[k] = w
		spent += w.Spent
	}
	return out, spent
}
