package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Parse reads the rules of one file, which may hold several YAML documents. Each
// document gives a rule or a refusal: the rules come back even if err is not
// nil. err is a *ParseError, or several joined; [Refusals] takes it apart. Path
// is only used to name the file.
//
// Documents that are correlation rules or filters are refused by name, since
// this package evaluates detection rules only.
func Parse(path string, data []byte, opts ...Option) ([]*Rule, error) {
	rules, refused := parse(path, data, collect(opts))
	return rules, joinRefusals(refused)
}

func parse(path string, data []byte, o *options) (rules []*Rule, refused []*ParseError) {
	whole := func(format string, args ...any) []*ParseError {
		return []*ParseError{{Path: path, Line: 1, Column: 1, Reason: fmt.Sprintf(format, args...)}}
	}
	if len(data) > o.maxSize {
		return nil, whole("file is larger than %d bytes", o.maxSize)
	}
	if !utf8.Valid(data) {
		line := 1 + bytes.Count(data[:invalidAt(data)], []byte("\n"))
		return nil, []*ParseError{{Path: path, Line: line, Column: 1, Reason: "file is not UTF-8; save it as UTF-8"}}
	}
	docs := split(bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(docs) == 0 {
		return nil, whole("file holds no rule")
	}
	for _, doc := range docs {
		r := &Rule{Path: path, Source: bytes.Clone(doc.source)}
		if err := r.read(doc, o); err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				pe = &ParseError{Line: 1, Column: 1, Reason: err.Error()}
			}
			pe.Path, pe.RuleID, pe.RuleTitle = path, r.ID, r.Title
			pe.Line += doc.line - 1
			refused = append(refused, pe)
			continue
		}
		rules = append(rules, r)
	}
	return rules, refused
}

// invalidAt finds the first byte that is not UTF-8.
func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// read fills r from a document.
func (r *Rule) read(doc document, o *options) error {
	root, err := readYAML(doc.source)
	if err != nil {
		return err
	}
	if root.Kind != yaml.MappingNode {
		return fail(root, "a Sigma rule is a mapping of keys to values, not %s", kindName(root))
	}
	r.Line = max(root.Line, 1) + doc.line - 1
	// First what names the rule, so that every later refusal can say it.
	r.ID, r.Title = looseText(child(root, "id")), looseText(child(root, "title"))
	if err := notDetection(root); err != nil {
		return err
	}
	if err := r.metadata(root, o); err != nil {
		return err
	}
	b := &builder{opts: o, offset: doc.line - 1, source: doc.source}
	return b.detection(r, child(root, "detection"))
}

// notDetection refuses the other kinds of documents by name.
func notDetection(root *yaml.Node) error {
	for _, kind := range []struct{ key, name string }{
		{"correlation", "a correlation rule"},
		{"filter", "a filter"},
		{"global", "a global filter"},
	} {
		if n := child(root, kind.key); n != nil {
			return fail(n, "this document is %s; this evaluator handles detection rules only", kind.name)
		}
	}
	if n := child(root, "action"); n != nil {
		return fail(n, "rule collections with \"action: %s\" are from Sigma 1; write each rule out", n.Value)
	}
	if child(root, "detection") == nil {
		return fail(root, "no detection: this is not a Sigma detection rule")
	}
	return nil
}

// looseText gives the text of a scalar, "" for anything else.
func looseText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}

// metadata reads everything but the detection.
func (r *Rule) metadata(root *yaml.Node, o *options) error {
	texts := map[string]*string{
		"id": &r.ID, "name": &r.Name, "title": &r.Title, "status": &r.Status,
		"description": &r.Description, "license": &r.License, "taxonomy": &r.Taxonomy,
		"date": &r.Date, "modified": &r.Modified,
	}
	lists := map[string]*[]string{
		"references": &r.References, "fields": &r.Fields, "falsepositives": &r.FalsePositives,
		"tags": &r.Tags, "scope": &r.Scope,
	}
	err := pairs(root, func(key string, at, val *yaml.Node) (err error) {
		switch {
		case texts[key] != nil:
			*texts[key], err = text(key, val)
		case lists[key] != nil:
			*lists[key], err = textList(key, val)
		case key == "author":
			var names []string
			names, err = textList(key, val)
			r.Author = strings.Join(names, ", ")
		case key == "level":
			var s string
			if s, err = text(key, val); err == nil {
				if r.Level = Level(s); s != "" && !slices.Contains(levels[:], r.Level) {
					err = fail(val, "level %q is not one of informational, low, medium, high, critical", s)
				}
			}
		case key == "related":
			r.Related, err = readRelated(val)
		case key == "logsource":
			r.LogSource, err = readLogSource(val)
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.Title == "" {
		return fail(root, "no title")
	}
	if child(root, "logsource") == nil {
		return fail(root, "no logsource: the rule does not say to which events it applies")
	}
	if r.Taxonomy != "" && !slices.Contains(o.taxonomies, r.Taxonomy) {
		return fail(child(root, "taxonomy"), "taxonomy %q is unknown here; its field names would not be found", r.Taxonomy)
	}
	return nil
}

// text reads a single value, as written; null is "".
func text(key string, n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fail(n, "%s must be text, not %s", key, kindName(n))
	}
	return looseText(n), nil
}

// textList reads a list of values; a single one stands for a list of one.
func textList(key string, n *yaml.Node) ([]string, error) {
	members := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		members = n.Content
	}
	var out []string
	for _, m := range members {
		s, err := text(key, deref(m))
		if err != nil {
			return nil, err
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

func readRelated(n *yaml.Node) ([]Related, error) {
	if looseText(n) == "" && n.Kind == yaml.ScalarNode {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, fail(n, "related must be a list, not %s", kindName(n))
	}
	var out []Related
	for _, m := range n.Content {
		if m = deref(m); m.Kind != yaml.MappingNode {
			return nil, fail(m, "related must list mappings with id and type")
		}
		rel := Related{ID: looseText(child(m, "id")), Type: looseText(child(m, "type"))}
		if rel.ID == "" || rel.Type == "" {
			return nil, fail(m, "related needs an id and a type")
		}
		out = append(out, rel)
	}
	return out, nil
}

func readLogSource(n *yaml.Node) (l LogSource, err error) {
	if n.Kind != yaml.MappingNode {
		return l, fail(n, "logsource must be a mapping, not %s", kindName(n))
	}
	err = pairs(n, func(key string, at, val *yaml.Node) (err error) {
		switch key {
		case "product":
			l.Product, err = text(key, val)
		case "category":
			l.Category, err = text(key, val)
		case "service":
			l.Service, err = text(key, val)
		case "definition":
			l.Definition, err = text(key, val)
		}
		return err
	})
	if err == nil && l.Product == "" && l.Category == "" && l.Service == "" {
		err = fail(n, "logsource needs at least one of product, category, service")
	}
	return l, err
}

// detection compiles the selections and the conditions.
func (b *builder) detection(r *Rule, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fail(n, "detection must be a mapping, not %s", kindName(n))
	}
	var condition *yaml.Node
	err := pairs(n, func(key string, at, val *yaml.Node) error {
		switch key {
		case "condition":
			condition = val
			return nil
		case "timeframe":
			return fail(at, "timeframe belongs to the aggregations of Sigma 1, which are not part of Sigma 2; write a correlation rule instead")
		}
		body, err := b.block(val)
		if err == nil {
			r.selections = append(r.selections, &selection{name: key, body: body})
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case condition == nil:
		return fail(n, "detection has no condition")
	case len(r.selections) == 0:
		return fail(n, "detection has no selection")
	}
	list := []*yaml.Node{condition}
	if condition.Kind == yaml.SequenceNode {
		if list = condition.Content; len(list) == 0 {
			return fail(condition, "empty list of conditions")
		}
	}
	for _, c := range list {
		if c = deref(c); c.Kind != yaml.ScalarNode || c.ShortTag() != "!!str" {
			return fail(c, "a condition must be text, not %s", kindName(c))
		}
		e, err := parseCondition(c.Value, r.selections)
		if err != nil {
			return b.locate(c, err)
		}
		r.conditions = append(r.conditions, e)
		r.condition = append(r.condition, c.Value)
	}
	return nil
}

// locate turns an offset in a condition into a place in the file. That is exact
// if the text stands on one line as it is; otherwise it is where it begins.
func (b *builder) locate(n *yaml.Node, err error) error {
	pe := fail(n, "%v", err)
	var ce *conditionError
	if !errors.As(err, &ce) || n.Line < 1 {
		return pe
	}
	line := 0
	for text := range strings.Lines(string(b.source)) {
		if line++; line < n.Line {
			continue
		}
		from := min(max(n.Column-1, 0), utf8.RuneCountInString(text))
		tail := string([]rune(text)[from:])
		if at := strings.Index(tail, n.Value); at >= 0 && !strings.Contains(n.Value, "\n") {
			pe.Column = n.Column + utf8.RuneCountInString(tail[:at]) + utf8.RuneCountInString(n.Value[:ce.at])
		} else if n.Style == yaml.LiteralStyle {
			pe.Line += 1 + strings.Count(n.Value[:ce.at], "\n")
			pe.Column = 1
		}
		break
	}
	return pe
}
