package sigma

import (
	"cmp"
	"fmt"
	"slices"
)

// Set is many rules, indexed by log source. It does not change after it was
// made.
type Set struct {
	Rules   []*Rule       // sorted by path and line
	Refused []*ParseError // sorted likewise: what was not loaded, and why

	byLogSource map[sourceKey][]int // indices into Rules, rising
}

// sourceKey is a log source without its case.
type sourceKey struct{ product, category, service string }

// NewSet makes a set of rules that were parsed. The rules may come in any order.
// Of several rules with the same ID only the first by path and line is kept; the
// others are listed as refused.
func NewSet(rules []*Rule) *Set { return newSet(rules, nil) }

func newSet(rules []*Rule, refused []*ParseError) *Set {
	s := &Set{Refused: slices.Clone(refused), byLogSource: make(map[sourceKey][]int)}
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID))
	})
	first := make(map[string]*Rule, len(rules))
	for _, r := range rules {
		if id := sameID(r.ID); id != "" {
			if other := first[id]; other != nil {
				s.Refused = append(s.Refused, &ParseError{
					Path: r.Path, Line: r.Line, Column: 1, RuleID: r.ID, RuleTitle: r.Title,
					Reason: fmt.Sprintf("id %s is already that of %q at %s:%d", r.ID, other.Title, other.Path, other.Line),
				})
				continue
			}
			first[id] = r
		}
		key := sourceKey{fold(r.LogSource.Product), fold(r.LogSource.Category), fold(r.LogSource.Service)}
		s.byLogSource[key] = append(s.byLogSource[key], len(s.Rules))
		s.Rules = append(s.Rules, r)
	}
	slices.SortStableFunc(s.Refused, func(a, b *ParseError) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return s
}

// Match evaluates every rule whose log source covers the event and calls yield
// with each match, in the order of Rules, until yield returns false. It may be
// called by several goroutines at once.
func (s *Set) Match(ev Event, yield func(*Match) bool) {
	v := newView(ev)
	for i := range s.routed(ev) {
		if m, ok := s.Rules[i].matchView(v); ok && !yield(m) {
			return
		}
	}
}

// Routed calls yield with the rules whose log source covers the event, in the
// order of Rules.
func (s *Set) Routed(ev Event, yield func(*Rule) bool) {
	for i := range s.routed(ev) {
		if !yield(s.Rules[i]) {
			return
		}
	}
}

// routed merges the lists of all log sources that cover the event.
func (s *Set) routed(ev Event) func(func(int) bool) {
	product, service, categories := ev.LogSource()
	var lists [][]int
	seen := make(map[sourceKey]bool)
	for _, p := range []string{"", fold(product)} {
		for _, sv := range []string{"", fold(service)} {
			for i := -1; i < len(categories); i++ {
				key := sourceKey{p, "", sv}
				if i >= 0 {
					key.category = fold(categories[i])
				}
				if list := s.byLogSource[key]; len(list) > 0 && !seen[key] {
					lists = append(lists, list)
					seen[key] = true
				}
			}
		}
	}
	return func(yield func(int) bool) {
		for len(lists) > 0 {
			least := 0
			for i := range lists {
				if lists[i][0] < lists[least][0] {
					least = i
				}
			}
			rule := lists[least][0]
			if lists[least] = lists[least][1:]; len(lists[least]) == 0 {
				lists = slices.Delete(lists, least, least+1)
			}
			if !yield(rule) {
				return
			}
		}
	}
}
