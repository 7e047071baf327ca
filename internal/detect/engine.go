// Package detect finds attacks in a node's events. The Engine matches each
// event against the node's Sigma rules and against the indicators that the
// community has shared; the Service turns matches into findings, keeps them,
// and works out what of them is worth offering to the others; a Hunt searches
// the node's past. At the hub, the Desk keeps the findings that members sent.
package detect

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/engine"
	"github.com/meneki/meneki/stix"
)

// Engine gives the engine that the service matches with.
func (s *Service) Engine() *Engine { return s.engine }

// Hit is one event matched by one rule or one indicator.
type Hit struct {
	Rule      wire.RuleRef
	Indicator string // STIX id, if the community shared what matched
	Fields    []wire.FieldValue
	Sigma     *sigma.Rule       // nil for a value
	Value     *event.Observable // nil for a rule
	Window    bool              // a pattern took several events together
	List      *msg.ListEntry    // nil unless an entry of the node's own watchlist matched
	Joined    bool              // a correlation rule came to it

	quiet bool             // a base rule of correlations, and no finding by itself
	joint *joint           // the shared correlation that a base rule is of; nil for an own one
	basis *correlate.Alert // of Joined: what it rests on
}

// byRule reports whether a rule, or a correlation of rules, made the hit: such hits
// are counted and held to bounds.
func (h Hit) byRule() bool { return h.Sigma != nil || h.Joined }

// Armed is an indicator in the form in which the engine matches it.
type Armed struct {
	ID         string // STIX id
	Name       string
	Values     []event.Observable // any of them
	Networks   []netip.Prefix     // or any address in one of them
	Pattern    *stix.Pattern      // or a pattern of any level
	Rule       *sigma.Rule        // or a rule
	Level      string
	ValidUntil time.Time // zero: no end

	window *window // of a pattern over several events
	joint  *joint  // or a correlation with the rules that it is built on
}

// Engine matches events. Match may be called from many goroutines while rules
// and indicators change; a change is seen by the events after it, and no event
// is lost by it.
type Engine struct {
	clock clock.Clock
	watch atomic.Pointer[watched]
	who   resolver   // set before anything is armed; nil: nobody is resolved
	mu    sync.Mutex // serialises changes
	now   atomic.Pointer[rulebook]
}

// rulebook is what the engine matches with; it is never changed, only replaced.
type rulebook struct {
	own    *sigma.Set
	live   *sigma.Set                    // own without what is in quarantine
	fast   *engine.Engine                // of live
	extra  []*engine.Engine              // of shared
	skip   map[string]bool               // rules that are not evaluated, by key
	given  []*sigma.Rule                 // rules that came as indicators and are not among our own, also those that are skipped
	shared []*sigma.Rule                 // given without those
	by     map[*sigma.Rule][]string      // indicators of each of given
	byRule map[string]string             // rule id -> indicator, for rules that we also have ourselves
	joints []Armed                       // correlations that came as indicators and are not among our own
	bases  *baseBook                     // of joints
	byJoin map[*sigma.Correlation]string // indicator, for correlations that we also have ourselves
	values map[event.Observable]string   // value -> indicator
	nets   networks
	pats   *patternBook     // nil if there are none
	armed  map[string]Armed // by indicator
}

// NewEngine makes an engine with no rules.
func NewEngine(c clock.Clock) *Engine {
	e := &Engine{clock: c}
	e.now.Store(build(c, nil, sigma.NewSet(nil), nil, nil))
	return e
}

// build makes a rulebook; what has not changed since old is taken from it, since
// compiling rules is dear and indicators come often.
func build(c clock.Clock, old *rulebook, own *sigma.Set, armed map[string]Armed, skip map[string]bool) *rulebook {
	b := &rulebook{own: own, live: own, skip: skip, by: map[*sigma.Rule][]string{}, byRule: map[string]string{}, byJoin: map[*sigma.Correlation]string{},
		values: map[event.Observable]string{}, armed: armed}
	if b.armed == nil {
		b.armed = map[string]Armed{}
	}
	ids := slices.Sorted(maps.Keys(b.armed))
	var pats []Armed
	for _, id := range ids {
		a := b.armed[id]
		if a.Pattern != nil {
			pats = append(pats, a)
		}
		for _, n := range a.Networks {
			b.nets.add(n, id)
		}
		for _, v := range a.Values {
			if _, there := b.values[v]; !there {
				b.values[v] = id
			}
		}
	}
	b.arrange(ids)
	if old != nil && old.pats.holds(pats) {
		b.pats = old.pats
	} else {
		b.pats = newPatternBook(pats)
	}
	if old != nil && slices.Equal(old.shared, b.shared) {
		b.shared, b.extra = old.shared, old.extra
	} else {
		b.extra = compileAll(b.shared, engine.Options{Clock: c})
	}
	if old != nil && slices.Equal(old.bases.rules, b.bases.rules) {
		b.bases.engines = old.bases.engines
	} else {
		b.bases.compile(c)
	}
	if old != nil && old.own == own && maps.Equal(old.skip, skip) {
		b.live, b.fast = old.live, old.fast
		return b
	}
	if len(skip) > 0 {
		b.live = sigma.NewSet(slices.DeleteFunc(slices.Clone(own.Rules), func(r *sigma.Rule) bool { return skip[r.Key()] }))
	}
	b.fast = engine.Compile(b.live, engine.Options{Clock: c})
	return b
}

// arrange sorts out which of the rules and correlations that were shared are among
// our own. Only one that says the same does for it: of two with one id and
// different texts both are matched.
func (b *rulebook) arrange(ids []string) {
	mine, joined := map[string]*sigma.Rule{}, map[string]*sigma.Correlation{}
	for _, r := range b.own.Rules {
		mine[r.Key()] = r
	}
	for _, c := range b.own.Correlations {
		joined[c.Key()] = c
	}
	same := map[string]*sigma.Rule{}
	var which []int
	for _, id := range ids {
		a := b.armed[id]
		switch {
		case a.Rule != nil:
			key, text := a.Rule.Key(), sigma.Canonical(string(a.Rule.Source))
			if own := mine[key]; own != nil && sigma.Canonical(string(own.Source)) == text {
				if _, there := b.byRule[key]; !there {
					b.byRule[key] = id
				}
				continue
			}
			one := same[key+"\x00"+text]
			if one == nil {
				one = a.Rule
				same[key+"\x00"+text], b.given = one, append(b.given, one)
				if !b.skip[key] {
					b.shared = append(b.shared, one)
				}
			}
			b.by[one] = append(b.by[one], id)
		case a.joint != nil:
			if own := joined[a.joint.root.Key()]; own != nil && sigma.Canonical(string(own.Text())) == a.joint.text {
				if _, there := b.byJoin[own]; !there {
					b.byJoin[own] = id
				}
				continue
			}
			which, b.joints = append(which, len(b.joints)), append(b.joints, a)
		}
	}
	b.bases = newBaseBook(b.joints, which, b.skip)
}

// Quarantine replaces the set of rules that are not evaluated, by their keys,
// own ones and those that came as indicators.
func (e *Engine) Quarantine(skip map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.now.Load()
	e.now.Store(build(e.clock, old, old.own, old.armed, skip))
}

// SetRules replaces the node's own rules.
func (e *Engine) SetRules(own *sigma.Set) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.now.Load()
	e.now.Store(build(e.clock, old, own, old.armed, old.skip))
}

// Engine gives the node's own rules.
func (e *Engine) Rules() *sigma.Set { return e.now.Load().own }

// Arm adds or replaces indicators.
func (e *Engine) Arm(list ...Armed) { e.change(list, nil) }

// TryArm is Arm of one, unless it would be one too many of those that take several
// events together, patterns or correlations; then the error is a fault.Unsupported.
func (e *Engine) TryArm(a Armed) error {
	if a.window != nil {
		n := 1
		for id, other := range e.now.Load().armed {
			if other.window != nil && id != a.ID {
				n++
			}
		}
		if n > maxWindows {
			return fault.New(fault.Unsupported, i18n.T("{0} patterns over several events are armed already", "複数の事象にわたるパターンは既に {0} 件あります").With(maxWindows))
		}
	}
	if a.joint != nil {
		n := 1
		for id, other := range e.now.Load().armed {
			if other.joint != nil && id != a.ID {
				n++
			}
		}
		if n > maxJoints {
			return fault.New(fault.Unsupported, i18n.T("{0} correlations are armed already", "相関規則の指標は既に {0} 件あります").With(maxJoints))
		}
	}
	e.Arm(a)
	return nil
}

// Disarm removes indicators; unknown ones are no error.
func (e *Engine) Disarm(ids ...string) { e.change(nil, ids) }

func (e *Engine) change(add []Armed, drop []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.now.Load()
	armed := make(map[string]Armed, len(old.armed)+len(add))
	for id, a := range old.armed {
		armed[id] = a
	}
	for _, a := range add {
		if a.joint != nil {
			// A new version of the same, such as one that is marked in another way, goes
			// on with what is kept.
			if before := armed[a.ID].joint; before != nil && before.text == a.joint.text {
				a.joint = before
			}
			a.joint.start(e.who, e.clock)
		}
		armed[a.ID] = a
	}
	for _, id := range drop {
		delete(armed, id)
	}
	e.now.Store(build(e.clock, old, old.own, armed, old.skip))
}

// Count gives the number of own rules and of armed indicators.
func (e *Engine) Count() (rules, indicators int) {
	b := e.now.Load()
	return len(b.own.Rules), len(b.armed)
}

// Match yields every hit on ev: own rules first, then shared rules, patterns, values
// and networks that the community shared, then those of the node's own watchlist.
func (e *Engine) Match(ev *event.Event, yield func(Hit)) {
	b := e.now.Load()
	now := e.clock()
	for m := range b.fast.Match(ev) {
		h := Hit{Rule: refOf(m.Rule), Sigma: m.Rule, Fields: fieldsOf(m), quiet: b.own.Silent(m.Rule)}
		if id, ok := b.byRule[m.Rule.Key()]; ok && b.valid(id, now) {
			h.Indicator = id
		}
		yield(h)
	}
	for _, x := range b.extra {
		for m := range x.Match(ev) {
			if id := b.first(b.by[m.Rule], now); id != "" {
				yield(Hit{Rule: refOf(m.Rule), Sigma: m.Rule, Fields: fieldsOf(m), Indicator: id})
			}
		}
	}
	b.bases.match(ev, func(x base, m *sigma.Match) {
		if b.valid(x.id, now) {
			h := Hit{Rule: refOf(x.rule), Sigma: x.rule, Indicator: x.id, joint: x.j, quiet: x.j.set.Silent(x.rule)}
			if !h.quiet {
				h.Fields = fieldsOf(m)
			}
			yield(h)
		}
	})
	b.pats.match(ev, func(id string) bool { return b.valid(id, now) }, yield)
	list := e.watch.Load().observables(ev, len(b.values)+len(b.nets.by) > 0)
	if len(list) == 0 {
		return
	}
	done := map[string]bool{}
	for _, o := range list {
		hit := func(id string) {
			if !done[id] && b.valid(id, now) {
				done[id] = true
				yield(valueHit(b.armed[id], o))
			}
		}
		if id, ok := b.values[o]; ok {
			hit(id)
		}
		b.nets.around(o, hit)
	}
	e.watch.Load().match(list, yield)
}

func (b *rulebook) valid(indicator string, now time.Time) bool {
	a, ok := b.armed[indicator]
	return ok && (a.ValidUntil.IsZero() || now.Before(a.ValidUntil))
}

// first gives the first of some indicators that is valid, or "".
func (b *rulebook) first(ids []string, now time.Time) string {
	for _, id := range ids {
		if b.valid(id, now) {
			return id
		}
	}
	return ""
}

func valueHit(a Armed, o event.Observable) Hit {
	return Hit{
		Rule:      wire.RuleRef{ID: a.ID, Title: a.Name, Level: cmp.Or(a.Level, "high")},
		Indicator: a.ID,
		Value:     &o,
		Fields:    []wire.FieldValue{{Field: string(o.Type), Value: o.Value}},
	}
}

func refOf(r *sigma.Rule) wire.RuleRef {
	return wire.RuleRef{ID: r.Key(), Title: r.Title, Author: r.Author, License: r.License, Level: string(r.Level), Tags: r.Tags}
}

// maxMatched bounds the fields that a finding carries, and their length.
const (
	maxMatched = wire.MaxMatched
	maxValue   = wire.MaxValue
)

func fieldsOf(m *sigma.Match) []wire.FieldValue {
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
