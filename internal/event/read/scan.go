package read

import (
	"encoding/binary"
	"math/bits"
)

// scanner follows the structure of one JSON value byte by byte, so that its end
// is found without holding it, and so that a broken record is noticed where it
// breaks and not at the end of the file. It checks structure, not the spelling
// of numbers, literals and escapes: parseJSON does that.
type scanner struct {
	stack   []byte // '{' and '[' that are open, at most maxDepth
	over    int    // how many more are open than the stack holds
	deep    bool   // over was more than 0 once: the record nests too deep
	state   scanState
	literal bool // within a number or a literal
}

type scanState uint8

const (
	wantValue      scanState = iota
	wantValueOrEnd           // after [
	wantKey                  // after , in an object
	wantKeyOrEnd             // after {
	wantColon
	wantCommaOrEnd
	inKey
	inString
	inKeyEscape
	inStringEscape
)

type scanResult uint8

const (
	scanMore   scanResult = iota // the value goes on
	scanDone                     // the byte was the value's last
	scanBefore                   // the value ended before the byte (numbers, literals)
	scanBroken                   // the byte is not allowed here
)

func (s *scanner) reset() { *s = scanner{stack: s.stack[:0]} }

// within reports whether what comes next is inside a string, where ordinary reports
// how many bytes step would let pass.
func (s *scanner) within() bool { return s.state == inString || s.state == inKey }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ordinary counts the bytes before the first that means something in a string: a
// quote, a backslash or a line break.
func ordinary(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		q, e, l := v^'"'*ones, v^'\\'*ones, v^'\n'*ones
		if found := ((q-ones)&^q | (e-ones)&^e | (l-ones)&^l) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8 // the lowest one is exact
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c == '\n' {
			break
		}
	}
	return i
}

func (s *scanner) step(c byte) scanResult {
	switch s.state {
	case inString, inKey:
		switch c {
		case '"':
			if s.state == inKey {
				s.state = wantColon
				return scanMore
			}
			return s.ended()
		case '\\':
			s.state += inKeyEscape - inKey
		case '\n':
			return scanBroken // an unescaped line break: the string was never closed
		}
		return scanMore
	case inStringEscape, inKeyEscape:
		if c == '\n' {
			return scanBroken
		}
		s.state -= inKeyEscape - inKey
		return scanMore
	}
	if s.literal {
		if isLiteral(c) {
			return scanMore
		}
		s.literal = false
		if s.ended() == scanDone {
			return scanBefore
		}
	}
	if isSpace(c) || c == 0 {
		return scanMore
	}
	if s.over > 0 {
		// Deeper than a record may be: it is refused anyway, so only its end matters.
		switch c {
		case '"':
			s.state = inString
		case '{', '[':
			s.over++
		case '}', ']':
			s.over--
			s.state = wantCommaOrEnd
		}
		return scanMore
	}
	switch s.state {
	case wantKey, wantKeyOrEnd:
		switch {
		case c == '"':
			s.state = inKey
			return scanMore
		case c == '}' && s.state == wantKeyOrEnd:
			return s.close(c)
		}
	case wantColon:
		if c == ':' {
			s.state = wantValue
			return scanMore
		}
	case wantCommaOrEnd:
		switch c {
		case ',':
			s.state = wantValue
			if s.top() == '{' {
				s.state = wantKey
			}
			return scanMore
		case '}', ']':
			return s.close(c)
		}
	case wantValue, wantValueOrEnd:
		switch {
		case c == '"':
			s.state = inString
			return scanMore
		case c == '{':
			s.open(c)
			s.state = wantKeyOrEnd
			return scanMore
		case c == '[':
			s.open(c)
			s.state = wantValueOrEnd
			return scanMore
		case c == ']' && s.state == wantValueOrEnd:
			return s.close(c)
		case isLiteral(c):
			s.literal = true
			return scanMore
		}
	}
	return scanBroken
}

func isLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// top is the innermost open bracket, 0 if none is.
func (s *scanner) top() byte {
	if len(s.stack) == 0 {
		return 0
	}
	return s.stack[len(s.stack)-1]
}

func (s *scanner) open(c byte) {
	if len(s.stack) >= maxDepth {
		s.over++
		s.deep = true
		return
	}
	s.stack = append(s.stack, c)
}

func (s *scanner) close(c byte) scanResult {
	if len(s.stack) == 0 || s.stack[len(s.stack)-1] != c-2 { // '{'+2 == '}', '['+2 == ']'
		return scanBroken
	}
	s.stack = s.stack[:len(s.stack)-1]
	return s.ended()
}

// ended notes that a value inside, or the whole, is complete.
func (s *scanner) ended() scanResult {
	if len(s.stack) == 0 && s.over == 0 {
		return scanDone
	}
	s.state = wantCommaOrEnd
	return scanMore
}
