package sigma

import (
	"bytes"
	"slices"
	"strings"
)

// Below returns the detection rules and the correlations that a correlation of a
// [Set] is built on, through all the correlations between, each once and without
// the correlation itself.
func (c *Correlation) Below() (rules []*Rule, inner []*Correlation) {
	seen := map[any]bool{c: true}
	var visit func(c *Correlation)
	visit = func(c *Correlation) {
		for _, ref := range c.Rules {
			switch {
			case ref.Rule != nil && !seen[ref.Rule]:
				seen[ref.Rule] = true
				rules = append(rules, ref.Rule)
			case ref.Correlation != nil && !seen[ref.Correlation]:
				seen[ref.Correlation] = true
				inner = append(inner, ref.Correlation)
				visit(ref.Correlation)
			}
		}
	}
	visit(c)
	return rules, inner
}

// Roots returns the correlations of a set to which no other refers.
func (s *Set) Roots() []*Correlation {
	below := map[*Correlation]bool{}
	for _, c := range s.Correlations {
		for _, ref := range c.Rules {
			below[ref.Correlation] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Correlations), func(c *Correlation) bool { return below[c] })
}

// Text returns a correlation of a [Set] and everything that it is built on as one
// file: each document as it was written, rules first, the correlation last.
// Filters are no part of it.
func (c *Correlation) Text() []byte {
	rules, inner := c.Below()
	var out bytes.Buffer
	add := func(source []byte) {
		if out.Len() > 0 {
			if out.Bytes()[out.Len()-1] != '\n' {
				out.WriteByte('\n')
			}
			if marker, _ := cutMarker(source); marker == "" {
				out.WriteString("---\n")
			}
		}
		out.Write(source)
	}
	for _, r := range rules {
		add(r.Source)
	}
	for _, i := range slices.Backward(inner) {
		add(i.Source)
	}
	add(c.Source)
	return out.Bytes()
}

// Bundle is [Correlation.Text], unless the documents would not mean in one file
// what they meant where they came from: names that stood for one document each may
// stand for several there.
func (c *Correlation) Bundle() ([]byte, error) {
	text := c.Text()
	rules, inner := c.Below()
	all := ParseCollection(c.Path, text)
	if n := len(all.Rules) + len(all.Correlations) + len(all.Refused); n != len(rules)+len(inner)+1 {
		return nil, reasons.New("sigma.correlation.bundle-count", len(rules)+len(inner)+1, c.Title, n)
	}
	set := all.Set()
	if len(all.Refused) > 0 { // such as for a missing placeholder, which is reported where the file is read
		return text, nil
	}
	for _, e := range set.Refused {
		return nil, reasons.New("sigma.correlation.bundle-refused", c.Title, e)
	}
	roots := set.Roots()
	if len(roots) != 1 || roots[0].Key() != c.Key() {
		return nil, reasons.New("sigma.correlation.bundle-other", c.Title)
	}
	before, now := keysBelow(c), keysBelow(roots[0])
	if !slices.Equal(before, now) {
		return nil, reasons.New("sigma.correlation.bundle-names", c.Title)
	}
	return text, nil
}

// keysBelow names what each correlation refers to, in order, from c down.
func keysBelow(c *Correlation) []string {
	var out []string
	_, inner := c.Below()
	for _, x := range append([]*Correlation{c}, inner...) {
		for _, ref := range x.Rules {
			// The last newline of a file is no part of what a document without an id means.
			switch {
			case ref.Rule != nil:
				out = append(out, ref.Rule.ID+"\x00"+Canonical(string(ref.Rule.Source)))
			case ref.Correlation != nil:
				out = append(out, ref.Correlation.ID+"\x00"+Canonical(string(ref.Correlation.Source)))
			}
		}
	}
	return out
}

// Canonical returns the text of a rule file without what carries no meaning and
// changes on the way: blanks at the ends of lines, the kind of line ends, empty
// lines before and behind. Two files with the same canonical text say the same;
// files that differ in it may do so too.
func Canonical(text string) string {
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
