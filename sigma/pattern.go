package sigma

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma/internal/compiled"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// tokenKind is what a part of a pattern stands for.
type tokenKind uint8

const (
	literal tokenKind = iota // exactly this text
	anyOne                   // ?: one character
	anyMany                  // *: any number of characters, also newlines
	dash                     // one of the dashes of windash
)

// pattern is a Sigma string with its wildcards. It is a list of tokens and never
// text again, so that putting a wildcard behind a backslash cannot escape it.
type pattern []token

type token struct {
	kind tokenKind
	text string // of literal
}

// parsePattern reads a Sigma string. A backslash before *, ? or \ makes that
// character plain; before anything else, and at the end, it is itself plain.
func parsePattern(s string) pattern {
	var p pattern
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p = append(p, token{literal, lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			lit.WriteByte(s[i])
		case c == '*':
			flush()
			p = append(p, token{kind: anyMany})
		case c == '?':
			flush()
			p = append(p, token{kind: anyOne})
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return p
}

// literalPattern is a pattern without wildcards.
func literalPattern(s string) pattern {
	if s == "" {
		return nil
	}
	return pattern{{literal, s}}
}

// withStars puts * before and behind a pattern unless it is there already.
func (p pattern) withStars(before, behind bool) pattern {
	star := token{kind: anyMany}
	out := make(pattern, 0, len(p)+2)
	if before && (len(p) == 0 || p[0].kind != anyMany) {
		out = append(out, star)
	}
	out = append(out, p...)
	if behind && (len(out) == 0 || out[len(out)-1].kind != anyMany) {
		out = append(out, star)
	}
	return out
}

// withDashes turns every dash character into a token that stands for all five.
// That is the same as all permutations of the value, without writing them out.
func (p pattern) withDashes() pattern {
	var out pattern
	for _, t := range p {
		if t.kind != literal {
			out = append(out, t)
			continue
		}
		rest := t.text
		for {
			i := strings.IndexAny(rest, compiled.Dashes)
			if i < 0 {
				break
			}
			if i > 0 {
				out = append(out, token{literal, rest[:i]})
			}
			_, size := utf8.DecodeRuneInString(rest[i:])
			out = append(out, token{kind: dash})
			rest = rest[i+size:]
		}
		if rest != "" {
			out = append(out, token{literal, rest})
		}
	}
	return out
}

// folded returns the pattern for text that went through fold.
func (p pattern) folded() pattern {
	out := make(pattern, len(p))
	for i, t := range p {
		out[i] = token{t.kind, fold.Text(t.text)}
	}
	return out
}

// wildcards reports whether p holds * or ?.
func (p pattern) wildcards() bool {
	for _, t := range p {
		if t.kind == anyMany || t.kind == anyOne {
			return true
		}
	}
	return false
}

// plain returns the texts that p stands for: one, or with windash up to limit of
// them. ok is false if p has wildcards or stands for more than limit texts.
func (p pattern) plain(limit int) (texts []string, ok bool) {
	texts = []string{""}
	for _, t := range p {
		switch t.kind {
		case literal:
			for i := range texts {
				texts[i] += t.text
			}
		case dash:
			if len(texts)*utf8.RuneCountInString(compiled.Dashes) > limit {
				return nil, false
			}
			var more []string
			for _, text := range texts {
				for _, d := range compiled.Dashes {
					more = append(more, text+string(d))
				}
			}
			texts = more
		default:
			return nil, false
		}
	}
	return texts, true
}

// regex writes p as a regular expression, for placeholders inside of one.
func (p pattern) regex() string {
	var b strings.Builder
	for _, t := range p {
		switch t.kind {
		case literal:
			b.WriteString(regexp.QuoteMeta(t.text))
		case anyOne:
			b.WriteString(`(?s:.)`)
		case anyMany:
			b.WriteString(`(?s:.*)`)
		case dash:
			b.WriteString("[" + compiled.Dashes[1:] + "-]")
		}
	}
	return b.String()
}

// simple recognises a pattern that is one literal with * around it or not.
func (p pattern) simple() (shape, string) {
	kinds := ""
	text := ""
	for _, t := range p {
		switch t.kind {
		case literal:
			kinds, text = kinds+"x", t.text
		case anyMany:
			kinds += "*"
		default:
			return general, ""
		}
	}
	switch kinds {
	case "", "x":
		return equal, text
	case "x*":
		return prefix, text
	case "*x":
		return suffix, text
	case "*x*":
		return inside, text
	}
	return general, ""
}

// match reports whether p matches the whole of text. It goes left to right and,
// when stuck, lets the last * take one character more; that is enough, because
// a longer match of an earlier * never helps what comes behind a later one.
func (p pattern) match(text string) bool {
	at, next := 0, 0      // position in text, index in p
	star, starAt := -1, 0 // the last * and how far it has taken
	for {
		if next == len(p) && at == len(text) {
			return true
		}
		if next < len(p) {
			if p[next].kind == anyMany {
				if next == len(p)-1 {
					return true
				}
				star, starAt = next, at
				next++
				continue
			}
			if n, ok := p[next].take(text[at:]); ok {
				at += n
				next++
				continue
			}
		}
		if star < 0 || starAt >= len(text) {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[starAt:])
		starAt += size
		if follow := p[star+1]; follow.kind == literal {
			i := strings.Index(text[starAt:], follow.text)
			if i < 0 {
				return false
			}
			starAt += i
		}
		at, next = starAt, star+1
	}
}

// take reports whether text begins with the token, and how many bytes of it.
func (t token) take(text string) (n int, ok bool) {
	switch t.kind {
	case literal:
		return len(t.text), strings.HasPrefix(text, t.text)
	case anyOne:
		_, size := utf8.DecodeRuneInString(text)
		return size, size > 0
	default: // dash; anyMany is never asked
		r, size := utf8.DecodeRuneInString(text)
		return size, size > 0 && strings.ContainsRune(compiled.Dashes, r)
	}
}
