package sigma

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resolver turns the references of correlation rules into pointers. It walks
// down chains of correlations, each once.
type resolver struct {
	set   *Set
	dir   *directory
	state map[*Correlation]*resolution // by the correlation as parsed
	path  []*Correlation               // that are being resolved, outermost first
}

// resolution is what became of a correlation.
type resolution struct {
	done    bool
	out     *Correlation // nil if refused
	refused *ParseError
	depth   int // of the chain below it, 1 if it refers to detection rules only
}

// resolve adds the correlations to the set, or to its refusals, and finds out
// which rules are silent.
func (s *Set) resolve(list []*Correlation, dir *directory) {
	r := &resolver{set: s, dir: dir, state: make(map[*Correlation]*resolution)}
	for _, c := range list {
		if done := r.resolve(c); done.out != nil {
			s.Correlations = append(s.Correlations, done.out)
		} else {
			s.Refused = append(s.Refused, done.refused)
		}
	}
	s.silent = make(map[*Rule]bool)
	heard := make(map[any]bool)
	for _, c := range s.Correlations {
		for _, ref := range c.Rules {
			switch {
			case ref.Rule != nil:
				heard[ref.Rule] = heard[ref.Rule] || c.Generate
				s.silent[ref.Rule] = !heard[ref.Rule]
			case ref.Correlation != nil:
				heard[ref.Correlation] = heard[ref.Correlation] || c.Generate
				ref.Correlation.Silent = !heard[ref.Correlation]
			}
		}
	}
}

// resolve returns what became of a correlation, working it out if need be.
func (r *resolver) resolve(original *Correlation) *resolution {
	if state := r.state[original]; state != nil {
		return state
	}
	state := &resolution{}
	r.state[original] = state
	r.path = append(r.path, original)
	defer func() { r.path = r.path[:len(r.path)-1] }()
	c := *original
	c.Rules = slices.Clone(original.Rules)
	c.Aliases = slices.Clone(original.Aliases)
	refuse := func(where reference, err error) *resolution {
		state.done = true
		state.refused = &ParseError{
			Path: c.Path, Line: where.line, Column: where.column, RuleID: c.ID, RuleTitle: c.Title,
			Reason: reasonOf(err),
		}
		return state
	}
	for i := range c.Rules {
		where := c.where[c.Rules[i].Text]
		below, err := r.follow(&c, i)
		if err != nil {
			return refuse(where, err)
		}
		if state.depth = max(state.depth, below+1); state.depth > maxChain {
			return refuse(where, reasons.New("sigma.correlation.chain", maxChain))
		}
	}
	for i := range c.Aliases {
		if err := r.alias(&c, &c.Aliases[i]); err != nil {
			return refuse(c.where["alias "+c.Aliases[i].Name], err)
		}
	}
	state.done, state.out = true, &c
	return state
}

// follow resolves one reference and returns the depth of the chain below it.
func (r *resolver) follow(c *Correlation, i int) (depth int, err error) {
	ref := &c.Rules[i]
	d, err := r.dir.find(ref.Text, c.Path)
	switch {
	case err != nil:
		return 0, reasons.New("sigma.correlation.rule-missing", err)
	case d.filter != nil:
		return 0, reasons.New("sigma.correlation.to-filter", ref.Text)
	case d.rule != nil:
		ref.Rule = d.rule
		if changed := r.dir.copies[d.rule]; changed != nil {
			ref.Rule = changed
		}
	default:
		below := r.resolve(d.correlation)
		switch {
		case !below.done:
			return 0, reasons.New("sigma.correlation.circle", r.circle(d.correlation))
		case below.out == nil:
			return 0, reasons.New("sigma.correlation.rule-refused", ref.Text, below.refused)
		}
		ref.Correlation, depth = below.out, below.depth
	}
	for _, other := range c.Rules[:i] {
		if other.Rule == ref.Rule && other.Correlation == ref.Correlation {
			return 0, reasons.New("sigma.correlation.same-rule", other.Text, ref.Text)
		}
	}
	return depth, nil
}

// circle writes the way from a correlation back to itself.
func (r *resolver) circle(to *Correlation) string {
	var names []string
	for _, c := range r.path[slices.Index(r.path, to):] {
		names = append(names, fmt.Sprintf("%q", c.Title))
	}
	return strings.Join(append(names, fmt.Sprintf("%q", to.Title)), " → ")
}

// alias finds the field of each rule. Every rule needs one: what the document
// leaves out would otherwise silently never be found.
func (r *resolver) alias(c *Correlation, a *Alias) error {
	a.byRef = make([]string, len(c.Rules))
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		i := slices.IndexFunc(c.Rules, func(ref RuleRef) bool { return ref.Text == name })
		if i < 0 {
			if i = r.indexOf(c, name); i < 0 {
				return reasons.New("sigma.correlation.alias-not-listed", a.Name, name)
			}
		}
		if a.byRef[i] != "" {
			return reasons.New("sigma.correlation.alias-twice", a.Name, c.Rules[i].Text)
		}
		a.byRef[i] = a.Fields[name]
	}
	for i, field := range a.byRef {
		if field == "" {
			return reasons.New("sigma.correlation.alias-incomplete", a.Name, c.Rules[i].Text)
		}
	}
	return nil
}

// indexOf finds a rule of the correlation under its other name: by the name
// where rules gives the ID, or the other way round.
func (r *resolver) indexOf(c *Correlation, name string) int {
	d, err := r.dir.find(name, c.Path)
	if err != nil {
		return -1
	}
	rule := d.rule
	if changed := r.dir.copies[rule]; changed != nil {
		rule = changed
	}
	return slices.IndexFunc(c.Rules, func(ref RuleRef) bool {
		return ref.Rule != nil && ref.Rule == rule ||
			ref.Correlation != nil && d.correlation != nil && ref.Correlation == r.state[d.correlation].out
	})
}
