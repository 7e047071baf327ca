package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// itemCondition looks at one item of a detection, fieldCondition at the name of
// a field.
type (
	itemCondition interface {
		item(r *run, it *item) (bool, error)
	}
	fieldCondition interface {
		field(r *run, n *name) (bool, error)
	}
)

func itemConditionOf(a *args, kind string) itemCondition {
	switch kind {
	case "match_string":
		pattern := a.must("pattern")
		c := anyValue{all: readAny(a), negate: a.flag("negate")}
		if pattern != nil {
			re := a.regex(pattern, pattern.Value, true)
			c.test = func(v seenValue) bool { return v.kind == textKind && re.MatchString(v.glob.plain()) }
		}
		return c
	case "match_value":
		want := a.scalar("value")
		return anyValue{all: readAny(a), test: func(v seenValue) bool { return v.equals(want) }}
	case "contains_wildcard":
		return anyValue{all: readAny(a), test: func(v seenValue) bool {
			return v.kind == textKind &&
				v.glob.wildcards()
		}}
	case "is_null":
		return anyValue{all: readAny(a), test: func(v seenValue) bool { return v.kind == nullKind }}
	case "processing_item_applied":
		return nameApplied(a.name("processing_item_id"))
	case "processing_state":
		return readState(a)
	}
	a.fail(a.at, "pipeline.condition.item-unknown", kind)
	return nil
}

// readAny reads the parameter cond, which has no default: whether all values must
// pass instead of any.
func readAny(a *args) (all bool) {
	n := a.must("cond")
	if n != nil && n.Value != "any" && n.Value != "all" {
		a.fail(n, "pipeline.condition.cond", a.what)
	}
	return n != nil && n.Value == "all"
}

func fieldConditionOf(a *args, kind string) fieldCondition {
	switch kind {
	case "include_fields", "exclude_fields":
		c := fieldIn{not: kind == "exclude_fields"}
		at := a.keys["fields"]
		list := a.texts("fields")
		if list == nil {
			a.fail(a.at, "pipeline.condition.fields", a.what)
		}
		if a.choice("mode", "plain", "re") == "plain" {
			c.plain = list
			return c
		}
		for _, text := range list {
			c.patterns = append(c.patterns, a.regex(at, text, true))
		}
		return c
	case "processing_item_applied":
		return nameApplied(a.name("processing_item_id"))
	case "processing_state":
		return readState(a)
	}
	a.fail(a.at, "pipeline.condition.field-unknown", kind)
	return nil
}

// anyValue tests the values of an item, any or all of them.
type anyValue struct {
	all, negate bool
	test        func(seenValue) bool
}

func (c anyValue) item(_ *run, it *item) (bool, error) {
	for _, v := range it.values {
		seen, err := it.seen(v)
		if err != nil {
			return false, err
		}
		if (c.test(seen) != c.negate) != c.all {
			return !c.all, nil
		}
	}
	return c.all, nil
}

// nameApplied asks what was done to this item or name.
type nameApplied string

func (c nameApplied) item(_ *run, it *item) (bool, error) { return it.field.applied[string(c)], nil }
func (c nameApplied) field(_ *run, n *name) (bool, error) { return n.applied[string(c)], nil }

func (c stateIs) item(r *run, _ *item) (bool, error) {
	t, err := c.holds(r)
	return t == yes, err
}

func (c stateIs) field(r *run, _ *name) (bool, error) {
	t, err := c.holds(r)
	return t == yes, err
}

// fieldIn is include_fields and exclude_fields. Keywords are no field: they are
// never included and always excluded.
type fieldIn struct {
	not      bool
	plain    []string
	patterns []*regexp.Regexp
}

func (c fieldIn) field(_ *run, n *name) (bool, error) {
	in := slices.Contains(c.plain, n.text)
	for _, p := range c.patterns {
		in = in || n.text != "" && p.MatchString(n.text)
	}
	return in != c.not, nil
}

// seenValue is a value as conditions and transformations see it: after its
// modifiers, so "contains: x" is *x*.
type seenValue struct {
	kind   kind
	glob   glob // of text
	node   *yaml.Node
	opaque bool // a regular expression, a network, a comparison: no value of its own
}

// equals compares with a value of the pipeline, of the same kind.
func (v seenValue) equals(want *yaml.Node) bool {
	switch {
	case v.opaque || v.kind != kindOf(want):
		return false
	case v.kind == textKind:
		return v.glob.String() == parseGlob(want.Value).String()
	case v.kind == nullKind:
		return true
	}
	order, ok := compareScalars(v.node, want)
	return ok && order == 0
}

// placing are the modifiers that only add wildcards; with linking ones, and
// cased, they leave a value a text.
var (
	placing = []string{"contains", "startswith", "endswith"}
	textual = append([]string{"all", "neq", "cased", "expand"}, placing...)
	encoded = []string{"base64", "wide", "utf16le", "utf16be", "utf16"}
)

// seen returns a value after its modifiers. It errs on encodings, whose result is
// known only when they are applied.
func (it *item) seen(v *value) (seenValue, error) {
	out := seenValue{kind: kindOf(v.node), node: v.node}
	for _, m := range it.mods {
		switch {
		case slices.Contains(encoded, m) && !it.has("base64offset"):
			return out, fail(v.node, "pipeline.value.opaque", it.label(), m)
		case !slices.Contains(textual, m):
			out.opaque, out.kind = true, boolKind
			return out, nil
		}
	}
	if out.kind == nullKind || out.kind == boolKind {
		return out, nil
	}
	if out.kind == numberKind {
		if !it.has(placing...) {
			return out, nil
		}
		out.kind = textKind
	}
	out.glob = parseGlob(v.node.Value)
	for _, m := range it.mods {
		if slices.Contains(placing, m) {
			out.glob = out.glob.stars(m != "startswith", m != "endswith")
		}
	}
	return out, nil
}

// label returns the item as a rule writes it.
func (it *item) label() string {
	if it.keyword && len(it.mods) == 0 {
		return "keywords"
	}
	return strings.Join(append([]string{it.field.text}, it.mods...), "|")
}
