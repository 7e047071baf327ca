package pipeline

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// valueStep changes single values, as they are after their modifiers. It gives
// what takes the value's place, nil to leave it alone.
type valueStep func(r *run, v seenValue) ([]*yaml.Node, error)

// item applies a valueStep to all values of an item. If one changes, the others
// are written out too, since modifiers count for all.
func (t valueStep) item(r *run, _ *step, it *item) (part, bool, error) {
	results := make([][]*yaml.Node, len(it.values))
	seen := make([]seenValue, len(it.values))
	changed, several := false, false
	for i, v := range it.values {
		var err error
		if seen[i], err = it.seen(v); err != nil {
			return nil, false, err
		}
		if seen[i].opaque {
			continue
		}
		if results[i], err = t(r, seen[i]); err != nil {
			return nil, false, err
		}
		if len(results[i]) == 1 && sameScalar(results[i][0], seen[i]) {
			results[i] = nil
		}
		changed = changed || results[i] != nil
		several = several || len(results[i]) > 1
	}
	if !changed {
		return nil, false, nil
	}
	if it.has("expand") {
		return nil, false, fail(it.at, "pipeline.placeholder.late", it.label())
	}
	var parts []part
	var all []*value
	for i := range it.values {
		nodes := results[i]
		if nodes == nil {
			nodes = []*yaml.Node{seen[i].written()}
		}
		var values []*value
		for _, n := range nodes {
			values = append(values, &value{node: n})
		}
		all = append(all, values...)
		parts = append(parts, it.with(values, append([]string{"all"}, placing...)...))
	}
	if several && it.has("all") {
		return it.joined(parts), true, nil
	}
	return it.regroup(all, placing...), true, nil
}

// regroup makes items of values: null must stand alone in a rule.
func (it *item) regroup(all []*value, drop ...string) part {
	var rest []*value
	var parts []part
	for _, v := range all {
		if kindOf(v.node) == nullKind {
			if len(parts) == 0 {
				parts = append(parts, it.with([]*value{v}, drop...))
			}
			continue
		}
		if !slices.ContainsFunc(rest, func(o *value) bool {
			return o.node.Value == v.node.Value &&
				o.node.ShortTag() == v.node.ShortTag()
		}) {
			rest = append(rest, v)
		}
	}
	if len(rest) > 0 {
		parts = append(parts, it.with(rest, drop...))
	}
	return it.joined(parts)
}

// written returns the value as a node without modifiers.
func (v seenValue) written() *yaml.Node {
	if v.kind == textKind {
		return textNode(v.node, v.glob.String())
	}
	return v.node
}

func sameScalar(n *yaml.Node, v seenValue) bool {
	if kindOf(n) != v.kind {
		return false
	}
	if v.kind == textKind {
		return parseGlob(n.Value).String() == v.glob.String()
	}
	return n.Value == v.node.Value
}

// text makes a valueStep of a change to texts.
func onText(change func(glob) []glob) valueStep {
	return func(_ *run, v seenValue) ([]*yaml.Node, error) {
		if v.kind != textKind {
			return nil, nil
		}
		var out []*yaml.Node
		for _, g := range change(v.glob) {
			out = append(out, textNode(v.node, g.String()))
		}
		return out, nil
	}
}

// readReplace is replace_string.
func readReplace(a *args) any {
	at := a.must("regex")
	with := a.must("replacement")
	skip, interpret := a.flag("skip_special"), a.flag("interpret_special")
	if a.err != nil {
		return nil
	}
	re := a.regex(at, at.Value, false)
	if re == nil {
		return nil
	}
	if re.MatchString("") && !anchored(at.Value) {
		a.fail(at, "pipeline.replace.empty-match", at.Value)
	}
	parts, err := readTemplate(with.Value, re)
	if err != nil {
		a.fail(with, "pipeline.replace.invalid", err)
	}
	return valueStep(func(_ *run, v seenValue) ([]*yaml.Node, error) {
		before := v.glob
		switch v.kind {
		case textKind:
		case numberKind: // replaced as the text it is written with
			before = glob{{text: v.node.Value}}
		default:
			return nil, nil
		}
		whole, size := before, 0
		if !skip {
			whole = glob{{text: before.plain()}}
		}
		var out glob
		for _, p := range whole {
			if p.wild == 0 {
				p.text = substitute(re, parts, p.text)
			}
			if size += len(p.text); size > maxText {
				return nil, fail(v.node, "pipeline.long-value", maxText)
			}
			switch {
			case p.wild != 0 || skip && !interpret:
				out = out.add(p)
			case skip:
				for _, q := range parseGlob(p.text) {
					out = out.add(q)
				}
			default:
				out = parsePlain(p.text)
			}
		}
		if v.kind == numberKind && out.String() == before.String() {
			return nil, nil
		}
		return []*yaml.Node{textNode(v.node, out.String())}, nil
	})
}

// anchored reports whether an expression can only match at the start of the text.
func anchored(text string) bool {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return false
	}
	for re.Op == syntax.OpConcat || re.Op == syntax.OpCapture {
		if len(re.Sub) == 0 {
			return false
		}
		re = re.Sub[0]
	}
	return re.Op == syntax.OpBeginText
}

// templatePart is text or the number of a group of a replacement.
type templatePart struct {
	text  string
	group int
}

// readTemplate reads a replacement in Python's notation: \1, \g<1>, \g<name>, \\,
// \n, \t and \r.
func readTemplate(text string, re *regexp.Regexp) ([]templatePart, error) {
	var out []templatePart
	add := func(s string) { out = append(out, templatePart{text: s, group: -1}) }
	group := func(ref string) error {
		i, err := strconv.Atoi(ref)
		if err != nil {
			i = re.SubexpIndex(ref)
		}
		if i < 0 || i > re.NumSubexp() {
			return reasons.New("pipeline.replace.group", ref)
		}
		out = append(out, templatePart{group: i})
		return nil
	}
	for {
		before, rest, ok := strings.Cut(text, `\`)
		add(before)
		if !ok {
			return out, nil
		}
		if rest == "" {
			return nil, reasons.New("pipeline.replace.backslash")
		}
		c := rest[0]
		text = rest[1:]
		switch {
		case c == '\\':
			add(`\`)
		case c == 'n':
			add("\n")
		case c == 't':
			add("\t")
		case c == 'r':
			add("\r")
		case c == 'g':
			ref, tail, closed := strings.Cut(text, ">")
			if !closed || !strings.HasPrefix(ref, "<") {
				return nil, reasons.New("pipeline.replace.reference")
			}
			if err := group(ref[1:]); err != nil {
				return nil, err
			}
			text = tail
		case c >= '1' && c <= '9':
			end := 1
			if len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9' {
				end = 2
			}
			if err := group(rest[:end]); err != nil {
				return nil, err
			}
			text = rest[end:]
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			return nil, reasons.New("pipeline.replace.escape", string(rune(c)))
		default:
			add(rest[:1]) // Python keeps the backslash before what is no letter
			out[len(out)-1].text = `\` + rest[:1]
		}
	}
}

// substitute replaces every match. It stops when the text is longer than one may
// be, which is then refused.
func substitute(re *regexp.Regexp, parts []templatePart, s string) string {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		if b.Len() > maxText {
			return b.String()
		}
		b.WriteString(s[last:m[0]])
		for _, p := range parts {
			if p.group < 0 {
				b.WriteString(p.text)
			} else if from := m[2*p.group]; from >= 0 {
				b.WriteString(s[from:m[2*p.group+1]])
			}
		}
		last = m[1]
	}
	return b.String() + s[last:]
}

// readMapString is map_string: whole texts to one or several others.
func readMapString(a *args) any {
	to := make(map[string][]glob)
	n := a.must("mapping")
	if n == nil || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		a.fail(a.at, "pipeline.map-string.kind")
		return nil
	}
	yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		list := textsOf(a, "mapping", val)
		if len(list) == 0 {
			a.fail(val, "pipeline.map-string.empty", key)
		}
		for _, text := range list {
			to[key] = append(to[key], parseGlob(text))
		}
		return nil
	})
	return onText(func(g glob) []glob {
		if out, ok := to[g.plain()]; ok {
			return out
		}
		return to[g.loosePlain()]
	})
}

// readConvert is convert_type.
func readConvert(a *args) any {
	if a.keys["target_type"] == nil {
		a.fail(a.at, "pipeline.convert.target")
	}
	if a.choice("target_type", "str", "num") == "str" {
		return valueStep(func(_ *run, v seenValue) ([]*yaml.Node, error) {
			if v.kind != numberKind {
				return nil, nil
			}
			return []*yaml.Node{textNode(v.node, v.node.Value)}, nil
		})
	}
	return valueStep(func(_ *run, v seenValue) ([]*yaml.Node, error) {
		if v.kind != textKind {
			return nil, nil
		}
		n, ok := numberNode(v.node, v.glob.plain())
		if !ok {
			return nil, fail(v.node, "pipeline.number", v.glob.String())
		}
		return []*yaml.Node{n}, nil
	})
}

var numberText = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// numberNode writes a decimal number so that every reader of YAML sees one.
func numberNode(at *yaml.Node, text string) (*yaml.Node, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		n := textNode(at, strconv.FormatInt(i, 10))
		n.Tag = "!!int"
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !numberText.MatchString(text) {
		return nil, false
	}
	n := textNode(at, strconv.FormatFloat(f, 'f', -1, 64))
	n.Tag = "!!float"
	return n, true
}

// readCase is case: matching does not look at case, except with cased.
func readCase(a *args) any {
	how := a.choice("method", "lower", "upper", "snake_case")
	return onText(func(g glob) []glob {
		return []glob{g.texts(func(s string) string { return changeCase(how, s) })}
	})
}

// setValue is set_value: every value becomes the same one, whatever modifiers it
// had.
type setValue struct{ node *yaml.Node }

func readSetValue(a *args) any {
	n := a.scalar("value")
	force := a.keys["force_type"]
	how := a.choice("force_type", "", "str", "num")
	if n == nil || a.err != nil {
		return nil
	}
	out := *n
	if force != nil {
		if k := kindOf(n); k != textKind && k != numberKind {
			a.fail(n, "pipeline.set-value.type")
		}
		out.Tag, out.Style = "!!str", 0
		if how == "num" {
			forced, ok := numberNode(n, n.Value)
			if !ok {
				a.fail(n, "pipeline.set-value.number", n.Value)
				return nil
			}
			out = *forced
		}
	}
	return setValue{&out}
}

func (t setValue) item(_ *run, _ *step, it *item) (part, bool, error) {
	n := *t.node
	n.Line, n.Column = it.values[0].node.Line, it.values[0].node.Column
	out := it.with([]*value{{node: &n}})
	out.mods = slices.DeleteFunc(out.mods, func(m string) bool { return m != "neq" })
	return out, true, nil
}

// toRegex is regex. What it writes for query languages is a pattern that is
// compared with or without case, and that a rule can say without a regular
// expression, anchored as the value was.
type toRegex struct{ cased bool }

func readRegex(a *args) any {
	return toRegex{a.choice("method", "ignore_case_brackets", "ignore_case_flag", "plain") == "plain"}
}

func (t toRegex) item(_ *run, _ *step, it *item) (part, bool, error) {
	var texts, others []*value
	for _, v := range it.values {
		seen, err := it.seen(v)
		if err != nil {
			return nil, false, err
		}
		if seen.opaque || seen.kind != textKind || len(seen.glob) == 0 {
			others = append(others, v)
		} else {
			texts = append(texts, v)
		}
	}
	if len(texts) == 0 || it.has("cased") == t.cased {
		return nil, false, nil
	}
	changed := it.with(texts, "cased")
	if t.cased {
		changed.mods = append(changed.mods, "cased")
	}
	parts := []part{changed}
	if len(others) > 0 {
		parts = append(parts, it.with(others))
	}
	return it.joined(parts), true, nil
}
