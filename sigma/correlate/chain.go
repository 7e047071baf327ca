package correlate

import (
	"github.com/meneki/meneki/sigma/internal/compiled"
)

// chainWindow finds events of rules in the order in which the rules are listed:
// temporal_ordered.
//
// Events of one moment may be taken in any order, but no event stands for two
// steps. A rule that must be absent is looked for where it is listed: before the
// first step (for one timespan), between two steps, or behind the last one (for
// one timespan). At the very moment of a step it does not count, since it may
// have been on the other side.
type chainWindow struct {
	plan   *plan
	chains []chain
	last   []int64 // by step: the last time its rule matched, or never
	size   int64
}

// chain follows one alternative.
type chain struct {
	steps  []int    // that must match, in order
	lead   uint64   // rules that must be absent before the first
	after  []uint64 // and behind each
	best   []partial
	reach  []partial // of one moment, while it is taken
	ending uint64    // rules that must be absent behind the last: after[last]
}

// partial is a chain up to one step: of all that there are, the one that began
// last, since it stays in the window longest.
type partial struct {
	ok    bool
	start int64
	links []entry
}

func newChainWindow(p *plan, overflow func()) window {
	w := &chainWindow{plan: p, last: make([]int64, len(p.steps))}
	for i := range w.last {
		w.last[i] = never
	}
	for i := range p.presentIn {
		w.chains = append(w.chains, newChain(&p.rule.Compiled().Alternatives[i]))
	}
	if p.deferred() {
		a := &absentChain{chainWindow: w, later: later{owner: p, overflow: overflow, gone: never}}
		for i := range w.chains {
			a.endings = append(a.endings, w.chains[i].ending)
		}
		return a
	}
	return w
}

func newChain(a *compiled.Alternative) chain {
	c := chain{
		steps: a.Present, after: make([]uint64, len(a.Present)),
		best: make([]partial, len(a.Present)), reach: make([]partial, len(a.Present)),
	}
	for _, n := range a.Absent {
		place := -1
		for i, step := range a.Present {
			if step < n {
				place = i
			}
		}
		if place < 0 {
			c.lead |= 1 << n
		} else {
			c.after[place] |= 1 << n
		}
	}
	c.ending = c.after[len(c.after)-1]
	return c
}

func (w *chainWindow) prune(before int64) {
	for i := range w.chains {
		for j := range w.chains[i].best {
			if b := &w.chains[i].best[j]; b.ok && b.start < before {
				*b = partial{}
			}
		}
	}
}

// tied is one event of a moment with the steps it can stand for.
type tied struct {
	it    *item
	steps uint64
}

func (w *chainWindow) take(at int64, items []*item) {
	here, events := ties(items, len(w.plan.steps))
	w.size = 0
	for i := range w.chains {
		w.chains[i].take(w, at, here, events)
		w.size += w.chains[i].cost()
	}
	for i := range w.last {
		if here>>i&1 != 0 {
			w.last[i] = at
		}
	}
}

// ties returns the rules that matched at one moment, and the events. A step that
// more events could stand for than there are steps never lacks one, so more are
// not needed.
func ties(items []*item, steps int) (here uint64, events []tied) {
	byEvent := make(map[string]uint64, len(items))
	for _, it := range items {
		here |= 1 << it.step
		byEvent[it.event] |= 1 << it.step
	}
	enough := make([]int, steps)
	for _, it := range items {
		set := byEvent[it.event]
		if set == 0 {
			continue // had its turn
		}
		byEvent[it.event] = 0
		needed := false
		for step := range steps {
			if set>>step&1 != 0 {
				needed = needed || enough[step] < steps
				enough[step]++
			}
		}
		if needed {
			events = append(events, tied{it, set})
		}
	}
	return here, events
}

func (c *chain) take(w *chainWindow, at int64, here uint64, events []tied) {
	clear(c.reach)
	for from := range c.steps {
		before := partial{ok: true, start: at}
		if from > 0 {
			before = c.best[from-1]
		} else {
			for n := range w.last {
				if c.lead>>n&1 != 0 && w.last[n] != never && w.last[n] >= at-w.plan.span {
					before.ok = false
				}
			}
		}
		if before.ok && here>>c.steps[from]&1 != 0 {
			c.extend(from, before, events)
		}
	}
	for j := range c.best {
		if c.best[j].ok && c.after[j]&here != 0 {
			c.best[j] = partial{}
		}
		if r := &c.reach[j]; r.ok && (!c.best[j].ok || r.start >= c.best[j].start) {
			c.best[j] = *r
		}
	}
}

// extend goes as many steps further as the events of one moment allow, each
// event standing for one step.
func (c *chain) extend(from int, before partial, events []tied) {
	taken := make([]int, len(events)) // step+1 that an event stands for, 0 for none
	var visited []bool
	// assign finds an event for a step, moving events that stand for other steps
	// if need be (augmenting paths).
	var assign func(step int) bool
	assign = func(step int) bool {
		for i := range events {
			if visited[i] || events[i].steps>>c.steps[step]&1 == 0 {
				continue
			}
			visited[i] = true
			if taken[i] == 0 || assign(taken[i]-1) {
				taken[i] = step + 1
				return true
			}
		}
		return false
	}
	for to := from; to < len(c.steps); to++ {
		visited = make([]bool, len(events))
		if !assign(to) {
			return
		}
		if r := &c.reach[to]; r.ok && r.start >= before.start {
			continue
		}
		links := make([]entry, to+1)
		copy(links, before.links)
		for i, step := range taken {
			if step > 0 {
				en := events[i].it.entry()
				en.step = int32(c.steps[step-1])
				links[step-1] = en
			}
		}
		c.reach[to] = partial{ok: true, start: before.start, links: links}
	}
}

func (c *chain) cost() int64 {
	n := int64(160 + 80*len(c.steps))
	for j := range c.best {
		for i := range c.best[j].links {
			n += c.best[j].links[i].cost()
		}
	}
	return n
}

// alive returns the alternatives that hold as far as is known now.
func (w *chainWindow) alive() (alive uint64) {
	for i := range w.chains {
		if c := &w.chains[i]; c.best[len(c.best)-1].ok {
			alive |= 1 << i
		}
	}
	return alive
}

// longest returns the alternative with most steps among those alive.
func (w *chainWindow) longest() (index int, ok bool) {
	index = -1
	for i, alive := 0, w.alive(); alive>>i != 0; i++ {
		if alive>>i&1 != 0 && (index < 0 || len(w.chains[i].steps) > len(w.chains[index].steps)) {
			index = i
		}
	}
	return index, index >= 0
}

func (w *chainWindow) measure() (float64, bool) {
	i, ok := w.longest()
	if !ok {
		return 0, false
	}
	n := float64(len(w.chains[i].steps))
	return n, w.plan.rule.Condition.Compare(n)
}

func (w *chainWindow) evidence() []entry {
	i, ok := w.longest()
	if !ok {
		return nil
	}
	return w.of(i)
}

func (w *chainWindow) of(alternative int) []entry {
	best := w.chains[alternative].best
	return best[len(best)-1].links
}

func (w *chainWindow) lost() int64 { return never }
func (w *chainWindow) bytes() int64 {
	return w.size + int64(8*len(w.last)+200)
}

// absentChain is a chainWindow for conditions that want rules to be absent.
type absentChain struct {
	*chainWindow
	later
	endings []uint64 // by alternative
}

func (w *absentChain) take(at int64, items []*item) {
	var here uint64
	for _, it := range items {
		here |= 1 << it.step
	}
	w.kill(here, w.endings)
	w.chainWindow.take(at, items)
}

func (w *absentChain) put(at int64) {
	m := moment{at: at, alive: w.alive()}
	if m.alive != 0 {
		m.found = make([][]entry, len(w.chains))
		for i := range m.found {
			if m.alive>>i&1 != 0 {
				m.found[i] = w.of(i)
			}
		}
	}
	w.add(m)
}

func (w *absentChain) lost() int64  { return w.gone }
func (w *absentChain) bytes() int64 { return w.chainWindow.bytes() + w.held }
