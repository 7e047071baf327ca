package timeline

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
)

// Config says what a run does.
type Config struct {
	Rules  *sigma.Set // all that was loaded; Filter says which of them are used
	Inputs []Input
	Filter Filter
	Jobs   int         // how many goroutines read and match; the number of processors if 0
	Sort   bool        // yield the matches in the order of time, not of the input
	Memory int         // bytes of matches that may wait in memory; 64 MiB if 0
	Dir    string      // for the temporary file; the system's folder if empty
	Clock  clock.Clock // of the times of reading; clock.System if nil
	Read   read.Options
	Stdin  io.Reader // what Stdin stands for
	Meter  *Meter    // receives how far the run is; may be nil

	Observables bool // keep with each match what its event names, for STIX
	// Counted is called once, before the first match is yielded in the order of
	// time, when all of them are counted; may be nil.
	Counted func(*Result) error

	// Ours reports by its path whether a rule comes with the program; they are
	// counted apart. May be nil.
	Ours func(path string) bool

	// Idle is called while a pipe is waited for, after the matches in what came so
	// far were given out; may be nil. It is not called if they are put in order.
	Idle func() error

	// Resolver holds imported account lists. What the inputs state is
	// learnt into it. May be nil.
	Resolver *principal.Resolver
	Places   *principal.Places // where networks are; may be nil

	block     int  // bytes of text that are matched at once, for tests
	reference bool // match with sigma.Set, for tests
}

// Result is what a run came to.
type Result struct {
	Tally       Tally
	Report      read.Report // what was read, and what could not be
	Used        int         // rules that the filter left, correlations too, without Ours
	Ours        int         // of the rules that come with the program, those that the filter left
	Uncertain   int64       // what correlations dropped because of their bounds: see correlate.Stats
	Interrupted bool        // ctx ended before all was read
}

// Run reads all inputs, and calls yield with each match that counts: from one
// goroutine at a time, in the order of the inputs and their records, or of time.
// Memory is bounded whatever is found: what has to wait does so in a temporary
// file. When ctx ends, what was found until then is still yielded.
//
// An error is one of yield, of the temporary file, or a fault of an input that
// was named and cannot be read.
func Run(ctx context.Context, cfg Config, yield func(*Match) error) (*Result, error) {
	rules, _ := cfg.Filter.Rules(cfg.Rules)
	meter := cfg.Meter
	if meter == nil {
		meter = &Meter{}
	}
	s := &scanner{order: make(map[*sigma.Rule]int, len(rules.Rules)), filter: cfg.Filter, observables: cfg.Observables,
		meter: meter}
	for i, r := range rules.Rules {
		if !rules.Silent(r) && cfg.Filter.shows(aboutRule(r)) {
			s.order[r] = i
		}
	}
	limit := cfg.Memory
	if limit <= 0 {
		limit = 64 << 20
	}
	var err error
	if s.people, err = newPeople(rules, cfg, limit); err != nil {
		return nil, err
	}
	spooled := slices.Clone(rules.Rules)
	shown := map[*sigma.Rule]bool{}
	if p := s.people; p != nil {
		defer p.sorter.spool.close()
		if p.correlator != nil {
			spooled = append(spooled, p.correlator.list(rules)...)
			for x, r := range p.correlator.rules {
				shown[r] = cfg.Filter.shows(aboutCorrelation(x))
			}
		}
	}
	// One time for all, so that a record that states none can be distinguished from the others.
	c := cfg.Clock
	if c == nil {
		c = clock.System
	}
	now := c()
	opts := cfg.Read
	opts.Clock = func() time.Time { return now }
	meter.total.Store(0)
	for _, in := range cfg.Inputs {
		meter.total.Add(in.Size)
	}
	sp := spoolMatches(cfg.Dir, spooled)
	defer sp.close()
	res := &Result{}
	used := func(path string) {
		if cfg.Ours != nil && cfg.Ours(path) {
			res.Ours++
		} else {
			res.Used++
		}
	}
	for r := range s.order {
		used(r.Path)
	}
	for r, on := range shown {
		if on {
			used(r.Path)
		}
	}
	sorted := &sorter[*Match]{spool: sp, limit: limit, before: before}
	t := &inOrder{spool: sp, limit: limit, open: map[int]*buffer{}, done: res.Report.Add, flush: cfg.Idle}
	out := yield
	if cfg.Sort {
		out, t.flush = sorted.add, nil
	}
	t.out = func(m *Match) error {
		meter.matches.Add(1)
		res.Tally.Add(m)
		return out(m)
	}
	jobs := cfg.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	pool := &pool{cfg: cfg, opts: opts, meter: meter, inOrder: t, people: s.people}
	err = pool.work(ctx, jobs, workers(s, rules, cfg.reference))
	if errors.Is(err, ctx.Err()) && ctx.Err() != nil {
		res.Interrupted, err = true, nil
	}
	if err == nil {
		err = t.rest(len(cfg.Inputs))
	}
	if p := s.people; err == nil && p != nil {
		meter.joining.Store(true)
		err = p.each(cfg.Filter, func(m *sigma.Match, ev *event.Event, file, rule int) error {
			if _, ok := s.order[m.Rule]; !ok {
				return nil
			}
			return t.direct(s.made(m, ev, file, rule))
		}, func(m *Match) error {
			if !shown[m.Rule] {
				return nil
			}
			return t.direct(m)
		})
		if p.correlator != nil {
			res.Uncertain = p.correlator.uncertain()
		}
	}
	if err == nil && cfg.Counted != nil && cfg.Sort {
		err = cfg.Counted(res)
	}
	if err == nil && cfg.Sort {
		err = sorted.each(yield)
	}
	return res, err
}
