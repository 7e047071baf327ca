package correlate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// group is the state of one correlation for one choice of values of group-by.
type group struct {
	key, shown string
	touched    int64 // the last moment at which it had an event
	lit        bool  // the condition held at the last moment judged; a new group begins dark
	window     window
	prev, next *group // in the plan's list, by touched
}

// window keeps what the condition of a correlation needs to know of one group.
// Its methods are called with rising times.
type window interface {
	// prune forgets what lies before a time.
	prune(before int64)
	// take adds the items of one moment, sorted, without duplicates.
	take(at int64, items []*item)
	// measure judges the moment that was taken last.
	measure() (value float64, holds bool)
	// evidence returns what contributed to it.
	evidence() []entry
	// lost returns the time of the last thing that was given up too early, or never.
	lost() int64
	// bytes estimates the memory.
	bytes() int64
	// code writes or reads the window's state.
	code(c *coder)
}

// deferred is a window whose moments can only be judged one timespan later.
type deferred interface {
	window
	// put remembers the moment that was taken last.
	put(at int64)
	// due returns the next moment whose time has come.
	due(now int64) (m moment, ok bool)
}

// moment is a time of a group that waits to be judged.
type moment struct {
	at    int64
	alive uint64    // alternatives that may still hold
	found [][]entry // evidence, by alternative
}

const groupCost = 320 // of an empty group, with its place in the map

func (g *group) cost() int64 {
	return groupCost + int64(len(g.key)+len(g.shown)) + g.window.bytes()
}

func (p *plan) newWindow(e *Engine) window {
	lost := func() { p.stats.Overflowed++; e.stats.Overflowed++ }
	switch t := p.rule.Type; {
	case t == sigma.EventCount:
		return &countWindow{plan: p, overflow: lost, gone: never}
	case t == sigma.ValueCount:
		return &distinctWindow{plan: p, overflow: lost, gone: never, byValue: make(map[string]*seen)}
	case t.Numeric():
		return &numberWindow{plan: p, overflow: lost, gone: never,
			sorting: t == sigma.ValuePercentile || t == sigma.ValueMedian}
	case t == sigma.TemporalOrdered:
		return newChainWindow(p, lost)
	}
	return newTogetherWindow(p, lost)
}

// run returns one group its items of one moment, and judges it.
func (e *Engine) run(at int64, items []*item) {
	p := items[0].plan
	e.expire(p, at)
	timer := items[len(items)-1].timer
	in := e.clean[:0]
	if !timer && len(items) == 1 {
		in = items
	} else {
		for i, it := range items {
			switch {
			case it.timer:
			case i > 0 && items[i-1].step == it.step && items[i-1].event == it.event:
				e.stats.Duplicates++
			default:
				in = append(in, it)
			}
		}
		e.clean = in
	}
	g := p.groups[items[0].key]
	if g == nil && len(in) == 0 {
		return // a timer of a group that was given up
	}
	var before int64
	fresh := g == nil
	if fresh {
		g = &group{key: in[0].key, shown: in[0].shown, window: p.newWindow(e)}
		p.groups[g.key] = g
	} else {
		before = g.cost()
	}
	later, isDeferred := g.window.(deferred)
	if len(in) > 0 {
		g.touched = at
		p.touch(g, fresh)
		g.window.prune(at - p.span)
		g.window.take(at, in)
		if isDeferred {
			later.put(at)
			wake := e.newItem()
			*wake = item{at: at + p.span, plan: p, timer: true, key: g.key}
			e.put(wake)
		} else {
			value, holds := g.window.measure()
			if holds && !g.lit {
				e.fire(g, p, at, at, value, g.window.evidence())
			}
			g.lit = holds
		}
	}
	if isDeferred && timer {
		for m, ok := later.due(at); ok; m, ok = later.due(at) {
			if m.alive != 0 && !g.lit {
				i := lowest(m.alive)
				e.fire(g, p, at, m.at, float64(len(p.rule.Compiled().Alternatives[i].Present)), m.found[i])
			}
			g.lit = m.alive != 0
		}
	}
	e.memory += g.cost() - before
}

// touch moves a group to the end of its plan's list.
func (p *plan) touch(g *group, isNew bool) {
	if !isNew {
		if p.last == g {
			return
		}
		p.unlink(g)
	}
	if g.prev, g.next = p.last, nil; p.last != nil {
		p.last.next = g
	} else {
		p.first = g
	}
	p.last = g
}

func (p *plan) unlink(g *group) {
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		p.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		p.last = g.prev
	}
	g.prev, g.next = nil, nil
}

// expire forgets the groups of a plan that had no event for longer than its
// timespan. What they put off is judged by then.
func (e *Engine) expire(p *plan, now int64) {
	for p.first != nil && p.first.touched < now-p.span {
		e.remove(p, p.first)
	}
}

func (e *Engine) remove(p *plan, g *group) {
	e.memory -= g.cost()
	p.unlink(g)
	delete(p.groups, g.key)
	if len(p.groups) == 0 {
		p.groups = make(map[string]*group) // a map never shrinks by itself
	}
}

func (e *Engine) sweep(now int64) {
	for _, p := range e.plans {
		e.expire(p, now)
	}
}

// bound returns up what is quiet longest until the memory is within its bound.
func (e *Engine) bound() {
	if e.memory <= e.cfg.MaxMemory {
		return
	}
	e.sweep(e.mark)
	for e.memory > e.cfg.MaxMemory {
		var oldest *plan
		for _, p := range e.plans {
			if p.first != nil && (oldest == nil || p.first.touched < oldest.first.touched) {
				oldest = p
			}
		}
		switch {
		case len(e.waiting) > 0 && (oldest == nil || e.held > e.cfg.MaxMemory/2):
			e.stats.Forced++
			e.mark = max(e.mark, e.waiting[0].at+1)
			e.moment()
		case oldest != nil:
			e.stats.Evicted++
			oldest.stats.Evicted++
			e.remove(oldest, oldest.first)
		default:
			return
		}
	}
}

// fire makes the alert of the moment judged, which is certain at a moment, hands it to outer
// correlations, and keeps it for the
// caller unless the correlation is silent.
func (e *Engine) fire(g *group, p *plan, at, judged int64, value float64, found []entry) {
	e.stats.Alerts++
	p.stats.Alerts++
	a := &Alert{
		ID: alertID(p, g, at), Rule: p.rule, At: stamp(at), Value: value,
		Truncated: g.window.lost() >= judged-p.span,
	}
	fields := p.rule.GroupBy
	var values []string
	if len(fields) > 0 {
		values = parted(g.shown, len(fields))
	}
	for i, f := range fields {
		a.Group = append(a.Group, Value{f, values[i]})
	}
	refs, first, omitted := collect(p, found, e.cfg.MaxEvents)
	a.First, a.Omitted = stamp(first), omitted
	for _, r := range refs {
		a.Events = append(a.Events, Event{e.rules[r.rule], r.event, stamp(r.at)})
	}
	a.Last = a.Events[len(a.Events)-1].Time
	if !p.rule.Silent {
		e.alerts = append(e.alerts, a)
	}
	if len(p.outer) > 0 {
		in := &inner{first: first, refs: refs, omitted: omitted}
		from := &alertFields{plan: p, values: values, found: found, stats: &e.stats}
		for _, l := range p.outer {
			e.enter(l, at, a.ID, from, in)
		}
	}
}

func stamp(at int64) time.Time { return time.Unix(0, at).UTC() }

func alertID(p *plan, g *group, at int64) string {
	h := sha256.New()
	h.Write([]byte(p.fingerprint))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
	h.Write([]byte(g.key))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// collect returns the events behind entries, by time, each once, the newest most.
func collect(p *plan, found []entry, most int) (refs []ref, first int64, omitted int) {
	first = math.MaxInt64
	for _, en := range found {
		if en.inner != nil {
			refs = append(refs, en.inner.refs...)
			first = min(first, en.inner.first)
			omitted += en.inner.omitted
			continue
		}
		refs = append(refs, ref{at: en.at, rule: p.steps[en.step].rule, event: en.event})
		first = min(first, en.at)
	}
	slices.SortFunc(refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rule, b.rule), strings.Compare(a.event, b.event))
	})
	refs = slices.Compact(refs)
	if over := len(refs) - most; over > 0 {
		refs = slices.Clone(refs[over:])
		omitted += over
	}
	return refs, first, omitted
}

// alertFields are the fields of an alert for outer correlations: those of its
// group-by, and else the different values that its events have.
type alertFields struct {
	plan   *plan
	values []string // by group-by
	found  []entry
	stats  *Stats
}

func (f *alertFields) give(dst []string, s source) []string {
	if i := slices.Index(f.plan.rule.GroupBy, s.field); i >= 0 {
		return append(dst, f.values[i])
	}
	s.all = false
	i := slices.Index(f.plan.carry, s)
	if i < 0 {
		return dst // cannot be: compile asked for it
	}
	from := len(dst)
	had := make(map[string]bool)
	for _, en := range f.found {
		for _, text := range en.carry[i] {
			if folded := fold.Text(text); !had[folded] {
				if had[folded] = true; len(dst)-from >= maxMembers {
					f.stats.LeftOut++
					return dst
				}
				dst = append(dst, text)
			}
		}
	}
	return dst
}
