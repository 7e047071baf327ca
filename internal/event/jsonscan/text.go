// Package jsonscan reads and writes JSON (RFC 8259) where encoding/json is too
// slow or knows too little: values as rules see them, texts that must come back
// byte for byte, and the end of a value that is longer than memory. What is quicker
// yet, the fields of a flat event without decoding it, is package flatjson.
package jsonscan

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Dialect says how JSON stands for what it has no way to say.
type Dialect uint8

// The dialects.
const (
	// Foreign is the JSON of others. NUL, unpaired surrogates and what is no UTF-8
	// become U+FFFD. A number that int64 or float64 cannot hold stays text, so that no
	// digit is lost. Writing escapes what breaks lines in some readers.
	Foreign Dialect = iota
	// Stored is our own: what is written comes back the same. Bytes that are no UTF-8
	// are the low surrogates U+DC80…U+DCFF, as in Python's surrogateescape (PEP 383),
	// and a number beyond float64 is an infinity.
	Stored
)

const hexDigits = "0123456789abcdef"

// plain are the bytes that stand for themselves in a string.
var plain = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f
	}
	return t
}()

// AppendString writes s as a JSON string.
func AppendString(dst []byte, s string, d Dialect) []byte {
	dst = append(dst, '"')
	from := 0 // start of what needs no change
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] || c == 0x7f && d == Stored {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
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
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		escape := ""
		switch {
		case r == utf8.RuneError && n == 1 && d == Stored:
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', 'd', 'c', hexDigits[c>>4], hexDigits[c&15])
			from = i + n
		case r == utf8.RuneError && n == 1:
			escape = "\uFFFD"
		case d == Stored:
		case r == 0x85:
			escape = `\u0085`
		case r == 0x2028:
			escape = `\u2028`
		case r == 0x2029:
			escape = `\u2029`
		}
		if escape != "" {
			dst = append(append(dst, s[from:i]...), escape...)
			from = i + n
		}
		i += n
	}
	return append(append(dst, s[from:]...), '"')
}

// StringEnd returns the place of the quote that closes a string, where i is in it;
// -1 if there is none.
func StringEnd(s string, i int) int {
	for i < len(s) {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return -1
		}
		slash := strings.IndexByte(s[i:i+n], '\\')
		if slash < 0 {
			return i + n
		}
		i += slash + 2
	}
	return -1
}

// Unescape returns what a string says that has the text between its quotes, or the
// place in text of an escape that is none; bad is -1 if all are.
func Unescape(text string, d Dialect) (says string, bad int) {
	n := strings.IndexByte(text, '\\')
	if n < 0 {
		return text, -1
	}
	var out strings.Builder
	out.Grow(len(text))
	var room [utf8.UTFMax]byte
	for i := 0; ; {
		out.WriteString(text[i : i+n])
		i += n
		if i+1 < len(text) && text[i+1] == '\\' { // most of them, in the paths of Windows
			out.WriteByte('\\')
			i += 2
		} else {
			one, next := AppendEscape(room[:0], text, i, d)
			if next < 0 {
				return "", i
			}
			out.Write(one)
			i = next
		}
		if n = strings.IndexByte(text[i:], '\\'); n < 0 {
			out.WriteString(text[i:])
			return out.String(), -1
		}
	}
}

// AppendEscape appends what the escape stands for whose backslash is at i, and
// returns the place behind it; -1 if it is none.
func AppendEscape[T string | []byte](dst []byte, text T, i int, d Dialect) (out []byte, next int) {
	if i+1 >= len(text) {
		return dst, -1
	}
	switch c := text[i+1]; c {
	case '"', '\\', '/':
		dst = append(dst, c)
	case 'n':
		dst = append(dst, '\n')
	case 'r':
		dst = append(dst, '\r')
	case 't':
		dst = append(dst, '\t')
	case 'b':
		dst = append(dst, '\b')
	case 'f':
		dst = append(dst, '\f')
	case 'u':
		r, ok := Hex4(text, i+2)
		if !ok {
			return dst, -1
		}
		i += 6
		switch {
		case d == Stored && r >= 0xdc80 && r <= 0xdcff:
			return append(dst, byte(r)), i
		case utf16.IsSurrogate(r):
			low, ok := rune(0), false
			if i+1 < len(text) && text[i] == '\\' && text[i+1] == 'u' {
				low, ok = Hex4(text, i+2)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			} else {
				r = utf8.RuneError
			}
		case r == 0 && d == Foreign:
			r = utf8.RuneError
		}
		return utf8.AppendRune(dst, r), i
	default:
		return dst, -1
	}
	return dst, i + 2
}

// Hex4 returns the number of the four hexadecimal digits at a place.
func Hex4[T string | []byte](text T, at int) (rune, bool) {
	if at+4 > len(text) {
		return 0, false
	}
	var r rune
	for i := at; i < at+4; i++ {
		c := text[i]
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
