package evtx

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"iter"
	"math"
)

// A Chunk reads the records of one 64 KiB chunk. It may be used again and again
// with Reset, by one goroutine at a time; several goroutines use several.
type Chunk struct {
	buf   []byte
	base  int64 // offset in the file
	index int

	first, last uint64 // record identifiers, as the header states
	free        int    // where the records end
	good        bool   // the header's checksum holds
	problems    []*Error

	names     map[uint32]nameAt
	templates map[uint32]*template
	compiled  int // bytes of templates compiled, to bound overlapping ones
	nodes     []node
	ops       []op
	intern    interner
	arena     arena
	record    Record
}

// Reset makes c read the chunk b, which is at offset in its file and is its
// chunk number index; both are for messages. b may be cut. It is not copied, and
// must not change as long as c is read. It returns ErrFormat if b does not begin
// with a chunk's signature.
func (c *Chunk) Reset(b []byte, offset int64, index int) error {
	if !bytes.HasPrefix(b, chunkSignature) {
		return ErrFormat
	}
	c.buf, c.base, c.index = b[:min(len(b), ChunkSize)], offset, index
	c.problems = c.problems[:0]
	c.compiled = 0
	c.nodes = c.nodes[:0]
	c.ops = c.ops[:0]
	if c.names == nil {
		c.names, c.templates = map[uint32]nameAt{}, map[uint32]*template{}
	}
	clear(c.names)
	clear(c.templates)
	c.header()
	return nil
}

// header reads the chunk header and decides how far the records go. The header
// is believed if its checksum holds; otherwise records are looked for to the end.
func (c *Chunk) header() {
	b := c.buf
	c.first, c.last, c.free, c.good = 0, 0, len(b), false
	if len(b) < chunkHeaderSize {
		c.problem(c.fail(len(b), "evtx.chunk.cut.header", len(b)))
		return
	}
	c.first, c.last = le.Uint64(b[24:]), le.Uint64(b[32:])
	free := int(le.Uint32(b[48:]))
	sum := crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:chunkHeaderSize])
	good := sum == le.Uint32(b[124:])
	if !good {
		c.problem(c.warn(124, "evtx.chunk.header.checksum", checksum(le.Uint32(b[124:])), checksum(sum)))
	}
	if free < chunkHeaderSize || free > ChunkSize {
		c.problem(c.warn(48, "evtx.chunk.header.end", hex(free)))
		return
	}
	if len(b) < free {
		c.problem(c.fail(len(b), "evtx.chunk.cut", len(b), free))
		return
	}
	if sum := crc32.ChecksumIEEE(b[chunkHeaderSize:free]); good && sum != le.Uint32(b[52:]) {
		c.problem(c.warn(52, "evtx.chunk.checksum", checksum(le.Uint32(b[52:])), checksum(sum)))
	}
	if good {
		c.free, c.good = free, true
	}
}

func (c *Chunk) problem(e *Error) { c.problems = append(c.problems, e) }

// settled reports whether all checksums hold, so that the chunk is not being written now.
func (c *Chunk) settled() bool { return len(c.problems) == 0 }

// All yields the chunk's records in their order, and an *Error for each part
// that cannot be read. The Record is used again for the next one; texts got from
// it stay valid.
func (c *Chunk) All() iter.Seq2[*Record, error] { return c.after(0, false) }

// after yields the records whose id is greater than id, or all of them.
func (c *Chunk) after(id uint64, only bool) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for _, e := range c.problems {
			if !yield(nil, e) {
				return
			}
		}
		highest, told := uint64(0), false
		pos := chunkHeaderSize
		for pos < c.free {
			size, e := c.frame(pos)
			if e != nil {
				next := c.resync(pos)
				if next < 0 && allZero(c.buf[pos:c.free]) {
					break // what a chunk that is not full ends with
				}
				told = true
				if !yield(nil, e) || next < 0 {
					return
				}
				pos = next
				continue
			}
			n := le.Uint64(c.buf[pos+8:])
			highest = max(highest, n)
			if !only || n > id {
				r := &c.record
				if e := r.reset(c, pos, size); e != nil {
					e.Record = n
					if !yield(nil, e) {
						return
					}
				} else if !yield(r, nil) {
					return
				}
			}
			pos += size
		}
		if c.good && !told && highest < c.last && c.last != math.MaxUint64 {
			yield(nil, c.fail(min(pos, c.free), "evtx.chunk.last", highest, c.last))
		}
	}
}

// frame checks the record at pos from the outside and returns its size.
func (c *Chunk) frame(pos int) (int, *Error) {
	b := c.buf[pos:c.free]
	if len(b) < recordOverhead {
		return 0, c.fail(pos, "evtx.record.short", len(b))
	}
	if !bytes.HasPrefix(b, recordSignature) {
		return 0, c.fail(pos, "evtx.record.signature", fmt.Sprintf("% x", b[:4]))
	}
	size := int(le.Uint32(b[4:]))
	e := func(code string, args ...any) *Error {
		e := c.fail(pos, code, args...)
		e.Record = le.Uint64(b[8:])
		return e
	}
	switch {
	case size < recordOverhead:
		return 0, e("evtx.record.size.least", uint32(size), recordOverhead)
	case size > len(b):
		return 0, e("evtx.record.size.left", uint32(size), len(b))
	}
	if again := le.Uint32(b[size-4:]); int(again) != size {
		return 0, e("evtx.record.size.end", size, again)
	}
	return size, nil
}

// resync looks after pos for the next whole record, or returns -1.
func (c *Chunk) resync(pos int) int {
	for pos++; pos < c.free; pos++ {
		i := bytes.Index(c.buf[pos:c.free], recordSignature)
		if i < 0 {
			return -1
		}
		pos += i
		b := c.buf[pos:c.free]
		if len(b) < recordOverhead {
			return -1
		}
		size := int(le.Uint32(b[4:]))
		if size >= recordOverhead && size <= len(b) && int(le.Uint32(b[size-4:])) == size {
			return pos
		}
	}
	return -1
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if le.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
