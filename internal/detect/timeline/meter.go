package timeline

import (
	"io"
	"sync/atomic"
)

// Meter says how far a run is. It may be read at any time, by anybody.
type Meter struct {
	total, bytes, events, matches, files atomic.Int64
	now                                  atomic.Pointer[string]
}

// Progress is what a Meter shows at one moment.
type Progress struct {
	Total   int64 // bytes of all inputs on disk; 0 if that cannot be known
	Bytes   int64 // of them read so far; of archives about
	Events  int64
	Matches int64
	Files   int64  // inputs that are done
	Now     string // an input that is being read
}

// Progress reads the meter.
func (m *Meter) Progress() Progress {
	p := Progress{Total: m.total.Load(), Bytes: m.bytes.Load(), Events: m.events.Load(), Matches: m.matches.Load(), Files: m.files.Load()}
	if s := m.now.Load(); s != nil {
		p.Now = *s
	}
	return p
}

// part counts what is read of one input, which is never more than its size.
type part struct {
	m          *Meter
	size, read int64
}

func (m *Meter) open(in Input) *part {
	m.now.Store(&in.Path)
	return &part{m: m, size: in.Size}
}

// at says that the input was read up to byte n.
func (p *part) at(n int64) {
	if p.size > 0 {
		n = min(n, p.size)
	}
	if n > p.read {
		p.m.bytes.Add(n - p.read)
		p.read = n
	}
}

func (p *part) close() {
	p.at(p.size)
	p.m.files.Add(1)
}

// counted is a reader that tells a part how far it is.
type counted struct {
	in io.Reader
	p  *part
	n  int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n += int64(n)
	c.p.at(c.n)
	return n, err
}
