package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// Bounds of what the steps may make of one document. A field that stands for
// several, again and again, or a text that is doubled, would otherwise grow
// without end.
const (
	maxItems      = 10_000 // made by one step
	maxValues     = 10_000 // of one item
	maxText       = 64 << 10
	maxName       = 1024
	maxFields     = 1000
	maxConditions = 64
)

// ruleKind is what a document is.
type ruleKind uint8

const (
	detectionRule ruleKind = iota
	filterRule
	correlationRule
)

// run is one document on its way through the steps.
type run struct {
	root   *yaml.Node
	kind   ruleKind
	vars   map[string][]string
	source logSource

	searches   []*search
	conditions []string // put before the rule's own, joined by and, in the order added
	fields     []*name  // the rule's list of fields
	probes     map[string][]*name

	state   map[string]*yaml.Node
	custom  map[string]*yaml.Node
	applied map[string]truth // by id of the step

	detectionChanged, sourceChanged, fieldsChanged bool
}

// newRun reads what steps look at. A correlation has no log source of its own:
// source is that of one of its rules.
func newRun(root *yaml.Node, kind ruleKind, vars map[string][]string, source *logSource) (*run, error) {
	r := &run{
		root: root, kind: kind, vars: vars, probes: make(map[string][]*name),
		state: make(map[string]*yaml.Node), custom: make(map[string]*yaml.Node), applied: make(map[string]truth),
	}
	for _, text := range texts(yamldoc.Child(root, "fields")) {
		r.fields = append(r.fields, newName(text))
	}
	if kind == correlationRule {
		r.source = *source
		return r, nil
	}
	r.source = sourceOf(root)
	detection := r.detection()
	if detection == nil || detection.Kind != yaml.MappingNode {
		return nil, fail(root, "pipeline.detection.kind")
	}
	err := yamldoc.Pairs(detection, func(key string, at, val *yaml.Node) error {
		if !r.isSearch(key) {
			return nil
		}
		body, err := readGroup(val)
		r.searches = append(r.searches, &search{name: key, at: at, body: body})
		return err
	})
	return r, err
}

func sourceOf(root *yaml.Node) logSource {
	n := yamldoc.Child(root, "logsource")
	return logSource{looseText(yamldoc.Child(n, "category")), looseText(yamldoc.Child(n, "product")),
		looseText(yamldoc.Child(n, "service"))}
}

// detection is where the search identifiers are.
func (r *run) detection() *yaml.Node {
	if r.kind == filterRule {
		return yamldoc.Child(r.root, "filter")
	}
	return yamldoc.Child(r.root, "detection")
}

func (r *run) isSearch(key string) bool {
	return key != "condition" && key != "timeframe" && (r.kind != filterRule || key != "rules")
}

func (r *run) eachItem(do func(*item) error) error {
	for _, s := range r.searches {
		if err := walk(s.body, do); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) fieldTexts() []string {
	out := make([]string, len(r.fields))
	for i, n := range r.fields {
		out[i] = n.text
	}
	return out
}

func (r *run) steps(list []*step) error {
	for _, s := range list {
		if err := r.step(s); err != nil {
			return s.wrap(err)
		}
	}
	return nil
}

// step applies one step if its conditions hold. Where they are open, which is
// only for filters, the step must not matter.
func (r *run) step(s *step) error {
	t, err := s.rules.eval(func(c ruleCondition) (truth, error) { return c.rule(r) })
	if err != nil || t == no {
		return err
	}
	if t == open {
		trial := r.clone()
		if err := trial.force(s); err != nil || trial.print() != r.print() {
			return s.fail(r.root, "pipeline.filter.undecided")
		}
		r.note(s, open)
		return nil
	}
	return r.force(s)
}

// force applies a step without asking its conditions on rules.
func (r *run) force(s *step) error {
	r.note(s, yes)
	switch do := s.do.(type) {
	case ruleStep:
		return do.apply(r, s)
	case nameStep:
		return r.rename(s, do)
	case itemStep:
		return r.replace(s, do)
	}
	return nil
}

func (r *run) note(s *step, t truth) {
	if s.id != "" {
		r.applied[s.id] = max(r.applied[s.id], t)
	}
}

// replace offers every item to a step.
func (r *run) replace(s *step, do itemStep) error {
	made := 0
	for _, one := range r.searches {
		err := one.body.replace(func(it *item) (part, error) {
			ok, err := s.itemHolds(r, it)
			if err != nil || !ok {
				return it, err
			}
			out, changed, err := do.item(r, s, it)
			if err != nil || !changed {
				return it, err
			}
			r.detectionChanged = true
			if out == nil {
				return nil, nil
			}
			return out, walk(out, func(it *item) error {
				it.field.mark(s)
				if made++; made > maxItems {
					return fail(it.at, "pipeline.many-items", maxItems)
				}
				return it.check()
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check holds what a step made against the bounds.
func (it *item) check() error {
	if len(it.values) > maxValues {
		return fail(it.at, "pipeline.many-values", maxValues)
	}
	if len(it.field.text) > maxName {
		return fail(it.at, "pipeline.long-name", maxName)
	}
	for _, v := range it.values {
		if len(v.node.Value) > maxText {
			return fail(v.node, "pipeline.long-value", maxText)
		}
	}
	return nil
}

func (n *name) mark(s *step) {
	if s.id != "" {
		n.applied[s.id] = true
	}
}

// itemHolds asks the conditions on names, for the item's own field and the fields
// that it refers to, and those on items.
func (s *step) itemHolds(r *run, it *item) (bool, error) {
	ok, err := s.nameHolds(r, it.field)
	for _, v := range it.values {
		if !ok && err == nil && v.ref != nil {
			ok, err = s.nameHolds(r, v.ref)
		}
	}
	if err != nil || !ok {
		return false, err
	}
	t, err := s.items.eval(func(c itemCondition) (truth, error) {
		ok, err := c.item(r, it)
		return truthOf(ok), err
	})
	return t == yes, err
}

func (s *step) nameHolds(r *run, n *name) (bool, error) {
	t, err := s.fields.eval(func(c fieldCondition) (truth, error) {
		ok, err := c.field(r, n)
		return truthOf(ok), err
	})
	return t == yes, err
}

// clone copies everything that a step may change.
func (r *run) clone() *run {
	out := *r
	out.searches = nil
	for _, s := range r.searches {
		c := *s
		c.body = s.body.clone().(*group)
		out.searches = append(out.searches, &c)
	}
	out.conditions = slices.Clone(r.conditions)
	out.fields = make([]*name, len(r.fields))
	for i, n := range r.fields {
		out.fields[i] = n.clone()
	}
	out.state, out.custom, out.applied = maps.Clone(r.state), maps.Clone(r.custom), maps.Clone(r.applied)
	return &out
}

// print writes everything that a step may change and that matters later, to
// compare two runs.
func (r *run) print() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n%q\n%q\n", r.source, r.conditions, r.fieldTexts())
	for _, m := range []map[string]*yaml.Node{r.state, r.custom} {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&b, "%q %s %q %p\n", key, m[key].ShortTag(), m[key].Value, m[key])
		}
	}
	var write func(p part)
	write = func(p part) {
		switch p := p.(type) {
		case *group:
			fmt.Fprintf(&b, "(%v", p.or)
			for _, q := range p.parts {
				write(q)
			}
			b.WriteString(")")
		case *item:
			fmt.Fprintf(&b, "%q %v %v", p.label(), p.keyword, slices.Sorted(maps.Keys(p.field.applied)))
			for _, v := range p.values {
				fmt.Fprintf(&b, " %s %q", v.node.ShortTag(), v.node.Value)
			}
			b.WriteByte('\n')
		}
	}
	for _, s := range r.searches {
		fmt.Fprintf(&b, "%q ", s.name)
		write(s.body)
	}
	return b.String()
}
