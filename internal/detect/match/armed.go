package match

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

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

	Window      *Window            // of a pattern over several events
	Correlation *SharedCorrelation // or a correlation with the rules that it is built on
	says        statement          // of Rule; set when it is armed
}

func (a *Armed) valid(now time.Time) bool { return a.ValidUntil.IsZero() || now.Before(a.ValidUntil) }

// entries returns what a watchlist is to hold for the values and networks.
func (a *Armed) entries() []watchlist.Entry {
	out := make([]watchlist.Entry, 0, len(a.Values)+len(a.Networks))
	for _, v := range a.Values {
		out = append(out, watchlist.Entry{Type: v.Type, Value: v.Value, ID: a.ID})
	}
	for _, n := range a.Networks {
		n = n.Masked()
		t := event.IPv6
		if n.Addr().Is4() {
			t = event.IPv4
		}
		out = append(out, watchlist.Entry{Type: t, Match: watchlist.Network, Value: n.String(), ID: a.ID})
	}
	return out
}

// indicators is what the community has shared and the engine is armed with. It is
// immutable; with returns another one that shares with it what did not change.
type indicators struct {
	byID         sharded[string, *Armed]
	plain        *watchlist.Set // values and networks
	patterns     *Patterns
	windows      []*Armed                        // patterns over several events, by id
	correlations []*Armed                        // correlations, by id
	rules        sharded[statement, *ruleGroup]  // by what they say
	statements   sharded[*sigma.Rule, statement] // of the rule of each group
}

// ruleGroup is a rule and the indicators that all say it.
type ruleGroup struct {
	says statement
	rule *sigma.Rule // that is matched
	ids  []string    // in order
}

// statement is what two rules have in common that say the same: the SHA-256 of the id
// and the text without what carries no meaning. The zero value is no rule's.
type statement [sha256.Size]byte

func newStatement(key, text string) statement {
	return sha256.Sum256([]byte(key + "\x00" + sigma.Canonical(text)))
}

func statementOf(r *sigma.Rule) statement { return newStatement(r.Key(), string(r.Source)) }

// newIndicators returns those of an engine that is not armed.
func newIndicators(c clock.Clock) *indicators { return &indicators{plain: watchlist.NewSet(c)} }

// rulesChange is what a change does to the rules that are to be compiled.
type rulesChange struct {
	add, drop    []*ruleGroup
	correlations bool // correlations were added or removed
}

// with returns the indicators without some and with others, each of which replaces
// the one of the same id. Every id is in add once.
func (s *indicators) with(add []*Armed, drop []string) (*indicators, rulesChange) {
	n := *s
	var c rulesChange
	ids, rules, statements := s.byID.edit(), s.rules.edit(), s.statements.edit()
	var entries []watchlist.Entry
	var keys []watchlist.Key
	var patterns, gone []*Armed
	remove := func(id string) {
		a, ok := ids.get(id)
		if !ok {
			return
		}
		ids.delete(id)
		for _, e := range a.entries() {
			keys = append(keys, e.Key())
		}
		switch {
		case a.Pattern != nil:
			gone = append(gone, a)
			if a.Window != nil {
				n.windows = without(n.windows, a)
			}
		case a.Correlation != nil:
			n.correlations, c.correlations = without(n.correlations, a), true
		case a.Rule != nil:
			g, _ := rules.get(a.says)
			g = &ruleGroup{
				g.says, g.rule, slices.DeleteFunc(slices.Clone(g.ids), func(x string) bool { return x == id }),
			}
			if rules.set(a.says, g); len(g.ids) == 0 {
				rules.delete(a.says)
				statements.delete(g.rule)
				c.drop = append(c.drop, g)
			}
		}
	}
	for _, id := range drop {
		remove(id)
	}
	for _, a := range add {
		if old, ok := ids.get(a.ID); ok && a.Rule != nil && old.Rule != nil && a.says == old.says {
			ids.set(a.ID, a) // another version of the same
			continue
		}
		remove(a.ID)
		ids.set(a.ID, a)
		entries = append(entries, a.entries()...)
		switch {
		case a.Pattern != nil:
			patterns = append(patterns, a)
			if a.Window != nil {
				n.windows = inOrder(n.windows, a)
			}
		case a.Correlation != nil:
			n.correlations, c.correlations = inOrder(n.correlations, a), true
		case a.Rule != nil:
			g, ok := rules.get(a.says)
			if !ok {
				g = &ruleGroup{says: a.says, rule: a.Rule}
				statements.set(a.Rule, a.says)
				c.add = append(c.add, g)
			}
			at, _ := slices.BinarySearch(g.ids, a.ID)
			rules.set(a.says, &ruleGroup{g.says, g.rule, slices.Insert(slices.Clone(g.ids), at, a.ID)})
		}
	}
	n.byID, n.rules, n.statements = ids.done(), rules.done(), statements.done()
	n.plain = s.plain.With(entries, keys)
	n.patterns = s.patterns.with(patterns, gone)
	return &n, c
}

func without(list []*Armed, a *Armed) []*Armed {
	return slices.DeleteFunc(slices.Clone(list), func(x *Armed) bool { return x == a })
}

func inOrder(list []*Armed, a *Armed) []*Armed {
	at, _ := slices.BinarySearchFunc(list, a.ID, compareID)
	return slices.Insert(slices.Clone(list), at, a)
}

func compareID(a *Armed, id string) int { return strings.Compare(a.ID, id) }

// statementOf returns what a rule says that is matched for its indicators.
func (s *indicators) statementOf(r *sigma.Rule) statement {
	says, _ := s.statements.get(r)
	return says
}

// sharedRule returns the first valid indicator that says a rule, or nil.
func (s *indicators) sharedRule(says statement, now time.Time) *Armed {
	g, ok := s.rules.get(says)
	if !ok {
		return nil
	}
	for _, id := range g.ids {
		if a, _ := s.byID.get(id); a.valid(now) {
			return a
		}
	}
	return nil
}

// says reports whether a rule or correlation with this id and this text is armed.
func (s *indicators) says(key, text string) bool {
	if _, ok := s.rules.get(newStatement(key, text)); ok {
		return true
	}
	text = sigma.Canonical(text)
	return slices.ContainsFunc(
		s.correlations, func(a *Armed) bool { return a.Correlation.root.Key() == key && a.Correlation.text == text },
	)
}

// holds reports whether a value is armed, expired or not.
func (s *indicators) holds(o event.Observable) (found bool) {
	s.plain.Lookup([]event.Observable{o}, func(h watchlist.Hit) bool {
		found = h.Entry.Match == watchlist.Exact
		return !found
	})
	return found
}

// matchPlain yields a hit for each indicator that an observable meets by a value
// or a network. Of several that ask for the same, it is the first that is valid.
func (s *indicators) matchPlain(observables []event.Observable, now time.Time, yield func(Hit)) {
	var done map[string]bool // by indicator
	var last watchlist.Hit   // its value has its indicator
	s.plain.Lookup(observables, func(h watchlist.Hit) bool {
		if last.Observable == h.Observable && last.Entry.Match == h.Entry.Match && last.Entry.Value == h.Entry.Value {
			return true
		}
		a, ok := s.byID.get(h.Entry.ID)
		if !ok || !a.valid(now) {
			return true
		}
		last = h
		if !done[a.ID] {
			if done == nil {
				done = map[string]bool{}
			}
			done[a.ID] = true
			yield(ValueHit(*a, h.Observable))
		}
		return true
	})
}

// Arm makes the engine match indicators, all of them from one moment on; each
// replaces the one of the same id. It returns an error for each of the list: nil,
// or a fault.Unsupported for one that is not armed because it would be one too many
// of those that take several events together, patterns or correlations. Then what
// was armed under its id stays.
func (e *Engine) Arm(list ...Armed) []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := e.now.Load().in
	refused := make([]error, len(list))
	windows := limit{most: maxWindows, armed: in.windows}
	correlations := limit{most: maxCorrelations, armed: in.correlations}
	place := map[string]int{} // of an id in add
	var add []*Armed
	for i := range list {
		a := list[i]
		switch {
		case !windows.takes(a.ID, a.Window != nil):
			refused[i] = fault.New(
				fault.Unsupported,
				i18n.T(
					"{0} patterns over several events are armed already",
					"複数の事象にわたるパターンは既に {0} 件あります",
				).With(maxWindows),
			)
			continue
		case !correlations.takes(a.ID, a.Correlation != nil):
			refused[i] = fault.New(
				fault.Unsupported,
				i18n.T(
					"{0} correlations are armed already", "相関ルールの指標は既に {0} 件あります",
				).With(maxCorrelations),
			)
			continue
		case a.Rule != nil:
			a.says = statementOf(a.Rule)
		case a.Correlation != nil:
			// A new version of the same, such as one that is marked in another way, goes
			// on with what is kept.
			if before, ok := in.byID.get(a.ID); ok && before.Correlation != nil &&
				before.Correlation.text == a.Correlation.text {
				a.Correlation = before.Correlation
			}
			a.Correlation.start(e.who, e.clock)
		}
		if at, there := place[a.ID]; there {
			add[at] = &a
			continue
		}
		place[a.ID], add = len(add), append(add, &a)
	}
	e.change(add, nil)
	return refused
}

// limit counts what is armed of one kind.
type limit struct {
	most  int
	armed []*Armed        // by id
	ids   map[string]bool // nil until it is needed
}

// takes reports whether one more may be armed, if it is of the kind.
func (l *limit) takes(id string, of bool) bool {
	if !of && l.ids == nil {
		if _, there := slices.BinarySearchFunc(l.armed, id, compareID); !there {
			return true
		}
	}
	if l.ids == nil {
		l.ids = make(map[string]bool, len(l.armed))
		for _, a := range l.armed {
			l.ids[a.ID] = true
		}
	}
	switch {
	case !of:
		delete(l.ids, id)
	case len(l.ids) >= l.most && !l.ids[id]:
		return false
	default:
		l.ids[id] = true
	}
	return true
}

// Disarm stops that; unknown ids are no error.
func (e *Engine) Disarm(ids ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.change(nil, ids)
}

// change is called under mu.
func (e *Engine) change(add []*Armed, drop []string) {
	b := *e.now.Load()
	in, c := b.in.with(add, drop)
	b.in = in
	if len(c.add)+len(c.drop) > 0 {
		var more []*sigma.Rule
		gone := map[*sigma.Rule]bool{}
		for _, g := range c.drop {
			gone[g.rule] = true
		}
		for _, g := range c.add {
			if !b.isOwn(g) && !b.skip[g.rule.Key()] {
				more = append(more, g.rule)
			}
		}
		b.rules = b.rules.with(more, gone, e.clock)
	}
	if c.correlations {
		b.arrangeCorrelations(e.clock)
	}
	e.now.Store(&b)
}

// Pointers returns pointers to the elements of a list.
func Pointers(list []Armed) []*Armed {
	out := make([]*Armed, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
