package hunt

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Bounds of what one hunt writes into findings; what it counts goes on beyond.
const (
	maxTraces      = 2000   // events of one indicator
	maxBatchTraces = 10_000 // events of all indicators together, but
	sureTraces     = 10     // so many of each in any case
	recordTraces   = 500    // events that are written at once, so that live events get their turn
)

// HuntAll searches the node's whole past for many indicators, in passes that each
// serve all of one kind, the quickest first: values, and patterns that need one of
// some values, which the indexes make short; rules; correlations; then networks and patterns for
// which every event has to be looked at. What it finds becomes findings, marked as
// past, unless the same events are in a finding already. Live events go first: see
// yieldToLive. done, unless it is nil, is told after each pass for which of the list it
// was, and its error ends the hunt. The result is in the order of the list. After an
// error nothing is lost by asking again.
func (s *Searcher) HuntAll(
	ctx context.Context, list []match.Armed, done func(which []int, out []Result) error,
) ([]Result, error) {
	var values, narrow, rules, correlations, wide []int
	for i, a := range list {
		switch {
		case a.Correlation != nil:
			correlations = append(correlations, i)
		case a.Rule != nil:
			rules = append(rules, i)
		case a.Pattern != nil && len(a.Prefilter()) > 0:
			narrow = append(narrow, i)
		case a.Pattern != nil || len(a.Networks) > 0:
			wide = append(wide, i)
		default:
			values = append(values, i)
		}
	}
	out := make([]Result, len(list))
	w := s.begin(len(list))
	defer w.end()
	for _, pass := range []struct {
		which []int
		hunt  func(context.Context, []match.Armed, []int, []Result, *progressOf) error
	}{
		{values, s.huntValues}, {narrow, s.huntPatterns}, {rules, s.huntRules}, {correlations, s.huntCorrelations},
		{wide, s.huntPatterns},
	} {
		if len(pass.which) == 0 {
			continue
		}
		if err := pass.hunt(ctx, list, pass.which, out, w); err != nil {
			return nil, err
		}
		w.ready(len(pass.which))
		if done == nil {
			continue
		}
		some := make([]Result, len(pass.which))
		for k, i := range pass.which {
			some[k] = out[i]
		}
		if err := done(pass.which, some); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Hunt is HuntAll for one.
func (s *Searcher) Hunt(ctx context.Context, a match.Armed) (Result, error) {
	out, err := s.HuntAll(ctx, []match.Armed{a}, nil)
	if err != nil {
		return Result{}, err
	}
	return out[0], nil
}

// traces are what a hunt has found so far.
type traces struct {
	out   []Result
	kept  []int // by indicator
	all   int
	found []match.Found
	whole bool // the events themselves are needed
}

func (t *traces) add(i int, ev *event.Event, hit func() match.Hit) {
	at := ev.Time
	if at.IsZero() { // it tells no time
		at = ev.Seen
	}
	t.out[i].add(at)
	if room(t.kept[i], t.all) {
		t.kept[i]++
		t.all++
		t.found = append(t.found, match.Found{Event: t.outline(ev), Hit: hit()})
	}
}

// outline is what a finding needs of an event: thousands are held at once.
func (t *traces) outline(ev *event.Event) *event.Event {
	if t.whole {
		return ev
	}
	return &event.Event{ID: ev.ID, Time: ev.Time, Seen: ev.Seen, Host: ev.Host, User: ev.User, From: ev.From}
}

// room reports whether one more event of an indicator is written, that has so many,
// as all together have.
func room(kept, all int) bool {
	return kept < sureTraces || kept < maxTraces && all < maxBatchTraces
}

// join adds what was counted elsewhere.
func (h *Result) join(o Result) {
	if o.Hits == 0 {
		return
	}
	hits := h.Hits + o.Hits
	h.add(o.First)
	h.add(o.Last)
	h.Hits = hits
}

func (h *Result) add(at time.Time) {
	h.Hits++
	if h.First.IsZero() || at.Before(h.First) {
		h.First = at
	}
	if at.After(h.Last) {
		h.Last = at
	}
}

func (s *Searcher) huntValues(ctx context.Context, list []match.Armed, which []int, out []Result, w *progressOf) error {
	wanted := map[event.Observable][]int{}
	q := w.query(history.Query{})
	for _, i := range which {
		for _, v := range list[i].Values {
			if len(wanted[v]) == 0 {
				q.Observables = append(q.Observables, v)
			}
			if !slices.Contains(wanted[v], i) {
				wanted[v] = append(wanted[v], i)
			}
		}
	}
	if len(q.Observables) == 0 {
		return nil // and not everything
	}
	t := traces{out: out, kept: make([]int, len(list))}
	// An event that is only counted is not read: the indexes tell that it is there.
	p := picker{kept: make([]int, len(list)), counted: make([]Result, len(list)), seen: make([]int64, len(list))}
	q.Pick = func(at time.Time, values []int) bool {
		p.begin()
		for _, v := range values {
			for _, i := range wanted[q.Observables[v]] {
				p.take(i)
			}
		}
		return p.end(at)
	}
	seen, number := make([]int64, len(list)), int64(0) // the last event that was counted
	st, err := s.History.SearchMetadata(ctx, q, func(ev *event.Event, holds []event.Observable) bool {
		number++
		for _, o := range holds {
			for _, i := range wanted[o] {
				if seen[i] != number {
					seen[i] = number
					t.add(i, ev, func() match.Hit { return match.ValueHit(list[i], o) })
				}
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, i := range which {
		out[i].join(p.counted[i])
		out[i].Searched, out[i].Examined = st.Events, st.Examined
	}
	return s.recordAll(ctx, t.found)
}

// picker says which events have to be read, as traces would keep them, and counts
// the others.
type picker struct {
	kept    []int
	all     int
	counted []Result

	number int64   // of the event
	seen   []int64 // by indicator: the last event that it met
	met    []int   // by this event
	read   bool
}

func (p *picker) begin() { p.number, p.met, p.read = p.number+1, p.met[:0], false }

func (p *picker) take(i int) {
	if p.seen[i] == p.number {
		return
	}
	p.seen[i], p.met = p.number, append(p.met, i)
	if room(p.kept[i], p.all) {
		p.kept[i]++
		p.all++
		p.read = true
	}
}

func (p *picker) end(at time.Time) bool {
	if !p.read {
		for _, i := range p.met {
			p.counted[i].add(at)
		}
	}
	return p.read
}

// ruleHunt asks many rules about past events.
type ruleHunt struct {
	engines []*engine.Engine
	by      map[*sigma.Rule][]int
}

// newRuleHunt makes one of the rules of some of the list, and the query for what
// they can match.
func newRuleHunt(list []match.Armed, which []int) (*ruleHunt, history.Query) {
	h := &ruleHunt{by: map[*sigma.Rule][]int{}}
	var rules []*sigma.Rule
	for _, i := range which {
		r := list[i].Rule
		if h.by[r] = append(h.by[r], i); len(h.by[r]) == 1 {
			rules = append(rules, r)
		}
	}
	h.engines = match.CompileAll(rules, engine.Options{})
	q := ruleQuery(rules)
	q.Keep = newSieves(h.engines).keep
	return h, q
}

// ruleQuery asks for the events that rules can match, by their log sources.
func ruleQuery(rules []*sigma.Rule) history.Query {
	var q history.Query
	numbers := true
	for _, r := range rules {
		q.Sources = append(q.Sources, r.LogSource)
		ids := r.EventIDs()
		numbers = numbers && len(ids) > 0
		q.EventIDs = append(q.EventIDs, ids...)
	}
	if !numbers {
		q.EventIDs = nil
	}
	return q
}

// Match yields the places of the rules that match, until yield returns false.
func (h *ruleHunt) match(ev *event.Event, yield func(i int, m *sigma.Match) bool) {
	for _, e := range h.engines {
		for m := range e.Match(ev) {
			for _, i := range h.by[m.Rule] {
				if !yield(i, m) {
					return
				}
			}
		}
	}
}

func ruleHit(id string, m *sigma.Match) match.Hit {
	return match.Hit{Rule: match.RuleRef(m.Rule), Indicator: id, Sigma: m.Rule, Fields: match.FieldsOf(m)}
}

func (s *Searcher) huntRules(ctx context.Context, list []match.Armed, which []int, out []Result, w *progressOf) error {
	h, q := newRuleHunt(list, which)
	t := traces{out: out, kept: make([]int, len(list))}
	st, err := s.History.Search(ctx, w.query(q), func(ev *event.Event) bool {
		h.match(ev, func(i int, m *sigma.Match) bool {
			t.add(i, ev, func() match.Hit { return ruleHit(list[i].ID, m) })
			return true
		})
		return true
	})
	if err != nil {
		return err
	}
	for _, i := range which {
		out[i].Searched, out[i].Examined = st.Events, st.Examined
	}
	return s.recordAll(ctx, t.found)
}

// sieves lend each goroutine what asks the engines.
type sieves struct {
	engines []*engine.Engine
	mu      sync.Mutex
	idle    [][]*flatjson.Fields // under mu
}

func newSieves(engines []*engine.Engine) *sieves { return &sieves{engines: engines} }

// keep is a history.Prefilter: it lets through what a rule matches.
func (v *sieves) keep(sk *history.Preview) (bool, error) {
	v.mu.Lock()
	var list []*flatjson.Fields
	if n := len(v.idle); n > 0 {
		list, v.idle = v.idle[n-1], v.idle[:n-1]
	}
	v.mu.Unlock()
	if list == nil {
		for _, e := range v.engines {
			list = append(list, flatjson.NewFields(e))
		}
	}
	found := false
	var err error
	for _, f := range list {
		if found, err = f.Matches(sk.Product, sk.Service, sk.Categories, sk.Fields, sk.Event); found || err != nil {
			break
		}
	}
	v.mu.Lock()
	v.idle = append(v.idle, list)
	v.mu.Unlock()
	return found, err
}

// recordAll is record for many events, a few hundred at a time; those that belong
// into one finding stay together.
func (s *Searcher) recordAll(ctx context.Context, list []match.Found) error {
	groups := map[string][]match.Found{}
	var order []string
	for _, m := range list {
		k := m.Key()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	slices.Sort(order) // by rule: what is written together lies together in the store's indexes
	var some []match.Found
	var ids []string
	for i, k := range order {
		some = append(some, groups[k]...)
		if len(some) < recordTraces && i+1 < len(order) {
			continue
		}
		if err := s.yieldToLive(ctx); err != nil {
			return err
		}
		found, err := s.Recorder.Retro(ctx, some)
		if err != nil {
			return err
		}
		some, ids = nil, append(ids, found...)
	}
	return s.History.SetFound(ctx, ids...) // all at once: each file of the past is looked through for all of them
}
