package sigma

import (
	"regexp"

	"github.com/meneki/meneki/sigma/internal/compiled"
)

// Compiled is for the packages below this one: what the rule was compiled to.
func (r *Rule) Compiled() compiled.Rule {
	return compiled.Rule{
		Conditions:  r.inspect(),
		WithRegexes: func(decide func(*regexp.Regexp) func(string) bool) any { return r.withRegexes(decide) },
	}
}

func (r *Rule) inspect() *compiled.Part {
	seen := make(map[*block]*compiled.Part)
	out := &compiled.Part{Kind: compiled.PartAny}
	for _, e := range r.conditions {
		out.Parts = append(out.Parts, inspectExpr(e, seen))
	}
	return out
}

func inspectExpr(e expr, seen map[*block]*compiled.Part) *compiled.Part {
	list := func(kind compiled.PartKind, of []expr) *compiled.Part {
		p := &compiled.Part{Kind: kind}
		for _, x := range of {
			p.Parts = append(p.Parts, inspectExpr(x, seen))
		}
		return p
	}
	switch e := e.(type) {
	case andExpr:
		return list(compiled.PartAll, e.all)
	case orExpr:
		return list(compiled.PartAny, e.any)
	case notExpr:
		return list(compiled.PartNot, []expr{e.of})
	case ofExpr:
		p := &compiled.Part{Kind: compiled.PartAny}
		if e.all {
			p.Kind = compiled.PartAll
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

func inspectBlock(b *block, seen map[*block]*compiled.Part) *compiled.Part {
	if p := seen[b]; p != nil {
		return p
	}
	p := &compiled.Part{Kind: compiled.PartAll}
	seen[b] = p
	if b.any != nil {
		p.Kind = compiled.PartAny
		for _, alternative := range b.any {
			p.Parts = append(p.Parts, inspectBlock(alternative, seen))
		}
	}
	for _, it := range b.items {
		p.Parts = append(p.Parts, &compiled.Part{Kind: compiled.PartItem, Item: inspectItem(it)})
	}
	return p
}

func inspectItem(it *item) *compiled.Item {
	out := &compiled.Item{Field: it.field, Keyword: it.keyword, Neq: it.mods.neq, All: it.every(), Exists: it.exists}
	if it.exists != nil {
		return out
	}
	for _, val := range it.values {
		v := compiled.Value{Null: val.null}
		for _, m := range val.any {
			v.Probes = append(v.Probes, inspectMatcher(m))
		}
		out.Values = append(out.Values, v)
	}
	return out
}

func inspectMatcher(m matcher) compiled.Probe {
	p := compiled.Probe{Kind: compiled.ProbeOther}
	switch m := m.(type) {
	case globMatcher:
		p.Kind, p.Cased = compiled.ProbeText, m.cased
		kinds := map[tokenKind]compiled.TokenKind{
			literal: compiled.TokenText,
			anyOne:  compiled.TokenOne,
			anyMany: compiled.TokenMany,
			dash:    compiled.TokenDash,
		}
		for _, t := range m.p {
			p.Tokens = append(p.Tokens, compiled.Token{Kind: kinds[t.kind], Text: t.text})
		}
	case numberMatcher:
		p.Kind, p.Text = compiled.ProbeNumber, [2]string{m.decimal, m.written}
	case boolMatcher:
		p.Kind, p.Text[0] = compiled.ProbeBool, m.text
	case nullMatcher:
		p.Kind = compiled.ProbeNull
	case regexMatcher:
		p.Kind, p.Regex = compiled.ProbeRegex, m.re
	case refMatcher:
		p.Kind, p.Cased, p.Text = compiled.ProbeRef, m.cased, [2]string{m.field, m.place}
	default:
		p.Match = func(text string) bool { return m.match(&cell{kind: cellText, value: text, text: text}, nil) }
	}
	return p
}

// funcMatcher decides text by a function.
type funcMatcher func(text string) bool

func (m funcMatcher) match(c *cell, _ *view) bool { return c.kind == cellText && m(c.text) }

// withRegexes is WithRegexes of [compiled.Rule].
func (r *Rule) withRegexes(decide func(re *regexp.Regexp) func(text string) bool) *Rule {
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
