package sigma

import (
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// selection is one search identifier of a rule.
type selection struct {
	name string
	body *block
}

// block is what a search identifier holds: either items that must all hold (a
// map), or alternatives of which one must (a list).
type block struct {
	items []*item
	any   []*block
}

func (b *block) eval(v *view) bool {
	for _, alternative := range b.any {
		if alternative.eval(v) {
			return true
		}
	}
	for _, it := range b.items {
		if !it.eval(v) {
			return false
		}
	}
	return b.any == nil
}

// builder compiles the detection of one document.
type builder struct {
	opts   *options
	offset int // lines of the file before the document
	source []byte
}

// block reads a search identifier or a member of its list.
func (b *builder) block(n *yaml.Node) (*block, error) {
	switch n.Kind {
	case yaml.MappingNode:
		out := &block{}
		err := yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
			it, err := b.item(key, at, val)
			if err == nil {
				out.items = append(out.items, it)
			}
			return err
		})
		if err == nil && len(out.items) == 0 {
			err = fail(n, "sigma.selection.empty-mapping")
		}
		return out, err
	case yaml.SequenceNode:
		return b.list(n)
	default:
		if n.ShortTag() == "!!null" {
			return nil, fail(n, "sigma.selection.empty")
		}
		it, err := b.keywords(n, []*yaml.Node{n})
		if err != nil {
			return nil, err
		}
		return &block{items: []*item{it}}, nil
	}
}

// list reads a list: its maps are alternatives, and so are its strings, which
// are keywords.
func (b *builder) list(n *yaml.Node) (*block, error) {
	if len(n.Content) == 0 {
		return nil, fail(n, "sigma.selection.empty-list")
	}
	out := &block{}
	var words []*yaml.Node
	for _, member := range n.Content {
		if member = yamldoc.Deref(member); member.Kind == yaml.ScalarNode {
			words = append(words, member)
			continue
		}
		alternative, err := b.block(member)
		if err != nil {
			return nil, err
		}
		out.any = append(out.any, alternative)
	}
	if len(words) > 0 {
		it, err := b.keywords(n, words)
		if err != nil {
			return nil, err
		}
		out.any = append(out.any, &block{items: []*item{it}})
	}
	return out, nil
}

// keywords makes the item for words without a field.
func (b *builder) keywords(at *yaml.Node, words []*yaml.Node) (*item, error) {
	it := &item{keyword: true, line: at.Line + b.offset}
	return it, b.values(it, at, words)
}

// item reads one key of a map with its values.
func (b *builder) item(key string, at, val *yaml.Node) (*item, error) {
	field, names := fieldName(key)
	it := &item{field: field, keyword: field == "", line: max(at.Line, 1) + b.offset}
	if key == "" {
		return nil, fail(at, "sigma.field.empty")
	}
	if strings.TrimSpace(field) != field {
		return nil, fail(at, "sigma.field.blank", field)
	}
	var err error
	if it.mods, err = parseChain(names, it.keyword); err != nil {
		return nil, fail(at, "sigma.at.field", key, err)
	}
	var list []*yaml.Node
	switch val.Kind {
	case yaml.MappingNode:
		return nil, fail(val, "sigma.value.mapping", key)
	case yaml.SequenceNode:
		if len(val.Content) == 0 {
			return nil, fail(at, "sigma.value.none", key)
		}
		for _, member := range val.Content {
			member = yamldoc.Deref(member)
			if member.Kind == yaml.ScalarNode && member.ShortTag() == "!!null" {
				return nil, fail(member, "sigma.value.null-in-list", key)
			}
			list = append(list, member)
		}
		if it.mods.has(modExists) {
			return nil, fail(at, "sigma.exists.list", key)
		}
	default:
		list = []*yaml.Node{val}
	}
	if it.mods.has(modExists) {
		s := readScalar(val)
		if s.kind != scalarBool {
			return nil, fail(at, "sigma.exists.kind", key, kindName(val), s.raw)
		}
		it.exists = &s.yes
		it.values = []*value{{raw: s.raw}}
		return it, nil
	}
	if it.mods.all && len(list) < 2 {
		return nil, fail(at, "sigma.all.single", key)
	}
	return it, b.values(it, at, list)
}

// values compiles the values of an item.
func (b *builder) values(it *item, at *yaml.Node, list []*yaml.Node) error {
	named := false
	for _, n := range list {
		if n.Kind != yaml.ScalarNode {
			return fail(n, "sigma.value.nested", it.name(), kindName(n))
		}
		s := readScalar(n)
		val, err := compileValue(s, it.mods, it.keyword, b.opts.placeholders)
		if err != nil {
			return fail(n, "sigma.at.field", it.name(), err)
		}
		named = named || hasPlaceholder(s.raw)
		it.values = append(it.values, val)
	}
	if it.mods.has(modExpand) && !named {
		return fail(at, "sigma.expand.unused", it.name())
	}
	return nil
}
