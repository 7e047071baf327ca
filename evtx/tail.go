package evtx

import (
	"bytes"
	"cmp"
	"context"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"math"
	"slices"
	"time"
)

// A TailFile is a log that is being written. *os.File is one.
type TailFile interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// A Position is the last record that was yielded. It may be kept as JSON, to go
// on from there after a restart. The zero Position is before the first record.
type Position struct {
	Record  uint64    `json:"record"`  // its identifier
	Written time.Time `json:"written"` // when it was written, by which another log of the same name is known
}

// A Tail follows a log that Windows is writing: records are added to the last
// chunk, which is rewritten in place, and then to the next one, which in a
// full log is the oldest. It yields each record once, in the order of their
// identifiers.
//
// A chunk whose checksums do not hold is being written. It is looked at again
// later, and read as it is if it has not changed since, or after three looks.
//
// A log that was cleared starts again: that is known by lower identifiers, or by
// another time of the record last yielded. All of its records are then yielded.
//
// A Tail is used by one goroutine at a time.
type Tail struct {
	open func() (TailFile, error)
	wait func(context.Context) error
	pos  Position

	chunk Chunk
	buf   []byte
	slots map[int64]*slot
	said  string // the error of the last look, which is reported once
	fell  int    // looks in a row that saw a log that ends before pos
}

// slot is what is known of 64 KiB of the file.
type slot struct {
	first    uint64  // its chunk's first record; another one is another chunk
	read     uint32  // checksum of the whole chunk when it was read last
	head     uint32  // checksum of its header then
	seen     uint32  // checksum of the whole chunk when it was looked at last
	looks    int     // how often it was seen unsettled
	reported []int64 // offsets of damage that was reported
	done     bool    // read is set
}

// patience is how many looks a chunk may be unsettled.
const patience = 3

// NewTail follows the log that open returns. It is opened for each look and closed
// after it, so that Windows may rename or replace it. wait is called between
// two looks, and ends the tail with an error: typically it waits a second, or
// for the context. from is where to begin.
func NewTail(open func() (TailFile, error), wait func(context.Context) error, from Position) *Tail {
	return &Tail{open: open, wait: wait, pos: from, buf: make([]byte, ChunkSize), slots: map[int64]*slot{}}
}

// Position returns the record last yielded. A program that stores it after it has
// processed the record loses none in a restart.
func (t *Tail) Position() Position { return t.pos }

// All yields the records that are there, and then those that are added, until
// ctx is done or wait returns an error. Damage, records that were overwritten
// before they could be read, and a log that cannot be opened are yielded as
// errors; all but the last are of type *Error. The Record is used again.
func (t *Tail) All(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for ctx.Err() == nil {
			if !t.look(yield) || t.wait(ctx) != nil {
				return
			}
		}
	}
}

// look reads what is new. It returns false if yield wants no more.
func (t *Tail) look(yield func(*Record, error) bool) bool {
	f, err := t.open()
	if err != nil {
		return t.say(because("evtx.tail.open", err), yield)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return t.say(because("evtx.tail.stat", err), yield)
	}
	heads, err := t.heads(f, st.Size())
	if err != nil {
		return t.say(because("evtx.tail.read", err), yield)
	}
	t.said = ""
	if t.fallen(f, heads) && !t.begin(heads, yield) {
		return false
	}
	for _, h := range heads {
		more, next := t.read(f, h, yield)
		if !more {
			return false
		}
		if !next {
			break // what follows would be yielded before what is missing here
		}
	}
	return true
}

// say yields an error of the file itself unless it was the last one.
func (t *Tail) say(err error, yield func(*Record, error) bool) bool {
	if err.Error() == t.said {
		return true
	}
	t.said = err.Error()
	return yield(nil, err)
}

// head is what a chunk's header says.
type head struct {
	off         int64
	first, last uint64
	good        bool
	sum         uint32 // of the header
}

// heads reads the headers of all chunks that hold records, in the order of their first.
func (t *Tail) heads(f TailFile, size int64) ([]head, error) {
	var out []head
	var b [chunkHeaderSize]byte
	for off := int64(headerSize); off < size; off += ChunkSize {
		n, err := f.ReadAt(b[:], off)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if n < chunkHeaderSize || !bytes.HasPrefix(b[:], chunkSignature) {
			continue
		}
		h := head{off: off, first: le.Uint64(b[24:]), last: le.Uint64(b[32:])}
		h.good = crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:]) == le.Uint32(b[124:])
		h.sum = crc32.ChecksumIEEE(b[:])
		if h.good && (h.last == math.MaxUint64 || h.first == math.MaxUint64) {
			continue // none yet
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b head) int { return cmp.Compare(a.first, b.first) })
	return out, nil
}

// fallen reports whether the log is not the one that pos is of, because it ends before pos.
// That must be seen twice, for headers are written after records.
func (t *Tail) fallen(f TailFile, heads []head) bool {
	highest := uint64(0)
	for _, h := range heads {
		if !h.good {
			t.fell = 0
			return false
		}
		highest = max(highest, h.last)
	}
	if len(heads) == 0 || highest >= t.pos.Record || t.holds(f, heads[len(heads)-1]) {
		t.fell = 0
		return false
	}
	t.fell++
	return t.fell > 1
}

// holds reports whether a chunk has the record at pos.
func (t *Tail) holds(f TailFile, h head) bool {
	if _, ok := t.load(f, h); !ok {
		return false
	}
	_, found := t.chunk.find(t.pos.Record)
	return found
}

// begin starts over with another log.
func (t *Tail) begin(heads []head, yield func(*Record, error) bool) bool {
	e := &Error{Chunk: -1, Err: because("evtx.tail.restarted", t.pos.Record, t.pos.Written.Format(time.RFC3339))}
	t.pos, t.fell = Position{}, 0
	clear(t.slots)
	return yield(nil, e)
}

// load reads a chunk, and returns the checksum of all of it.
func (t *Tail) load(f TailFile, h head) (sum uint32, ok bool) {
	n, err := f.ReadAt(t.buf[:ChunkSize], h.off)
	if err != nil && err != io.EOF {
		return 0, false
	}
	if t.chunk.Reset(t.buf[:n], h.off, int((h.off-headerSize)/ChunkSize)) != nil {
		return 0, false
	}
	return crc32.ChecksumIEEE(t.buf[:n]), true
}

// read yields what is new in a chunk. next is false if the chunks after it must wait.
func (t *Tail) read(f TailFile, h head, yield func(*Record, error) bool) (more, next bool) {
	s := t.slots[h.off]
	if s == nil || s.first != h.first {
		s = &slot{first: h.first}
		t.slots[h.off] = s
	}
	if h.good && (h.last < t.pos.Record || s.done && s.head == h.sum) {
		return true, true
	}
	sum, ok := t.load(f, h)
	if !ok || t.chunk.first != h.first {
		return true, false // it has just been replaced
	}
	same := s.seen == sum && s.looks > 0
	if s.done && s.read == sum {
		return true, true
	}
	if !t.chunk.settled() {
		s.seen = sum
		if s.looks++; !same && s.looks <= patience {
			return true, false
		}
	}
	final := same || t.chunk.settled()
	if written, found := t.chunk.find(t.pos.Record); found && t.pos.Record != 0 && !written.Equal(t.pos.Written) {
		if !t.begin(nil, yield) {
			return false, false
		}
		return true, false // from the first chunk on, at the next look
	}
	if !t.records(s, final, yield) {
		return false, false
	}
	s.looks = 0
	if final {
		s.read, s.head, s.done = sum, h.sum, true
	}
	return true, true
}

// records yields the chunk's records after pos, and its damage unless that was
// reported before. What is after the last record may still be being written:
// it is damage only if it stays.
func (t *Tail) records(s *slot, final bool, yield func(*Record, error) bool) bool {
	var held []*Error
	lost := false
	flush := func() bool {
		for _, e := range held {
			if slices.Contains(s.reported, e.Offset) {
				continue
			}
			s.reported = append(s.reported, e.Offset)
			lost = true
			if !yield(nil, e) {
				return false
			}
		}
		held = held[:0]
		return true
	}
	for r, err := range t.chunk.after(t.pos.Record, true) {
		if e, ok := err.(*Error); ok {
			if e.Lost {
				held = append(held, e)
			}
			continue
		}
		if r.ID <= t.pos.Record {
			continue // left from before, in a chunk that is being written
		}
		if !flush() {
			return false
		}
		if from := t.pos.Record + 1; t.pos.Record != 0 && r.ID > from && !lost {
			e := &Error{Offset: r.Offset, Chunk: r.Chunk, Lost: true,
				Err: because("evtx.tail.gap", from, r.ID-1)}
			if !yield(nil, e) {
				return false
			}
		}
		t.pos = Position{Record: r.ID, Written: r.Written}
		if !yield(r, nil) {
			return false
		}
	}
	return !final || flush()
}

// find returns the time of the record id, if the chunk holds it.
func (c *Chunk) find(id uint64) (time.Time, bool) {
	for pos := chunkHeaderSize; pos < c.free; {
		size, e := c.frame(pos)
		if e != nil {
			if pos = c.resync(pos); pos < 0 {
				break
			}
			continue
		}
		if le.Uint64(c.buf[pos+8:]) == id {
			return FileTime(le.Uint64(c.buf[pos+16:])), true
		}
		pos += size
	}
	return time.Time{}, false
}
