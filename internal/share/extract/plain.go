package extract

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mapped is a text with, for each of its bytes and its end, where that stands in the text
// that it was made of.
type mapped struct {
	text string
	at   []int
}

// plain returns a text without what people and programs do to values in it: full-width
// letters, letters that are not seen, dots that are written out or in brackets, and values
// that are broken over lines.
func plain(text string) mapped {
	m := fold(text)
	for _, r := range rewrites {
		m = m.replace(r.find, r.put)
		if strings.HasSuffix(r.put, "$2") {
			m = m.replace(r.find, r.put) // where a label is one letter, that was of the match before
		}
	}
	return m.joined()
}

// fold makes the letters of a text the usual ones (NFKC) and leaves out those that are
// not seen.
func fold(text string) mapped {
	var b strings.Builder
	at := make([]int, 0, len(text)+1)
	put := func(s string, from int) {
		for range len(s) {
			at = append(at, from)
		}
		b.WriteString(s)
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\u00ad' || r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\u2060' || r == '\ufeff':
		case r == utf8.RuneError && n <= 1:
			put("\ufffd", i)
		case r == '\r':
			put("\n", i)
		case r < 0x80:
			put(text[i:i+n], i)
		default:
			put(norm.NFKC.String(text[i:i+n]), i)
		}
		i += n
	}
	return mapped{b.String(), append(at, len(text))}
}

// rewrites undo the usual ways to make a value unclickable. $1 and so on are groups.
var rewrites = []struct {
	find *regexp.Regexp
	put  string
}{
	// see scheme
	{regexp.MustCompile(`(?i)\bh(?:xx|\*\*|tt|XX)ps?(?:\[:\]|\(:\)|:)?(?:\[//\]|\[/\]\[/\]|\[://\]|//)`), ""},
	{regexp.MustCompile(`(?i)\s?[\[({<]\s?(?:\.|dot|ドット)\s?[\])}>]\s?`), "."},
	{regexp.MustCompile(`(?i)\s?[\[({<]\s?(?:@|at|アットマーク)\s?[\])}>]\s?`), "@"},
	{regexp.MustCompile(`[\[({]:[\])}]`), ":"},
	{regexp.MustCompile(`\[/\]`), "/"},
	{regexp.MustCompile(`([0-9A-Za-z])[ \t]?ドット[ \t]?([0-9A-Za-z])`), "$1.$2"},
	{regexp.MustCompile(`([0-9A-Za-z])[ \t]dot[ \t]([0-9A-Za-z])`), "$1.$2"},
	{regexp.MustCompile(`([0-9A-Za-z])。([0-9A-Za-z])`), "$1.$2"},
	{regexp.MustCompile(`([0-9A-Za-z])\\\.([0-9A-Za-z])`), "$1.$2"},
}

// replace puts something else into the place of what is found. What is put stands where
// the match began.
func (m mapped) replace(find *regexp.Regexp, put string) mapped {
	var b strings.Builder
	var at []int
	last := 0
	for pos := 0; pos <= len(m.text); {
		loc := find.FindStringSubmatchIndex(m.text[pos:])
		if loc == nil {
			break
		}
		for i := range loc {
			if loc[i] >= 0 {
				loc[i] += pos
			}
		}
		from, to := loc[0], loc[1]
		b.WriteString(m.text[last:from])
		at = append(at, m.at[last:from]...)
		with := put
		if put == "" {
			with = scheme(m.text[from:to])
		} else if strings.Contains(put, "$") {
			with = string(find.ExpandString(nil, put, m.text, loc))
		}
		for i := range len(with) {
			at = append(at, m.at[min(from+i, to-1)])
		}
		b.WriteString(with)
		last = to
		pos = to
		if to == from {
			pos++
		}
	}
	b.WriteString(m.text[last:])
	return mapped{b.String(), append(at, m.at[last:]...)}
}

// scheme is the beginning of a URL as it is meant.
func scheme(s string) string {
	lower := strings.ToLower(s)
	if strings.HasPrefix(lower[1:], "xxps") || strings.HasPrefix(lower[1:], "**ps") ||
		strings.HasPrefix(lower[1:], "ttps") {
		return "https://"
	}
	return "http://"
}

// breaks of lines within a value: a URL that ends a line with a character that none ends
// with, and hexadecimal that is a hash with what the next line begins with.
var (
	urlBreak = regexp.MustCompile(`(://[^\s<>"'` + "`" + `|]*[/\-_=&?])\n[ \t]*([0-9A-Za-z%])`)
	hexBreak = regexp.MustCompile(`\b([0-9A-Fa-f]{4,127})-?\n[ \t]*([0-9A-Fa-f]{1,124})\b`)
	hexParts = regexp.MustCompile(`\b[0-9A-Fa-f]{4,8}(?: [0-9A-Fa-f]{4,8}){3,31}\b`)
)

// joined puts values together that are broken over lines or written in groups.
func (m mapped) joined() mapped {
	var out []span
	for _, loc := range urlBreak.FindAllStringSubmatchIndex(m.text, -1) {
		out = append(out, span{loc[3], loc[4]})
	}
	m = m.without(out)
	for range 4 { // a hash may be broken more than once
		out = nil
		for _, loc := range hexBreak.FindAllStringSubmatchIndex(m.text, -1) {
			one, two := loc[3]-loc[2], loc[5]-loc[4]
			whole := hashOf(one + two)
			if whole != "" && (hashOf(one) == "" && hashOf(two) == "" || labelled(m.text[:loc[2]], whole)) {
				out = append(out, span{loc[3], loc[4]})
			}
		}
		m = m.without(out)
	}
	out = nil
	for _, loc := range hexParts.FindAllStringIndex(m.text, -1) {
		group := m.text[loc[0]:loc[1]]
		size := strings.IndexByte(group, ' ')
		if (len(group)+1)%(size+1) != 0 || hashOf(len(group)-strings.Count(group, " ")) == "" {
			continue
		}
		for i := range len(group) {
			if (group[i] == ' ') != (i%(size+1) == size) {
				group = ""
				break
			}
		}
		for i := range len(group) {
			if group[i] == ' ' {
				out = append(out, span{loc[0] + i, loc[0] + i + 1})
			}
		}
	}
	return m.without(out)
}

// labelled reports whether a text ends with the name of a type of hash.
func labelled(before, typ string) bool {
	before = strings.ToLower(strings.TrimRight(before[max(0, len(before)-24):], " :=|`'\"("))
	typ = strings.ToLower(typ)
	return strings.HasSuffix(before, typ) || strings.HasSuffix(before, strings.ReplaceAll(typ, "-", ""))
}

type span struct{ from, to int }

// without returns the text without some parts, which are in order.
func (m mapped) without(parts []span) mapped {
	if len(parts) == 0 {
		return m
	}
	var b strings.Builder
	at := make([]int, 0, len(m.at))
	last := 0
	for _, p := range parts {
		b.WriteString(m.text[last:p.from])
		at = append(at, m.at[last:p.from]...)
		last = p.to
	}
	b.WriteString(m.text[last:])
	return mapped{b.String(), append(at, m.at[last:]...)}
}

// hashOf is the type of a hash of n hexadecimal digits.
func hashOf(n int) string {
	switch n {
	case 32:
		return "MD5"
	case 40:
		return "SHA-1"
	case 64:
		return "SHA-256"
	case 128:
		return SHA512
	}
	return ""
}
