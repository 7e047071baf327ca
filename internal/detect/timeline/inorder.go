package timeline

import (
	"io"
	"sync"

	"github.com/meneki/meneki/internal/event/read"
)

// inOrder puts what several workers find in several inputs into the order of the
// inputs: matches of the first input that is not done are written at once, the
// rest is kept in memory up to limit bytes, and then on disk.
type inOrder struct {
	mu    sync.Mutex
	out   func(*Match) error
	done  func(read.Report) // called in the order of the inputs
	flush func() error      // makes what was written visible; may be nil
	spool *spool[*Match]
	limit int

	at   int             // under mu: the input whose matches are written at once
	open map[int]*buffer // under mu: the inputs behind it that were begun
	held int             // under mu: bytes in memory in all of them
	err  error           // under mu: the first error of out, which ends everything
}

// buffer holds what was found in one input so far.
type buffer struct {
	list     []*Match
	size     int
	segments []segment
	report   read.Report
	complete bool
}

// idle says that nothing more of input i is there for now.
func (t *inOrder) idle(i int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && i == t.at && t.flush != nil {
		t.err = t.flush()
	}
	return t.err
}

// put passes on matches of input i, in their order.
func (t *inOrder) put(i int, list []*Match) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if i == t.at {
		for _, m := range list {
			if t.err = t.out(m); t.err != nil {
				return t.err
			}
		}
		return nil
	}
	y := t.buffer(i)
	for _, m := range list {
		y.list = append(y.list, m)
		w := m.weight()
		y.size += w
		t.held += w
	}
	if t.held > t.limit {
		seg, err := t.spool.write(y.list)
		if err != nil {
			t.err = err
			return err
		}
		y.segments = append(y.segments, seg)
		t.held -= y.size
		y.list, y.size = nil, 0
	}
	return nil
}

func (t *inOrder) buffer(i int) *buffer {
	y := t.open[i]
	if y == nil {
		y = &buffer{}
		t.open[i] = y
	}
	return y
}

// end says that input i is done, with its report.
func (t *inOrder) end(i int, rep read.Report) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	y := t.buffer(i)
	y.report, y.complete = rep, true
	for t.err == nil {
		y := t.open[t.at]
		if y == nil {
			break
		}
		if t.err = t.empty(y); t.err != nil || !y.complete {
			break
		}
		t.done(y.report)
		delete(t.open, t.at)
		t.at++
	}
	if t.err == nil && t.flush != nil { // the next may be a pipe for which one waits
		t.err = t.flush()
	}
	return t.err
}

// empty writes what is in a buffer whose turn has come.
func (t *inOrder) empty(y *buffer) error {
	for _, seg := range y.segments {
		next := t.spool.open(seg)
		for {
			m, err := next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if err := t.out(m); err != nil {
				return err
			}
		}
	}
	for _, m := range y.list {
		if err := t.out(m); err != nil {
			return err
		}
	}
	t.held -= y.size
	y.segments, y.list, y.size = nil, nil, 0
	return nil
}

// direct writes a match that belongs to no input.
func (t *inOrder) direct(m *Match) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.out(m)
	}
	return t.err
}

// rest writes what inputs that were cut short have found, in order.
func (t *inOrder) rest(n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; t.at < n && t.err == nil; t.at++ {
		if y := t.open[t.at]; y != nil {
			t.err = t.empty(y)
			t.done(y.report)
			delete(t.open, t.at)
		}
	}
	return t.err
}
