// Package match matches events: against the node's Sigma rules, against what the
// community has shared (rules, correlations, patterns, values and networks), and
// against the node's own watchlist.
package match

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/engine"
)

// Hit is one event matched by one rule or one indicator.
type Hit struct {
	Rule       wire.RuleRef
	Indicator  string // STIX id, if the community shared what matched
	Fields     []wire.FieldValue
	Sigma      *sigma.Rule       // nil for a value
	Value      *event.Observable // nil for a rule
	Window     bool              // a pattern took several events together
	List       *msg.ListEntry    // nil unless an entry of the node's own watchlist matched
	Correlated bool              // a correlation rule came to it

	Quiet  bool               // a base rule of correlations, and no finding by itself
	Shared *SharedCorrelation // the shared correlation that a base rule is of; nil for an own one
	Basis  *correlate.Alert   // of Correlated: what it rests on
}

// ByRule reports whether a rule, or a correlation of rules, made the hit: such hits
// are counted and held to bounds.
func (h Hit) ByRule() bool { return h.Sigma != nil || h.Correlated }

// Engine matches events. Match may be called from many goroutines while rules
// and indicators change; a change is seen by the events after it, and no event
// is lost by it.
type Engine struct {
	clock clock.Clock
	watch atomic.Pointer[Watched]
	who   Resolver   // set before anything is armed; nil: nobody is resolved
	mu    sync.Mutex // serialises changes
	now   atomic.Pointer[rulebook]
}

// rulebook is what the engine matches with. It is immutable.
type rulebook struct {
	own     *sigma.Set
	live    *sigma.Set           // own without what is in quarantine
	fast    *engine.Engine       // of live
	skip    map[string]bool      // rules that are not evaluated, by key
	ownSays map[string]statement // of own rules, by key

	in            *indicators                   // what the community has shared
	rules         *RuleIndex                    // its rules that are not among our own, without what is in quarantine
	correlations  []*Armed                      // its correlations that are not among our own
	bases         *BaseRules                    // of correlations
	byCorrelation map[*sigma.Correlation]string // indicator, for correlations that we also have ourselves
}

// NewEngine returns an engine with no rules.
func NewEngine(c clock.Clock) *Engine {
	e := &Engine{clock: c}
	b := &rulebook{in: newIndicators(c), rules: &RuleIndex{}}
	b.setRules(c, sigma.NewSet(nil), nil)
	e.now.Store(b)
	return e
}

// Resolve sets who stands behind a value for correlations that the community shares.
// Call it before anything is armed.
func (e *Engine) Resolve(who func(field, value string, at time.Time) string) { e.who = who }

// setRules sets own rules and what is in quarantine, and arranges what was shared
// beside them. b is not in use yet.
func (b *rulebook) setRules(c clock.Clock, own *sigma.Set, skip map[string]bool) {
	b.own, b.live, b.skip = own, own, skip
	if len(skip) > 0 {
		b.live = sigma.NewSet(
			slices.DeleteFunc(slices.Clone(own.Rules), func(r *sigma.Rule) bool { return skip[r.Key()] }),
		)
	}
	b.fast = engine.Compile(b.live, engine.Options{Clock: c})
	b.ownSays = make(map[string]statement, len(own.Rules))
	for _, r := range own.Rules {
		b.ownSays[r.Key()] = statementOf(r)
	}
	var rules []*sigma.Rule
	for _, g := range b.given() {
		if !skip[g.rule.Key()] {
			rules = append(rules, g.rule)
		}
	}
	b.rules = b.rules.Of(rules, c)
	b.arrangeCorrelations(c)
}

// isOwn reports whether a shared rule is among our own. Only one that says the
// same is: of two with one id and different texts both are matched.
func (b *rulebook) isOwn(g *ruleGroup) bool { return b.ownSays[g.rule.Key()] == g.says }

// given returns the shared rules that are not among our own, in the order of the
// first indicator of each, also those in quarantine.
func (b *rulebook) given() []*ruleGroup {
	var list []*ruleGroup
	for _, g := range b.in.rules.all() {
		if !b.isOwn(g) {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(x, y *ruleGroup) int { return strings.Compare(x.ids[0], y.ids[0]) })
	return list
}

// arrangeCorrelations sorts out which of the shared correlations are among our own.
func (b *rulebook) arrangeCorrelations(c clock.Clock) {
	joined := map[string]*sigma.Correlation{}
	for _, own := range b.own.Correlations {
		joined[own.Key()] = own
	}
	b.correlations, b.byCorrelation = nil, map[*sigma.Correlation]string{}
	var which []int
	for _, a := range b.in.correlations {
		own := joined[a.Correlation.root.Key()]
		if own == nil || sigma.Canonical(string(own.Text())) != a.Correlation.text {
			which, b.correlations = append(which, len(b.correlations)), append(b.correlations, a)
		} else if _, there := b.byCorrelation[own]; !there {
			b.byCorrelation[own] = a.ID
		}
	}
	bases := NewBaseRules(b.correlations, which, b.skip)
	if b.bases != nil {
		bases.Index = b.bases.Index
	}
	bases.Index = bases.Index.Of(bases.Rules, c)
	b.bases = bases
}

// Quarantine replaces the set of rules that are not evaluated, by their keys,
// own ones and those that came as indicators.
func (e *Engine) Quarantine(skip map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := *e.now.Load()
	b.setRules(e.clock, b.own, skip)
	e.now.Store(&b)
}

// SetRules replaces the node's own rules.
func (e *Engine) SetRules(own *sigma.Set) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := *e.now.Load()
	b.setRules(e.clock, own, b.skip)
	e.now.Store(&b)
}

// Rules returns the node's own rules.
func (e *Engine) Rules() *sigma.Set { return e.now.Load().own }

// Count returns the number of own rules and of armed indicators.
func (e *Engine) Count() (rules, indicators int) {
	b := e.now.Load()
	return len(b.own.Rules), b.in.byID.len()
}

// Match yields every hit on ev: own rules first, then shared rules, patterns, values
// and networks that the community shared, then those of the node's own watchlist.
func (e *Engine) Match(ev *event.Event, yield func(Hit)) {
	b := e.now.Load()
	now := e.clock()
	for m := range b.fast.Match(ev) {
		h := Hit{Rule: RuleRef(m.Rule), Sigma: m.Rule, Fields: FieldsOf(m), Quiet: b.own.Silent(m.Rule)}
		if a := b.in.sharedRule(b.ownSays[m.Rule.Key()], now); a != nil {
			h.Indicator = a.ID
		}
		yield(h)
	}
	b.rules.match(ev, func(m *sigma.Match) {
		if a := b.in.sharedRule(b.in.statementOf(m.Rule), now); a != nil {
			yield(Hit{Rule: RuleRef(a.Rule), Sigma: m.Rule, Fields: FieldsOf(m), Indicator: a.ID})
		}
	})
	b.bases.Match(ev, func(x Base, m *sigma.Match) {
		if b.valid(x.Indicator, now) {
			h := Hit{
				Rule: RuleRef(x.Rule), Sigma: x.Rule, Indicator: x.Indicator, Shared: x.Correlation,
				Quiet: x.Correlation.set.Silent(x.Rule),
			}
			if !h.Quiet {
				h.Fields = FieldsOf(m)
			}
			yield(h)
		}
	})
	b.in.patterns.match(ev, func(a *Armed) bool { return a.valid(now) }, yield)
	watched := e.watch.Load()
	list := watched.observables(ev, !b.in.plain.Empty())
	if len(list) == 0 {
		return
	}
	b.in.matchPlain(list, now, yield)
	watched.Match(list, yield)
}

func (b *rulebook) valid(indicator string, now time.Time) bool {
	a, ok := b.in.byID.get(indicator)
	return ok && a.valid(now)
}

// ValueHit returns the hit of an indicator on one of its values.
func ValueHit(a Armed, o event.Observable) Hit {
	return Hit{
		Rule:      wire.RuleRef{ID: a.ID, Title: a.Name, Level: cmp.Or(a.Level, "high")},
		Indicator: a.ID,
		Value:     &o,
		Fields:    []wire.FieldValue{{Field: string(o.Type), Value: o.Value}},
	}
}

// RuleRef names a rule for a finding.
func RuleRef(r *sigma.Rule) wire.RuleRef {
	return wire.RuleRef{
		ID: r.Key(), Title: r.Title, Author: r.Author, License: r.License, Level: string(r.Level), Tags: r.Tags,
	}
}

// maxMatched bounds the fields that a finding carries, and their length.
const (
	maxMatched = wire.MaxMatched
	maxValue   = wire.MaxValue
)

// FieldsOf returns the fields that made a rule match, within the bounds of a finding.
func FieldsOf(m *sigma.Match) []wire.FieldValue {
	out := make([]wire.FieldValue, 0, len(m.Fields))
	seen := map[string]bool{}
	for _, f := range m.Fields {
		if seen[f.Field+"\x00"+f.Value] || len(out) == maxMatched {
			continue
		}
		seen[f.Field+"\x00"+f.Value] = true
		out = append(out, wire.FieldValue{Field: f.Field, Value: event.Clip(f.Value, maxValue)})
	}
	return out
}
