package sigma

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// Parse reads the rules of one file, which may hold several YAML documents. Each
// document returns a rule or a refusal: the rules come back even if err is not
// nil. err is a *ParseError, or several joined; [Refusals] takes it apart. Path
// is only used to name the file.
//
// Documents that are correlation rules or filters are refused by name, since
// they are no detection rules; [ParseCollection] reads them too.
func Parse(path string, data []byte, opts ...Option) ([]*Rule, error) {
	c := parse(path, data, collect(opts), true)
	return c.Rules, joinRefusals(c.Refused)
}

func parse(path string, data []byte, o *options, rulesOnly bool) *Collection {
	c := &Collection{}
	refuse := func(line int, code string, args ...any) *Collection {
		c.Refused = append(c.Refused, &ParseError{Path: path, Line: line, Column: 1,
			Reason: reasons.New(code, args...)})
		return c
	}
	if len(data) > o.maxSize {
		return refuse(1, "yaml.file.large", o.maxSize)
	}
	if !utf8.Valid(data) {
		return refuse(1+bytes.Count(data[:invalidAt(data)], []byte("\n")), "yaml.file.utf8")
	}
	docs := split(bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(docs) == 0 {
		return refuse(1, "sigma.file.empty")
	}
	p := parser{into: c, opts: o, rulesOnly: rulesOnly}
	for _, doc := range docs {
		r := &Rule{Path: path, Source: bytes.Clone(doc.source)}
		if err := p.read(r, doc); err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				pe = &ParseError{Line: 1, Column: 1, Reason: reasonOf(err)}
			}
			pe.Path, pe.RuleID, pe.RuleTitle = path, r.ID, r.Title
			pe.Line += doc.line - 1
			c.refuse(pe, r.Name)
		}
	}
	return c
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

// parser reads the documents of one file, one after the other.
type parser struct {
	into      *Collection
	opts      *options
	rulesOnly bool
	action    int // line of the first "action:" of Sigma 1 in the file, 0 for none
}

// read makes what the document says out of r, which has only its path and
// source yet, and puts it into the collection.
func (p *parser) read(r *Rule, doc document) error {
	root, err := readYAML(doc.source)
	if err != nil {
		return err
	}
	return p.understand(r, root, doc, nil)
}

// understand is read for a document whose YAML is read. refused is why it is kept
// out although it is named; nil if it is not.
func (p *parser) understand(r *Rule, root *yaml.Node, doc document, refused error) error {
	if root.Kind != yaml.MappingNode {
		return fail(root, "sigma.document.kind", kindName(root))
	}
	r.Line = max(root.Line, 1) + doc.line - 1
	// First what names the rule, so that every later refusal can say it.
	r.ID, r.Title, r.Name = looseText(yamldoc.Child(root, "id")), looseText(yamldoc.Child(root, "title")),
		looseText(yamldoc.Child(root, "name"))
	if p.action > 0 {
		return fail(root, "sigma.action.before", p.action)
	}
	if n := yamldoc.Child(root, "action"); n != nil {
		p.action = max(n.Line, 1) + doc.line - 1
		return fail(n, "sigma.action.old", n.Value)
	}
	if refused != nil {
		return refused
	}
	b := &builder{opts: p.opts, offset: doc.line - 1, source: doc.source}
	if !p.rulesOnly {
		if n := yamldoc.Child(root, "correlation"); n != nil {
			return p.correlation(b, r, root, n)
		}
		if n := yamldoc.Child(root, "filter"); n != nil {
			return p.filter(b, r, root, n)
		}
	}
	if err := notDetection(root); err != nil {
		return err
	}
	if err := r.metadata(root, p.opts); err != nil {
		return err
	}
	if err := b.detection(r, yamldoc.Child(root, "detection")); err != nil {
		return err
	}
	p.into.Rules = append(p.into.Rules, r)
	return nil
}

// notDetection refuses the other kinds of documents by name.
func notDetection(root *yaml.Node) error {
	for _, kind := range []struct{ key, code string }{
		{"correlation", "sigma.kind.correlation"},
		{"filter", "sigma.kind.filter"},
		{"global", "sigma.kind.filter-global"},
	} {
		if n := yamldoc.Child(root, kind.key); n != nil {
			return fail(n, "sigma.document.other", reasons.New(kind.code))
		}
	}
	if yamldoc.Child(root, "detection") == nil {
		return fail(root, "sigma.detection.missing", otherCase(root, "detection"))
	}
	return nil
}

// otherCase says that a key that is missing is there in another case.
func otherCase(root *yaml.Node, name string) any {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if key := yamldoc.Deref(root.Content[i]).Value; strings.EqualFold(key, name) {
			return reasons.New("sigma.hint.case", name, key)
		}
	}
	return ""
}

// looseText returns the text of a scalar, "" for anything else.
func looseText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}

// metadata reads everything but the detection.
func (r *Rule) metadata(root *yaml.Node, o *options) error {
	if err := r.describe(root, o); err != nil {
		return err
	}
	if yamldoc.Child(root, "logsource") == nil {
		return fail(root, "sigma.logsource.missing", otherCase(root, "logsource"))
	}
	return nil
}

// describe reads what detection rules, correlation rules and filters have in
// common.
func (r *Rule) describe(root *yaml.Node, o *options) error {
	texts := map[string]*string{
		"id": &r.ID, "name": &r.Name, "title": &r.Title, "status": &r.Status,
		"description": &r.Description, "license": &r.License, "taxonomy": &r.Taxonomy,
		"date": &r.Date, "modified": &r.Modified,
	}
	lists := map[string]*[]string{
		"references": &r.References, "fields": &r.Fields, "falsepositives": &r.FalsePositives,
		"tags": &r.Tags, "scope": &r.Scope,
	}
	err := yamldoc.Pairs(root, func(key string, at, val *yaml.Node) (err error) {
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
				if r.Level = Level(strings.ToLower(s)); s != "" && !slices.Contains(levels[:], r.Level) {
					err = fail(val, "sigma.level.unknown", s)
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
		return fail(root, "sigma.title.missing", otherCase(root, "title"))
	}
	if r.Taxonomy != "" && !slices.Contains(o.taxonomies, r.Taxonomy) {
		return fail(yamldoc.Child(root, "taxonomy"), "sigma.taxonomy.unknown", r.Taxonomy)
	}
	return nil
}

// text reads a single value, as written; null is "".
func text(key string, n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fail(n, "sigma.text.kind", key, kindName(n))
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
		s, err := text(key, yamldoc.Deref(m))
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
		return nil, fail(n, "sigma.related.kind", kindName(n))
	}
	var out []Related
	for _, m := range n.Content {
		if m = yamldoc.Deref(m); m.Kind != yaml.MappingNode {
			return nil, fail(m, "sigma.related.item")
		}
		rel := Related{ID: looseText(yamldoc.Child(m, "id")), Type: looseText(yamldoc.Child(m, "type"))}
		if rel.ID == "" || rel.Type == "" {
			return nil, fail(m, "sigma.related.incomplete")
		}
		out = append(out, rel)
	}
	return out, nil
}

func readLogSource(n *yaml.Node) (l LogSource, err error) {
	if n.Kind != yaml.MappingNode {
		return l, fail(n, "sigma.logsource.kind", kindName(n))
	}
	err = yamldoc.Pairs(n, func(key string, at, val *yaml.Node) (err error) {
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
		err = fail(n, "sigma.logsource.empty")
	}
	return l, err
}

// detection compiles the selections and the conditions. Keys to skip are none of
// either.
func (b *builder) detection(r *Rule, n *yaml.Node, skip ...string) error {
	if n.Kind != yaml.MappingNode {
		return fail(n, "sigma.detection.kind", kindName(n))
	}
	var condition *yaml.Node
	err := yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		if slices.Contains(skip, key) {
			return nil
		}
		switch key {
		case "condition":
			condition = val
			return nil
		case "timeframe":
			return fail(at, "sigma.timeframe.old")
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
		return fail(n, "sigma.condition.missing")
	case len(r.selections) == 0:
		return fail(n, "sigma.selection.missing")
	}
	list := []*yaml.Node{condition}
	if condition.Kind == yaml.SequenceNode {
		if list = condition.Content; len(list) == 0 {
			return fail(condition, "sigma.condition.none")
		}
	}
	for _, c := range list {
		if c = yamldoc.Deref(c); c.Kind != yaml.ScalarNode || c.ShortTag() != "!!str" {
			return fail(c, "sigma.condition.kind", kindName(c))
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
	var ce *conditionError
	if !errors.As(err, &ce) {
		return failWith(n, reasonOf(err))
	}
	pe := failWith(n, ce.reason)
	if n.Line < 1 {
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
