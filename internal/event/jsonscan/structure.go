package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// Structure follows the structure of one JSON value byte by byte, so that its end
// is found without holding it, and so that a broken record is noticed where it
// breaks and not at the end of the file. It checks structure, not the spelling
// of numbers, literals and escapes: a Reader does that. NUL counts as white space.
type Structure struct {
	MaxDepth int // how many brackets may be open
	// Lines lets a line break within a string pass, which JSON does not allow. Where
	// it may not pass, a string that was never closed ends at its line.
	Lines bool

	stack   []byte // '{' and '[' that are open, at most MaxDepth
	over    int    // how many more are open than the stack holds
	deep    bool   // over was more than 0 once
	state   state
	literal bool // within a number or a literal
}

type state uint8

const (
	wantValue      state = iota
	wantValueOrEnd       // after [
	wantKey              // after , in an object
	wantKeyOrEnd         // after {
	wantColon
	wantCommaOrEnd
	inKey
	inString
	inKeyEscape
	inStringEscape
)

// Step is what a byte was for the value.
type Step uint8

// The steps.
const (
	More   Step = iota // the value goes on
	Done               // the byte was the value's last
	Before             // the value ended before the byte (numbers, literals)
	Broken             // the byte is not allowed here
)

// Reset begins a value.
func (s *Structure) Reset() { *s = Structure{MaxDepth: s.MaxDepth, Lines: s.Lines, stack: s.stack[:0]} }

// Resume begins behind a value that is a member of the innermost of n objects.
func (s *Structure) Resume(n int) {
	s.Reset()
	for range n {
		s.stack = append(s.stack, '{')
	}
	s.state = wantCommaOrEnd
}

// InWord reports whether the value is a number or a literal that may go on: only what
// follows says where it ends.
func (s *Structure) InWord() bool { return s.literal && len(s.stack) == 0 && s.over == 0 }

// TooDeep reports whether more brackets were open than may be.
func (s *Structure) TooDeep() bool { return s.deep }

// InString reports whether what comes next is inside a string, where Ordinary returns
// how many bytes Next would let pass.
func (s *Structure) InString() bool { return s.state == inString || s.state == inKey }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// Ordinary counts the bytes before the first that means something in a string: a
// quote, a backslash or a line break.
func Ordinary(b []byte) int {
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

// Next takes the next byte.
func (s *Structure) Next(c byte) Step {
	switch s.state {
	case inString, inKey:
		switch c {
		case '"':
			if s.state == inKey {
				s.state = wantColon
				return More
			}
			return s.ended()
		case '\\':
			s.state += inKeyEscape - inKey
		case '\n':
			if !s.Lines {
				return Broken // the string was never closed
			}
		}
		return More
	case inStringEscape, inKeyEscape:
		if c == '\n' && !s.Lines {
			return Broken
		}
		s.state -= inKeyEscape - inKey
		return More
	}
	if s.literal {
		if IsWord(c) {
			return More
		}
		s.literal = false
		if s.ended() == Done {
			return Before
		}
	}
	if IsSpace(c) || c == 0 {
		return More
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
		return More
	}
	switch s.state {
	case wantKey, wantKeyOrEnd:
		switch {
		case c == '"':
			s.state = inKey
			return More
		case c == '}' && s.state == wantKeyOrEnd:
			return s.close(c)
		}
	case wantColon:
		if c == ':' {
			s.state = wantValue
			return More
		}
	case wantCommaOrEnd:
		switch c {
		case ',':
			s.state = wantValue
			if s.top() == '{' {
				s.state = wantKey
			}
			return More
		case '}', ']':
			return s.close(c)
		}
	case wantValue, wantValueOrEnd:
		switch {
		case c == '"':
			s.state = inString
			return More
		case c == '{':
			s.open(c)
			s.state = wantKeyOrEnd
			return More
		case c == '[':
			s.open(c)
			s.state = wantValueOrEnd
			return More
		case c == ']' && s.state == wantValueOrEnd:
			return s.close(c)
		case IsWord(c):
			s.literal = true
			return More
		}
	}
	return Broken
}

// IsWord reports whether a byte can be part of a number or a literal.
func IsWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// top is the innermost open bracket, 0 if none is.
func (s *Structure) top() byte {
	if len(s.stack) == 0 {
		return 0
	}
	return s.stack[len(s.stack)-1]
}

func (s *Structure) open(c byte) {
	if len(s.stack) >= s.MaxDepth {
		s.over++
		s.deep = true
		return
	}
	s.stack = append(s.stack, c)
}

func (s *Structure) close(c byte) Step {
	if len(s.stack) == 0 || s.stack[len(s.stack)-1] != c-2 { // '{'+2 == '}', '['+2 == ']'
		return Broken
	}
	s.stack = s.stack[:len(s.stack)-1]
	return s.ended()
}

// ended notes that a value inside, or the whole, is complete.
func (s *Structure) ended() Step {
	if len(s.stack) == 0 && s.over == 0 {
		return Done
	}
	s.state = wantCommaOrEnd
	return More
}
