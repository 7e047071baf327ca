package correlate

import "math/bits"

// togetherWindow knows which rules matched: temporal. Only the last event of each
// rule matters, since windows end now; so a rule that matches often can never
// push out one that matches rarely.
type togetherWindow struct {
	plan  *plan
	last  []entry // by step; at is never if there is none
	count int     // of steps that have one
	size  int64
}

func newTogetherWindow(p *plan, overflow func()) window {
	w := &togetherWindow{plan: p, last: make([]entry, len(p.steps)), size: int64(entryCost * len(p.steps))}
	for i := range w.last {
		w.last[i].at = never
	}
	if p.deferred() {
		return &absentTogether{togetherWindow: w, later: later{owner: p, overflow: overflow, gone: never}}
	}
	return w
}

func (w *togetherWindow) prune(before int64) {
	for i := range w.last {
		if old := &w.last[i]; old.at != never && old.at < before {
			w.size -= old.cost()
			*old = entry{at: never}
			w.count--
		}
	}
}

func (w *togetherWindow) take(at int64, items []*item) {
	for _, it := range items {
		old := &w.last[it.step]
		if old.at == never {
			w.count++
		} else {
			w.size -= old.cost()
		}
		*old = it.entry()
		w.size += old.cost()
	}
}

func (w *togetherWindow) measure() (float64, bool) {
	alternatives := w.plan.rule.Compiled().Alternatives
	if len(alternatives) == 0 {
		return float64(w.count), w.plan.rule.Condition.Compare(float64(w.count))
	}
	if alive := w.alive(); alive != 0 {
		return float64(len(alternatives[lowest(alive)].Present)), true
	}
	return float64(w.count), false
}

// alive returns the alternatives that hold as far as is known now.
func (w *togetherWindow) alive() (alive uint64) {
	var here uint64
	for i := range w.last {
		if w.last[i].at != never {
			here |= 1 << i
		}
	}
	for i, present := range w.plan.presentIn {
		if here&present == present && here&w.plan.absentIn[i] == 0 {
			alive |= 1 << i
		}
	}
	return alive
}

func lowest(set uint64) int { return bits.TrailingZeros64(set) }

func (w *togetherWindow) evidence() []entry {
	if alive := w.alive(); alive != 0 {
		return w.of(lowest(alive))
	}
	var out []entry
	for _, en := range w.last {
		if en.at != never {
			out = append(out, en)
		}
	}
	return out
}

// of returns the evidence for one alternative.
func (w *togetherWindow) of(alternative int) []entry {
	var out []entry
	for _, i := range w.plan.rule.Compiled().Alternatives[alternative].Present {
		out = append(out, w.last[i])
	}
	return out
}

func (w *togetherWindow) lost() int64  { return never }
func (w *togetherWindow) bytes() int64 { return w.size }

// absentTogether is a togetherWindow for conditions that want rules to be absent,
// from one timespan before a moment to one timespan after it.
type absentTogether struct {
	*togetherWindow
	later
}

func (w *absentTogether) take(at int64, items []*item) {
	var here uint64
	for _, it := range items {
		here |= 1 << it.step
	}
	w.kill(here, w.plan.absentIn)
	w.togetherWindow.take(at, items)
}

func (w *absentTogether) put(at int64) {
	m := moment{at: at, alive: w.alive()}
	if m.alive != 0 {
		m.found = make([][]entry, len(w.plan.presentIn))
		for i := range m.found {
			if m.alive>>i&1 != 0 {
				m.found[i] = w.of(i)
			}
		}
	}
	w.add(m)
}

func (w *absentTogether) lost() int64  { return w.gone }
func (w *absentTogether) bytes() int64 { return w.togetherWindow.bytes() + w.held }

// later keeps the moments that wait to be judged, oldest first.
type later struct {
	owner    *plan
	overflow func()
	moments  queue[moment]
	ended    uint64 // alternatives that no waiting moment has alive
	held     int64
	gone     int64
}

func (l *later) add(m moment) {
	if l.moments.len() >= l.owner.limit {
		old := l.moments.pop()
		l.gone = old.at
		l.held -= old.cost()
		l.overflow()
	}
	l.moments.push(m)
	l.ended &^= m.alive
	l.held += m.cost()
}

// kill ends the alternatives of all waiting moments that want one of the rules
// that are here to be absent.
func (l *later) kill(here uint64, absentIn []uint64) {
	if here&l.owner.absent == 0 {
		return
	}
	var dead uint64
	for i, absent := range absentIn {
		if absent&here != 0 {
			dead |= 1 << i
		}
	}
	if dead &^= l.ended; dead == 0 {
		return
	}
	l.ended |= dead
	list := l.moments.all()
	for i := range list {
		if m := &list[i]; m.alive&dead != 0 {
			l.held -= m.cost()
			for k := range m.found {
				if dead>>k&1 != 0 {
					m.found[k] = nil
				}
			}
			if m.alive &^= dead; m.alive == 0 {
				m.found = nil
			}
			l.held += m.cost()
		}
	}
}

func (l *later) due(now int64) (moment, bool) {
	if l.moments.len() == 0 || l.moments.front().at > now-l.owner.span {
		return moment{}, false
	}
	m := l.moments.pop()
	l.held -= m.cost()
	return m, true
}

func (m *moment) cost() int64 {
	n := int64(64)
	for _, list := range m.found {
		n += 24
		for i := range list {
			n += list[i].cost()
		}
	}
	return n
}
