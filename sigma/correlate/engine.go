package correlate

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Engine evaluates the correlations of one set. Its methods may be called by
// several goroutines at once; one lock covers all.
type Engine struct {
	cfg   Config
	rules []*sigma.Rule // that correlations refer to
	feeds map[*sigma.Rule][]link
	plans []*plan // inner ones first

	mu       sync.Mutex // covers everything below, and the plans' groups and stats
	newest   int64      // the newest time seen or given to Advance
	mark     int64      // what is older is decided
	waiting  heap
	held     int64 // bytes of waiting
	memory   int64 // bytes of everything
	batch    []*item
	clean    []*item // of one group, without duplicates
	working  bool    // a moment is being worked through,
	current  int64   // this one
	moments  int
	free     []*item
	stats    Stats
	alerts   []*Alert
	base     eventFields
	scratch  [][]string
	chosen   []string
	buf, raw []byte
}

const (
	never    = math.MinInt64
	forever  = math.MaxInt64
	maxFree  = 4096
	sweeping = 4096 // moments between looks at groups that ended
)

// New makes an engine for the correlations of a set.
func New(set *sigma.Set, cfg Config) (*Engine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, feeds: make(map[*sigma.Rule][]link), newest: never, mark: never}
	if err := e.compile(set); err != nil {
		return nil, err
	}
	e.base = eventFields{resolve: cfg.Resolve, stats: &e.stats}
	return e, nil
}

// RefersTo reports whether a correlation refers to the rule; matches of other rules
// need not be given.
func (e *Engine) RefersTo(r *sigma.Rule) bool { return len(e.feeds[r]) > 0 }

// Add takes a match and returns the alerts that are certain now, in the order of
// their time. Matches of rules that no correlation refers to are left aside.
func (e *Engine) Add(m Match) []*Alert {
	links := e.feeds[m.Rule]
	if len(links) == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.Matches++
	if year := m.Time.Year(); m.Time.IsZero() || year < 1700 || year >= 2200 {
		e.stats.BadTime++
		return nil
	}
	at := m.Time.UnixNano()
	if at < e.mark {
		e.stats.Late++
		return nil
	}
	if e.cfg.Now != nil && m.Time.After(e.cfg.Now().Add(e.cfg.MaxAhead)) {
		e.stats.Ahead++
		return nil
	}
	e.base.fields, e.base.at = m.Fields, m.Time
	event := limited(m.Event)
	for _, l := range links {
		e.enter(l, at, event, &e.base, nil)
	}
	e.base.fields = nil
	e.see(at)
	return e.take()
}

// Advance sets the event time to now at least, so that
// what waits for later events is decided although none comes. Call it now and
// then with the clock of the sensors.
func (e *Engine) Advance(now time.Time) []*Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	if year := now.Year(); now.IsZero() || year < 1700 || year >= 2200 {
		return nil
	}
	e.see(now.UnixNano())
	return e.take()
}

// Flush decides everything that waits, as if nothing came any more. Matches that
// are added after it are late.
func (e *Engine) Flush() []*Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mark = forever
	e.drain()
	e.sweep(forever)
	return e.take()
}

// Stats reports what the engine did and keeps.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.stats
	out.Memory, out.Pending = e.memory, len(e.waiting)
	for _, p := range e.plans {
		p.stats.Groups = len(p.groups)
		out.Groups += len(p.groups)
		out.Correlations = append(out.Correlations, p.stats)
	}
	return out
}

// see moves the times on and works through what is decided now.
func (e *Engine) see(at int64) {
	if at > e.newest {
		e.newest = at
		// Below the year 1700 plus any lateness nothing can wait.
		if late := int64(e.cfg.Lateness); at > never+late && at-late > e.mark {
			e.mark = at - late
		}
	}
	e.drain()
	e.bound()
}

// take returns the alerts that were collected.
func (e *Engine) take() []*Alert {
	out := e.alerts
	e.alerts = nil
	return out
}

// drain works through all moments before the mark.
func (e *Engine) drain() {
	for len(e.waiting) > 0 && e.waiting[0].at < e.mark {
		e.moment()
	}
}

// moment works through everything of the earliest time that waits.
func (e *Engine) moment() {
	at := e.waiting[0].at
	e.batch = e.batch[:0]
	for len(e.waiting) > 0 && e.waiting[0].at == at {
		it := e.waiting.pop()
		e.held -= it.bytes
		e.batch = append(e.batch, it)
	}
	if len(e.batch) > 1 {
		slices.SortFunc(e.batch, before)
	}
	e.working, e.current = true, at
	for i := 0; i < len(e.batch); {
		j := i + 1
		for j < len(e.batch) && e.batch[j].plan == e.batch[i].plan && e.batch[j].key == e.batch[i].key {
			j++
		}
		e.run(at, e.batch[i:j:j]) // may insert behind j
		i = j
	}
	e.working = false
	for _, it := range e.batch {
		e.memory -= it.bytes
		if *it = (item{}); len(e.free) < maxFree {
			e.free = append(e.free, it)
		}
	}
	clear(e.batch)
	if e.moments++; e.moments%sweeping == 0 {
		e.sweep(at)
	}
}

// put adds an item to what waits, or to the moment that is being worked through
// if it belongs there.
func (e *Engine) put(it *item) {
	it.bytes = it.cost()
	e.memory += it.bytes
	if e.working && e.current == it.at {
		i, _ := slices.BinarySearchFunc(e.batch, it, before)
		e.batch = slices.Insert(e.batch, i, it)
		return
	}
	e.held += it.bytes
	e.waiting.push(it)
}

func (e *Engine) newItem() *item {
	if n := len(e.free); n > 0 {
		it := e.free[n-1]
		e.free = e.free[:n-1]
		return it
	}
	return &item{}
}

// enter makes the items of one match or alert for one correlation: one for each
// group that it belongs to.
func (e *Engine) enter(l link, at int64, event string, from giver, in *inner) {
	p, st := l.plan, &l.plan.steps[l.step]
	fields := len(st.group)
	for len(e.scratch) < max(fields, len(st.values)) {
		e.scratch = append(e.scratch, nil)
	}
	values, numbers, ok := e.values(p, st, from)
	if !ok {
		e.stats.Valueless++
		p.stats.Valueless++
		return
	}
	for i, s := range st.group {
		if e.scratch[i] = from.give(e.scratch[i][:0], s); len(e.scratch[i]) == 0 {
			e.stats.Ungrouped++
			p.stats.Ungrouped++
			return
		}
	}
	var carry [][]string
	for _, s := range st.carry {
		list := from.give(nil, s)
		for i := range list {
			list[i] = strings.Clone(limited(list[i]))
		}
		carry = append(carry, list)
	}
	e.choices(e.scratch[:fields], func(chosen []string) {
		it := e.newItem()
		*it = item{at: at, plan: p, step: l.step, event: event, values: values, numbers: numbers, carry: carry,
			inner: in}
		it.key, it.shown = e.groupOf(chosen)
		e.put(it)
	})
}

// groupOf returns the texts by which a group is found and shown. They are copies:
// a piece of an event would keep the whole event in memory.
func (e *Engine) groupOf(chosen []string) (folded, shown string) {
	e.raw = joined(e.raw[:0], chosen, limited)
	e.buf = joined(e.buf[:0], chosen, key)
	folded = string(e.buf)
	if folded == string(e.raw) {
		return folded, folded
	}
	return folded, string(e.raw)
}

// values reads what value_count counts, or the numbers; ok is false if there is
// nothing of it.
func (e *Engine) values(p *plan, st *step, from giver) (values []string, numbers []float64, ok bool) {
	if len(st.values) == 0 {
		return nil, nil, true
	}
	for i, s := range st.values {
		if e.scratch[i] = from.give(e.scratch[i][:0], s); len(e.scratch[i]) == 0 {
			return nil, nil, false
		}
	}
	if p.rule.Type.Numeric() {
		for _, text := range e.scratch[0] {
			if n, ok := number(text); ok {
				numbers = append(numbers, n)
			}
		}
		return nil, numbers, len(numbers) > 0
	}
	e.choices(e.scratch[:len(st.values)], func(chosen []string) {
		e.buf = joined(e.buf[:0], chosen, key)
		values = append(values, string(e.buf))
	})
	return values, nil, true
}

// choices calls do with each choice of one text from each list, up to maxMembers
// choices.
func (e *Engine) choices(lists [][]string, do func(chosen []string)) {
	for len(e.chosen) < len(lists) {
		e.chosen = append(e.chosen, "")
	}
	chosen, single := e.chosen[:len(lists)], true
	for i, list := range lists {
		chosen[i] = list[0]
		single = single && len(list) == 1
	}
	if single {
		do(chosen)
		return
	}
	count := 0
	var pick func(i int)
	pick = func(i int) {
		if i == len(lists) {
			if count++; count > maxMembers {
				e.stats.LeftOut++
				return
			}
			do(chosen)
			return
		}
		for _, text := range lists[i] {
			if chosen[i] = text; count <= maxMembers {
				pick(i + 1)
			}
		}
	}
	pick(0)
}
