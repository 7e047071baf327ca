package watchlist

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// sorter orders any number of records with bounded memory: it fills a buffer,
// writes it out sorted as a run, and merges the runs. Runs are joined when there
// are fanIn of them, so that open files are bounded too.
type sorter struct {
	dir, name string // runs are name-N in dir
	size      int    // of the buffer
	buf       []byte
	items     []item
	sources   *sources
	runs      []run // oldest first
	made      int
	count     int64
}

// item is a record in the buffer.
type item struct {
	fp     uint64
	at, to uint32
}

type run struct {
	path  string
	count int64
}

const (
	sortBuffer = 24 << 20
	fanIn      = 48
)

func newSorter(dir, name string, size int) *sorter {
	return &sorter{dir: dir, name: name, size: size, sources: newSources()}
}

func (s *sorter) add(r *record) error {
	source, err := s.sources.of(r.source)
	if err != nil {
		return err
	}
	if len(s.buf)+len(s.items)*16+maxRecord > s.size && len(s.items) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	at := len(s.buf)
	s.buf = appendRecord(s.buf, r, source)
	s.items = append(s.items, item{r.fp, uint32(at), uint32(len(s.buf))})
	s.count++
	return nil
}

// order sorts the buffer and leaves, of records of one key, the last.
func (s *sorter) order() error {
	var bad error
	decode := func(i item) record {
		r, _, err := decodeRecord(s.buf[i.at:i.to], s.sources.names)
		if err != nil {
			bad = err
		}
		return r
	}
	slices.SortFunc(s.items, func(a, b item) int {
		if c := cmp.Compare(a.fp, b.fp); c != 0 {
			return c
		}
		x, y := decode(a), decode(b)
		return cmp.Or(x.compare(&y), cmp.Compare(b.at, a.at)) // the later first
	})
	s.items = slices.CompactFunc(s.items, func(a, b item) bool {
		if a.fp != b.fp {
			return false
		}
		x, y := decode(a), decode(b)
		return x.compare(&y) == 0
	})
	return bad
}

// spill writes the buffer as a run.
func (s *sorter) spill() error {
	if err := s.order(); err != nil {
		return err
	}
	path, f, err := s.create()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 256<<10)
	var size []byte
	for _, i := range s.items {
		size = binary.AppendUvarint(size[:0], uint64(i.to-i.at))
		out.Write(size)
		out.Write(s.buf[i.at:i.to])
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("watchlist: sort: %w", err)
	}
	s.runs = append(s.runs, run{path, int64(len(s.items))})
	s.buf, s.items = s.buf[:0], s.items[:0]
	if len(s.runs) >= fanIn {
		return s.join()
	}
	return nil
}

func (s *sorter) path(n int) string { return filepath.Join(s.dir, fmt.Sprintf("%s-%d", s.name, n)) }

func (s *sorter) create() (string, *os.File, error) {
	path := s.path(s.made)
	s.made++
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("watchlist: sort: %w", err)
	}
	return path, f, nil
}

// join makes one run of all runs.
func (s *sorter) join() error {
	m, done, err := s.merge()
	if err != nil {
		return err
	}
	defer done()
	path, f, err := s.create()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 256<<10)
	var size, b []byte
	n := int64(0)
	for {
		r, err := m.next()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		if r == nil {
			break
		}
		source, err := s.sources.of(r.source)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		b = appendRecord(b[:0], r, source)
		size = binary.AppendUvarint(size[:0], uint64(len(b)))
		out.Write(size)
		out.Write(b)
		n++
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("watchlist: sort: %w", err)
	}
	for _, r := range s.runs {
		os.Remove(r.path)
	}
	s.runs = append(s.runs[:0], run{path, n})
	return nil
}

// merge is the stream of the runs; done closes their files.
func (s *sorter) merge() (m *merged, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	var all []stream
	for i := len(s.runs) - 1; i >= 0; i-- {
		f, err := os.Open(s.runs[i].path)
		if err != nil {
			done()
			return nil, nil, fmt.Errorf("watchlist: sort: %w", err)
		}
		files = append(files, f)
		all = append(all, &reading{in: bufio.NewReaderSize(f, 64<<10), left: s.runs[i].count, names: s.sources.names})
	}
	if m, err = merge(all...); err != nil {
		done()
		return nil, nil, err
	}
	return m, done, nil
}

// sorted ends the adding and returns everything in order. The buffer is released.
func (s *sorter) sorted() (m *merged, done func(), err error) {
	if len(s.items) > 0 {
		if err := s.spill(); err != nil {
			return nil, nil, err
		}
	}
	s.buf, s.items = nil, nil
	return s.merge()
}

// most is the greatest number of records that sorted returns.
func (s *sorter) most() int64 {
	n := int64(len(s.items))
	for _, r := range s.runs {
		n += r.count
	}
	return n
}

// remove removes what is on disk, a run that was not finished too.
func (s *sorter) remove() {
	for n := range s.made {
		os.Remove(s.path(n))
	}
	s.runs, s.buf, s.items = nil, nil, nil
}

// reading is the stream of a run.
type reading struct {
	in    *bufio.Reader
	left  int64
	names []string
	buf   []byte
	r     record
}

func (c *reading) next() (*record, error) {
	if c.left == 0 {
		return nil, nil
	}
	c.left--
	n, err := binary.ReadUvarint(c.in)
	if err == nil && n > maxRecord {
		err = errRecord
	}
	if err != nil {
		return nil, fmt.Errorf("watchlist: sort: %w", err)
	}
	c.buf = slices.Grow(c.buf[:0], int(n))[:n]
	if _, err := io.ReadFull(c.in, c.buf); err != nil {
		return nil, fmt.Errorf("watchlist: sort: %w", err)
	}
	var rest []byte
	c.r, rest, err = decodeRecord(c.buf, c.names)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("watchlist: sort: %w", cmp.Or(err, errRecord))
	}
	return &c.r, nil
}
