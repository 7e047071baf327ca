package engine

import (
	"math/bits"

	"github.com/meneki/meneki/sigma"
)

// Record is an event that can be taken apart. LogSource is asked first, then
// EventID; of the others, what is needed.
type Record interface {
	// LogSource is that of the event.
	LogSource() (product, service string, categories []string)
	// EventID gives the value of the field EventID as rules find it, if it is a
	// single whole number in decimal notation without a plus or leading zeros, as
	// text or as a number; ok is false for anything else, also for a list.
	EventID() (id int64, ok bool)
	// Size tells whether the event has a field, by its number in [Engine.Names],
	// and how many bytes the text of a scalar in it has at most.
	Size(field int32) (most int, ok bool)
	// Spelling gives the text of a field that is one JSON string as it is written,
	// without the quotes; ok is false if the field is not there or is anything else.
	// unicode tells whether a \u is in it.
	Spelling(field int32) (raw []byte, unicode, ok bool)
	// Fill puts the fields named in want that the event has into the cells, as
	// Lookup of the event would find them; [Whole] gets what Leaves would yield,
	// and may get more.
	Fill(want []int32, into *Cells)
	// Event gives the event for the reference evaluator.
	Event() (sigma.Event, error)
}

// Worker matches events one after another. It is not safe for concurrent use.
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

// Worker makes a worker.
func (e *Engine) Worker() *Worker {
	w := &Worker{
		engine: e, cells: newCells(e.names.Len()), memo: make([]uint32, e.tests), routes: map[string]*route{},
		spent: make([]spent, len(e.programs)),
	}
	w.maps.init(e.names)
	return w
}

// Match matches an event that is decoded: ev, and the map that its Lookup and
// Leaves look into with [sigma.LookupIn] and [sigma.LeavesOf]. yield is called
// with each match in the order of the set's rules until it returns false.
func (w *Worker) Match(ev sigma.Event, fields map[string]any, yield func(*sigma.Match) bool) {
	w.maps.set(ev, fields)
	_ = w.MatchRecord(&w.maps, yield) // the event is there, so there is no error
	w.maps.set(nil, nil)
	w.cells.from = nil
}

// MatchRecord is Match for an event that is not decoded yet. The error is that
// of r.Event, which is called at most once.
func (w *Worker) MatchRecord(r Record, yield func(*sigma.Match) bool) error {
	product, service, categories := r.LogSource()
	rt := w.route(product, service, categories)
	if len(rt.rules) == 0 {
		return nil
	}
	id, single := r.EventID()
	single = single && product != sigma.AnySource // no rule is left out there, so one partition is enough
	p := rt.partition(w.engine, id, single)
	w.count(p)
	if len(p.rules) == 0 {
		return nil
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
	return w.decide(p, r, yield)
}

// Prepare makes the tables that r needs, without matching it.
func (w *Worker) Prepare(r Record) {
	product, service, categories := r.LogSource()
	id, single := r.EventID()
	single = single && product != sigma.AnySource
	w.route(product, service, categories).partition(w.engine, id, single)
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
func (w *Worker) decide(p *partition, r Record, yield func(*sigma.Match) bool) error {
	var ev sigma.Event
	w.known = p.known
	for i, word := range w.cand {
		for ; word != 0; word &= word - 1 {
			prog := p.rules[i<<6|bits.TrailingZeros64(word)]
			begin := w.begin(prog)
			if !w.eval(prog.root) {
				w.end(prog, begin)
				continue
			}
			if ev == nil {
				var err error
				if ev, err = r.Event(); err != nil {
					return err
				}
			}
			m, ok := prog.exec.MatchDetection(ev)
			w.end(prog, begin)
			if !ok {
				continue
			}
			w.spent[prog.index].matches++
			m.Rule = prog.rule
			if !yield(m) {
				return nil
			}
		}
	}
	return nil
}
