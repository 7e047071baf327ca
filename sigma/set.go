package sigma

import (
	"iter"
	"slices"

	"github.com/meneki/meneki/sigma/internal/fold"
	"github.com/meneki/meneki/sigma/internal/source"
)

// Set is many rules, indexed by log source, and what is built on them. It does
// not change after it was made.
type Set struct {
	// Rules are sorted by path and line. A rule that filters changed is a copy of
	// the one that was parsed; Rule.Filters names them.
	Rules []*Rule
	// Correlations are sorted by path and line; their Rules point into this set.
	Correlations []*Correlation
	// Filters are sorted by path and line, also those that change no rule.
	Filters []*Filter
	Refused []*ParseError // sorted likewise: what was not loaded, and why
	// Warnings are sorted likewise: what was loaded, but may not do what its
	// author meant, such as a filter that changes no rule.
	Warnings []*ParseError

	byLogSource map[sourceKey][]int // indices into Rules, rising
	silent      map[*Rule]bool
}

// sourceKey is a log source without its case.
type sourceKey struct{ product, category, service string }

// NewSet makes a set of rules that were parsed. The rules may come in any order.
// Of several rules with the same ID only the first by path and line is kept; the
// others are listed as refused. A set with correlation rules and filters comes
// from [Collection.Set].
func NewSet(rules []*Rule) *Set { return (&Collection{Rules: rules}).Set() }

// Silent reports whether a rule of the set, which is one of Rules, is only there
// for correlation rules: its matches go to them and are no findings. It is so if
// correlation rules refer to it and none of them says "generate: true". See also
// [Correlation.Silent].
func (s *Set) Silent(r *Rule) bool { return s.silent[r] }

// index makes the rules findable by log source.
func (s *Set) index() {
	s.byLogSource = make(map[sourceKey][]int)
	for i, r := range s.Rules {
		l := r.LogSource
		key := sourceKey{fold.Text(l.Product), fold.Text(l.Category), fold.Text(l.Service)}
		s.byLogSource[key] = append(s.byLogSource[key], i)
	}
}

// Match evaluates every rule whose log source covers the event and returns the
// matches in the order of Rules; those of silent rules too, since correlation
// rules want them. It may be called by several goroutines at once.
func (s *Set) Match(ev Event) iter.Seq[*Match] {
	return func(yield func(*Match) bool) {
		v := newView(ev)
		for i := range s.routed(ev) {
			if m, ok := s.Rules[i].matchView(v); ok && !yield(m) {
				return
			}
		}
	}
}

// routed merges the lists of all log sources that cover the event.
func (s *Set) routed(ev Event) iter.Seq[int] {
	product, service, categories := ev.LogSource()
	if anySource(product, service) {
		return func(yield func(int) bool) {
			for i, r := range s.Rules {
				if r.LogSource.Covers(product, service, categories) && !yield(i) {
					return
				}
			}
		}
	}
	var lists [][]int
	seen := make(map[sourceKey]bool)
	for _, p := range []string{"", fold.Text(product)} {
		for _, sv := range []string{"", fold.Text(service), source.Wider(product, service)} {
			for i := -1; i < len(categories); i++ {
				key := sourceKey{p, "", sv}
				if i >= 0 {
					key.category = fold.Text(categories[i])
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
