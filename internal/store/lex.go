package store

import "strings"

// A token is a piece of SQL: enough of the language is known to distinguish words from
// strings and comments, which is all that scopes and migrations need.
type token struct {
	kind     tokenKind
	text     string // words in lower case, a quoted name without its quotes; else as written
	from, to int    // bytes of the query
	depth    int    // open parentheses before it
}

type tokenKind uint8

const (
	word   tokenKind = iota // a keyword or a name
	quoted                  // a "name"
	punct                   // one character of punctuation, or an operator's part
	other                   // a number, a placeholder
	str                     // a 'string'
)

// lex splits a statement. Comments vanish; an unfinished string or comment runs
// to the end, and the database will say so.
func lex(q string) []token {
	var out []token
	depth := 0
	for i := 0; i < len(q); {
		c, from := q[i], i
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case strings.HasPrefix(q[i:], "--"):
			i = until(q, i, "\n")
			continue
		case strings.HasPrefix(q[i:], "/*"):
			i = until(q, i+2, "*/")
			continue
		case c == '\'':
			i = closing(q, i, '\'')
			out = append(out, token{str, q[from:i], from, i, depth})
			continue
		case c == '"' || c == '`':
			i = closing(q, i, c)
			out = append(out, token{quoted, strings.ToLower(strings.Trim(q[from:i], string(c))), from, i, depth})
			continue
		case isWord(c) && (c < '0' || c > '9'):
			for i < len(q) && (isWord(q[i]) || q[i] == '$') {
				i++
			}
			out = append(out, token{word, strings.ToLower(q[from:i]), from, i, depth})
			continue
		case c >= '0' && c <= '9' || c == '$':
			for i++; i < len(q) && isWord(q[i]); {
				i++
			}
			out = append(out, token{other, q[from:i], from, i, depth})
			continue
		}
		if c == ')' && depth > 0 {
			depth--
		}
		i++
		out = append(out, token{punct, q[from:i], from, i, depth})
		if c == '(' {
			depth++
		}
	}
	return out
}

// isWord takes every byte over ASCII as part of a word.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func until(q string, i int, end string) int {
	if n := strings.Index(q[i:], end); n >= 0 {
		return i + n + len(end)
	}
	return len(q)
}

// closing finds the end of a quoted piece; a doubled quote stands for itself.
func closing(q string, i int, quote byte) int {
	for i++; i < len(q); i++ {
		if q[i] != quote {
			continue
		}
		if i+1 < len(q) && q[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(q)
}

func (t token) is(words ...string) bool {
	if t.kind != word {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

func (t token) punct(s string) bool { return t.kind == punct && t.text == s }
