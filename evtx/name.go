package evtx

import "unicode/utf8"

// nameAt is a name that was read, and the bytes that it takes in the chunk.
type nameAt struct {
	text string
	size int
}

// name reads the name at off, which is named at at: 4 bytes to the next name with its hash, a hash,
// the number of characters, the characters, and a NUL.
func (c *Chunk) name(off uint32, at int) (nameAt, *Error) {
	if n, ok := c.names[off]; ok {
		return n, nil
	}
	if int64(off)+8 > int64(len(c.buf)) || off < chunkHeaderSize {
		return nameAt{}, c.fail(at, "evtx.name.place", hex(off))
	}
	b := c.buf[off:]
	n := int(le.Uint16(b[6:]))
	if 8+2*n+2 > len(b) {
		return nameAt{}, c.fail(int(off), "evtx.name.size", n)
	}
	text := c.intern.utf16(b[8 : 8+2*n])
	if !validName(text) {
		return nameAt{}, c.fail(int(off), "evtx.name.bad", text)
	}
	name := nameAt{text: text, size: 8 + 2*n + 2}
	c.names[off] = name
	return name, nil
}

// validName reports whether s can be a name in XML without breaking out of
// its place. It is wider than XML's own grammar.
func validName(s string) bool {
	if s == "" || len(s) > 1024 {
		return false
	}
	for i, r := range s {
		switch {
		case r <= ' ', r == '<', r == '>', r == '&', r == '"', r == '\'', r == '/', r == '=', r == 0x7f,
			r == utf8.RuneError:
			return false
		case i == 0 && (r == '?' || r == '!' || r == '#'):
			return false
		}
	}
	return true
}

// An interner returns the same string for the same characters, so that the names of
// thousands of chunks are held once. It forgets all when it grows too big.
type interner struct {
	known   map[string]string
	bytes   int
	scratch []byte
}

const internBytes = 4 << 20

func (in *interner) utf16(b []byte) string {
	in.scratch = appendUTF16(in.scratch[:0], b)
	return in.get(in.scratch)
}

func (in *interner) get(b []byte) string {
	if s, ok := in.known[string(b)]; ok {
		return s
	}
	if in.known == nil || in.bytes > internBytes {
		in.known, in.bytes = map[string]string{}, 0
	}
	s := string(b)
	in.known[s] = s
	in.bytes += len(s) + 64
	return s
}
