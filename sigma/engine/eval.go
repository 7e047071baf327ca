package engine

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma/internal/compiled"
)

// eval decides a node of a program.
func (w *Worker) eval(n *node) bool {
	switch n.op {
	case opTest:
		return w.holds(n.test) != n.neg
	case opAll:
		for _, part := range n.nodes {
			if !w.eval(part) {
				return false
			}
		}
		return true
	case opAny:
		for _, part := range n.nodes {
			if w.eval(part) {
				return true
			}
		}
		return false
	}
	return true
}

// holds decides a test once an event.
func (w *Worker) holds(t *test) bool {
	epoch := w.cells.epoch << 1
	if m := w.memo[t.id]; m&^1 == epoch {
		return m&1 == 1
	}
	if i := int(t.id) >> 6; i < len(w.known) && w.known[i]&(1<<(t.id&63)) != 0 {
		return false // it would have been proved
	}
	yes := t.holds(&w.cells)
	if yes {
		epoch |= 1
	}
	w.memo[t.id] = epoch
	return yes
}

func (t *test) holds(c *Cells) bool {
	if t.peekable {
		if raw, unicode, ok := c.spelling(t.field); ok {
			if yes, sure := t.peek(raw, unicode); sure {
				return yes
			}
		}
	}
	cells, there := c.field(t.field)
	if t.exists != 0 {
		return there == (t.exists > 0)
	}
	if !there {
		return t.null
	}
	for i := range cells {
		if t.match(&cells[i], c) {
			return true
		}
	}
	return false
}

func (t *test) match(c *cell, all *Cells) bool {
	if c.kind == cellText && t.plain {
		fold := all.folded(c)
		if t.equals != nil {
			if _, ok := t.equals[string(fold)]; ok {
				return true
			}
		} else {
			for _, s := range t.equal {
				if string(fold) == s {
					return true
				}
			}
		}
		for _, s := range t.suffix {
			if n := len(fold) - len(s); n >= 0 && string(fold[n:]) == s {
				return true
			}
		}
		for _, s := range t.prefix {
			if len(fold) >= len(s) && string(fold[:len(s)]) == s {
				return true
			}
		}
		if t.search != nil {
			if t.search.in(fold) {
				return true
			}
		} else {
			for _, s := range t.inside {
				if contains(fold, s) {
					return true
				}
			}
		}
	}
	for i := range t.others {
		if t.others[i].match(c, all) {
			return true
		}
	}
	return false
}

// contains is strings.Contains with bytes.
func contains(text []byte, s string) bool {
	if len(text) < len(s) {
		return false
	}
	return bytes.Contains(text, []byte(s))
}

func (o *other) match(c *cell, all *Cells) bool {
	if c.kind != cellText {
		return o.kind == null && c.kind == cellNull
	}
	switch o.kind {
	case casedEqual:
		return string(c.text) == o.a
	case casedPrefix:
		return len(c.text) >= len(o.a) && string(c.text[:len(o.a)]) == o.a
	case casedSuffix:
		n := len(c.text) - len(o.a)
		return n >= 0 && string(c.text[n:]) == o.a
	case casedInside:
		return contains(c.text, o.a)
	case glob:
		return globMatch(o.tokens, all.folded(c))
	case casedGlob:
		return globMatch(o.tokens, c.text)
	case number:
		return string(c.text) == o.a || string(all.folded(c)) == o.b
	case regex:
		return o.re.match(c, all)
	case ref, casedRef:
		cells, _ := all.field(o.field)
		for i := range cells {
			if cells[i].kind == cellText && o.refers(c, &cells[i], all) {
				return true
			}
		}
		return false
	case opaque:
		return o.probe.Match(string(c.text))
	}
	return false
}

func (o *other) refers(c, to *cell, all *Cells) bool {
	a, b := c.text, to.text
	if o.kind == ref {
		a, b = all.folded(c), all.folded(to)
	}
	switch o.a {
	case "startswith":
		return bytes.HasPrefix(a, b)
	case "endswith":
		return bytes.HasSuffix(a, b)
	case "contains":
		return bytes.Contains(a, b)
	}
	return bytes.Equal(a, b)
}

// globMatch reports whether tokens match the whole of text. It goes left to
// right and, when stuck, lets the last * take one character more.
func globMatch(tokens []compiled.Token, text []byte) bool {
	at, next := 0, 0
	star, starAt := -1, 0
	for {
		if next == len(tokens) && at == len(text) {
			return true
		}
		if next < len(tokens) {
			if tokens[next].Kind == compiled.TokenMany {
				if next == len(tokens)-1 {
					return true
				}
				star, starAt = next, at
				next++
				continue
			}
			if n, ok := take(&tokens[next], text[at:]); ok {
				at += n
				next++
				continue
			}
		}
		if star < 0 || starAt >= len(text) {
			return false
		}
		_, size := utf8.DecodeRune(text[starAt:])
		starAt += size
		if follow := &tokens[star+1]; follow.Kind == compiled.TokenText {
			i := bytes.Index(text[starAt:], []byte(follow.Text))
			if i < 0 {
				return false
			}
			starAt += i
		}
		at, next = starAt, star+1
	}
}

// take reports whether text begins with the token, and how many bytes of it.
func take(t *compiled.Token, text []byte) (n int, ok bool) {
	switch t.Kind {
	case compiled.TokenText:
		return len(t.Text), len(text) >= len(t.Text) && string(text[:len(t.Text)]) == t.Text
	case compiled.TokenOne:
		_, size := utf8.DecodeRune(text)
		return size, size > 0
	default:
		r, size := utf8.DecodeRune(text)
		return size, size > 0 && strings.ContainsRune(compiled.Dashes, r)
	}
}
