package evtx

import "unicode/utf8"

// nameAt is a name that was read, and the bytes that it takes in the chunk.
type nameAt struct {
	text string
	size int
}

// name reads the name at off, which is named at at: 4 bytes to the next name with its hash, a hash,
// the number of letters, the letters, and a NUL.
func (c *Chunk) name(off uint32, at int) (nameAt, *Error) {
	if n, ok := c.names[off]; ok {
		return n, nil
	}
	if int64(off)+8 > int64(len(c.buf)) || off < chunkHeaderSize {
		return nameAt{}, c.fail(at, "a name is said to lie at %#x, which is not within the chunk's records", off)
	}
	b := c.buf[off:]
	n := int(le.Uint16(b[6:]))
	if 8+2*n+2 > len(b) {
		return nameAt{}, c.fail(int(off), "a name of %d letters goes beyond the end of the chunk", n)
	}
	text := c.intern.utf16(b[8 : 8+2*n])
	if !validName(text) {
		return nameAt{}, c.fail(int(off), "%q cannot be the name of an element or attribute", text)
	}
	name := nameAt{text: text, size: 8 + 2*n + 2}
	c.names[off] = name
	return name, nil
}

// validName tells whether s can stand as a name in XML without breaking out of
// its place. It is wider than XML's own grammar.
func validName(s string) bool {
	if s == "" || len(s) > 1024 {
		return false
	}
	for i, r := range s {
		switch {
		case r <= ' ', r == '<', r == '>', r == '&', r == '"', r == '\'', r == '/', r == '=', r == 0x7f, r == utf8.RuneError:
			return false
		case i == 0 && (r == '?' || r == '!' || r == '#'):
			return false
		}
	}
	return true
}

// An interner gives the same string for the same letters, so that the names of
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
