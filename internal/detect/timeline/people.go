package timeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// people finds what only several events together show, and what needs to be known
// of an account before: where it signs in from, and when it did last. A node sees
// events as they happen; files are read in any order and at once. So what matters
// is set aside while they are read (who is who, sign-ins, matches that
// correlations ask for), and worked through by its time at the end, which gives
// what a node would have seen, however the files are read. It is in memory up to a
// bound, and then on disk.
type people struct {
	set        *sigma.Set
	order      map[*sigma.Rule]int  // place of each rule in the set
	later      map[*sigma.Rule]bool // rules that look at what Baselines note; they match sign-ins at the end
	identity   bool                 // it matters who is who
	fields     []string             // what correlations look at in events
	correlator *correlator          // nil without correlations
	resolver   *principal.Resolver
	baselines  *principal.Baselines

	mu     sync.Mutex
	sorter *sorter[*kept] // under mu
	facts  *facts         // under mu
}

// newPeople returns nil if no rule needs it.
func newPeople(set *sigma.Set, cfg Config, limit int) (*people, error) {
	p := &people{set: set, order: map[*sigma.Rule]int{}, later: map[*sigma.Rule]bool{}, facts: newFacts(),
		resolver: cfg.Resolver}
	for i, r := range set.Rules {
		p.order[r] = i
		if p.asksBaselines(r) {
			p.later[r], p.identity = true, true
		}
	}
	if len(p.later) == 0 && len(set.Correlations) == 0 {
		return nil, nil
	}
	if p.resolver == nil {
		p.resolver = principal.New(principal.Options{})
	}
	p.baselines = principal.NewBaselines(p.resolver, cfg.Places, 0)
	seen := map[string]bool{}
	field := func(name string) {
		if !seen[name] {
			seen[name] = true
			p.fields = append(p.fields, name)
			p.identity = p.identity || principal.KindOf(name) != principal.Other
		}
	}
	for _, x := range set.Correlations {
		for i := range x.Rules {
			for _, name := range append(x.GroupBy[:len(x.GroupBy):len(x.GroupBy)], x.Condition.Fields...) {
				field(x.Field(i, name))
			}
		}
	}
	var err error
	if p.correlator, err = newCorrelator(set, p.resolver); err != nil {
		return nil, err
	}
	p.sorter = &sorter[*kept]{spool: spoolKept(cfg.Dir), limit: limit, before: keptBefore}
	return p, nil
}

func (p *people) asksBaselines(r *sigma.Rule) bool {
	if strings.EqualFold(r.LogSource.Category, principal.Category) {
		return true
	}
	names, _ := r.FieldNames()
	for _, n := range names {
		if strings.HasPrefix(strings.ToLower(n), "meneki.") {
			return true
		}
	}
	return false
}

func (p *people) signIn(ev *event.Event) bool {
	id, _ := ev.Fields["EventID"].(int64)
	return p.identity && (ev.Product != "windows" || principal.Concerns(ev.Service, id)) && principal.SignIn(ev)
}

// see sets aside what an event says of accounts and machines.
func (p *people) see(w *worker, b *batch, ev *event.Event) {
	if !p.identity {
		return
	}
	if id, _ := ev.Fields["EventID"].(int64); ev.Product == "windows" && !principal.Concerns(ev.Service, id) {
		w.facts.machine(ev)
		return
	}
	if t, timed := principal.Reduce(ev); t != nil {
		w.facts.add(t, timed, b.input)
	}
	if len(p.later) > 0 && p.signIn(ev) {
		b.kept = append(b.kept, &kept{kind: keptSignIn, file: b.input, event: keepEvent(ev, ev.Fields)})
	}
}

// base sets aside a match that a correlation asks for.
func (p *people) base(b *batch, r *sigma.Rule, ev *event.Event) {
	if p.correlator == nil || !p.correlator.engine.RefersTo(r) {
		return
	}
	if ev.Time.Equal(ev.Seen) {
		b.report.Timeless++
		return
	}
	fields := make(map[string]any, len(p.fields))
	for _, name := range p.fields {
		if v, ok := ev.Lookup(name); ok {
			fields[name] = v
		}
	}
	b.kept = append(b.kept, &kept{kind: keptBase, file: b.input, rule: p.order[r], event: keepEvent(ev, fields)})
}

// keep takes what was set aside in a batch.
func (p *people) keep(list []*kept) error {
	if len(list) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range list {
		if err := p.sorter.add(k); err != nil {
			return err
		}
	}
	return nil
}

// learnt takes what a worker learnt.
func (p *people) learnt(list *facts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.facts.ties, list.ties)
	for key, k := range list.loans {
		if old := p.facts.loans[key]; old == nil || keptBefore(k, old) < 0 {
			p.facts.loans[key] = k
		}
	}
}

// each works through what was set aside. It calls match with each rule that a
// sign-in satisfies, and alert with each correlation that holds, in the order of
// time.
func (p *people) each(filter Filter, match func(*sigma.Match, *event.Event, int, int) error,
	alert func(*Match) error) error {
	for _, key := range slices.Sorted(maps.Keys(p.facts.ties)) {
		p.resolver.Learn(p.facts.ties[key])
	}
	for _, k := range p.facts.loans {
		if err := p.sorter.add(k); err != nil {
			return err
		}
	}
	p.facts = nil
	var withBaseline []*sigma.Rule
	for _, r := range p.set.Rules {
		if p.later[r] {
			withBaseline = append(withBaseline, r)
		}
	}
	w := engine.Compile(sigma.NewSet(withBaseline), engine.Options{}).Worker()
	add := func(r *sigma.Rule, ev *event.Event, file int) error {
		if p.correlator == nil || ev.Time.Equal(ev.Seen) {
			return nil
		}
		return p.correlator.add(r, ev, file, alert)
	}
	err := p.sorter.each(func(k *kept) error {
		switch k.kind {
		case keptFact:
			p.resolver.Learn(k.event)
		case keptBase:
			return add(p.set.Rules[k.rule], k.event, k.file)
		case keptSignIn:
			p.baselines.Annotate(k.event)
			if !filter.covers(k.event.Time, !k.event.Time.Equal(k.event.Seen)) {
				return nil
			}
			var err error
			for m := range w.Match(k.event) {
				err = cmp.Or(match(m, k.event, k.file, p.order[m.Rule]), add(m.Rule, k.event, k.file))
				if err != nil {
					break
				}
			}
			return err
		}
		return nil
	})
	if err == nil && p.correlator != nil {
		err = p.correlator.rest(alert)
	}
	return err
}

// lateness is that of what is given in the order of time already.
const lateness = time.Second
