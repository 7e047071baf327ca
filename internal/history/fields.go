package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds how deep fields may be; it is the bound of encoding/json,
// so nothing that was read as JSON is deeper.
const maxNesting = 10_000

var errNesting = errors.New("fields nest too deep")

// appendFields writes fields as one JSON object with its keys in order, or null
// for no map. Reading it with parseFields returns the same values of the same
// types: a float always has a point or an exponent, an int64 never; an infinity
// is ±1e999. Bytes that are not UTF-8 become the low surrogates U+DC80…U+DCFF,
// as in Python's surrogateescape (PEP 383), so that the JSON stays valid and
// the bytes come back. NaN, which no JSON record can hold, becomes null.
func appendFields(dst []byte, fields map[string]any) ([]byte, error) {
	if fields == nil {
		return append(dst, "null"...), nil
	}
	return appendObject(dst, fields, 0)
}

func appendObject(dst []byte, m map[string]any, depth int) ([]byte, error) {
	var room [48]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	var err error
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		if dst, err = appendValue(dst, m[k], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendString(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case map[string]any:
		return appendObject(dst, v, depth)
	case []any:
		dst = append(dst, '[')
		var err error
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendValue(dst, e, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	// No reader of ours makes other types; what JSON can say of them is kept.
	b, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("field of type %T: %w", v, err)
	}
	return append(dst, b...), nil
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "null"...)
	case math.IsInf(f, 1):
		return append(dst, "1e999"...)
	case math.IsInf(f, -1):
		return append(dst, "-1e999"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := 0 // start of what needs no change
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[plain:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			plain = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, s[plain:i]...)
			dst = append(dst, '\\', 'u', 'd', 'c', hexDigits[c>>4], hexDigits[c&15])
			i++
			plain = i
			continue
		}
		i += n
	}
	return append(append(dst, s[plain:]...), '"')
}

// interner returns equal short strings one memory. It is for one goroutine.
type interner map[string]string

const maxInterned = 4096

func (in interner) get(s string) string {
	if len(s) > 128 {
		return strings.Clone(s)
	}
	if known, ok := in[s]; ok {
		return known
	}
	s = strings.Clone(s)
	if len(in) < maxInterned {
		in[s] = s
	}
	return s
}

// parseFields reads what appendFields wrote. The values share the memory of
// text, equal keys that of in.
func parseFields(text string, in interner) (map[string]any, error) {
	p := parser{s: text, in: in}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(p.s) {
		return nil, p.bad("end")
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	}
	return nil, errors.New("fields are no JSON object")
}

type parser struct {
	s  string
	i  int
	in interner
}

func (p *parser) bad(want string) error {
	return fmt.Errorf("fields: byte %d: want %s", p.i, want)
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// take moves over c, and over space before it.
func (p *parser) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) word(w string, v any) (any, error) {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return nil, p.bad(w)
	}
	p.i += len(w)
	return v, nil
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	p.space()
	if p.i >= len(p.s) {
		return nil, p.bad("a value")
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.object(depth)
	case '[':
		return p.list(depth)
	case '"':
		s, err := p.str()
		return s, err
	case 't':
		return p.word("true", true)
	case 'f':
		return p.word("false", false)
	case 'n':
		return p.word("null", nil)
	default:
		return p.number()
	}
}

func (p *parser) object(depth int) (any, error) {
	p.i++
	room := 4
	if depth == 0 {
		room = 32 // what a Windows record has
	}
	m := make(map[string]any, room)
	if p.take('}') {
		return m, nil
	}
	for {
		p.space()
		k, err := p.str()
		if err != nil {
			return nil, err
		}
		if !p.take(':') {
			return nil, p.bad("':'")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m[p.in.get(k)] = v
		if p.take('}') {
			return m, nil
		}
		if !p.take(',') {
			return nil, p.bad("',' or '}'")
		}
	}
}

func (p *parser) list(depth int) (any, error) {
	p.i++
	list := []any{}
	if p.take(']') {
		return list, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.take(']') {
			return list, nil
		}
		if !p.take(',') {
			return nil, p.bad("',' or ']'")
		}
	}
}

func (p *parser) number() (any, error) {
	start := p.i
	float := false
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == '.' || c == 'e' || c == 'E' {
			float = true
		} else if c != '-' && c != '+' && (c < '0' || c > '9') {
			break
		}
		p.i++
	}
	text := p.s[start:p.i]
	if !float {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, strconv.ErrRange) {
			p.i = start
			return nil, p.bad("a number")
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		p.i = start
		return nil, p.bad("a number")
	}
	return f, nil
}

// str reads a string; the result may share the input's memory.
func (p *parser) str() (string, error) {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return "", p.bad("'\"'")
	}
	p.i++
	start := p.i
	n := strings.IndexByte(p.s[start:], '"')
	if n < 0 {
		return "", p.bad("the end of a string")
	}
	slash := strings.IndexByte(p.s[start:start+n], '\\')
	if slash < 0 {
		p.i += n + 1
		return p.s[start : start+n], nil
	}
	p.i += slash
	b := append(make([]byte, 0, n+64), p.s[start:p.i]...)
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return string(b), nil
		case '\\':
			var err error
			if b, err = p.escape(b); err != nil {
				return "", err
			}
		default:
			b = append(b, c)
			p.i++
		}
	}
	return "", p.bad("the end of a string")
}

func (p *parser) escape(b []byte) ([]byte, error) {
	if p.i+1 >= len(p.s) {
		return b, p.bad("an escape")
	}
	c := p.s[p.i+1]
	p.i += 2
	switch c {
	case '"', '\\', '/':
		return append(b, c), nil
	case 'n':
		return append(b, '\n'), nil
	case 'r':
		return append(b, '\r'), nil
	case 't':
		return append(b, '\t'), nil
	case 'b':
		return append(b, '\b'), nil
	case 'f':
		return append(b, '\f'), nil
	case 'u':
		return p.unicode(b)
	}
	return b, p.bad("an escape")
}

func (p *parser) unicode(b []byte) ([]byte, error) {
	r, ok := p.hex4()
	if !ok {
		return b, p.bad("four hexadecimal digits")
	}
	switch {
	case r >= 0xdc80 && r <= 0xdcff:
		return append(b, byte(r)), nil
	case r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.s[p.i:], `\u`):
		back := p.i
		p.i += 2
		if low, ok := p.hex4(); ok && low >= 0xdc00 && low < 0xe000 {
			return utf8.AppendRune(b, (r-0xd800)<<10+(low-0xdc00)+0x10000), nil
		}
		p.i = back
	}
	return utf8.AppendRune(b, r), nil // a lone surrogate becomes U+FFFD
}

func (p *parser) hex4() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[p.i : p.i+4]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	p.i += 4
	return r, true
}
