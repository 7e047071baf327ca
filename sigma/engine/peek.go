package engine

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// peek decides a text by its spelling in JSON, so that a long text that hardly a
// rule looks at need not be taken out of its escapes. raw and
// unicode are what [Record].Spelling returns; where a \u is in it, only what stands there
// in letters is sure.
func (t *test) peek(raw []byte, unicode bool) (yes, sure bool) {
	switch {
	case t.spelled != nil:
		yes = spells(raw, t.spelled)
		return yes, yes || !unicode
	case unicode:
		return false, false
	}
	return longLine(raw, t.others[0].re.run.n), true
}

// preparePeek finds out whether peek can decide the test.
func (t *test) preparePeek() {
	if t.exists != 0 || t.plain || len(t.others) != 1 {
		return
	}
	switch o := &t.others[0]; {
	case o.kind == casedInside && verbatim(o.a):
		t.spelled = []byte(o.a)
	case o.kind == regex && o.re.plain != nil && verbatim(string(o.re.plain)):
		t.spelled = o.re.plain
	}
	t.peekable = t.spelled != nil || t.others[0].kind == regex && t.others[0].re.run != nil && t.others[0].re.run.line
}

// verbatim reports whether JSON writes s only as it is, but for \u.
func verbatim(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '/' {
			return false
		}
	}
	return s != ""
}

// spells reports whether the text holds s, which is verbatim. What follows a
// backslash may be the second half of an escape.
func spells(raw, s []byte) bool {
	for from := 0; ; {
		i := bytes.Index(raw[from:], s)
		if i < 0 {
			return false
		}
		if i += from; !escaped(raw, i) && !inUnicode(raw, i) {
			return true
		}
		from = i + 1
	}
}

// inUnicode reports whether raw[i] is one of the four digits of a \u.
func inUnicode(raw []byte, i int) bool {
	for k := i - 1; k > 0 && k >= i-4; k-- {
		if raw[k] == 'u' && escaped(raw, k) {
			return true
		}
	}
	return false
}

// escaped reports whether raw[i], which is no backslash, belongs to the backslash
// before it: one of an odd number, as each two of them are one of the text's.
func escaped(raw []byte, i int) bool {
	n := 0
	for n < i && raw[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// longLine reports whether a line of the text has n characters. Where none of n
// bytes can begin, since a break lies in them, the next may begin behind the last
// such break: of short lines hardly a byte is looked at.
func longLine(raw []byte, n int) bool {
	for len(raw) >= n {
		if from := len(raw) - n; from < n && breaksSoon(raw[:n], from) {
			return false // at a place that leaves less than n bytes on either side
		}
		next := lastBreak(raw[:n])
		if next < 0 {
			var long bool
			if next, long = countLine(raw, n); long {
				return true
			}
		}
		raw = raw[next:]
	}
	return false
}

// breaksSoon reports that a break begins at one of the next few backslashes.
func breaksSoon(raw []byte, from int) bool {
	for range 3 {
		i := bytes.IndexByte(raw[from:], '\\')
		if from += i + 1; i < 0 || from == len(raw) {
			return false
		}
		if raw[from] == 'n' && escaped(raw, from) {
			return true
		}
	}
	return false
}

// countLine counts the characters of the first line, until they are n, and returns
// the place behind its break.
func countLine(raw []byte, n int) (next int, long bool) {
	for at := 0; at < len(raw); {
		piece := raw[at:]
		i := bytes.IndexByte(piece, '\\')
		if i >= 0 {
			piece = piece[:i]
		}
		if len(piece) >= n*utf8.UTFMax {
			return 0, true
		}
		if n -= utf8.RuneCount(piece); n <= 0 {
			return 0, true
		}
		if i < 0 {
			break
		}
		at += i + 2
		if raw[at-1] == 'n' {
			return at, false
		}
		if n--; n == 0 {
			return 0, true
		}
	}
	return len(raw), false
}

// lastBreak returns the place behind the last break; -1 if there is none.
func lastBreak(raw []byte) int {
	end := len(raw)
	for end > 16 {
		r := raw[end-17 : end]
		a, b := binary.LittleEndian.Uint64(r[9:]), binary.LittleEndian.Uint64(r[1:])
		c, d := binary.LittleEndian.Uint64(r[8:]), binary.LittleEndian.Uint64(r)
		// A byte is zero where an n is behind a backslash.
		a, b = a^'n'*all8|c^'\\'*all8, b^'n'*all8|d^'\\'*all8
		if ((a-all8)&^a|(b-all8)&^b)&high8 != 0 {
			for at := end; at > end-16; at-- {
				if raw[at-1] == 'n' && escaped(raw, at-1) {
					return at
				}
			}
		}
		end -= 16
	}
	for at := end; at > 1; at-- {
		if raw[at-1] == 'n' && escaped(raw, at-1) {
			return at
		}
	}
	return -1
}
