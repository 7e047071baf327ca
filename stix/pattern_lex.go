package stix

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind classes what the lexer cuts a pattern into.
type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	literalToken
	signToken // operators and brackets
)

type token struct {
	kind   tokenKind
	text   string // of a word or a sign
	lit    literal
	at     int
	hyphen bool // a word that only a type may be
}

// describe names the token in an error.
func (t token) describe() Reason {
	switch t.kind {
	case endToken:
		return because("stix.pattern.end")
	case literalToken:
		return because("stix.pattern.literal", t.lit.kind.name(), clip(t.lit.String()))
	}
	return because("stix.pattern.sign", clip(t.text))
}

// space is what the grammar skips beside ASCII white space.
const space = "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

func syntax(src string, at int, r Reason) *SyntaxError {
	before := src[:min(at, len(src))]
	line := strings.Count(before, "\n") + 1
	col := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &SyntaxError{Offset: at, Line: line, Column: col, Reason: r}
}

// lex cuts the whole pattern into tokens; the last one is the end.
func lex(src string) ([]token, error) {
	var out []token
	for i := 0; ; {
		i = skipBlank(src, i)
		if i < 0 {
			return nil, syntax(src, len(src), because("stix.pattern.comment"))
		}
		if i >= len(src) {
			return append(out, token{kind: endToken, at: len(src)}), nil
		}
		t, next, err := lexOne(src, i)
		if err != nil {
			return nil, err
		}
		t.at = i
		out, i = append(out, t), next
	}
}

// skipBlank skips white space and comments; -1 is a comment without an end.
func skipBlank(src string, i int) int {
	for i < len(src) {
		switch {
		case strings.HasPrefix(src[i:], "/*"):
			n := strings.Index(src[i+2:], "*/")
			if n < 0 {
				return -1
			}
			i += 2 + n + 2
		case strings.HasPrefix(src[i:], "//"):
			n := strings.IndexAny(src[i:], "\r\n")
			if n < 0 {
				return len(src)
			}
			i += n
		default:
			r, size := utf8.DecodeRuneInString(src[i:])
			if !strings.ContainsRune(" \t\r\n\v\f"+space, r) {
				return i
			}
			i += size
		}
	}
	return i
}

func lexOne(src string, i int) (token, int, error) {
	c := src[i]
	prefixed := i+1 < len(src) && src[i+1] == '\''
	switch {
	case c == '\'':
		s, next, err := lexString(src, i)
		return token{kind: literalToken, lit: literal{kind: textKind, text: s}}, next, err
	case prefixed && (c == 'h' || c == 'b' || c == 't'):
		return lexPrefixed(src, i)
	case isLetter(c) || c == '_':
		j := i + 1
		for j < len(src) && (isLetter(src[j]) || src[j] == '_' || src[j] == '-' || src[j] >= '0' && src[j] <= '9') {
			j++
		}
		w := src[i:j]
		if w == "true" || w == "false" {
			return token{kind: literalToken, lit: literal{kind: boolKind, text: w}}, j, nil
		}
		return token{kind: wordToken, text: w, hyphen: strings.Contains(w, "-")}, j, nil
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.' && i+1 < len(src) && src[i+1] >= '0' && src[i+1] <= '9':
		return lexNumber(src, i)
	}
	for _, s := range []string{"<=", ">=", "!=", "<>", "==", "=", "<", ">", "[", "]", "(", ")", ":", ".", ",", "*"} {
		if strings.HasPrefix(src[i:], s) {
			return token{kind: signToken, text: s}, i + len(s), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(src[i:])
	return token{}, 0, syntax(src, i, because("stix.pattern.character", string(r)))
}

// lexString reads a quoted string that begins at i.
func lexString(src string, i int) (string, int, error) {
	var b strings.Builder
	for j := i + 1; j < len(src); j++ {
		switch src[j] {
		case '\'':
			return b.String(), j + 1, nil
		case '\\':
			if j+1 >= len(src) || src[j+1] != '\\' && src[j+1] != '\'' {
				return "", 0, syntax(src, j, because("stix.pattern.escape"))
			}
			j++
		}
		b.WriteByte(src[j])
	}
	return "", 0, syntax(src, i, because("stix.pattern.string.open"))
}

// lexPrefixed reads h'…', b'…' or t'…'.
func lexPrefixed(src string, i int) (token, int, error) {
	n := strings.IndexByte(src[i+2:], '\'')
	if n < 0 {
		return token{}, 0, syntax(src, i, because("stix.pattern.value.open"))
	}
	s, next := src[i+2:i+2+n], i+2+n+1
	lit := literal{text: s}
	var err error
	switch src[i] {
	case 'h':
		lit.kind = hexKind
		if lit.bytes, err = hex.DecodeString(s); err != nil {
			return token{}, 0, syntax(src, i, because("stix.pattern.hex", clip(s)))
		}
	case 'b':
		lit.kind = binKind
		if lit.bytes, err = base64.StdEncoding.Strict().DecodeString(s); err != nil || s == "" ||
			strings.ContainsAny(s, "\r\n") {
			return token{}, 0, syntax(src, i, because("stix.pattern.base64", clip(s)))
		}
	case 't':
		lit.kind = timeKind
		var r Reason
		if lit.t, r = parseTimestamp(s); r != nil {
			return token{}, 0, syntax(src, i, r)
		}
	}
	return token{kind: literalToken, lit: lit}, next, nil
}

func lexNumber(src string, i int) (token, int, error) {
	j := i
	if src[j] == '+' || src[j] == '-' {
		j++
	}
	digits := func() int {
		from := j
		for j < len(src) && src[j] >= '0' && src[j] <= '9' {
			j++
		}
		return j - from
	}
	whole := j
	n := digits()
	if j+1 < len(src) && src[j] == '.' && src[j+1] >= '0' && src[j+1] <= '9' {
		j++
		digits()
		f, err := strconv.ParseFloat(src[i:j], 64)
		if err != nil || math.IsInf(f, 0) {
			return token{}, 0, syntax(src, i, because("stix.pattern.number.large", clip(src[i:j])))
		}
		return token{kind: literalToken, lit: literal{kind: floatKind, text: src[i:j], f: f}}, j, nil
	}
	if n == 0 {
		return token{}, 0, syntax(src, i, because("stix.pattern.number.sign", string(src[i])))
	}
	if n > 1 && src[whole] == '0' {
		return token{}, 0, syntax(src, i, because("stix.pattern.number.zero"))
	}
	v, err := strconv.ParseInt(src[i:j], 10, 64)
	if err != nil {
		return token{}, 0, syntax(src, i, because("stix.pattern.number.bits", clip(src[i:j])))
	}
	return token{kind: literalToken, lit: literal{kind: intKind, text: src[i:j], i: v, f: float64(v)}}, j, nil
}
