package evtx

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUTF16 appends UTF-16LE text as UTF-8. Lone surrogates become U+FFFD; an
// odd last byte is not looked at.
func appendUTF16(dst, src []byte) []byte {
	dst = slices.Grow(dst, len(src)/2*3+8)
	n := len(dst)
	out := dst[:cap(dst)]
	i := 0
	for i+2 <= len(src) {
		// Four ASCII characters at a time: nearly all there is.
		for i+8 <= len(src) {
			w := le.Uint64(src[i:])
			if w&0xff80ff80ff80ff80 != 0 {
				break
			}
			w |= w >> 8
			le.PutUint32(out[n:], uint32(w)&0xffff|uint32(w>>16)&0xffff0000)
			n += 4
			i += 8
		}
		if i+2 > len(src) {
			break
		}
		r := rune(le.Uint16(src[i:]))
		i += 2
		switch {
		case r < utf8.RuneSelf:
			out[n] = byte(r)
			n++
			continue
		case utf16.IsSurrogate(r):
			low := rune(utf8.RuneError)
			if i+2 <= len(src) {
				low = rune(le.Uint16(src[i:]))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 2
			}
		}
		n += utf8.EncodeRune(out[n:n+utf8.UTFMax], r)
	}
	return out[:n]
}

// trimNUL takes NULs off the end of UTF-16 text: some providers count the
// terminator among the characters.
func trimNUL(b []byte) []byte {
	b = b[:len(b)&^1]
	for len(b) > 0 && b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	return b
}

// windows1252 are the characters that ANSI text has at 0x80 to 0x9f; the rest is
// Latin-1. The file does not say which code page its texts are in.
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e,
	0x178,
}

func appendANSI(dst, src []byte) []byte {
	for _, b := range src {
		switch {
		case b < 0x80:
			dst = append(dst, b)
		case b < 0xa0:
			dst = utf8.AppendRune(dst, windows1252[b-0x80])
		default:
			dst = utf8.AppendRune(dst, rune(b))
		}
	}
	return dst
}

// An arena holds the texts of fields. It is only ever appended to, and a full
// block is left to those who still hold texts in it: so a text stays valid and
// unchanged however long it is kept, and costs no allocation of its own.
type arena struct {
	block   strings.Builder
	scratch []byte
}

const arenaBlock = 64 << 10

// keep keeps a copy of b.
func (a *arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if a.block.Cap()-a.block.Len() < len(b) {
		a.block.Reset()
		a.block.Grow(max(arenaBlock, len(b)))
	}
	from := a.block.Len()
	a.block.Write(b)
	return a.block.String()[from:]
}

// utf16 keeps UTF-16LE text.
func (a *arena) utf16(b []byte) string {
	a.scratch = appendUTF16(a.scratch[:0], b)
	return a.keep(a.scratch)
}
