package jsonscan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What a Reader refuses although it is JSON.
var (
	ErrTooDeep = errors.New("the value nests too deep")
	ErrTooMany = errors.New("the value holds too many values")
)

// SyntaxError says that a text is no JSON.
type SyntaxError struct {
	At    int  // place of what is wrong, in bytes
	Short bool // the text ends too early
}

// Error says where.
func (e *SyntaxError) Error() string {
	if e.Short {
		return "the JSON value ends too early"
	}
	return fmt.Sprintf("no JSON at byte %d", e.At)
}

// Reader reads JSON values as string, int64, float64, bool, nil, []any or
// map[string]any. Of a key that comes twice the last value holds. Control
// characters inside strings are let through, because loggers forget to escape tabs.
// It is not safe for concurrent use.
type Reader struct {
	Dialect   Dialect
	MaxDepth  int // how deep a value may nest
	MaxValues int // how many values one may hold; 0: any number

	// Members returns how many members an object at a depth is made for, out of the
	// bytes that are left; nil leaves that to the runtime.
	Members func(depth, left int) int
	// Key returns the string that is kept for a key; nil keeps part of the text.
	Key func(string) string

	s      string
	i      int
	values int
}

// Read returns the value that s is. Strings without escapes are parts of s, not
// copies: keeping one keeps s.
func (r *Reader) Read(s string) (any, error) {
	r.s, r.i, r.values = s, 0, 0
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.i < len(r.s) {
		return nil, r.bad()
	}
	return v, nil
}

func (r *Reader) bad() error { return &SyntaxError{At: r.i, Short: r.i >= len(r.s)} }

// IsSpace reports whether a byte is white space in JSON.
func IsSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (r *Reader) space() {
	for r.i < len(r.s) && IsSpace(r.s[r.i]) {
		r.i++
	}
}

// take passes a byte that has to come, and space before it.
func (r *Reader) take(c byte) bool {
	r.space()
	if r.i >= len(r.s) || r.s[r.i] != c {
		return false
	}
	r.i++
	return true
}

func (r *Reader) value(depth int) (any, error) {
	r.space()
	if r.i >= len(r.s) {
		return nil, r.bad()
	}
	if r.values++; r.MaxValues > 0 && r.values > r.MaxValues {
		return nil, ErrTooMany
	}
	switch c := r.s[r.i]; {
	case c == '{' || c == '[':
		if depth >= r.MaxDepth {
			return nil, ErrTooDeep
		}
		if c == '{' {
			return r.object(depth)
		}
		return r.array(depth)
	case c == '"':
		return r.text()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, w := range words {
		if strings.HasPrefix(r.s[r.i:], w.name) {
			r.i += len(w.name)
			return w.value, nil
		}
	}
	return nil, r.bad()
}

var words = [...]struct {
	name  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (r *Reader) object(depth int) (any, error) {
	room := 0
	if r.Members != nil {
		room = r.Members(depth, len(r.s)-r.i)
	}
	m := make(map[string]any, room)
	r.i++
	if r.take('}') {
		return m, nil
	}
	for {
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != '"' {
			return nil, r.bad()
		}
		k, err := r.text()
		if err != nil {
			return nil, err
		}
		if !r.take(':') {
			return nil, r.bad()
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if r.Key != nil {
			k = r.Key(k)
		}
		m[k] = v
		if r.take('}') {
			return m, nil
		}
		if !r.take(',') {
			return nil, r.bad()
		}
	}
}

func (r *Reader) array(depth int) (any, error) {
	l := []any{}
	r.i++
	if r.take(']') {
		return l, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		if r.take(']') {
			return l, nil
		}
		if !r.take(',') {
			return nil, r.bad()
		}
	}
}

// text reads a string that begins at r.i.
func (r *Reader) text() (string, error) {
	from := r.i + 1
	n := strings.IndexByte(r.s[from:], '"')
	if n < 0 {
		n = len(r.s) - from
	}
	slash := strings.IndexByte(r.s[from:from+n], '\\')
	if slash < 0 {
		if r.i = from + n; r.i == len(r.s) {
			return "", r.bad()
		}
		r.i++
		return r.s[from : from+n], nil
	}
	end := StringEnd(r.s, from+slash)
	if end < 0 {
		end = len(r.s)
	}
	says, bad := Unescape(r.s[from:end], r.Dialect)
	if bad >= 0 {
		r.i = from + bad
		if end == len(r.s) && end-r.i < 2 { // only its backslash is there
			r.i = end
		}
		return "", r.bad()
	}
	if r.i = end; end == len(r.s) {
		return "", r.bad()
	}
	r.i++
	return says, nil
}

// number reads a number by the grammar of RFC 8259 section 6.
func (r *Reader) number() (any, error) {
	end, whole := numberEnd(r.s, r.i)
	if end < 0 {
		return nil, r.bad()
	}
	t := r.s[r.i:end]
	r.i = end
	if whole {
		if n, err := strconv.ParseInt(t, 10, 64); err == nil {
			return n, nil
		}
		if r.Dialect == Foreign {
			return t, nil
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && r.Dialect == Foreign {
		return t, nil // out of float64's range
	}
	return f, nil
}

// numberEnd returns the end of the number that begins at i, -1 if none does, and
// whether it has neither fraction nor exponent.
func numberEnd(s string, i int) (end int, whole bool) {
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return -1, false
	}
	whole = true
	if i < len(s) && s[i] == '.' {
		i, whole = i+1, false
		if !digits() {
			return -1, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i, whole = i+1, false
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return -1, false
		}
	}
	return i, whole
}
