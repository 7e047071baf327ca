package timeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event/read"
)

// pool is the goroutines of a run. Each of them takes inputs, one after another,
// cuts them into batches, and works through them; as soon as there is one that
// has no input left, it works through the others' batches. What is found goes to
// inOrder in the order of the records, no matter which goroutine found it.
type pool struct {
	cfg     Config
	opts    read.Options
	meter   *Meter
	inOrder *inOrder
	people  *people
	tasks   chan *batch
	ahead   int // batches of one stream that may wait to be taken back
	next    atomic.Int64
	errs    []error // by input
}

// work reads the inputs, several at once, and returns the first error in their order.
func (c *pool) work(ctx context.Context, jobs int, spawn func() *worker) error {
	c.ahead, c.errs = 4*jobs, make([]error, len(c.cfg.Inputs))
	room := 0 // with one goroutine there is no other to take any
	if jobs > 1 {
		room = jobs
	}
	c.tasks = make(chan *batch, room)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all, reading sync.WaitGroup
	reading.Add(jobs)
	for range jobs {
		all.Go(func() {
			w := spawn()
			for i := int(c.next.Add(1)) - 1; i < len(c.cfg.Inputs) && ctx.Err() == nil; i = int(c.next.Add(1)) - 1 {
				if c.errs[i] = c.input(ctx, w, i); c.errs[i] != nil {
					stop(c.errs[i])
				}
			}
			reading.Done()
			for b := range c.tasks {
				w.do(b)
			}
			if c.people != nil {
				c.people.learnt(w.facts)
			}
		})
	}
	reading.Wait()
	close(c.tasks)
	all.Wait()
	var cut error
	for _, err := range c.errs {
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

// input reads one input.
func (c *pool) input(ctx context.Context, w *worker, i int) error {
	in := c.cfg.Inputs[i]
	p := c.meter.open(in)
	defer p.close()
	take := func(ctx context.Context, part *read.Part) (read.Report, error) {
		s := &stream{pool: c, w: w, ctx: ctx, part: part, input: i}
		s.report.Files = 1
		var err error
		if part.Log {
			err = s.log()
		} else {
			err = s.text()
		}
		if e := s.finish(); err == nil {
			err = e
		}
		return s.report, err
	}
	var rep read.Report
	var err error
	if in.Path == Stdin {
		rep, err = read.UnpackStream(ctx, in.Path, counted{c.cfg.Stdin, p}, c.opts, take)
	} else {
		rep, err = read.Unpack(ctx, in, c.opts, func(f read.OnDisk) read.OnDisk { return countedFile{f, p} }, take)
	}
	if e := c.inOrder.end(i, rep); err == nil {
		err = e
	}
	return err
}

// stream is one stream of records that is being read.
type stream struct {
	*pool
	w     *worker
	ctx   context.Context
	part  *read.Part
	input int

	batch  *batch
	cuts   int64    // so far
	open   []*batch // in work, in the order of the records
	extra  int64    // records more than cuts in those that were taken back
	report read.Report

	audit  []byte       // the system call that audit records spoke of last
	primer []read.Chunk // and what they said
}

// maxPrimer is how many records of one system call are shown again to a decoder
// that did not see them.
const maxPrimer = 32

func (s *stream) text() error {
	c := s.part.Splitter()
	size := s.cfg.block
	if size <= 0 {
		size = blockSize
	}
	var idle error
	s.part.Idle(func() error { idle = cmp.Or(idle, s.catchUp()); return idle })
	defer s.part.Idle(nil)
	for {
		cut, err := c.Next()
		if idle != nil {
			return idle
		}
		if err != nil {
			break
		}
		if s.batch == nil {
			s.batch = newBatch(s.part, s.input, s.cuts)
			s.batch.primer = s.primer
		}
		b := s.batch
		cut.Raw = b.hold(cut.Raw)
		b.cuts = append(b.cuts, cut)
		s.cuts++
		s.remember(cut)
		if len(b.data) >= size || len(cut.Raw) >= size || len(b.cuts) == maxCuts {
			if err := cmp.Or(s.give(), s.ctx.Err()); err != nil {
				return err
			}
		}
	}
	s.report.Bytes += c.Offset()
	return s.ctx.Err()
}

// catchUp works through all that came of a stream that is being waited for.
func (s *stream) catchUp() error {
	if b := s.batch; b != nil && len(b.cuts) > 0 {
		s.batch = nil
		s.open = append(s.open, b)
		s.w.do(b)
	}
	if err := s.back(0); err != nil {
		return err
	}
	return s.inOrder.idle(s.input)
}

// remember keeps the audit records that explain the ones after them.
func (s *stream) remember(cut read.Chunk) {
	id := cut.Audit()
	if id == nil {
		return
	}
	if !bytes.Equal(id, s.audit) {
		s.audit, s.primer = bytes.Clone(id), nil
	}
	if len(s.primer) < maxPrimer {
		cut.Raw = bytes.Clone(cut.Raw)
		s.primer = append(s.primer[:len(s.primer):len(s.primer)], cut)
	}
}

// log cuts an event log at its chunks.
func (s *stream) log() error {
	r, err := s.part.EventLog()
	if err != nil {
		s.report.AddBad(read.BadRecord{Name: s.part.Name, Record: 1, Reason: read.LogReason(err)})
		return nil
	}
	for raw, err := range r.Chunks() {
		if s.batch == nil {
			s.batch = newBatch(s.part, s.input, 0)
		}
		b := s.batch
		raw.Data = b.hold(raw.Data)
		b.chunks = append(b.chunks, chunk{raw, err})
		if len(b.chunks) == max(1, blockSize/evtx.ChunkSize) {
			if err := cmp.Or(s.give(), s.ctx.Err()); err != nil {
				return err
			}
		}
	}
	return s.ctx.Err()
}

// give queues the batch that is full for a goroutine.
func (s *stream) give() error {
	b := s.batch
	s.batch = nil
	s.open = append(s.open, b)
	select {
	case s.tasks <- b:
	default:
		s.w.do(b)
	}
	return s.back(s.ahead)
}

// back takes back batches that are done, in their order, and waits for some until
// at most left are out.
func (s *stream) back(left int) error {
	for len(s.open) > 0 {
		b := s.open[0]
		select {
		case <-b.done:
		default:
			if len(s.open) <= left {
				return nil
			}
			s.wait(b)
		}
		s.open = s.open[1:]
		if err := s.take(b); err != nil {
			return err
		}
	}
	return nil
}

// wait helps the others until b is done.
func (s *stream) wait(b *batch) {
	for {
		select {
		case <-b.done:
			return
		case t := <-s.tasks:
			s.w.do(t)
		}
	}
}

// take passes on what was found in a batch.
func (s *stream) take(b *batch) error {
	if s.extra != 0 {
		for _, m := range b.matches {
			m.Record += s.extra
		}
		for i := range b.report.Bad {
			b.report.Bad[i].Record += s.extra
		}
		for i := range b.report.Garbled {
			b.report.Garbled[i].Record += s.extra
		}
		for _, k := range b.kept {
			k.event.From.Record += s.extra
		}
	}
	s.report.Add(b.report)
	if !s.part.Log {
		s.extra += b.records - b.asked
	}
	if b.err != nil {
		return b.err
	}
	if s.people != nil {
		if err := s.people.keep(b.kept); err != nil {
			return err
		}
	}
	return s.inOrder.put(s.input, b.matches)
}

// finish works through the rest of what was read, also when the run has ended.
func (s *stream) finish() error {
	var err error
	if s.batch != nil && len(s.batch.cuts)+len(s.batch.chunks) > 0 {
		err = s.give()
	}
	for len(s.open) > 0 {
		if e := s.back(0); err == nil {
			err = e
		}
	}
	return err
}
