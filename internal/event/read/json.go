package read

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const (
	maxDepth = 256     // how deep a record may nest
	maxNodes = 200_000 // how many values one record may hold

	memberBytes   = 48 // of a member, about; a map that is too small has to be rebuilt
	expectMembers = 48 // at most
)

// parseJSON reads one JSON value (RFC 8259) as string, int64, float64, bool,
// nil, []any or map[string]any. Of a key that comes twice the last value holds.
// A whole number that int64 cannot hold stays text, so that no digit is lost;
// invalid UTF-8, unpaired surrogates and NUL become U+FFFD. Control characters
// inside strings are let through, because loggers forget to escape tabs.
//
// Strings without escapes are parts of s, not copies: keeping one keeps s.
func parseJSON(s string) (any, error) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	p := jsonParser{s: s}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.s) {
		return nil, p.bad()
	}
	return v, nil
}

type jsonParser struct {
	s     string
	i     int
	nodes int
}

func (p *jsonParser) bad() error {
	if p.i >= len(p.s) {
		return fault.New(fault.Invalid, i18n.T("the JSON value ends too early", "JSON の値が途中で終わっています"))
	}
	return fault.New(fault.Invalid,
		i18n.T("not valid JSON at byte {0} of the record", "記録の {0} バイト目が JSON として正しくありません").With(p.i))
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (p *jsonParser) value(depth int) (any, error) {
	p.space()
	if p.i >= len(p.s) {
		return nil, p.bad()
	}
	if depth > maxDepth {
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record nests deeper than {0} levels", "記録の入れ子が {0} 段を超えています").With(maxDepth))
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record holds more than {0} values", "記録の値が {0} 個を超えています").With(maxNodes))
	}
	switch c := p.s[p.i]; {
	case depth == maxDepth && (c == '{' || c == '['):
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record nests deeper than {0} levels", "記録の入れ子が {0} 段を超えています").With(maxDepth))
	case c == '"':
		return p.str()
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range literals {
		if strings.HasPrefix(p.s[p.i:], w.name) {
			p.i += len(w.name)
			return w.value, nil
		}
	}
	return nil, p.bad()
}

var literals = [...]struct {
	name  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (p *jsonParser) object(depth int) (any, error) {
	size := 0
	if depth == 0 { // of the record itself; there may be very many inside it
		size = min(len(p.s)/memberBytes, expectMembers)
	}
	m := make(map[string]any, size)
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return m, nil
	}
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return nil, p.bad()
		}
		k, err := p.str()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != ':' {
			return nil, p.bad()
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m[k] = v
		p.space()
		if p.i >= len(p.s) {
			return nil, p.bad()
		}
		switch p.s[p.i] {
		case ',':
			p.i++
		case '}':
			p.i++
			return m, nil
		default:
			return nil, p.bad()
		}
	}
}

func (p *jsonParser) array(depth int) (any, error) {
	l := []any{}
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return l, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		p.space()
		if p.i >= len(p.s) {
			return nil, p.bad()
		}
		switch p.s[p.i] {
		case ',':
			p.i++
		case ']':
			p.i++
			return l, nil
		default:
			return nil, p.bad()
		}
	}
}

func (p *jsonParser) number() (any, error) {
	b := p.i
	whole := true
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-' && p.i > b {
			whole = false
		} else if !(c >= '0' && c <= '9' || c == '-') {
			break
		}
		p.i++
	}
	t := p.s[b:p.i]
	if !validNumber(t) {
		p.i = b
		return nil, p.bad()
	}
	if whole {
		if n, err := strconv.ParseInt(t, 10, 64); err == nil {
			return n, nil
		}
		return t, nil
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil {
		return t, nil // out of float64's range
	}
	return f, nil
}

// validNumber holds t against the grammar of RFC 8259 section 6.
func validNumber(t string) bool {
	i := 0
	run := func() bool {
		b := i
		for i < len(t) && t[i] >= '0' && t[i] <= '9' {
			i++
		}
		return i > b
	}
	if i < len(t) && t[i] == '-' {
		i++
	}
	if i < len(t) && t[i] == '0' {
		i++
	} else if !run() {
		return false
	}
	if i < len(t) && t[i] == '.' {
		i++
		if !run() {
			return false
		}
	}
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		i++
		if i < len(t) && (t[i] == '+' || t[i] == '-') {
			i++
		}
		if !run() {
			return false
		}
	}
	return i == len(t)
}

func (p *jsonParser) str() (string, error) {
	p.i++
	b := p.i
	text := p.s[b:]
	end := strings.IndexByte(text, '"')
	if end >= 0 {
		text = text[:end]
	}
	if escape := strings.IndexByte(text, '\\'); escape >= 0 {
		p.i += escape
		return p.escaped(b, len(text))
	}
	if end < 0 {
		p.i = len(p.s)
		return "", p.bad()
	}
	p.i += end + 1
	return text, nil
}

// escaped reads on a string that began at b and has an escape at p.i. It has about
// size bytes.
func (p *jsonParser) escaped(b, size int) (string, error) {
	var out strings.Builder
	out.Grow(size)
	out.WriteString(p.s[b:p.i])
	for p.i < len(p.s) {
		if c := p.s[p.i]; c != '"' && c != '\\' {
			from := p.i
			for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' {
				p.i++
			}
			out.WriteString(p.s[from:p.i])
			continue
		}
		if p.s[p.i] == '"' {
			p.i++
			return out.String(), nil
		}
		if p.i+1 >= len(p.s) {
			p.i = len(p.s)
			return "", p.bad()
		}
		switch e := p.s[p.i+1]; e {
		case '"', '\\', '/':
			out.WriteByte(e)
		case 'b':
			out.WriteByte('\b')
		case 'f':
			out.WriteByte('\f')
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		case 'u':
			r, ok := p.hex4(p.i + 2)
			if !ok {
				return "", p.bad()
			}
			p.i += 6
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if strings.HasPrefix(p.s[p.i:], `\u`) {
					low, ok = p.hex4(p.i + 2)
				}
				if d := utf16.DecodeRune(r, low); ok && d != utf8.RuneError {
					r = d
					p.i += 6
				} else {
					r = utf8.RuneError
				}
			}
			if r == 0 {
				r = utf8.RuneError
			}
			out.WriteRune(r)
			continue
		default:
			return "", p.bad()
		}
		p.i += 2
	}
	return "", p.bad()
}

func (p *jsonParser) hex4(at int) (rune, bool) {
	if at+4 > len(p.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[at : at+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
