package pipeline

import (
	"slices"
	"strings"
	"unicode"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// fieldMap is field_name_mapping: a field to one or several others. The key null
// stands for keywords.
type fieldMap struct {
	to       map[string][]string
	keywords []string
}

func (m fieldMap) names(field string, keyword bool) ([]string, bool) {
	if keyword {
		return m.keywords, m.keywords != nil
	}
	out, ok := m.to[field]
	return out, ok
}

func readMapping(a *args) any { return readFieldMap(a, a.must("mapping")) }

func readFieldMap(a *args, n *yaml.Node) fieldMap {
	m := fieldMap{to: make(map[string][]string)}
	if n == nil {
		return m
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		a.fail(n, "pipeline.mapping.kind", a.what)
		return m
	}
	yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		list := textsOf(a, "mapping", val)
		if len(list) == 0 {
			a.fail(val, "pipeline.mapping.empty", a.what, key)
		}
		for i, to := range list {
			checkName(a, val, to)
			if slices.Contains(list[:i], to) {
				a.fail(val, "pipeline.mapping.twice", a.what, key, to)
			}
		}
		if kindOf(at) == nullKind {
			m.keywords = list
		} else {
			m.to[key] = list
		}
		return nil
	})
	return m
}

// checkName refuses what no rule could name.
func checkName(a *args, at *yaml.Node, field string) {
	if field == "" || strings.TrimSpace(field) != field || strings.ContainsRune(field, '|') {
		a.fail(at, "pipeline.mapping.field", a.what, field)
	}
}

// prefixMap is field_name_prefix_mapping: the first prefix that fits counts.
type prefixMap struct {
	from []string
	to   [][]string
}

func readPrefixMapping(a *args) any {
	m := prefixMap{}
	n := a.must("mapping")
	if n == nil || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		a.fail(a.at, "pipeline.prefix.kind", a.what)
		return m
	}
	yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		list := textsOf(a, "mapping", val)
		if kindOf(at) == nullKind || len(list) == 0 {
			a.fail(at, "pipeline.prefix.text", a.what)
		}
		m.from, m.to = append(m.from, key), append(m.to, list)
		return nil
	})
	return m
}

func (m prefixMap) names(field string, keyword bool) ([]string, bool) {
	if keyword {
		return nil, false
	}
	for i, from := range m.from {
		if rest, ok := strings.CutPrefix(field, from); ok {
			var out []string
			for _, to := range m.to[i] {
				out = append(out, to+rest)
			}
			return out, true
		}
	}
	return nil, false
}

// affix is field_name_prefix and field_name_suffix.
type affix struct{ before, behind string }

func readPrefix(a *args) any { return affix{before: a.name("prefix")} }
func readSuffix(a *args) any { return affix{behind: a.name("suffix")} }

func (x affix) names(field string, keyword bool) ([]string, bool) {
	return []string{x.before + field + x.behind}, !keyword
}

// spell is field_name_transform. Its function is one of Python's in pySigma,
// which YAML cannot hold; here it has a name.
type spell struct {
	how     string
	instead fieldMap
}

func readNameTransform(a *args) any {
	s := spell{}
	if n := a.take("mapping"); n != nil && !isEmpty(n) {
		s.instead = readFieldMap(a, n)
	}
	if a.keys["transform_func"] == nil {
		a.fail(a.at, "pipeline.name.function")
	}
	s.how = a.choice("transform_func", "lower", "upper", "snake_case")
	if a.flag("apply_keyword") {
		a.fail(a.at, "pipeline.name.keyword")
	}
	return s
}

func (s spell) names(field string, keyword bool) ([]string, bool) {
	if keyword {
		return nil, false
	}
	if out, ok := s.instead.names(field, false); ok {
		return out, true
	}
	return []string{changeCase(s.how, field)}, true
}

// changeCase writes text in lower, upper or snake case: _ before each capital
// letter from A to Z that is not the first character.
func changeCase(how, text string) string {
	switch how {
	case "upper":
		return strings.ToUpper(text)
	case "snake_case":
		var b strings.Builder
		for i, c := range text {
			if i > 0 && c <= unicode.MaxASCII && unicode.IsUpper(c) {
				b.WriteByte('_')
			}
			b.WriteRune(c)
		}
		text = b.String()
	}
	return strings.ToLower(text)
}

// rename applies a step to every place where a field is named: items, fieldref,
// the rule's list of fields, and the names that a correlation asked about.
func (r *run) rename(s *step, do nameStep) error {
	var err error
	if r.fields, err = r.renameList(s, do, r.fields, &r.fieldsChanged); err != nil {
		return err
	}
	for key, list := range r.probes {
		var changed bool
		if r.probes[key], err = r.renameList(s, do, list, &changed); err != nil {
			return err
		}
	}
	return r.replace(s, itemNames{do})
}

func (r *run) renameList(s *step, do nameStep, list []*name, changed *bool) ([]*name, error) {
	var out []*name
	for _, n := range list {
		ok, err := s.nameHolds(r, n)
		if err != nil {
			return nil, err
		}
		next := []*name{n}
		if ok {
			next = renamed(s, do, n)
		}
		for _, one := range next {
			*changed = *changed || one.text != n.text
			if !slices.ContainsFunc(out, func(o *name) bool { return o.text == one.text }) {
				out = append(out, one)
			}
			if len(one.text) > maxName || len(out) > maxFields {
				return nil, fail(r.root, "pipeline.many-fields", maxFields, maxName)
			}
		}
	}
	return out, nil
}

// renamed returns the names that take the place of one.
func renamed(s *step, do nameStep, n *name) []*name {
	texts, ok := do.names(n.text, false)
	if !ok {
		return []*name{n}
	}
	var out []*name
	for _, text := range texts {
		c := n.clone()
		c.text, c.mapped = text, true
		c.mark(s)
		out = append(out, c)
	}
	return out
}

// itemNames renames the field of an item and those that it refers to.
type itemNames struct{ by nameStep }

func (t itemNames) item(r *run, s *step, it *item) (part, bool, error) {
	changed := false
	out := it.copy()
	var values []*value
	for _, v := range out.values {
		if v.ref == nil {
			values = append(values, v)
			continue
		}
		ok, err := s.nameHolds(r, v.ref)
		if err != nil {
			return nil, false, err
		}
		next := []*name{v.ref}
		if _, has := t.by.names(v.ref.text, false); ok && has {
			next, changed = renamed(s, t.by, v.ref), true
		}
		if len(next) > 1 && it.has("all") {
			return nil, false, fail(v.node, "pipeline.field.all", it.label())
		}
		for _, n := range next {
			values = append(values, &value{node: textNode(v.node, n.text), ref: n})
		}
	}
	out.values, out.list = values, it.list || len(values) > 1
	ok, err := s.nameHolds(r, it.field)
	if err != nil {
		return nil, false, err
	}
	texts, has := t.by.names(it.field.text, it.keyword)
	if !ok || !has {
		return out, changed, nil
	}
	if it.keyword {
		out.keyword = false
		if !it.has("re", "contains") { // a word is searched within a text, a field is compared as a whole
			out.mods = append(out.mods, "contains")
		}
	}
	var parts []part
	for _, text := range texts {
		c := out.copy()
		c.field.text, c.field.mapped = text, true
		parts = append(parts, c)
	}
	if len(parts) == 1 {
		return parts[0], true, nil
	}
	return &group{at: it.at, or: !it.absence(), parts: parts}, true, nil
}

// absence reports whether the item asks for something not to be there. A field
// that stands for several is absent if all of them are.
func (it *item) absence() bool {
	if it.has("neq") {
		return true
	}
	for _, v := range it.values {
		if kindOf(v.node) == nullKind || it.has("exists") && strings.EqualFold(v.node.Value, "false") {
			return true
		}
	}
	return false
}
