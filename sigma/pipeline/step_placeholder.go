package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFilled bounds how many bytes the values of one with placeholders may have.
const maxFilled = 4 << 20

// placeholder is a name between percent signs; \% is a percent sign, and \\ a
// backslash that does not make it one.
var placeholder = regexp.MustCompile(`\\\\|\\%|%[A-Za-z0-9_.-]+%`)

// fillPlaceholders is value_placeholders and wildcard_placeholders.
type fillPlaceholders struct {
	include, exclude []string
	wild             bool
}

func readValuePlaceholders(a *args) any    { return readPlaceholders(a, false) }
func readWildcardPlaceholders(a *args) any { return readPlaceholders(a, true) }

func readPlaceholders(a *args, wild bool) any {
	t := fillPlaceholders{include: a.texts("include"), exclude: a.texts("exclude"), wild: wild}
	if t.include != nil && t.exclude != nil {
		a.fail(a.at, "pipeline.placeholder.exclusive", a.what)
	}
	return t
}

func (t fillPlaceholders) handles(name string) bool {
	return (t.include == nil || slices.Contains(t.include, name)) && !slices.Contains(t.exclude, name)
}

func (t fillPlaceholders) item(r *run, _ *step, it *item) (part, bool, error) {
	if !it.has("expand") {
		return nil, false, nil
	}
	var left, plain []*value
	var filled [][]*value
	for _, v := range it.values {
		ours, others := 0, 0
		for _, found := range placeholder.FindAllString(v.node.Value, -1) {
			if found[0] != '%' {
				continue
			}
			if t.handles(strings.Trim(found, "%")) {
				ours++
			} else {
				others++
			}
		}
		switch {
		case ours > 0 && others > 0:
			return nil, false, fail(v.node, "pipeline.placeholder.split", it.label(), v.node.Value)
		case ours == 0 && others > 0:
			left = append(left, v)
		case ours == 0:
			plain = append(plain, v)
		default:
			nodes, err := t.fill(r, it, v.node)
			if err != nil {
				return nil, false, err
			}
			var values []*value
			for _, n := range nodes {
				values = append(values, &value{node: n})
			}
			filled = append(filled, values)
		}
	}
	if len(filled) == 0 {
		return nil, false, nil
	}
	for _, v := range plain { // without expand they must say the same
		n := textNode(v.node, unescapePercent(v.node.Value))
		filled = append(filled, []*value{{node: n}})
	}
	var parts []part
	if it.has("all") { // values that one value stands for are alternatives
		for _, values := range filled {
			one := it.with(values, "expand")
			one.mods = slices.DeleteFunc(one.mods, func(m string) bool { return m == "all" })
			parts = append(parts, one)
		}
	} else {
		parts = append(parts, it.with(slices.Concat(filled...), "expand"))
	}
	if len(left) > 0 {
		parts = append(parts, it.with(left))
	}
	return it.joined(parts), true, nil
}

// unescapePercent takes the backslash off percent signs.
func unescapePercent(raw string) string {
	return placeholder.ReplaceAllStringFunc(raw, func(found string) string {
		if found == `\%` {
			return "%"
		}
		return found
	})
}

// fill returns the texts that one value stands for.
func (t fillPlaceholders) fill(r *run, it *item, n *yaml.Node) ([]*yaml.Node, error) {
	// How text of the rule, a value of a placeholder, and both together are
	// written depends on what the modifiers make of the value.
	asText := func(s string) string { return parseGlob(s).String() }
	asValue, join := asText, func(a, b string) string { return parseGlob(a).join(parseGlob(b)).String() }
	if it.has("re", "cidr") {
		asText = func(s string) string { return s }
		asValue = asText
		if it.has("re") {
			asValue = func(s string) string { return parseGlob(s).regex() }
		}
		join = func(a, b string) string { return a + b }
	}
	out := []string{""}
	add := func(values []string) error {
		if len(out)*len(values) > maxValues {
			return fail(n, "pipeline.placeholder.many", maxValues)
		}
		var next []string
		size := 0
		for _, head := range out {
			for _, v := range values {
				if size += len(head) + len(v); size > maxFilled {
					return fail(n, "pipeline.placeholder.bytes", maxFilled)
				}
				next = append(next, join(head, v))
			}
		}
		out = next
		return nil
	}
	rest := n.Value
	var text strings.Builder
	for {
		at := placeholder.FindStringIndex(rest)
		if at == nil {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:at[0]])
		found := rest[at[0]:at[1]]
		rest = rest[at[1]:]
		switch found {
		case `\\`:
			text.WriteString(found)
			continue
		case `\%`:
			text.WriteByte('%')
			continue
		}
		values := []string{"*"}
		if !t.wild {
			if values = r.vars[strings.Trim(found, "%")]; len(values) == 0 {
				return nil, fail(n, "pipeline.placeholder.missing", it.label(), found)
			}
		}
		written := make([]string, len(values))
		for i, v := range values {
			written[i] = asValue(v)
		}
		if err := add([]string{asText(text.String())}); err != nil {
			return nil, err
		}
		if err := add(written); err != nil {
			return nil, err
		}
		text.Reset()
	}
	if err := add([]string{asText(text.String())}); err != nil {
		return nil, err
	}
	nodes := make([]*yaml.Node, len(out))
	for i, s := range out {
		nodes[i] = textNode(n, s)
	}
	return nodes, nil
}
