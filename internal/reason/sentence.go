package reason

import (
	"regexp"
	"strconv"
	"strings"
)

// kind says what may stand in a hole of a sentence.
type kind byte

const (
	literal kind = iota // no hole: the words of the sentence
	free                // %s, %v, %w and the like: anything, up to the words behind it
	quote               // %q
	number              // %d, %#x
	hint                // %s at the end of a word: nothing, or what to do, behind a semicolon
)

type part struct {
	kind kind
	text string // of a literal
	// within is set for what lies between quotes of the sentence's own, as in "1 of %s".
	within bool
}

// piece is a text of a Japanese sentence, then the hole behind it; hole is -1 if
// there is none.
type piece struct {
	text      string
	hole      int
	translate bool
}

// sentence is an entry taken apart.
type sentence struct {
	parts []part
	ja    []piece
	words []string // that stand whole in the words of the sentence
	own   int      // bytes of the sentence's own words
	open  int      // how little it tells: 0, 1 if it begins with a place in a file, 2 with anything, 3 if it is a word and anything
	bare  bool     // it has no words, so that it is worth saying only if a part of it is
}

var (
	verb = regexp.MustCompile(`%[#+\- 0]*[0-9.]*([a-zA-Z%])`)
	hole = regexp.MustCompile(`\{([0-9])(~?)\}`)
)

func compile(e entry) sentence {
	var s sentence
	at, inQuotes := 0, false
	add := func(text string) {
		if text == "" {
			return
		}
		if n := len(s.parts); n > 0 && s.parts[n-1].kind == literal { // behind %%
			s.parts[n-1].text += text
		} else {
			s.parts = append(s.parts, part{kind: literal, text: text, within: inQuotes})
		}
		inQuotes = inQuotes != (strings.Count(text, `"`)%2 == 1)
	}
	for _, m := range verb.FindAllStringSubmatchIndex(e.en, -1) {
		add(e.en[at:m[0]])
		at = m[1]
		switch c := e.en[m[2]]; {
		case c == '%':
			add("%")
		case c == 'q':
			s.parts = append(s.parts, part{kind: quote})
		case c == 'd', c == 'x' && e.en[m[0]:m[1]] != "% x":
			s.parts = append(s.parts, part{kind: number})
		default:
			s.parts = append(s.parts, part{kind: free, within: inQuotes})
		}
	}
	add(e.en[at:])
	for i, p := range s.parts {
		if p.kind != literal {
			continue
		}
		s.own += len(p.text)
		// The first and last word may go on in the holes beside them.
		words := strings.Split(p.text, " ")
		for j, w := range words {
			if w != "" && (j > 0 || i == 0) && (j < len(words)-1 || i == len(s.parts)-1) {
				s.words = append(s.words, w)
			}
		}
	}
	if s.parts[0].kind == free {
		s.open = 2
		if len(s.parts) > 2 && s.parts[1].text == ":" && s.parts[2].kind == number {
			s.open = 1
		}
	}
	if n := len(s.parts); n == 2 && s.parts[1].kind == free && strings.Count(s.parts[0].text, " ") == 1 && strings.HasSuffix(s.parts[0].text, " ") {
		s.open = 3
	}
	s.bare = s.own < 6 && s.open > 0
	if n := len(s.parts); n > 1 && s.parts[n-1].kind == free && !strings.HasSuffix(s.parts[n-2].text, " ") && !strings.HasSuffix(s.parts[n-2].text, "'") {
		s.parts[n-1].kind = hint
	}
	at = 0
	for _, m := range hole.FindAllStringSubmatchIndex(e.ja, -1) {
		s.ja = append(s.ja, piece{e.ja[at:m[0]], int(e.ja[m[2]] - '0'), m[5] > m[4]})
		at = m[1]
	}
	s.ja = append(s.ja, piece{text: e.ja[at:], hole: -1})
	return s
}

// maxBadQuotes is how many quotes without an end are looked at in a reason.
const maxBadQuotes = 32

// quotes gives where each quoted value of s begins and ends: what stands in one
// is never taken for words of a sentence.
func quotes(s string) map[int]int {
	out := map[int]int{}
	bad := 0
	for i := 0; i < len(s) && bad < maxBadQuotes; {
		next := strings.IndexByte(s[i:], '"')
		if next < 0 {
			break
		}
		i += next
		q, err := strconv.QuotedPrefix(s[i:])
		if err != nil {
			bad++
			i++
			continue
		}
		out[i] = i + len(q)
		i += len(q)
	}
	return out
}

// matcher fits one sentence to a reason.
type matcher struct {
	s      string
	quoted map[int]int
	steps  *int // what is left to spend
	holes  []string
}

// fits reports whether s[pos:] can be made of the parts, and fills holes.
func (m *matcher) fits(parts []part, pos int) bool {
	if len(parts) == 0 {
		return pos == len(m.s)
	}
	if *m.steps--; *m.steps < 0 {
		return false
	}
	rest := m.s[pos:]
	switch p := parts[0]; p.kind {
	case literal:
		return strings.HasPrefix(rest, p.text) && m.fits(parts[1:], pos+len(p.text))
	case quote:
		end, ok := m.quoted[pos]
		return ok && m.put(parts, pos, end)
	case number:
		end := pos
		for end < len(m.s) && (m.s[end] == '-' || isHex(m.s[end])) {
			end++
		}
		return end > pos && m.put(parts, pos, end)
	case hint:
		return (rest == "" || rest[0] == ';') && m.put(parts, pos, len(m.s))
	default:
		return m.free(parts, pos)
	}
}

// isHex takes in 0x in front of hexadecimal digits.
func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c == 'x'
}

// put takes s[from:to] for the first part.
func (m *matcher) put(parts []part, from, to int) bool {
	n := len(m.holes)
	m.holes = append(m.holes, m.s[from:to])
	if m.fits(parts[1:], to) {
		return true
	}
	m.holes = m.holes[:n]
	return false
}

// free tries the places where the words behind a hole stand, the nearest first,
// and none within a quoted value.
func (m *matcher) free(parts []part, pos int) bool {
	if len(parts) == 1 {
		return m.put(parts, pos, len(m.s))
	}
	next := parts[1]
	for at := pos; at <= len(m.s); {
		if *m.steps--; *m.steps < 0 {
			return false
		}
		if next.kind == literal {
			i := strings.Index(m.s[at:], next.text)
			if i < 0 {
				return false
			}
			if end := m.inside(at, at+i); end > 0 && !next.within {
				at = end
				continue
			}
			at += i
		}
		if m.put(parts, pos, at) {
			return true
		}
		if end := m.quoted[at]; end > 0 {
			at = end
		} else {
			at++
		}
	}
	return false
}

// inside gives the end of the quoted value that to lies within, 0 if it lies in
// none. from is before to, and in no quoted value.
func (m *matcher) inside(from, to int) int {
	for i := from; i < to; {
		q := strings.IndexByte(m.s[i:to], '"')
		if q < 0 {
			return 0
		}
		i += q
		end, ok := m.quoted[i]
		switch {
		case !ok:
			i++
		case end > to:
			return end
		default:
			i = end
		}
	}
	return 0
}
