package timeline

import (
	"sync"
	"sync/atomic"
)

// Meter says how far a run is. It may be read at any time, by any goroutine.
type Meter struct {
	total, bytes, events, matches, files atomic.Int64
	now                                  atomic.Pointer[string]
	joining                              atomic.Bool
}

// Progress is what a Meter shows at one moment.
type Progress struct {
	Total   int64 // bytes of all inputs on disk; 0 if that cannot be known
	Bytes   int64 // of them read so far; of archives about
	Events  int64
	Matches int64
	Files   int64  // inputs that are done
	Now     string // an input that is being read
	Joining bool   // all is read; correlations are worked through
}

// Progress reads the meter.
func (m *Meter) Progress() Progress {
	p := Progress{Total: m.total.Load(), Bytes: m.bytes.Load(), Events: m.events.Load(), Matches: m.matches.Load(),
		Files: m.files.Load(), Joining: m.joining.Load()}
	if s := m.now.Load(); s != nil {
		p.Now = *s
	}
	return p
}

// part counts what is read of one input, which is never more than its size. A
// stream that was interrupted may still be read by others when it is closed.
type part struct {
	m    *Meter
	size int64

	mu   sync.Mutex
	read int64 // under mu
}

func (m *Meter) open(in Input) *part {
	m.now.Store(&in.Path)
	return &part{m: m, size: in.Size}
}

// more says that n more bytes of the input were read.
func (p *part) more(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.read + int64(n)
	if p.size > 0 {
		to = min(to, p.size) // some of an archive, and of an event log, is read twice
	}
	p.m.bytes.Add(to - p.read)
	p.read = to
}

func (p *part) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest := p.size - p.read; rest > 0 {
		p.m.bytes.Add(rest)
		p.read = p.size
	}
	p.m.files.Add(1)
}
