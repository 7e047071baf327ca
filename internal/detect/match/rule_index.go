package match

import (
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// RuleIndex matches rules that change often. They are compiled in segments: a
// change compiles what it adds, and a segment is compiled again with the one before
// it when that is not several times as large. So each rule is compiled a few times
// however many come after it, and an event is matched by a few engines. It is
// immutable.
type RuleIndex struct{ segments []ruleSegment }

// segmentFactor is how many times as large as the next a segment is at least.
const segmentFactor = 4

type ruleSegment struct {
	rules   []*sigma.Rule
	stale   map[*sigma.Rule]bool // rules that the engines hold and that are not wanted any more
	engines []*engine.Engine
}

// with returns the index without some rules and with others. A rule that is not
// wanted any more may match until its segment is compiled again.
func (x *RuleIndex) with(add []*sigma.Rule, drop map[*sigma.Rule]bool, c clock.Clock) *RuleIndex {
	return x.changed(add, drop, 4, c)
}

// Of returns the index of exactly some rules.
func (x *RuleIndex) Of(rules []*sigma.Rule, c clock.Clock) *RuleIndex {
	if x == nil {
		x = &RuleIndex{}
	}
	wanted := make(map[*sigma.Rule]bool, len(rules))
	for _, r := range rules {
		wanted[r] = true
	}
	drop := map[*sigma.Rule]bool{}
	for _, s := range x.segments {
		for _, r := range s.rules {
			if !wanted[r] {
				drop[r] = true
			}
			delete(wanted, r)
		}
	}
	var add []*sigma.Rule
	for _, r := range rules { // in their order
		if wanted[r] {
			delete(wanted, r)
			add = append(add, r)
		}
	}
	return x.changed(add, drop, 0, c)
}

// changed compiles a segment again if it would be compiled with others, or if one
// in so many of its rules is stale; with 0 if any is.
func (x *RuleIndex) changed(add []*sigma.Rule, drop map[*sigma.Rule]bool, oneIn int, c clock.Clock) *RuleIndex {
	n := &RuleIndex{segments: slices.Clone(x.segments)}
	back := map[*sigma.Rule]bool{} // of add: an engine has it
	for i := range n.segments {
		s := &n.segments[i]
		s.rules, s.stale = slices.Clone(s.rules), maps.Clone(s.stale)
		s.rules = slices.DeleteFunc(s.rules, func(r *sigma.Rule) bool {
			if drop[r] {
				if s.stale == nil {
					s.stale = map[*sigma.Rule]bool{}
				}
				s.stale[r] = true
			}
			return drop[r]
		})
		for _, r := range add {
			if s.stale[r] {
				delete(s.stale, r)
				s.rules, back[r] = append(s.rules, r), true
			}
		}
		if len(s.stale) > 0 && (oneIn == 0 || len(s.stale)*oneIn >= len(s.rules)) {
			s.engines = nil
		}
	}
	n.segments = append(
		n.segments,
		ruleSegment{rules: slices.DeleteFunc(slices.Clone(add), func(r *sigma.Rule) bool { return back[r] })},
	)
	n.segments = slices.DeleteFunc(n.segments, func(s ruleSegment) bool { return len(s.rules) == 0 })
	for i := len(n.segments) - 1; i > 0; i-- {
		if last, prev := n.segments[i], n.segments[i-1]; len(last.rules)*segmentFactor > len(prev.rules) {
			n.segments[i-1] = ruleSegment{rules: slices.Concat(prev.rules, last.rules)}
			n.segments = slices.Delete(n.segments, i, i+1)
		}
	}
	for i := range n.segments {
		if s := &n.segments[i]; s.engines == nil {
			s.engines, s.stale = CompileAll(s.rules, engine.Options{Clock: c}), nil
		}
	}
	return n
}

// Engines calls yield with each engine.
func (x *RuleIndex) Engines(yield func(*engine.Engine) bool) {
	for _, s := range x.segments {
		for _, e := range s.engines {
			if !yield(e) {
				return
			}
		}
	}
}

// Match yields the rules that match, and perhaps some that were dropped.
func (x *RuleIndex) match(ev *event.Event, yield func(*sigma.Match)) {
	for e := range x.Engines {
		for m := range e.Match(ev) {
			yield(m)
		}
	}
}

// CompileAll makes engines for rules of which several may have one id: a set holds
// an id once.
func CompileAll(rules []*sigma.Rule, o engine.Options) []*engine.Engine {
	var keys []map[string]bool
	var parts [][]*sigma.Rule
	for _, r := range rules {
		key := strings.ToLower(r.Key())
		at := slices.IndexFunc(keys, func(k map[string]bool) bool { return !k[key] })
		if at < 0 {
			at = len(keys)
			keys, parts = append(keys, map[string]bool{}), append(parts, nil)
		}
		keys[at][key], parts[at] = true, append(parts[at], r)
	}
	var out []*engine.Engine
	for _, p := range parts {
		out = append(out, engine.Compile(sigma.NewSet(p), o))
	}
	return out
}
