package history

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// logFile is the file of a write-ahead log. Tests put a failing one in its place.
type logFile interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// entry is a row ready to be written: with its frame and its keys.
type entry struct {
	row    *row
	frame  []byte // nil when it was read back
	size   uint32 // of the payload
	id     key
	host   key
	values []key
}

func entryOf(r *row) *entry {
	e := &entry{row: r, id: idKey(r.ID), host: hostKey(r.Host), values: make([]key, 0, len(r.Observables))}
	for _, o := range r.Observables {
		if k := valueKey(o); !slices.Contains(e.values, k) {
			e.values = append(e.values, k)
		}
	}
	return e
}

// place says where in the log an event is, and what sealing must know of it.
type place struct {
	off   int64
	size  uint32
	class int32
}

// link is one row in the chain of the rows that hold a value.
type link struct{ row, before uint32 } // before: number of the next link + 1, 0 at the end

// segment is a write-ahead log and the index of it in memory. One goroutine
// appends; any may read.
type segment struct {
	id   string
	path string
	log  logFile

	broken bool // of the committer: nothing more is written

	mu        sync.RWMutex
	size      int64          // of the log up to the last event; under mu, as all below
	rows      []rowMeta      // in order of arrival
	places    []place        // of rows
	ids       map[key]uint32 // event id -> row
	heads     map[key]uint32 // value -> number of its last link + 1
	links     []link         // rows by value, see chain
	sources   sourceList     // of rows
	min, max  int64          // of the rows' times, µs
	seenFirst int64          // when the first row was seen, µs
	since     time.Time      // when the first event came, by the clock

	found rowSet // under History.mu
	refs  int    // readers; under History.mu
	gone  bool   // sealed: close the log after the last reader; under History.mu
}

func newSegment(id, path string, log logFile) *segment {
	return &segment{
		id:    id,
		path:  path,
		log:   log,
		size:  int64(len(logHead)),
		ids:   map[key]uint32{},
		heads: map[key]uint32{},
	}
}

// createSegment makes an empty log that survives a crash.
func createSegment(id, path string, open func(string) (logFile, error)) (*segment, error) {
	log, err := open(path)
	if err != nil {
		return nil, err
	}
	if _, err = log.WriteAt([]byte(logHead), 0); err == nil {
		err = log.Sync()
	}
	if err == nil {
		err = syncDir(parent(path))
	}
	if err != nil {
		return nil, errors.Join(err, log.Close(), os.Remove(path))
	}
	return newSegment(id, path, log), nil
}

var errLogHead = errors.New("not a write-ahead log")

// openSegment reads a log back, cuts off its torn tail, and returns the damage in it.
func openSegment(ctx context.Context, id, path string, f *os.File) (*segment, []error, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, len(logHead))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if string(head[:n]) != logHead[:n] {
		return nil, nil, errLogHead
	}
	s := newSegment(id, path, f)
	var damage []error
	if n < len(logHead) { // killed while it was made
		if _, err := f.WriteAt([]byte(logHead), 0); err != nil {
			return nil, nil, err
		}
	} else {
		in := interner{}
		end, gaps, err := scanFrames(f, s.size, st.Size(), func(off int64, payload []byte) error {
			r, err := parseRow(payload, in)
			if err != nil {
				damage = append(damage, err)
				return nil
			}
			e := entryOf(r)
			e.size = uint32(len(payload))
			if _, double := s.ids[e.id]; !double {
				s.add(e, off)
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, nil, err
		}
		for _, g := range gaps {
			damage = append(damage, errGap(g))
		}
		s.size = end
	}
	if st.Size() != s.size {
		if err := f.Truncate(s.size); err != nil {
			return nil, nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, nil, err
		}
	}
	return s, damage, nil
}

// add adds an event at off to the index.
func (s *segment) add(e *entry, off int64) {
	at := uint32(len(s.rows))
	r := e.row
	if at == 0 {
		s.min, s.max, s.seenFirst = r.Time, r.Time, r.Seen
	}
	s.min, s.max = min(s.min, r.Time), max(s.max, r.Time)
	s.rows = append(s.rows, rowMeta{Time: r.Time, Host: e.host, Source: s.sources.id(r), Number: r.Number})
	s.places = append(s.places, place{off, e.size, r.Class})
	s.ids[e.id] = at
	for _, k := range e.values {
		s.links = append(s.links, link{at, s.heads[k]})
		s.heads[k] = uint32(len(s.links))
	}
	s.size = off + frameHead + int64(e.size)
}

func (s *segment) events() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.rows)
}

// view is a segment as it was at one moment.
type view struct {
	*segment
	at span
}

func (v *view) span() span { return v.at }

func (s *segment) view() *view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &view{s, span{Events: int64(len(s.rows)), Bytes: s.size, Min: s.min, Max: s.max}}
}

// chain returns the rows below n that hold the value with key k, last first. It
// must be called with mu held.
func (s *segment) chain(k key, n int64, fn func(at uint32)) {
	for l := s.heads[k]; l != 0; l = s.links[l-1].before {
		if at := s.links[l-1].row; int64(at) < n {
			fn(at)
		}
	}
}

func (v *view) rows(q *filter) ([]uint32, error) {
	n := v.at.Events
	if n == 0 || !q.meets(v.at.Min, v.at.Max) {
		return nil, nil
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	mask, any := q.mask(v.sources.list)
	if !any {
		return nil, nil
	}
	var out []uint32
	if q.wanted == nil {
		for at, m := range v.segment.rows[:n] {
			if q.row(m, mask) {
				out = append(out, uint32(at))
			}
		}
		return out, nil
	}
	var list []meeting
	for _, p := range q.probes {
		v.chain(p.key, n, func(at uint32) { list = append(list, meeting{at, int32(p.at)}) })
	}
	return q.rows(list, mask, func(at uint32) rowMeta { return v.segment.rows[at] }), nil
}

// read goes on behind a record that has been damaged, and reports it at the end.
func (v *view) read(ctx context.Context, places []uint32, _ bool, fn func(at uint32, r *row) bool) error {
	in := interner{}
	var damage error
	for _, at := range places {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := v.row(at, in)
		switch {
		case damagedRecord(err): // the others are good
			damage = err
			continue
		case err != nil:
			return err
		}
		if !fn(at, r) {
			break
		}
	}
	return damage
}

func (s *segment) row(at uint32, in interner) (*row, error) {
	s.mu.RLock()
	p := s.places[at]
	s.mu.RUnlock()
	payload, err := readFrame(s.log, p.off, p.size)
	if err != nil {
		return nil, err
	}
	return parseRow(payload, in)
}

func (v *view) occurrences(p probe, fn func(at uint32, m rowMeta)) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.chain(p.key, v.at.Events, func(at uint32) { fn(at, v.segment.rows[at]) })
	return nil
}

func (v *view) locate(keys []key, fn func(k key, at uint32, time int64)) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, k := range keys {
		if at, ok := v.ids[k]; ok && int64(at) < v.at.Events {
			fn(k, at, v.segment.rows[at].Time)
		}
	}
	return nil
}
