package engine

import (
	"iter"
	"math/bits"

	"github.com/meneki/meneki/sigma"
)

// Worker matches events one after another, without a lock. It is not safe for
// concurrent use.
type Worker struct {
	engine *Engine
	cells  Cells
	memo   []uint32 // by test: epoch of the cells times two, plus one if it holds
	routes map[string]*route
	key    []byte
	cand   []uint64
	known  []uint64 // of the present partition
	maps   mapRecord

	events  int64 // since Flush
	tallies []*tally
	spent   []spent // by rule
	touched []int32
}

// Worker returns a new worker.
func (e *Engine) Worker() *Worker {
	w := &Worker{
		engine: e, cells: newCells(e.names.Len()), memo: make([]uint32, e.tests), routes: map[string]*route{},
		spent: make([]spent, len(e.programs)),
	}
	w.maps.init(e.names)
	return w
}

// Match returns what [Engine.Match] does. The matches of one event must be read
// before the next event is given to the worker.
func (w *Worker) Match(ev sigma.Event) iter.Seq[*sigma.Match] {
	return func(yield func(*sigma.Match) bool) { w.match(ev, yield) }
}

func (w *Worker) match(ev sigma.Event, yield func(*sigma.Match) bool) {
	switch ev := ev.(type) {
	case Record:
		w.record(ev, yield)
	case sigma.Decoded:
		w.maps.set(ev)
		w.record(&w.maps, yield)
		w.maps.set(nil)
	default:
		w.record(&lookups{ev, w.engine.names}, yield)
	}
	w.cells.from = nil
}

func (w *Worker) record(r Record, yield func(*sigma.Match) bool) {
	product, service, categories := r.LogSource()
	rt := w.route(product, service, categories)
	if len(rt.rules) == 0 {
		return
	}
	id, single := r.EventID()
	single = single && product != sigma.AnySource // no rule is left out there, so one partition is enough
	p := rt.partition(w.engine, id, single)
	w.count(p)
	if len(p.rules) == 0 {
		return
	}
	w.resetCells()
	w.cells.word, w.cells.from = p.word, r
	r.Fill(p.want, &w.cells)
	w.cand = append(w.cand[:0], p.always...)
	for _, t := range p.there {
		if most, ok := r.Size(t.field); ok && most >= t.least {
			w.hit(p, t.lit)
		}
	}
	for i := range p.probes {
		f := &p.probes[i]
		if s := w.cells.slots[f.field]; s.epoch == w.cells.epoch {
			f.search(w, p, w.cells.cells[s.at:s.at+s.n])
		}
	}
	w.decide(p, r, yield)
}

// resetCells forgets the last event, and the tests on it.
func (w *Worker) resetCells() {
	w.cells.reset()
	if w.cells.epoch >= 1<<31 {
		clear(w.memo)
		clear(w.cells.slots)
		w.cells.epoch = 1
	}
}

// hit marks the rules that wait on a literal.
func (w *Worker) hit(p *partition, lit int32) {
	l := &p.lits[lit]
	for _, t := range p.proves[l.fromProof:l.endProof] {
		w.memo[t] = w.cells.epoch<<1 | 1
	}
	w.tallies[p.serial].hits[lit]++
	for _, r := range p.lists[l.from:l.to] {
		w.cand[r>>6] |= 1 << (r & 63)
	}
}

// decide evaluates the rules that were marked.
func (w *Worker) decide(p *partition, r Record, yield func(*sigma.Match) bool) {
	w.known = p.known
	for i, word := range w.cand {
		for ; word != 0; word &= word - 1 {
			prog := p.rules[i<<6|bits.TrailingZeros64(word)]
			begin := w.begin(prog)
			if !w.eval(prog.root) {
				w.end(prog, begin)
				continue
			}
			m, ok := prog.exec.MatchDetection(r)
			w.end(prog, begin)
			if !ok {
				continue
			}
			w.spent[prog.index].matches++
			m.Rule = prog.rule
			if !yield(m) {
				return
			}
		}
	}
}
