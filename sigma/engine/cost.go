package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Cost is what one rule has cost since the engine was made, as far as workers
// have flushed it.
type Cost struct {
	Rule        *sigma.Rule
	Events      int64 // of the kinds it is for
	Evaluations int64 // events in which its witness was seen
	Matches     int64
	Time        time.Duration // an estimate from a sample of the evaluations; 0 without a clock
	Quarantined bool
}

// spent is what a rule has cost one worker since Flush.
type spent struct {
	evaluations, matches int64
	timed                int64 // evaluations that were timed
	time                 time.Duration
}

// tally is what a worker has counted about one partition.
type tally struct {
	part   *partition
	events int64
	fresh  int64 // since Flush
	hits   []uint32
}

const (
	flushEvery = 1 << 12 // events
	timeEvery  = 1 << 4  // evaluations of one rule
)

// begin is called before a rule is evaluated.
func (w *Worker) begin(p *program) time.Time {
	s := &w.spent[p.index]
	if s.evaluations == 0 {
		w.touched = append(w.touched, p.index)
	}
	s.evaluations++
	if w.engine.opts.Clock != nil && s.evaluations%timeEvery == 1 {
		return w.engine.opts.Clock()
	}
	return time.Time{}
}

func (w *Worker) end(p *program, begin time.Time, _ *partition) {
	if begin.IsZero() {
		return
	}
	s := &w.spent[p.index]
	s.timed++
	s.time += w.engine.opts.Clock().Sub(begin)
}

// count counts an event of a partition, and now and then tells the engine.
func (w *Worker) count(p *partition) {
	for int(p.serial) >= len(w.tallies) {
		w.tallies = append(w.tallies, nil)
	}
	t := w.tallies[p.serial]
	if t == nil {
		t = &tally{part: p, hits: make([]uint32, len(p.lits))}
		w.tallies[p.serial] = t
	}
	t.events++
	t.fresh++
	if due(t.events) {
		w.engine.learn(t)
	}
	if w.events++; w.events%flushEvery == 0 {
		w.Flush()
	}
}

// Flush adds what the worker has counted to the engine's costs. It is done by
// itself every 4,096 events.
func (w *Worker) Flush() {
	w.events = 0
	e := w.engine
	var offenders []Cost
	e.mu.Lock()
	for _, t := range w.tallies {
		if t == nil || t.fresh == 0 {
			continue
		}
		for _, p := range t.part.rules {
			e.costs[p.index].Events += t.fresh
		}
		t.fresh = 0
	}
	for _, i := range w.touched {
		s, c := &w.spent[i], &e.costs[i]
		c.Evaluations += s.evaluations
		c.Matches += s.matches
		if s.timed > 0 {
			c.Time += time.Duration(float64(s.time) * float64(s.evaluations) / float64(s.timed))
		}
		*s = spent{}
		if e.opts.Ceiling > 0 && !c.Quarantined && c.Events >= flushEvery && c.Time > e.opts.Ceiling*time.Duration(c.Events) {
			c.Quarantined = true
			e.out[i].Store(true)
			offenders = append(offenders, *c)
		}
	}
	w.touched = w.touched[:0]
	e.mu.Unlock()
	if e.opts.OnQuarantine != nil {
		for _, c := range offenders {
			e.opts.OnQuarantine(c)
		}
	}
}

// Costs gives the cost of every rule, the dearest first.
func (e *Engine) Costs() []Cost {
	e.flushIdle()
	e.mu.Lock()
	out := slices.Clone(e.costs)
	e.mu.Unlock()
	slices.SortStableFunc(out, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Evaluations, a.Evaluations))
	})
	return out
}
