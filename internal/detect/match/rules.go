package match

import (
	"slices"

	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/engine"
)

// Loaded calls yield with every rule and correlation that is loaded: all rules, also
// those that only correlations use, and all correlations but those.
func (e *Engine) Loaded(yield func(ruleset.Rule) bool) {
	for r := range e.loaded {
		if !yield(ruleset.Of(r)) {
			return
		}
	}
	for _, c := range e.Correlations() {
		if !c.Silent && !yield(ruleset.OfCorrelation(c)) {
			return
		}
	}
}

// loaded calls yield with every rule that the node has, its own and those that
// came as indicators, quarantined ones too.
func (e *Engine) loaded(yield func(*sigma.Rule) bool) {
	b := e.now.Load()
	for _, r := range b.own.Rules {
		if !yield(r) {
			return
		}
	}
	mine := map[string]bool{}
	for _, r := range b.own.Rules {
		mine[r.Key()] = true
	}
	for _, g := range b.given() {
		r := g.rule
		if mine[r.Key()] {
			continue
		}
		mine[r.Key()] = true
		if !yield(r) {
			return
		}
	}
}

// Rule returns a rule that is loaded, or nil.
func (e *Engine) Rule(key string) *sigma.Rule {
	for r := range e.loaded {
		if r.Key() == key {
			return r
		}
	}
	return nil
}

// DrainCosts returns what own and shared rules have cost since it was last called.
func (e *Engine) DrainCosts() []engine.Cost {
	b := e.now.Load()
	out := b.fast.DrainCosts()
	for _, x := range []*RuleIndex{b.rules, b.bases.Index} {
		for e := range x.Engines {
			out = append(out, e.DrainCosts()...)
		}
	}
	return out
}

// Correlations returns the node's own correlation rules, in the order of their files,
// and behind them those that the community shared.
func (e *Engine) Correlations() []*sigma.Correlation {
	b := e.now.Load()
	if len(b.correlations) == 0 {
		return b.own.Correlations
	}
	out, seen := slices.Clone(b.own.Correlations), map[string]bool{}
	for _, c := range out {
		seen[c.Key()] = true
	}
	for _, a := range b.correlations {
		for _, c := range a.Correlation.set.Correlations {
			if !seen[c.Key()] {
				seen[c.Key()] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// Shared reports whether a correlation came from the community.
func (e *Engine) Shared(c *sigma.Correlation) bool {
	return slices.ContainsFunc(
		e.now.Load().correlations, func(a *Armed) bool { return slices.Contains(a.Correlation.set.Correlations, c) },
	)
}

// Correlation returns a correlation rule that is loaded, or nil.
func (e *Engine) Correlation(key string) *sigma.Correlation {
	for _, c := range e.Correlations() {
		if c.Key() == key {
			return c
		}
	}
	return nil
}

// SharedStats returns what the correlations keep that the community shared.
func (e *Engine) SharedStats() (out []correlate.CorrelationStats) {
	for _, a := range e.now.Load().correlations {
		out = append(out, a.Correlation.stats()...)
	}
	return out
}
