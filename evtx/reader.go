package evtx

import (
	"bytes"
	"io"
	"iter"
)

// A Reader reads the records of a file. It is used by one goroutine at a time.
type Reader struct {
	src      source
	start    int64 // where the first chunk must be
	size     int64
	seeks    bool
	header   Header
	headed   bool
	problems []*Error
	chunk    Chunk
	chunks   int // chunks read
}

// NewReader reads a file of size bytes: all chunks that are there, whatever the
// file header says of them. A file whose header is damaged is read too, as long
// as a chunk follows. It returns ErrFormat for what is not an event log, and the
// error of r if its first bytes cannot be read.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	return begin(&Reader{src: &file{r: r, size: size}, size: size, seeks: true})
}

// NewStream reads a file that can only be read once from start to end, such as a
// pipe or a member of an archive. Its records come in the order of the file.
func NewStream(r io.Reader) (*Reader, error) {
	return begin(&Reader{src: &stream{r: r}, size: 1 << 62})
}

// begin looks at the first bytes of a file.
func begin(r *Reader) (*Reader, error) {
	b, err := r.src.window(0, headerSize+len(chunkSignature))
	if err != nil {
		return nil, because("evtx.read.header", err)
	}
	r.header, r.headed, r.problems = parseHeader(b)
	r.start = headerSize
	warn := func(lost bool, off int, code string, args ...any) {
		r.problems = append(r.problems, &Error{Offset: int64(off), Chunk: -1, Lost: lost, Err: because(code, args...)})
	}
	switch {
	case r.headed:
		if len(b) < headerSize {
			warn(true, len(b), "evtx.header.cut", len(b))
		}
	case bytes.HasPrefix(b, chunkSignature):
		r.start = 0
		warn(false, 0, "evtx.header.missing")
	case len(b) > headerSize && bytes.HasPrefix(b[headerSize:], chunkSignature):
		warn(false, 0, "evtx.header.damaged")
	default:
		return nil, ErrFormat
	}
	return r, nil
}

// Header returns what the file states about itself; ok is false if it cannot be read.
func (r *Reader) Header() (h Header, ok bool) { return r.header, r.headed }

// All yields all records from the oldest to the newest, and an *Error for each
// part that cannot be read or is not as it should be: see Error.Lost. In a log
// that has wrapped around, the oldest chunk does not come first in the file. The
// Record is used again for the next one.
//
// An error of the underlying file is yielded in the same way, with Lost set; of
// a stream it is the last one. All of a stream can be ranged over once.
func (r *Reader) All() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		r.each(func(_ RawChunk, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			for rec, err := range r.chunk.All() {
				if !yield(rec, err) {
					return false
				}
			}
			return true
		})
	}
}

// RawChunk is a chunk that was found and not read yet.
type RawChunk struct {
	Data   []byte // good until the next one is asked for
	Offset int64  // in the file
	Index  int    // its number in the file
}

// Chunks yields the chunks in the order of All, for [Chunk.Reset] to read them,
// on several cores if they are copied, and an *Error for what is not a chunk. The
// errors and the records of the chunks one after another are those of All.
func (r *Reader) Chunks() iter.Seq2[RawChunk, error] {
	return func(yield func(RawChunk, error) bool) { r.each(yield) }
}

// each finds the chunks; r.chunk is reset to the one that is yielded.
func (r *Reader) each(yield func(RawChunk, error) bool) {
	for _, e := range r.problems {
		if !yield(RawChunk{}, e) {
			return
		}
	}
	r.chunks = 0
	from := r.start
	if r.seeks {
		from = r.oldest()
	}
	if !r.scan(from, r.size, yield) || !r.scan(r.start, from, yield) {
		return
	}
	if e := r.counts(); e != nil {
		yield(RawChunk{}, e)
	}
}

// counts compares what was read with what a file that was closed in good order says.
func (r *Reader) counts() *Error {
	if !r.headed || r.header.Dirty || r.chunks == int(r.header.Chunks) {
		return nil
	}
	return &Error{Offset: 42, Chunk: -1, Err: because("evtx.header.chunks", r.header.Chunks, r.chunks)}
}

// scan reads the chunks from from to to. In a file that lost or gained bytes they
// do not begin where they must: they are looked for.
func (r *Reader) scan(from, to int64, yield func(RawChunk, error) bool) bool {
	gap := int64(-1) // where bytes began that are no chunk
	filled := func(pos int64) bool {
		if gap < 0 {
			return true
		}
		e := &Error{Offset: gap, Chunk: r.number(gap), Lost: true, Err: because("evtx.chunk.none", pos-gap)}
		gap = -1
		return yield(RawChunk{}, e)
	}
	pos := from
	for pos < to {
		b, err := r.src.window(pos, ChunkSize)
		if err != nil {
			e := &Error{Offset: pos, Chunk: r.number(pos), Lost: true, Err: because("evtx.read", err)}
			if !filled(pos) || !yield(RawChunk{}, e) {
				return false
			}
			if !r.seeks {
				return true
			}
			pos += ChunkSize
			continue
		}
		if len(b) == 0 {
			break
		}
		if r.chunk.Reset(b, pos, r.number(pos)) == nil {
			if !filled(pos) {
				return false
			}
			r.chunks++
			if !yield(RawChunk{b, pos, r.number(pos)}, nil) {
				return false
			}
			pos += ChunkSize
			// Where bytes went missing the next chunk comes too early. It is then
			// found after this one's records.
			if early := bytes.Index(b[min(r.chunk.free, len(b)):], chunkSignature); early >= 0 {
				pos += int64(r.chunk.free + early - ChunkSize)
			}
			continue
		}
		at := bytes.Index(b, chunkSignature)
		if at < 0 {
			at = len(b)
			for n := min(len(chunkSignature)-1, len(b)); n > 0; n-- { // it may be split
				if len(b) == ChunkSize && bytes.HasSuffix(b, chunkSignature[:n]) {
					at -= n
					break
				}
			}
		}
		if gap < 0 && !allZero(b[:at]) { // zeros are room that is not used yet
			gap = pos
		}
		pos += int64(at)
	}
	return filled(min(pos, to))
}

// number is the number of the chunk at off.
func (r *Reader) number(off int64) int { return int((off - r.start) / ChunkSize) }

// oldest returns the place of the chunk where a log that has wrapped around begins:
// the one place where record identifiers go down. Files of any other kind begin
// with their first chunk.
func (r *Reader) oldest() int64 {
	at, first, before, falls := r.start, uint64(0), uint64(0), 0
	for pos := r.start; pos < r.size; pos += ChunkSize {
		b, err := r.src.window(pos, 40)
		if len(b) < 40 || err != nil || !bytes.HasPrefix(b, chunkSignature) {
			continue
		}
		id := le.Uint64(b[24:])
		if first == 0 {
			first = id
		}
		if id < before {
			at = pos
			falls++
		}
		before = id
	}
	if falls != 1 || before >= first {
		return r.start
	}
	return at
}
