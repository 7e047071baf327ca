package sigma

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// Filter is one Sigma filter (filters specification 2.1): a condition that is
// added with AND to the conditions of other rules, usually "not selection", to
// keep out what is known to be harmless at one place.
//
// It reaches the rules it names by ID or name, or with "rules: any" all of them,
// but only if the rule's log source has every part that the filter's states.
// Correlation rules are not changed themselves; the rules they refer to are.
type Filter struct {
	ID, Name       string // as written, "" if it has none
	Title          string
	Description    string
	Author         string
	Date, Modified string
	LogSource      LogSource

	Rules []string // as written; empty with Any
	Any   bool     // "rules: any" or "all"

	Path   string
	Line   int
	Source []byte

	// Applied are the rules of the set that the filter changed, in the set's
	// order; nil before a set was made.
	Applied []*Rule

	refs []reference
	body *Rule // has the filter's selections and its condition
}

// reference is a rule's ID or name where another document writes it.
type reference struct {
	text         string
	line, column int // in the file
}

// Condition returns the condition as written.
func (f *Filter) Condition() string { return f.body.condition[0] }

// filter reads a filter. r has what names it; root is the document, n its part
// "filter".
func (p *parser) filter(b *builder, r *Rule, root, n *yaml.Node) error {
	for _, key := range []string{"detection", "global"} {
		if other := yamldoc.Child(root, key); other != nil {
			return fail(other, "sigma.filter.mixed", key)
		}
	}
	if err := r.metadata(root, p.opts); err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return fail(n, "sigma.filter.kind", kindName(n))
	}
	f := &Filter{
		ID: r.ID, Name: r.Name, Title: r.Title, Description: r.Description, Author: r.Author, Date: r.Date,
		Modified: r.Modified, LogSource: r.LogSource, Path: r.Path, Line: r.Line, Source: r.Source, body: r,
	}
	rules := yamldoc.Child(n, "rules")
	if rules == nil {
		return fail(n, "sigma.filter.rules-missing")
	}
	if word := strings.ToLower(looseText(rules)); rules.Kind == yaml.ScalarNode && (word == "any" || word == "all") {
		f.Any = true
	} else {
		var err error
		if f.refs, err = b.references(rules); err != nil {
			return err
		}
		for _, ref := range f.refs {
			f.Rules = append(f.Rules, ref.text)
		}
	}
	if c := yamldoc.Child(n, "condition"); c != nil && c.Kind != yaml.ScalarNode {
		return fail(c, "sigma.filter.condition-kind", kindName(c))
	}
	if err := b.detection(r, n, "rules"); err != nil {
		return err
	}
	p.into.Filters = append(p.into.Filters, f)
	return nil
}

// references reads a list of IDs and names; a single one stands for a list of
// one.
func (b *builder) references(n *yaml.Node) ([]reference, error) {
	members := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		members = n.Content
	}
	var out []reference
	for _, m := range members {
		at := m
		m = yamldoc.Deref(m)
		s := looseText(m)
		if s == "" {
			return nil, fail(at, "sigma.filter.rule-kind", kindName(m))
		}
		if slices.ContainsFunc(out, func(ref reference) bool { return ref.text == s }) {
			return nil, fail(at, "sigma.filter.rule-twice", s)
		}
		out = append(out, reference{s, max(at.Line, 1) + b.offset, max(at.Column, 1)})
	}
	if len(out) == 0 {
		return nil, fail(n, "sigma.filter.rules-empty")
	}
	return out, nil
}

// within reports whether l has every part that outer states.
func (l LogSource) within(outer LogSource) bool {
	part := func(has, wants string) bool { return wants == "" || strings.EqualFold(has, wants) }
	return part(l.Product, outer.Product) && part(l.Category, outer.Category) && part(l.Service, outer.Service)
}

// applyFilters replaces each rule that filters are for by a copy with their
// conditions, and says where a filter does not do what it seems to.
func (s *Set) applyFilters(filters []*Filter, dir *directory) {
	byRule := make(map[*Rule][]*Filter)
	for _, original := range filters {
		f := *original
		s.Filters = append(s.Filters, &f)
		warn := func(line, column int, code string, args ...any) {
			s.Warnings = append(s.Warnings, &ParseError{
				Path: f.Path, Line: line, Column: column, RuleID: f.ID, RuleTitle: f.Title,
				Reason: reasons.New(code, args...),
			})
		}
		found := 0
		if f.Any {
			for _, r := range s.Rules {
				if r.LogSource.within(f.LogSource) {
					byRule[r] = append(byRule[r], &f)
					found++
				}
			}
		}
		for _, ref := range f.refs {
			d, err := dir.find(ref.text, f.Path)
			switch {
			case err != nil:
				warn(ref.line, ref.column, "sigma.filter.rule-missing", err)
			case d.rule == nil:
				warn(ref.line, ref.column, "sigma.filter.not-detection", ref.text)
			case !d.rule.LogSource.within(f.LogSource):
				warn(ref.line, ref.column, "sigma.filter.logsource",
					ref.text, d.rule.LogSource.String(), f.LogSource.String())
			case !slices.Contains(byRule[d.rule], &f):
				byRule[d.rule] = append(byRule[d.rule], &f)
				found++
			}
		}
		if found == 0 {
			warn(f.Line, 1, "sigma.filter.unused")
		}
		if !hasNegation(f.body) {
			warn(f.Line, 1, "sigma.filter.not-negated", f.Condition())
		}
	}
	for i, r := range s.Rules {
		if list := byRule[r]; list != nil {
			s.Rules[i] = filtered(r, list)
			dir.copies[r] = s.Rules[i]
			for _, f := range list {
				f.Applied = append(f.Applied, s.Rules[i])
			}
		}
	}
}

// filtered returns a copy of a rule with the conditions of filters. In a match or
// a trace their selections are called "title/name".
func filtered(r *Rule, filters []*Filter) *Rule {
	out := *r
	out.Filters = append(slices.Clone(r.Filters), filters...)
	out.selections = slices.Clone(r.selections)
	out.conditions = slices.Clone(r.conditions)
	out.condition = slices.Clone(r.condition)
	for _, f := range filters {
		renamed := make(map[*selection]*selection)
		for _, s := range f.body.selections {
			renamed[s] = &selection{name: f.Title + "/" + s.name, body: s.body}
			out.selections = append(out.selections, renamed[s])
		}
		condition := rename(f.body.conditions[0], renamed)
		for i := range out.conditions {
			out.conditions[i] = andExpr{[]expr{out.conditions[i], condition}}
			out.condition[i] = "(" + out.condition[i] + ") and (" + f.Condition() + ")"
		}
	}
	return &out
}

// rename returns a condition over other selections.
func rename(e expr, to map[*selection]*selection) expr {
	list := func(in []expr) []expr {
		out := make([]expr, len(in))
		for i, x := range in {
			out[i] = rename(x, to)
		}
		return out
	}
	switch e := e.(type) {
	case andExpr:
		return andExpr{list(e.all)}
	case orExpr:
		return orExpr{list(e.any)}
	case notExpr:
		return notExpr{rename(e.of, to)}
	case ofExpr:
		out := ofExpr{text: e.text, all: e.all}
		for _, s := range e.selections {
			out.selections = append(out.selections, to[s])
		}
		return out
	case selExpr:
		return selExpr{to[e.selection]}
	}
	return e
}

// hasNegation reports whether the rule leaves anything out: by "not" in the
// condition or by the modifier neq.
func hasNegation(r *Rule) bool {
	for it := range r.items {
		if it.mods.neq {
			return true
		}
	}
	var has func(e expr) bool
	has = func(e expr) bool {
		switch e := e.(type) {
		case andExpr:
			return slices.ContainsFunc(e.all, has)
		case orExpr:
			return slices.ContainsFunc(e.any, has)
		case notExpr:
			return true
		}
		return false
	}
	return slices.ContainsFunc(r.conditions, has)
}
