package pipeline

import (
	"regexp"
	"strings"
)

// glob is a Sigma string taken apart: text, and the wildcards * and ?.
type glob []piece

type piece struct {
	text string // "" for a wildcard
	wild byte   // '*', '?' or 0
}

// parseGlob reads a value as a rule writes it. A backslash before *, ? or \ makes
// that character plain; before anything else, and at the end, it is plain itself.
func parseGlob(s string) glob {
	var g glob
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			text.WriteByte(s[i])
		case c == '*' || c == '?':
			g = g.add(piece{text: text.String()}).add(piece{wild: c})
			text.Reset()
		default:
			text.WriteByte(c)
		}
	}
	return g.add(piece{text: text.String()})
}

// add puts a piece behind the others; texts are joined, so that equal globs look
// the same.
func (g glob) add(p piece) glob {
	switch {
	case p.wild == 0 && p.text == "":
		return g
	case p.wild == 0 && len(g) > 0 && g[len(g)-1].wild == 0:
		g[len(g)-1].text += p.text
		return g
	}
	return append(g, p)
}

// join puts two globs behind one another.
func (g glob) join(more glob) glob {
	out := append(glob(nil), g...)
	for _, p := range more {
		out = out.add(p)
	}
	return out
}

// String writes the value as a rule would, with no more backslashes than needed.
func (g glob) String() string {
	var b strings.Builder
	for i, p := range g {
		if p.wild != 0 {
			b.WriteByte(p.wild)
			continue
		}
		for at := 0; at < len(p.text); at++ {
			switch c := p.text[at]; c {
			case '*', '?':
				b.WriteByte('\\')
				b.WriteByte(c)
			case '\\':
				b.WriteByte(c)
				last := at+1 == len(p.text)
				if last && i+1 < len(g) || !last && strings.IndexByte(`*?\`, p.text[at+1]) >= 0 {
					b.WriteByte(c)
				}
			default:
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// plain writes the value as the regular expressions of a pipeline see it: \* and
// \? are plain characters, * and ? wildcards, and backslashes are as many as in
// the text, except right before one of these, where they are doubled.
func (g glob) plain() string {
	var b strings.Builder
	for i, p := range g {
		if p.wild != 0 {
			b.WriteByte(p.wild)
			continue
		}
		for at := 0; at < len(p.text); {
			run := 0
			for at+run < len(p.text) && p.text[at+run] == '\\' {
				run++
			}
			end := at + run
			special := end < len(p.text) && (p.text[end] == '*' || p.text[end] == '?') || end == len(p.text) &&
				i+1 < len(g)
			b.WriteString(strings.Repeat(`\`, run))
			if special {
				b.WriteString(strings.Repeat(`\`, run))
			}
			if at = end; at == len(p.text) {
				break
			}
			if special {
				b.WriteByte('\\')
			}
			b.WriteByte(p.text[at])
			at++
		}
	}
	return b.String()
}

// parsePlain reads what plain writes.
func parsePlain(s string) glob {
	var g glob
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		run := 0
		for i+run < len(s) && s[i+run] == '\\' {
			run++
		}
		i += run
		special := i < len(s) && (s[i] == '*' || s[i] == '?')
		if special && run%2 == 0 {
			text.WriteString(strings.Repeat(`\`, run/2))
			g = g.add(piece{text: text.String()}).add(piece{wild: s[i]})
			text.Reset()
			continue
		}
		if special {
			run /= 2
		}
		text.WriteString(strings.Repeat(`\`, run))
		if i < len(s) {
			text.WriteByte(s[i])
		}
	}
	return g.add(piece{text: text.String()})
}

// loosePlain is plain as pySigma writes it, which does not double backslashes
// before wildcards. Pipelines written for it may hold such texts.
func (g glob) loosePlain() string {
	var b strings.Builder
	for _, p := range g {
		if p.wild != 0 {
			b.WriteByte(p.wild)
		} else {
			b.WriteString(strings.NewReplacer("*", `\*`, "?", `\?`).Replace(p.text))
		}
	}
	return b.String()
}

// regex writes the value for use within a regular expression.
func (g glob) regex() string {
	var b strings.Builder
	for _, p := range g {
		switch p.wild {
		case '*':
			b.WriteString(`(?s:.*)`)
		case '?':
			b.WriteString(`(?s:.)`)
		default:
			b.WriteString(regexp.QuoteMeta(p.text))
		}
	}
	return b.String()
}

// wildcards reports whether there is one.
func (g glob) wildcards() bool {
	for _, p := range g {
		if p.wild != 0 {
			return true
		}
	}
	return false
}

// stars puts * before and behind unless it is there.
func (g glob) stars(before, behind bool) glob {
	star := piece{wild: '*'}
	if before && (len(g) == 0 || g[0] != star) {
		g = append(glob{star}, g...)
	}
	if behind && (len(g) == 0 || g[len(g)-1] != star) {
		g = append(g[:len(g):len(g)], star)
	}
	return g
}

// texts changes the plain parts.
func (g glob) texts(change func(string) string) glob {
	var out glob
	for _, p := range g {
		if p.wild == 0 {
			p.text = change(p.text)
		}
		out = out.add(p)
	}
	return out
}
