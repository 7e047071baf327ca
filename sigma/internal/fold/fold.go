// Package fold maps text so that two texts that rules take for equal become the
// same text.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text maps text so that two texts are equal after it exactly if they differ
// only in case by Unicode simple folding, the rule of strings.EqualFold: Ä and
// ä are equal, fullwidth Ａ and ａ, K and the Kelvin sign, ſ and s; ß is not ss
// and İ is only itself. Each character becomes one character, so ? still counts
// right. Bytes that are not UTF-8 stay as they are.
func Text(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return rest(s, i)
		}
	}
	return s
}

func rest(s string, from int) string {
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:from])
	for i := from; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b.WriteByte(lowerASCII(c))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(c)
		} else {
			b.WriteRune(Rune(r))
		}
		i += size
	}
	return b.String()
}

// Rune returns the least character that r equals, in lower case if that is an
// ASCII letter.
func Rune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least < utf8.RuneSelf {
		return rune(lowerASCII(byte(least)))
	}
	return least
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
