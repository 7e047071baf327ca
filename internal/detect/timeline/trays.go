package timeline

import (
	"io"
	"sync"

	"github.com/meneki/meneki/internal/event/read"
)

// trays bring what several workers find in several inputs into the order of the
// inputs: what is found in the first that is not done goes straight out, the
// rest waits in memory up to limit bytes, and then on disk.
type trays struct {
	mu    sync.Mutex
	out   func(*Match) error
	done  func(read.Report) // called in the order of the inputs
	flush func() error      // what went out is to be seen; may be nil
	spool *spool[*Match]
	limit int

	at   int           // under mu: the input whose matches go straight out
	open map[int]*tray // under mu: the inputs behind it that were begun
	held int           // under mu: bytes in memory in all of them
	err  error         // under mu: the first error of out, which ends everything
}

// tray is what was found in one input so far.
type tray struct {
	list     []*Match
	size     int
	segments []segment
	report   read.Report
	complete bool
}

// idle says that nothing more of input i is there for now.
func (t *trays) idle(i int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && i == t.at && t.flush != nil {
		t.err = t.flush()
	}
	return t.err
}

// put passes on matches of input i, in their order.
func (t *trays) put(i int, list []*Match) error {
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
	y := t.tray(i)
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

func (t *trays) tray(i int) *tray {
	y := t.open[i]
	if y == nil {
		y = &tray{}
		t.open[i] = y
	}
	return y
}

// end says that input i is done, with its report.
func (t *trays) end(i int, rep read.Report) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	y := t.tray(i)
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

// empty sends out what waits in a tray whose turn has come.
func (t *trays) empty(y *tray) error {
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

// direct sends out a match that belongs to no input.
func (t *trays) direct(m *Match) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.out(m)
	}
	return t.err
}

// rest empties what inputs that were broken off have found, in order.
func (t *trays) rest(n int) error {
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
