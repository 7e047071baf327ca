package timeline

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
)

// Config says what a run does.
type Config struct {
	Rules  *sigma.Set // all that was loaded; Filter says which of them are used
	Inputs []Input
	Filter Filter
	Jobs   int         // inputs that are read at once; the number of processors if 0
	Sort   bool        // give the matches in the order of time, not of the input
	Memory int         // bytes of matches that may wait in memory; 64 MiB if 0
	Dir    string      // for the temporary file; the system's folder if empty
	Clock  clock.Clock // of the times of reading; clock.System if nil
	Read   read.Options
	Stdin  io.Reader // what Stdin stands for
	Meter  *Meter    // is told how far the run is; may be nil

	Observables bool // keep with each match what its event names, for STIX
	// Counted is called once, before the first match is given out in the order of
	// time, when all of them are counted; may be nil.
	Counted func(*Result) error

	reference bool // match with sigma.Set, for tests
}

// Result is what a run came to.
type Result struct {
	Tally       Tally
	Report      read.Report // what was read, and what could not be
	Used        int         // rules that the filter left, correlations too
	Uncertain   int64       // what correlations gave up because of their bounds: see correlate.Stats
	Interrupted bool        // ctx ended before all was read
}

// Run reads all inputs, and calls yield with each match that counts: from one
// goroutine at a time, in the order of the inputs and their records, or of time.
// Memory is bounded whatever is found: what has to wait does so in a temporary
// file. When ctx ends, what was found until then is still given to yield.
//
// An error is one of yield, of the temporary file, or a fault of an input that
// was named and cannot be read.
func Run(ctx context.Context, cfg Config, yield func(*Match) error) (*Result, error) {
	rules, _ := cfg.Filter.Rules(cfg.Rules)
	s := &scanner{order: make(map[*sigma.Rule]int, len(rules.Rules)), filter: cfg.Filter, opts: cfg.Read, stdin: cfg.Stdin, observables: cfg.Observables}
	for i, r := range rules.Rules {
		if !rules.Silent(r) && cfg.Filter.shows(aboutRule(r)) {
			s.order[r] = i
		}
	}
	var err error
	if s.correlator, err = newCorrelator(rules); err != nil {
		return nil, err
	}
	spooled := slices.Clone(rules.Rules)
	shown := map[*sigma.Rule]bool{}
	if s.correlator != nil {
		spooled = append(spooled, s.correlator.list(rules)...)
		for x, r := range s.correlator.rules {
			shown[r] = cfg.Filter.shows(aboutCorrelation(x))
		}
	}
	// One time for all, so that a record that tells none can be told from the others.
	c := cfg.Clock
	if c == nil {
		c = clock.System
	}
	now := c()
	s.opts.Clock = func() time.Time { return now }
	meter := cfg.Meter
	if meter == nil {
		meter = &Meter{}
	}
	meter.total.Store(0)
	for _, in := range cfg.Inputs {
		meter.total.Add(in.Size)
	}
	limit := cfg.Memory
	if limit <= 0 {
		limit = 64 << 20
	}
	sp := &spool{dir: cfg.Dir, rules: spooled}
	defer sp.close()
	res := &Result{Used: len(s.order)}
	for _, on := range shown {
		if on {
			res.Used++
		}
	}
	sorted := &sorter{spool: sp, limit: limit}
	out := yield
	if cfg.Sort {
		out = sorted.add
	}
	t := &trays{spool: sp, limit: limit, open: map[int]*tray{}, done: func(r read.Report) { merged(&res.Report, r) }}
	t.out = func(m *Match) error {
		meter.matches.Add(1)
		res.Tally.Add(m)
		return out(m)
	}
	s.alert = func(m *Match) error {
		if !shown[m.Rule] {
			return nil
		}
		return t.direct(m)
	}
	err = work(ctx, s, workers(rules, cfg.reference), cfg, meter, t)
	if errors.Is(err, ctx.Err()) && ctx.Err() != nil {
		res.Interrupted, err = true, nil
	}
	if err == nil {
		err = t.rest(len(cfg.Inputs))
	}
	if err == nil && s.correlator != nil {
		for _, a := range s.correlator.engine.Flush() {
			if err = s.alert(s.correlator.match(a)); err != nil {
				break
			}
		}
		res.Uncertain = s.correlator.uncertain()
	}
	if err == nil && cfg.Counted != nil && cfg.Sort {
		err = cfg.Counted(res)
	}
	if err == nil && cfg.Sort {
		err = sorted.each(yield)
	}
	return res, err
}

// work reads the inputs, several at once, and gives the first error in their order.
func work(ctx context.Context, s *scanner, hire func() worker, cfg Config, meter *Meter, t *trays) error {
	jobs := cfg.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	jobs = max(1, min(jobs, len(cfg.Inputs)))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	errs := make([]error, len(cfg.Inputs))
	var next atomic.Int64
	var all sync.WaitGroup
	for range jobs {
		w := hire()
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(cfg.Inputs) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if errs[i] = one(ctx, s, w, i, cfg.Inputs[i], meter, t); errs[i] != nil {
					stop(errs[i])
				}
			}
		})
	}
	all.Wait()
	var cut error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		cut = errors.Join(cut, err)
	}
	if cut == nil {
		cut = ctx.Err() // it ended between two inputs
	}
	return cut
}

// batch is how many matches are handed over at once.
const batch = 128

func one(ctx context.Context, s *scanner, w worker, i int, in Input, meter *Meter, t *trays) error {
	var list []*Match
	rep, err := s.scan(ctx, w, i, in, meter, func(m *Match) error {
		if list = append(list, m); len(list) < batch {
			return nil
		}
		err := t.put(i, list)
		clear(list)
		list = list[:0]
		return err
	})
	if e := t.put(i, list); err == nil {
		err = e
	}
	if e := t.end(i, rep); err == nil {
		err = e
	}
	return err
}

// listed bounds the lists of a report.
const listed = 200

func merged(to *read.Report, r read.Report) {
	to.Files += r.Files
	to.Events += r.Events
	to.Bytes += r.Bytes
	to.BadN += r.BadN
	to.SkipN += r.SkipN
	to.Bad = append(to.Bad, r.Bad[:min(len(r.Bad), listed-len(to.Bad))]...)
	to.Skipped = append(to.Skipped, r.Skipped[:min(len(r.Skipped), listed-len(to.Skipped))]...)
}
