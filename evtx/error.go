package evtx

// ErrFormat is returned for bytes that are not an event log.
var ErrFormat error = because("evtx.format")

// ErrTooLarge is wrapped by the error about a record that would fill more than
// MaxOutput bytes or take more than a million steps to write, because its values
// are nested in one another.
var ErrTooLarge error = because("evtx.large")

// An Error describes damage in a file and its place. It is yielded among the
// records; reading goes on after it.
//
// It is a [Reason], and Err is one unless the operating system made it.
type Error struct {
	Offset int64  // bytes from the start of the file to the damage
	Chunk  int    // number of the 64 KiB block after the file header, from 0; -1 in the header
	Record uint64 // the record's identifier; 0 if it is not about one record, or its id could not be read
	// Lost reports whether content could not be read. If it is false, something is
	// not as it should be (a checksum, a count), but all that is there was read.
	Lost bool
	Err  error // what is wrong
}

// Error returns the place and what is wrong, on one line.
func (e *Error) Error() string { return because(e.Code(), e.Args()...).Error() }

// Unwrap returns what is wrong without the place.
func (e *Error) Unwrap() error { return e.Err }

// Code returns the code of the sentence that states the place: one of those that
// begin with evtx.at.
func (e *Error) Code() string {
	code := "evtx.at"
	if e.Chunk >= 0 {
		code += ".chunk"
	}
	if e.Record != 0 {
		code += ".record"
	}
	return code
}

// Args returns the numbers of the chunk and of the record if they are known, the
// offset, and what is wrong.
func (e *Error) Args() []any {
	var args []any
	if e.Chunk >= 0 {
		args = append(args, e.Chunk)
	}
	if e.Record != 0 {
		args = append(args, e.Record)
	}
	return append(args, hex(e.Offset), e.Err)
}

// fail returns an Error about offset off in the chunk.
func (c *Chunk) fail(off int, code string, args ...any) *Error {
	return &Error{Offset: c.base + int64(off), Chunk: c.index, Lost: true, Err: because(code, args...)}
}

// warn is fail for damage that loses nothing.
func (c *Chunk) warn(off int, code string, args ...any) *Error {
	e := c.fail(off, code, args...)
	e.Lost = false
	return e
}
