package sigma

import (
	"cmp"
	"maps"
	"slices"
)

// Collection is what rule files hold, before it is put together: detection
// rules, correlation rules and filters, in any order and of any number of files.
// Make a [Set] of it to use it.
//
// A file may hold several documents of any kind. The collections of Sigma 1
// ("action: global" and the like) are refused, and so is every document behind
// one in the same file, since it was written to be completed by it.
type Collection struct {
	Rules        []*Rule
	Correlations []*Correlation
	Filters      []*Filter
	Refused      []*ParseError

	refusedNames map[*ParseError]string // the name of a refused document, if it has one
}

// ParseCollection reads all documents of one file. What cannot be understood is
// in Refused. Path is only used to name the file.
func ParseCollection(path string, data []byte, opts ...Option) *Collection {
	return parse(path, data, collect(opts), false)
}

// Add adds all that another collection holds.
func (c *Collection) Add(more *Collection) {
	c.Rules = append(c.Rules, more.Rules...)
	c.Correlations = append(c.Correlations, more.Correlations...)
	c.Filters = append(c.Filters, more.Filters...)
	c.Refused = append(c.Refused, more.Refused...)
	if c.refusedNames == nil {
		c.refusedNames = make(map[*ParseError]string)
	}
	maps.Copy(c.refusedNames, more.refusedNames)
}

// refuse lists a document that is not loaded. Its name is kept, so that the
// reason can be shown where another document refers to it.
func (c *Collection) refuse(e *ParseError, name string) {
	c.Refused = append(c.Refused, e)
	if name != "" {
		if c.refusedNames == nil {
			c.refusedNames = make(map[*ParseError]string)
		}
		c.refusedNames[e] = name
	}
}

// Set puts the documents together: it keeps the first by path and line of those
// with the same ID, adds the filters to their rules, and resolves the references
// of correlation rules, which are refused if what they refer to is not there.
// The collection stays as it is.
//
// A reference is an ID, or else a name: that of a document in the same file, or
// else of the only document with that name.
func (c *Collection) Set() *Set {
	s := &Set{Refused: slices.Clone(c.Refused)}
	unique := c.unique(s)
	dir := newDirectory(unique)
	s.Rules = unique.Rules
	s.applyFilters(unique.Filters, dir)
	s.resolve(unique.Correlations, dir)
	s.index()
	for _, list := range [][]*ParseError{s.Refused, s.Warnings} {
		slices.SortStableFunc(list, func(a, b *ParseError) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
	}
	return s
}

// anyDocument is a rule, a correlation rule or a filter as one of many.
type anyDocument struct {
	path, id, name, title string
	line                  int
	rule                  *Rule
	correlation           *Correlation
	filter                *Filter
	refused               *ParseError
}

func (c *Collection) documents() []anyDocument {
	var all []anyDocument
	for _, r := range c.Rules {
		all = append(all, anyDocument{path: r.Path, line: r.Line, id: r.ID, name: r.Name, title: r.Title, rule: r})
	}
	for _, r := range c.Correlations {
		all = append(all, anyDocument{path: r.Path, line: r.Line, id: r.ID, name: r.Name, title: r.Title,
			correlation: r})
	}
	for _, f := range c.Filters {
		all = append(all, anyDocument{path: f.Path, line: f.Line, id: f.ID, name: f.Name, title: f.Title, filter: f})
	}
	slices.SortStableFunc(all, func(a, b anyDocument) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line), cmp.Compare(a.id, b.id))
	})
	return all
}

// unique returns the documents sorted, without those whose ID is taken, which it
// adds to the set's refusals.
func (c *Collection) unique(s *Set) *Collection {
	out := &Collection{Refused: c.Refused, refusedNames: c.refusedNames}
	first := make(map[string]anyDocument)
	for _, d := range c.documents() {
		if id := sameID(d.id); id != "" {
			if other, taken := first[id]; taken {
				s.Refused = append(s.Refused, &ParseError{
					Path: d.path, Line: d.line, Column: 1, RuleID: d.id, RuleTitle: d.title,
					Reason: reasons.New("sigma.id.duplicate", d.id, other.title, other.path, other.line),
				})
				continue
			}
			first[id] = d
		}
		switch {
		case d.rule != nil:
			out.Rules = append(out.Rules, d.rule)
		case d.correlation != nil:
			out.Correlations = append(out.Correlations, d.correlation)
		default:
			out.Filters = append(out.Filters, d.filter)
		}
	}
	return out
}

// directory finds documents by what others call them.
type directory struct {
	byID    map[string]anyDocument
	byName  map[string][]anyDocument
	refused map[string]*ParseError // by ID and by name
	copies  map[*Rule]*Rule        // the copy of a rule to which filters were added
}

func newDirectory(c *Collection) *directory {
	dir := &directory{
		byID: make(map[string]anyDocument), byName: make(map[string][]anyDocument),
		refused: make(map[string]*ParseError), copies: make(map[*Rule]*Rule),
	}
	for _, d := range c.documents() {
		if d.id != "" {
			dir.byID[sameID(d.id)] = d
		}
		if d.name != "" {
			dir.byName[d.name] = append(dir.byName[d.name], d)
		}
	}
	for _, e := range c.Refused {
		if e.RuleID != "" {
			dir.refused["id "+sameID(e.RuleID)] = e
		}
		if name := c.refusedNames[e]; name != "" {
			dir.refused["name "+name] = e
		}
	}
	return dir
}

// find resolves a reference written in the file at path. The error is what is
// wrong with it.
func (dir *directory) find(ref, path string) (anyDocument, error) {
	if d, ok := dir.byID[sameID(ref)]; ok {
		return d, nil
	}
	named := dir.byName[ref]
	var here []anyDocument
	for _, d := range named {
		if d.path == path {
			here = append(here, d)
		}
	}
	if len(here) > 0 {
		named = here
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return anyDocument{}, reasons.New("sigma.name.ambiguous",
			ref, named[0].title, named[0].path, named[0].line, named[1].title, named[1].path, named[1].line)
	}
	for _, key := range []string{"id " + sameID(ref), "name " + ref} {
		if e := dir.refused[key]; e != nil {
			return anyDocument{refused: e}, reasons.New("sigma.reference.refused", ref, e)
		}
	}
	return anyDocument{}, reasons.New("sigma.reference.missing", ref)
}
