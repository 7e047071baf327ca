package sigma

import (
	"net/netip"
	"regexp"
	"strings"
)

// matcher is one compiled value of a rule. match reports whether a scalar of the
// event satisfies it; v is for matchers that look at other fields.
type matcher interface {
	match(c *cell, v *view) bool
}

// globMatcher compares text with a pattern.
type globMatcher struct {
	p     pattern // folded unless cased
	cased bool
	shape shape
	plain string // the literal of a simple shape
}

// shape is how a pattern is compared. Nearly all published patterns are one
// literal with * on neither, one, or both sides.
type shape uint8

const (
	general shape = iota
	equal
	prefix
	suffix
	inside
)

func newGlob(p pattern, cased bool) globMatcher {
	if !cased {
		p = p.folded()
	}
	m := globMatcher{p: p, cased: cased}
	m.shape, m.plain = p.simple()
	return m
}

func (m globMatcher) match(c *cell, _ *view) bool {
	if c.kind != cellText {
		return false
	}
	text := c.text
	if !m.cased {
		text = c.fold()
	}
	switch m.shape {
	case equal:
		return text == m.plain
	case prefix:
		return strings.HasPrefix(text, m.plain)
	case suffix:
		return strings.HasSuffix(text, m.plain)
	case inside:
		return strings.Contains(text, m.plain)
	}
	return m.p.match(text)
}

// numberMatcher compares with an unquoted number of a rule, as text: EventID
// 4625 equals 4625 and "4625", and 0x10 equals 16 and "0x10".
type numberMatcher struct {
	decimal string
	written string
}

func (m numberMatcher) match(c *cell, _ *view) bool {
	return c.kind == cellText && (c.text == m.decimal || strings.EqualFold(c.text, m.written))
}

// boolMatcher compares with true or false, which readers may give as text.
type boolMatcher struct{ text string }

func (m boolMatcher) match(c *cell, _ *view) bool {
	return c.kind == cellText && strings.EqualFold(c.text, m.text)
}

// nullMatcher is for fields that are there; the item itself knows about absent ones.
type nullMatcher struct{}

func (nullMatcher) match(c *cell, _ *view) bool { return c.kind == cellNull }

// regexMatcher searches text for a regular expression, not anchored.
type regexMatcher struct{ re *regexp.Regexp }

func (m regexMatcher) match(c *cell, _ *view) bool {
	return c.kind == cellText && m.re.MatchString(c.text)
}

// cidrMatcher asks whether the text is an address within a network.
type cidrMatcher struct{ network netip.Prefix }

func (m cidrMatcher) match(c *cell, _ *view) bool {
	if c.kind != cellText {
		return false
	}
	addr, err := netip.ParseAddr(c.text)
	return err == nil && m.network.Contains(addr.Unmap().WithZone(""))
}

// orderMatcher compares numbers; with part, that part of a date.
type orderMatcher struct {
	op   string // lt, lte, gt, gte, or "" for equal
	part string // minute to year, or "" for the number itself
	than number
}

func (m orderMatcher) match(c *cell, _ *view) bool {
	if c.kind != cellText {
		return false
	}
	var n number
	var ok bool
	if m.part != "" {
		n, ok = datePart(c.text, m.part)
	} else {
		n, ok = numberOf(c.value)
	}
	if !ok {
		return false
	}
	order := n.compare(m.than)
	switch m.op {
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	case "gt":
		return order > 0
	case "gte":
		return order >= 0
	}
	return order == 0
}

// refMatcher compares with the text of another field, any member of either
// counting. Wildcards in an event are plain characters.
type refMatcher struct {
	field string
	place string
	cased bool
}

func (m refMatcher) match(c *cell, v *view) bool {
	if c.kind != cellText {
		return false
	}
	for _, other := range v.field(m.field).cells {
		if other.kind == cellText && m.compare(c, other) {
			return true
		}
	}
	return false
}

func (m refMatcher) compare(c, other *cell) bool {
	a, b := c.fold(), other.fold()
	if m.cased {
		a, b = c.text, other.text
	}
	switch m.place {
	case "startswith":
		return strings.HasPrefix(a, b)
	case "endswith":
		return strings.HasSuffix(a, b)
	case "contains":
		return strings.Contains(a, b)
	}
	return a == b
}
