// Package engine matches events against many Sigma rules at once. It returns
// exactly what [sigma.Set.Match] returns, the same matches in the same order, and
// looks at each event about once instead of once a rule.
//
// An event goes through four steps:
//
//  1. Its log source and its EventID choose a partition, the rules that can
//     match such an event at all. Partitions are made when first needed.
//  2. The fields that these rules look at are taken apart ([Cells]) and searched
//     once for the required literals of all rules: each rule waits on the rarest list of
//     literals of which a matching event must have one.
//  3. The rules of which a required literal was seen, mostly none, are decided by a program in
//     which tests are shared between rules and decided once.
//  4. What is left, which are matches and few events with keywords, goes to the
//     reference evaluator, which says what matched. So nothing is reported that
//     package sigma does not find; that nothing is missed is what the tests of
//     this package compare.
//
// An [Engine] may be used by several goroutines at once, a [Worker] by one. New
// rules are a new engine.
//
// Memory: an engine holds its programs, about 4 KB for each rule, and for each
// partition that events have asked for its tables; [Engine.Memory] reports how
// much. The number of partitions is bounded by the rules: events of a log source
// that no rule names share one. A worker holds scratch of at most 1 MB and what
// one event needs.
package engine

import (
	"iter"
	"sync"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// Options say how an engine works. The zero Options are good.
type Options struct {
	// Clock is for [Engine.Costs]; nil counts but does not time.
	Clock func() time.Time
	// TimeEvery says that one of so many evaluations of a rule is timed; 0 is 16.
	TimeEvery int
}

// Engine is a compiled set of rules.
type Engine struct {
	set      *sigma.Set
	opts     Options
	names    *Names
	programs []*program
	tests    int
	popular  map[string]int

	products, services, categories map[string]bool // folded, that rules name

	mu     sync.Mutex // guards what follows, and making partitions
	routes map[string]*route
	serial int32
	costs  []Cost

	idleMu sync.Mutex
	idle   []*Worker // of Match
}

// Compile makes an engine of a set's rules. The set must not be changed
// afterwards.
func Compile(set *sigma.Set, opts Options) *Engine {
	if opts.TimeEvery <= 0 {
		opts.TimeEvery = timeEvery
	}
	e := &Engine{
		set: set, opts: opts, routes: map[string]*route{},
		products: map[string]bool{}, services: map[string]bool{}, categories: map[string]bool{},
		costs: make([]Cost, len(set.Rules)),
	}
	names := []string{"", "EventID"} // Whole, and what routes
	seen := map[string]bool{"": true, "EventID": true}
	for _, r := range set.Rules {
		list, _ := r.FieldNames()
		for _, name := range list {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
		e.products[fold.Text(r.LogSource.Product)] = true
		e.services[fold.Text(r.LogSource.Service)] = true
		e.categories[fold.Text(r.LogSource.Category)] = true
	}
	e.names = newNames(names)
	c := &compiler{names: e.names, tests: map[string]*test{}, deciders: map[string]*decider{},
		popular: map[string]int{}}
	for i, r := range set.Rules {
		e.programs = append(e.programs, c.program(i, r))
		e.costs[i].Rule = r
	}
	for _, p := range e.programs {
		p.root.order()
	}
	e.tests, e.popular = int(c.count), c.popular
	return e
}

// Set returns the rules.
func (e *Engine) Set() *sigma.Set { return e.set }

// Names returns the fields that a Record can be asked for: those that rules look
// at, [Whole], and EventID.
func (e *Engine) Names() *Names { return e.names }

// Match returns the matches of an event in the order of the set's rules, those
// that [sigma.Set.Match] returns. It is quickest for events that are [sigma.Decoded]
// or a [Record]. It may be called by several goroutines at once, and keeps as many
// workers as were ever needed at the same time.
func (e *Engine) Match(ev sigma.Event) iter.Seq[*sigma.Match] {
	return func(yield func(*sigma.Match) bool) {
		w := e.worker()
		defer e.give(w) // also if yield panics
		w.match(ev, yield)
	}
}

func (e *Engine) worker() *Worker {
	e.idleMu.Lock()
	defer e.idleMu.Unlock()
	if n := len(e.idle); n > 0 {
		w := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return w
	}
	return e.Worker()
}

func (e *Engine) give(list ...*Worker) {
	e.idleMu.Lock()
	defer e.idleMu.Unlock()
	e.idle = append(e.idle, list...)
}

// flushIdle flushes the workers of Match that are not at work.
func (e *Engine) flushIdle() {
	e.idleMu.Lock()
	list := e.idle
	e.idle = nil
	e.idleMu.Unlock()
	for _, w := range list {
		w.Flush()
	}
	e.give(list...)
}

// Memory reports how many partitions there are and about how many bytes their
// tables take.
func (e *Engine) Memory() (partitions, bytes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, rt := range e.routes {
		for _, p := range rt.all() {
			partitions++
			bytes += p.bytes()
		}
	}
	return partitions, bytes
}
