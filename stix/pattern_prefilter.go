package stix

import (
	syntaxre "regexp/syntax"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Prefilter is what an observation must hold to meet a pattern: an
// object of a type and, if Text is not empty, a text somewhere in the
// observation, in whatever object.
type Prefilter struct {
	Object string
	Path   string // of the comparison that asks for it
	// Text is, if Whole, a whole value, a string as it is or a whole number in
	// decimal; else a part of a string value in Unicode form C, without regard to
	// the case of ASCII letters.
	Text  string
	Whole bool
}

// Prefilters returns a cheap test to make before Match or Stream.Add: an observation
// that meets any observation expression of the pattern holds one of the prefilters at
// least. One without a text asks for the object only.
func (p *Pattern) Prefilters() []Prefilter {
	var out []Prefilter
	for _, t := range expressions(nil, p.root) {
		out = append(out, prefilters(t)...)
	}
	return out
}

func prefilters(t test) []Prefilter {
	switch t := t.(type) {
	case junction:
		left, right := prefilters(t.left), prefilters(t.right)
		if t.op == "OR" {
			return append(left, right...)
		}
		if worth(right) > worth(left) {
			return right
		}
		return left
	case comparison:
		return t.prefilters()
	}
	return nil
}

// worth is how much a list of prefilters narrows: as much as its worst.
func worth(list []Prefilter) int {
	if len(list) == 0 {
		return 0
	}
	least := 1 << 20
	for _, c := range list {
		w := min(len(c.Text), 64)
		if c.Whole && w > 0 {
			w += 64
		}
		least = min(least, w)
	}
	return least
}

func (c comparison) prefilters() []Prefilter {
	some := []Prefilter{{Object: c.path.typ, Path: c.path.tail()}}
	if c.not {
		return some
	}
	name := ""
	for _, s := range c.path.steps {
		if !s.index {
			name = s.name
		}
	}
	switch c.op {
	case "=", "IN":
		var out []Prefilter
		for _, v := range c.values {
			k := Prefilter{Object: c.path.typ, Path: c.path.tail(), Whole: true}
			switch {
			case v.kind == textKind && !coded(name):
				k.Text = v.text
			case v.kind == intKind:
				k.Text = v.text
				if strings.HasPrefix(k.Text, "-0") || strings.HasPrefix(k.Text, "0") && len(k.Text) > 1 ||
					strings.HasPrefix(k.Text, "+") {
					k.Text = ""
				}
			}
			if k.Text == "" {
				return some
			}
			out = append(out, k)
		}
		return out
	case "LIKE", "MATCHES":
		if coded(name) {
			return some
		}
		parts := []string{}
		if c.op == "LIKE" {
			parts = likeParts(c.values[0].text)
		} else if re, err := syntaxre.Parse(norm.NFC.String(c.values[0].text), syntaxre.Perl); err == nil {
			parts = needed(re.Simplify())
		}
		if len(parts) == 0 {
			return some
		}
		out := make([]Prefilter, len(parts))
		for i, s := range parts {
			out[i] = Prefilter{Object: c.path.typ, Path: c.path.tail(), Text: s}
		}
		return out
	}
	return some
}

// likeParts returns the longest run of characters that every match has.
func likeParts(s string) []string {
	best := ""
	for _, part := range strings.FieldsFunc(norm.NFC.String(s),
		func(r rune) bool { return r == '%' || r == '_' || r == utf8.RuneError }) {
		best = longer(best, part)
	}
	if best == "" {
		return nil
	}
	return []string{best}
}

func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

// maxAlternatives bounds the texts of one regular expression.
const maxAlternatives = 64

// needed returns texts of which every match of re holds one; nil if there is no
// such list.
func needed(re *syntaxre.Regexp) []string {
	switch re.Op {
	case syntaxre.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntaxre.FoldCase != 0 {
			text = unfolded(text)
		}
		if text = valid(text); text == "" {
			return nil
		}
		return []string{text}
	case syntaxre.OpCapture, syntaxre.OpPlus:
		return needed(re.Sub[0])
	case syntaxre.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntaxre.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if list := needed(sub); shortest(list) > shortest(best) {
				best = list
			}
		}
		return best
	case syntaxre.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			list := needed(sub)
			if len(list) == 0 || len(all)+len(list) > maxAlternatives {
				return nil
			}
			all = append(all, list...)
		}
		return all
	}
	return nil
}

func shortest(list []string) int {
	if len(list) == 0 {
		return 0
	}
	n := len(list[0])
	for _, s := range list {
		n = min(n, len(s))
	}
	return n
}

// unfolded returns the longest run whose letters, in any case, are ASCII: k and s
// also stand for the Kelvin sign and the long s.
func unfolded(s string) string {
	best := ""
	for _, part := range strings.FieldsFunc(s,
		func(r rune) bool { return r >= utf8.RuneSelf || strings.ContainsRune("kKsS", r) }) {
		best = longer(best, part)
	}
	return best
}

// valid returns the longest run without U+FFFD, which also stands for bytes that
// are no UTF-8.
func valid(s string) string {
	best := ""
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == utf8.RuneError }) {
		best = longer(best, part)
	}
	return best
}
