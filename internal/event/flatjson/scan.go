package flatjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event/jsonscan"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = 0x2222222222222222
	slants = 0x5c5c5c5c5c5c5c5c
	spaces = 0x2020202020202020
)

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') }

// space returns the first place from i on that is no white space.
func (s *scanner) space(i int) int {
	for i < len(s.line) && isSpace(s.line[i]) {
		i++
	}
	return i
}

// str finds the end of a string that begins at i, behind its quote: the place of
// the closing quote, or -1. It notes whether there is anything beyond ASCII in it.
func (s *scanner) str(i int) (end int, escaped, u bool) {
	b := s.line
	for {
		for i+8 <= len(b) {
			// The lowest bit that is set stands for a quote, a backslash, a control
			// character or one beyond ASCII; those above it may be borrowed from it.
			v := binary.LittleEndian.Uint64(b[i:])
			if m := (((v ^ quotes) - ones) | ((v ^ slants) - ones) | (v - spaces) | v) & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				goto found
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' && b[i] < utf8.RuneSelf {
			i++
		}
		if i >= len(b) {
			return -1, false, false
		}
	found:
		switch c := b[i]; {
		case c == '"':
			return i, escaped, u
		case c == 0:
			return -1, false, false
		case c < ' ':
			i++
			continue
		case c >= utf8.RuneSelf:
			s.wide = true
			i = s.ascii(i + 1)
			continue
		}
		escaped = true
		for i < len(b) && b[i] == '\\' { // often several in a row
			if i+1 >= len(b) {
				return -1, false, false
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := jsonscan.Hex4(b, i+2); !ok {
					return -1, false, false
				}
				u = true
				i += 6
			default:
				return -1, false, false
			}
		}
	}
}

// ascii returns the first place from i on that is ASCII.
func (s *scanner) ascii(i int) int {
	b := s.line
	for i+8 <= len(b) {
		if m := ^binary.LittleEndian.Uint64(b[i:]) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= utf8.RuneSelf {
		i++
	}
	return i
}

// unescape is jsonscan.Unescape eight bytes at a time, for escapes that str has
// checked.
func unescape(dst, text []byte) []byte {
	dst = slices.Grow(dst, len(text)+8)
	for i := 0; i < len(text); {
		// Eight bytes are copied at once, and those behind a backslash overwritten.
		for i+8 <= len(text) {
			v := binary.LittleEndian.Uint64(text[i:])
			n := len(dst)
			binary.LittleEndian.PutUint64(dst[n:n+8], v)
			e := v ^ slants
			if m := (e - ones) &^ e & highs; m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				dst = dst[:n+k]
				i += k
				goto escape
			}
			dst = dst[:n+8]
			i += 8
		}
		for i < len(text) && text[i] != '\\' {
			dst = append(dst, text[i])
			i++
		}
	escape:
		if i >= len(text) {
			break
		}
		if i+1 < len(text) { // nearly all there are, without a call
			plain := byte(0)
			switch c := text[i+1]; c {
			case '\\', '"', '/':
				plain = c
			case 'n':
				plain = '\n'
			case 'r':
				plain = '\r'
			case 't':
				plain = '\t'
			}
			if plain != 0 {
				dst = append(dst, plain)
				i += 2
				continue
			}
		}
		next := -1
		if dst, next = jsonscan.AppendEscape(dst, text, i, jsonscan.Foreign); next < 0 {
			break
		}
		i = next
	}
	return dst
}

// number finds the end of a number that begins at i, or gives -1.
func (s *scanner) number(i int) (end int, kind valueKind) {
	b := s.line
	kind = isWhole
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	from := i
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1, kind
	}
	if i < len(b) && b[i] == '.' {
		kind = isFloat
		i++
		if !digits() {
			return -1, kind
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		kind = isFloat
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1, kind
		}
	}
	if i-from == 2 && b[from] == '-' && b[from+1] == '0' {
		kind = isFloat // its text is "0"
	}
	return i, kind
}

// floatText returns the text of a number that is not written as its text.
func floatText(t []byte) string {
	if string(t) == "-0" {
		return "0"
	}
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil {
		return string(t)
	}
	text, _ := sigma.TextOf(f)
	return text
}

// value reads one value at i into v; end is behind it, or -1.
func (s *scanner) value(i, depth int, v *value) (end int) {
	b := s.line
	if i >= len(b) {
		return -1
	}
	v.epoch, v.escaped, v.u, v.made = s.epoch, false, false, false
	from := i
	switch c := b[i]; {
	case c == '"':
		from++
		if i, v.escaped, v.u = s.str(from); i < 0 {
			return -1
		}
		v.kind, end = isText, i+1
	case c == '-' || c >= '0' && c <= '9':
		if i, v.kind = s.number(i); i < 0 {
			return -1
		}
		end = i
	case c == '{' || c == '[':
		v.kind = isNested
		return s.skip(i, depth)
	case len(b)-i >= 4 && string(b[i:i+4]) == "true":
		v.kind, i, end = isBool, i+4, i+4
	case len(b)-i >= 4 && string(b[i:i+4]) == "null":
		v.kind = isNull
		return i + 4
	case len(b)-i >= 5 && string(b[i:i+5]) == "false":
		v.kind, i, end = isBool, i+5, i+5
	default:
		return -1
	}
	v.text = b[from:i]
	s.leaf(v)
	return end
}

// strange reports whether history reads the value otherwise than package read: null,
// \u for what is no text, an infinity.
func (v *value) strange() bool {
	return v.kind == isNull || v.u || v.kind == isFloat && bytes.Contains(v.text, infinite)
}

var infinite = []byte("e999")

// leaf notes a scalar for rules that look at the whole event, if it is not enough to
// look at the line.
func (s *scanner) leaf(v *value) {
	if s.always && (v.u || v.kind == isFloat || s.odd) {
		s.leaves = append(s.leaves, leaf{v.kind, v.u, v.text})
	}
}

// maxDepth is how deep a line may nest to be read here.
const maxDepth = 64

// skip passes over an object or a list at i.
func (s *scanner) skip(i, depth int) int {
	if depth >= maxDepth {
		return -1
	}
	b := s.line
	open := b[i]
	i = s.space(i + 1)
	if i < len(b) && b[i] == open+2 {
		return i + 1
	}
	for {
		if open == '{' {
			if i >= len(b) || b[i] != '"' {
				return -1
			}
			end, _, _ := s.str(i + 1)
			if end < 0 {
				return -1
			}
			if i = s.space(end + 1); i >= len(b) || b[i] != ':' {
				return -1
			}
			i = s.space(i + 1)
		}
		if i = s.value(i, depth+1, &s.inner); i < 0 {
			return -1
		}
		if i = s.space(i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i = s.space(i + 1)
		case open + 2:
			return i + 1
		default:
			return -1
		}
	}
}

// members reads the members of the object that the line is; false if that cannot be
// done here, also because it is no UTF-8.
func (s *scanner) members() bool {
	s.odd = false
	if !s.object() || s.wide && !utf8.Valid(s.line) {
		return false
	}
	if s.always && s.wide && engine.Odd(s.line) { // then every scalar has to be noted
		s.begin(s.line)
		s.odd = true
		return s.object()
	}
	return true
}

func (s *scanner) object() bool {
	b := s.line
	i := s.space(1)
	if i < len(b) && b[i] == '}' {
		return false
	}
	node := s.last
	for {
		if i >= len(b) || b[i] != '"' {
			return false
		}
		i++
		var end int
		if next := node.next; next != nil && len(b)-i > len(next.key) && b[i+len(next.key)] == '"' &&
			string(b[i:i+len(next.key)]) == next.key {
			end = i + len(next.key)
			node = next
		} else {
			var escaped bool
			wide := s.wide
			s.wide = false
			if end, escaped, _ = s.str(i); end < 0 || escaped {
				return false
			}
			next := s.node(b[i:end])
			if !s.wide { // a key that is known by its place is ASCII
				node.next = next
			}
			s.wide = s.wide || wide
			node = next
		}
		key := b[i:end]
		i = end + 1
		if i < len(b) && b[i] == ':' {
			i++
		} else if i = s.space(i); i < len(b) && b[i] == ':' {
			i++
		} else {
			return false
		}
		i = s.space(i)
		v := &s.other
		if node.id >= 0 {
			v = &s.values[node.id]
		}
		if i = s.value(i, 1, v); i < 0 {
			return false
		}
		if node.class >= 0 { // a name that is asked for, in this case or another
			s.null = s.null || v.kind == isNull
			s.strange = s.strange || v.strange()
			if v.kind == isNested || node.id < 0 && !s.vary(node.class, key, *v) {
				return false
			}
		}
		if i = s.space(i); i >= len(b) {
			return false
		}
		switch b[i] {
		case ',':
			i = s.space(i + 1)
		case '}':
			return i+1 == len(b)
		default:
			return false
		}
	}
}

// node finds or makes the node of a key.
func (s *scanner) node(key []byte) *keyNode {
	if n := s.nodes[string(key)]; n != nil {
		return n
	}
	n := &keyNode{key: string(key)}
	n.id, n.class = s.names.Find(key)
	if len(key) > maxKey {
		return n
	}
	if len(s.nodes) >= maxKeys {
		clear(s.nodes)
		s.last.next = nil
	}
	s.nodes[n.key] = n
	return n
}

// vary notes a field whose key is a name in another case. Of a key that comes
// twice the last value holds.
func (s *scanner) vary(class int32, key []byte, v value) bool {
	if v.kind == isNested {
		return false
	}
	for i := range s.variants {
		if string(s.variants[i].key) == string(key) {
			s.variants[i].value = v
			return true
		}
	}
	s.variants = append(s.variants, variant{class, key, v})
	return len(s.variants) < 64
}
