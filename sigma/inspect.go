package sigma

import "regexp"

// This file shows a rule's detection as data, for programs that decide rules in
// another way than the reference evaluator, such as the package engine. It adds
// no meaning of its own: every part is what the evaluator works with.

// PartKind is what a Part stands for.
type PartKind uint8

// The kinds of parts.
const (
	PartAll  PartKind = iota // holds if all Parts do, and if there are none
	PartAny                  // holds if any of Parts does
	PartNot                  // holds if its one part does not
	PartItem                 // holds if Item does
)

// Part is a node of a rule's conditions, with the selections in place of their
// names.
type Part struct {
	Kind  PartKind
	Parts []*Part
	Item  *Item
}

// Item is a field, or with Keyword the whole event, and the values it is
// compared with. Without Exists it holds if any value is found in any scalar of
// the field (with All: every value), and with Neq if that is not so.
type Item struct {
	Field   string
	Keyword bool
	Neq     bool
	All     bool  // never together with Neq, where it makes no difference
	Exists  *bool // the field must be there, or must not; there are no Values then
	Values  []Value
}

// Value is one value of an item. Any of Probes is enough; with Null the absence
// of the field is, too.
type Value struct {
	Null   bool
	Probes []Probe
}

// ProbeKind is how a Probe compares.
type ProbeKind uint8

// The kinds of probes.
const (
	ProbeText   ProbeKind = iota // Tokens, with the whole text
	ProbeNumber                  // the text is Text[0], or Text[1] without regard to case
	ProbeBool                    // the text is Text[0] without regard to case
	ProbeNull                    // the scalar is null
	ProbeRegex                   // Regex is found in the text
	ProbeRef                     // the text against that of the field Text[0]; Text[1] is contains, startswith, endswith or ""
	ProbeOther                   // ask Match
)

// TokenKind is what a part of a text pattern stands for.
type TokenKind uint8

// The kinds of tokens.
const (
	TokenText TokenKind = iota // exactly Text
	TokenOne                   // one character; of bytes that are not UTF-8, one byte
	TokenMany                  // any number of characters
	TokenDash                  // one of Dashes
)

// Dashes are the characters that TokenDash stands for.
const Dashes = dashes

// Token is a part of a text pattern.
type Token struct {
	Kind TokenKind
	Text string
}

// Probe is one compiled comparison with one scalar of an event. Only ProbeNull
// holds for null, and none for maps.
type Probe struct {
	Kind   ProbeKind
	Cased  bool    // of ProbeText and ProbeRef; otherwise Tokens are folded and compared with folded text
	Tokens []Token // of ProbeText
	Text   [2]string
	Regex  *regexp.Regexp

	m matcher
}

// Match reports whether a scalar with this text satisfies the probe. It is for
// all kinds but ProbeRef, which needs another field too, and gives false there.
func (p Probe) Match(text string) bool {
	if p.Kind == ProbeRef {
		return false
	}
	return p.m.match(&cell{kind: cellText, value: text, text: text}, nil)
}

// Inspect gives the rule's conditions, any of which is enough.
func (r *Rule) Inspect() *Part {
	seen := make(map[*block]*Part)
	out := &Part{Kind: PartAny}
	for _, e := range r.conditions {
		out.Parts = append(out.Parts, inspectExpr(e, seen))
	}
	return out
}

func inspectExpr(e expr, seen map[*block]*Part) *Part {
	list := func(kind PartKind, of []expr) *Part {
		p := &Part{Kind: kind}
		for _, x := range of {
			p.Parts = append(p.Parts, inspectExpr(x, seen))
		}
		return p
	}
	switch e := e.(type) {
	case andExpr:
		return list(PartAll, e.all)
	case orExpr:
		return list(PartAny, e.any)
	case notExpr:
		return list(PartNot, []expr{e.of})
	case ofExpr:
		p := &Part{Kind: PartAny}
		if e.all {
			p.Kind = PartAll
		}
		for _, s := range e.selections {
			p.Parts = append(p.Parts, inspectBlock(s.body, seen))
		}
		return p
	case selExpr:
		return inspectBlock(e.body, seen)
	}
	panic("sigma: a condition of an unknown kind")
}

func inspectBlock(b *block, seen map[*block]*Part) *Part {
	if p := seen[b]; p != nil {
		return p
	}
	p := &Part{Kind: PartAll}
	seen[b] = p
	if b.any != nil {
		p.Kind = PartAny
		for _, alternative := range b.any {
			p.Parts = append(p.Parts, inspectBlock(alternative, seen))
		}
	}
	for _, it := range b.items {
		p.Parts = append(p.Parts, &Part{Kind: PartItem, Item: inspectItem(it)})
	}
	return p
}

func inspectItem(it *item) *Item {
	out := &Item{Field: it.field, Keyword: it.keyword, Neq: it.mods.neq, All: it.every(), Exists: it.exists}
	if it.exists != nil {
		return out
	}
	for _, val := range it.values {
		v := Value{Null: val.null}
		for _, m := range val.any {
			v.Probes = append(v.Probes, inspectMatcher(m))
		}
		out.Values = append(out.Values, v)
	}
	return out
}

func inspectMatcher(m matcher) Probe {
	p := Probe{Kind: ProbeOther, m: m}
	switch m := m.(type) {
	case globMatcher:
		p.Kind, p.Cased = ProbeText, m.cased
		kinds := map[tokenKind]TokenKind{literal: TokenText, anyOne: TokenOne, anyMany: TokenMany, dash: TokenDash}
		for _, t := range m.p {
			p.Tokens = append(p.Tokens, Token{kinds[t.kind], t.text})
		}
	case numberMatcher:
		p.Kind, p.Text = ProbeNumber, [2]string{m.decimal, m.written}
	case boolMatcher:
		p.Kind, p.Text[0] = ProbeBool, m.text
	case nullMatcher:
		p.Kind = ProbeNull
	case regexMatcher:
		p.Kind, p.Regex = ProbeRegex, m.re
	case refMatcher:
		p.Kind, p.Cased, p.Text = ProbeRef, m.cased, [2]string{m.field, m.place}
	}
	return p
}

// funcMatcher decides text by a function.
type funcMatcher func(text string) bool

func (m funcMatcher) match(c *cell, _ *view) bool { return c.kind == cellText && m(c.text) }

// WithRegexes gives a copy of the rule in which regular expressions are decided
// by the functions that decide gives for them, which must give what
// re.MatchString gives. Its matches name the copy in [Match.Rule] and are
// otherwise the same. A rule without regular expressions is its own copy.
func (r *Rule) WithRegexes(decide func(re *regexp.Regexp) func(text string) bool) *Rule {
	found := false
	blocks := make(map[*block]*block)
	var replace func(b *block) *block
	replace = func(b *block) *block {
		if b == nil || blocks[b] != nil {
			return blocks[b]
		}
		out := &block{}
		blocks[b] = out
		for _, alternative := range b.any {
			out.any = append(out.any, replace(alternative))
		}
		for _, it := range b.items {
			c := *it
			c.values = nil
			for _, val := range it.values {
				v := *val
				v.any = nil
				for _, m := range val.any {
					if re, ok := m.(regexMatcher); ok {
						found = true
						m = funcMatcher(decide(re.re))
					}
					v.any = append(v.any, m)
				}
				c.values = append(c.values, &v)
			}
			out.items = append(out.items, &c)
		}
		return out
	}
	out := *r
	out.selections = nil
	renamed := make(map[*selection]*selection)
	for _, s := range r.selections {
		c := &selection{name: s.name, body: replace(s.body)}
		renamed[s] = c
		out.selections = append(out.selections, c)
	}
	if !found {
		return r
	}
	out.conditions = nil
	for _, e := range r.conditions {
		out.conditions = append(out.conditions, rename(e, renamed))
	}
	return &out
}

// FoldRune is Fold for one character.
func FoldRune(r rune) rune { return foldRune(r) }
