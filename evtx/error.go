package evtx

import (
	"errors"
	"fmt"
	"strings"
)

// ErrFormat is returned where the bytes are no event log at all.
var ErrFormat = errors.New("not a Windows event log: neither a file header nor a chunk was found")

// An Error says what is wrong with a file, and where. It is yielded among the
// records; reading goes on behind it.
type Error struct {
	Offset int64  // bytes from the start of the file to what is wrong
	Chunk  int    // number of the 64 KiB block behind the file header, from 0; -1 in the header
	Record uint64 // the record's identifier; 0 if it is not about one record, or its id could not be read
	// Lost tells whether content could not be read. Where it is false, something
	// is not as it should be (a checksum, a count), yet all that is there was read.
	Lost bool
	Err  error // what is wrong
}

// Error gives the place and what is wrong, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("evtx: ")
	if e.Chunk >= 0 {
		fmt.Fprintf(&b, "chunk %d, ", e.Chunk)
	}
	if e.Record != 0 {
		fmt.Fprintf(&b, "record %d, ", e.Record)
	}
	fmt.Fprintf(&b, "offset %#x: %v", e.Offset, e.Err)
	return b.String()
}

// Unwrap gives what is wrong without the place.
func (e *Error) Unwrap() error { return e.Err }

// fail makes an Error about offset off in the chunk.
func (c *Chunk) fail(off int, format string, args ...any) *Error {
	return &Error{Offset: c.base + int64(off), Chunk: c.index, Lost: true, Err: fmt.Errorf(format, args...)}
}

// warn is fail for what loses nothing.
func (c *Chunk) warn(off int, format string, args ...any) *Error {
	e := c.fail(off, format, args...)
	e.Lost = false
	return e
}
