package pipeline

import (
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// maxAlternatives bounds what one selection may become when fields that stand for
// several are written out.
const maxAlternatives = 1000

// name is a field name with what was done to it.
type name struct {
	text    string
	applied map[string]bool // ids of the steps
	mapped  bool            // by a mapping of fields, even to itself
}

func newName(text string) *name { return &name{text: text, applied: make(map[string]bool)} }

func (n *name) clone() *name {
	out := *n
	out.applied = maps.Clone(n.applied)
	return &out
}

// part is a group or an item.
type part interface{ clone() part }

// group is parts of which all, or with or any, must hold.
type group struct {
	at    *yaml.Node
	or    bool
	parts []part
}

// item is one field with modifiers and values; without a field, words that are
// searched in the whole event.
type item struct {
	at      *yaml.Node
	field   *name // its text is "" for keywords
	keyword bool
	mods    []string
	values  []*value
	list    bool // the values were written as a list
}

// value is one value; ref is the field that it names with fieldref.
type value struct {
	node *yaml.Node
	ref  *name
}

func (g *group) clone() part {
	out := &group{at: g.at, or: g.or}
	for _, p := range g.parts {
		out.parts = append(out.parts, p.clone())
	}
	return out
}

func (it *item) clone() part { return it.copy() }

func (it *item) copy() *item {
	out := *it
	out.field = it.field.clone()
	out.mods = slices.Clone(it.mods)
	out.values = make([]*value, len(it.values))
	for i, v := range it.values {
		c := *v
		if v.ref != nil {
			c.ref = v.ref.clone()
		}
		out.values[i] = &c
	}
	return &out
}

// with is the same item with other values, or without the modifiers named.
func (it *item) with(values []*value, drop ...string) *item {
	out := it.copy()
	out.values, out.list = values, len(values) > 1
	out.mods = slices.DeleteFunc(out.mods, func(m string) bool {
		return slices.Contains(drop, m) || m == "all" && len(values) < 2
	})
	return out
}

func (it *item) has(mods ...string) bool {
	return slices.ContainsFunc(it.mods, func(m string) bool { return slices.Contains(mods, m) })
}

// joined links parts that stand for one item as its values are linked: under all
// and neq every one must hold.
func (it *item) joined(parts []part) part {
	if len(parts) == 1 {
		return parts[0]
	}
	return &group{at: it.at, or: !it.has("all", "neq"), parts: parts}
}

// search is one search identifier of a detection.
type search struct {
	name string
	at   *yaml.Node // its key
	body *group
}

// readGroup reads a search identifier or a member of its list.
func readGroup(n *yaml.Node) (*group, error) {
	n = yamldoc.Deref(n)
	g := &group{at: n}
	switch n.Kind {
	case yaml.MappingNode:
		err := yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
			it, err := readItem(key, at, val)
			g.parts = append(g.parts, it)
			return err
		})
		if err != nil {
			return nil, err
		}
	case yaml.SequenceNode:
		g.or = true
		words := &item{at: n, field: newName(""), keyword: true, list: true}
		for _, m := range n.Content {
			if m = yamldoc.Deref(m); m.Kind == yaml.ScalarNode {
				words.values = append(words.values, &value{node: m})
				continue
			}
			member, err := readGroup(m)
			if err != nil {
				return nil, err
			}
			g.parts = append(g.parts, member)
		}
		if len(words.values) > 0 {
			g.parts = append(g.parts, words)
		}
	default:
		g.or = true
		g.parts = []part{&item{at: n, field: newName(""), keyword: true, values: []*value{{node: n}}}}
	}
	if len(g.parts) == 0 {
		return nil, fail(n, "pipeline.selection.empty")
	}
	return g, nil
}

func readItem(key string, at, val *yaml.Node) (*item, error) {
	names := strings.Split(key, "|")
	it := &item{at: at, field: newName(names[0]), keyword: names[0] == "", mods: names[1:]}
	members := []*yaml.Node{val}
	if val.Kind == yaml.SequenceNode {
		members, it.list = val.Content, true
	}
	for _, m := range members {
		if m = yamldoc.Deref(m); m.Kind != yaml.ScalarNode {
			return nil, fail(m, "pipeline.value.nested", key)
		}
		v := &value{node: m}
		if it.has("fieldref") {
			v.ref = newName(m.Value)
		}
		it.values = append(it.values, v)
	}
	if len(it.values) == 0 || key == "" {
		return nil, fail(at, "pipeline.item.empty", key)
	}
	return it, nil
}

// node writes the group as YAML. A rule cannot write alternatives within a
// mapping, so these are multiplied out.
func (g *group) node() (*yaml.Node, error) {
	if g.or {
		out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: g.at.Line, Column: g.at.Column}
		for _, p := range g.parts {
			switch p := p.(type) {
			case *item:
				if p.keyword && len(p.mods) == 0 {
					for _, v := range p.values {
						out.Content = append(out.Content, v.node)
					}
					continue
				}
				out.Content = append(out.Content, mapping(g.at, []*item{p}))
			case *group:
				n, err := p.node()
				if err != nil {
					return nil, err
				}
				out.Content = append(out.Content, n)
			}
		}
		return out, nil
	}
	all, err := g.alternatives()
	if err != nil {
		return nil, err
	}
	if len(all) == 1 {
		return mapping(g.at, all[0]), nil
	}
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: g.at.Line, Column: g.at.Column}
	for _, items := range all {
		out.Content = append(out.Content, mapping(g.at, items))
	}
	return out, nil
}

// alternatives returns the sets of items of which one must hold completely.
func (g *group) alternatives() ([][]*item, error) {
	var out [][]*item
	if !g.or {
		out = [][]*item{nil}
	}
	for _, p := range g.parts {
		var of [][]*item
		switch p := p.(type) {
		case *item:
			of = [][]*item{{p}}
		case *group:
			var err error
			if of, err = p.alternatives(); err != nil {
				return nil, err
			}
		}
		if g.or {
			out = append(out, of...)
		} else {
			if len(out)*len(of) > maxAlternatives {
				return nil, fail(g.at, "pipeline.alternatives", maxAlternatives)
			}
			next := make([][]*item, 0, len(out)*len(of))
			for _, head := range out {
				for _, tail := range of {
					next = append(next, append(slices.Clip(head), tail...))
				}
			}
			out = next
		}
		if len(out) > maxAlternatives {
			return nil, fail(g.at, "pipeline.alternatives", maxAlternatives)
		}
	}
	return out, nil
}

// mapping writes items of which all must hold. A key may come several times.
func mapping(at *yaml.Node, items []*item) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Column}
	for _, it := range items {
		mods := it.mods
		if it.keyword && len(mods) == 0 {
			mods = []string{"contains"} // which is what keywords mean, and a key cannot be empty
		}
		key := strings.Join(append([]string{it.field.text}, mods...), "|")
		val := it.values[0].node
		if it.list || len(it.values) > 1 {
			val = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: val.Line, Column: val.Column}
			for _, v := range it.values {
				val.Content = append(val.Content, v.node)
			}
		}
		out.Content = append(out.Content, textNode(it.at, key), val)
	}
	return out
}

// walk calls do with every item, in the order of the rule, until it errs.
func walk(p part, do func(*item) error) error {
	switch p := p.(type) {
	case *item:
		return do(p)
	case *group:
		for _, q := range p.parts {
			if err := walk(q, do); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace calls do with every item and puts what it returns in its place; nil
// leaves the item out.
func (g *group) replace(do func(*item) (part, error)) error {
	kept := g.parts[:0]
	for _, p := range g.parts {
		switch q := p.(type) {
		case *group:
			if err := q.replace(do); err != nil {
				return err
			}
		case *item:
			var err error
			if p, err = do(q); err != nil {
				return err
			}
		}
		if p != nil {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return fail(g.at, "pipeline.selection.dropped")
	}
	g.parts = kept
	return nil
}
