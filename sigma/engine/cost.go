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
	Evaluations int64 // events in which a required literal was seen; of a field that nearly all have, all of them
	Matches     int64
	Time        time.Duration // an estimate from a sample of the evaluations; 0 without a clock
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
	timeEvery  = 1 << 4  // evaluations of one rule, unless the options say otherwise
)

// begin is called before a rule is evaluated.
func (w *Worker) begin(p *program) time.Time {
	s := &w.spent[p.index]
	if s.evaluations == 0 {
		w.touched = append(w.touched, p.index)
	}
	s.evaluations++
	if w.engine.opts.Clock != nil && (s.evaluations-1)%int64(w.engine.opts.TimeEvery) == 0 {
		return w.engine.opts.Clock()
	}
	return time.Time{}
}

// end is called after it, with what begin returned. A clock that was set back
// meanwhile counts as no time.
func (w *Worker) end(p *program, begin time.Time) {
	if begin.IsZero() {
		return
	}
	s := &w.spent[p.index]
	s.timed++
	s.time += max(w.engine.opts.Clock().Sub(begin), 0)
}

// count counts an event of a partition, and from time to time reports to the engine.
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
	e.mu.Lock()
	defer e.mu.Unlock()
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
	}
	w.touched = w.touched[:0]
}

// Costs returns the cost of every rule, the most expensive first. It may be called while
// workers work.
func (e *Engine) Costs() []Cost { return e.take(false) }

// DrainCosts is Costs, and resets the counts.
func (e *Engine) DrainCosts() []Cost { return e.take(true) }

func (e *Engine) take(drain bool) []Cost {
	e.flushIdle()
	e.mu.Lock()
	out := slices.Clone(e.costs)
	if drain {
		for i := range e.costs {
			e.costs[i] = Cost{Rule: e.costs[i].Rule}
		}
	}
	e.mu.Unlock()
	slices.SortStableFunc(out, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Evaluations, a.Evaluations))
	})
	return out
}
