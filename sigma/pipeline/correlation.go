package pipeline

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// directory finds the documents that correlation rules refer to. Log sources are
// those before any rewriting.
type directory struct {
	byID   map[string]*entry
	byName map[string][]*entry
}

type entry struct {
	path   string
	root   *yaml.Node
	kind   ruleKind
	source logSource
}

func newDirectory(files []*sigma.File) *directory {
	dir := &directory{byID: make(map[string]*entry), byName: make(map[string][]*entry)}
	for _, f := range files {
		for _, d := range f.Documents {
			kind, ok := kindOfDocument(d)
			if !ok || kind == filterRule {
				continue
			}
			e := &entry{path: f.Path, root: d.Root, kind: kind, source: sourceOf(d.Root)}
			if id := strings.ToLower(looseText(yamldoc.Child(d.Root, "id"))); id != "" && dir.byID[id] == nil {
				dir.byID[id] = e
			}
			if name := looseText(yamldoc.Child(d.Root, "name")); name != "" {
				dir.byName[name] = append(dir.byName[name], e)
			}
		}
	}
	return dir
}

// find resolves a reference as a set does; nil if it cannot.
func (dir *directory) find(ref, path string) *entry {
	if e := dir.byID[strings.ToLower(ref)]; e != nil {
		return e
	}
	named := dir.byName[ref]
	var here []*entry
	for _, e := range named {
		if e.path == path {
			here = append(here, e)
		}
	}
	if len(here) > 0 {
		named = here
	}
	if len(named) == 1 {
		return named[0]
	}
	return nil
}

// maxSources bounds the kinds of rules below one correlation.
const maxSources = 1000

// sources returns the log sources of the detection rules that a reference leads to.
func (dir *directory) sources(ref, path string, seen map[*entry]bool, into *[]logSource) {
	e := dir.find(ref, path)
	if e == nil || seen[e] {
		return
	}
	seen[e] = true
	if e.kind == detectionRule {
		if !slices.Contains(*into, e.source) && len(*into) < maxSources {
			*into = append(*into, e.source)
		}
		return
	}
	for _, below := range texts(yamldoc.Child(yamldoc.Child(e.root, "correlation"), "rules")) {
		dir.sources(below, e.path, seen, into)
	}
}

// aliased reports whether a name is an alias of a correlation that the reference
// leads to; it is then no field.
func (dir *directory) aliased(ref, path, name string, seen map[*entry]bool) bool {
	e := dir.find(ref, path)
	if e == nil || seen[e] || e.kind != correlationRule {
		return false
	}
	seen[e] = true
	body := yamldoc.Child(e.root, "correlation")
	if yamldoc.Child(yamldoc.Child(body, "aliases"), name) != nil {
		return true
	}
	return slices.ContainsFunc(texts(yamldoc.Child(body, "rules")), func(below string) bool {
		return dir.aliased(below, e.path, name, seen)
	})
}

// correlation renames the fields that a correlation rule names, as they are named
// in each of the rules that it refers to. Where these differ it gets an alias.
func (c *Chain) correlation(root *yaml.Node, path string, known *directory) error {
	body := yamldoc.Child(root, "correlation")
	grouped := texts(yamldoc.Child(body, "group-by"))
	condition := yamldoc.Child(body, "condition")
	counted := texts(yamldoc.Child(condition, "field"))
	aliases := yamldoc.Child(body, "aliases")
	if aliases != nil && aliases.Kind != yaml.MappingNode {
		return nil // refused when it is understood
	}
	var plain []string // names that are no aliases
	for _, text := range slices.Concat(grouped, counted) {
		if yamldoc.Child(aliases, text) == nil && !slices.Contains(plain, text) {
			plain = append(plain, text)
		}
	}
	refs := texts(yamldoc.Child(body, "rules"))
	to := make(map[string]map[string]string) // by reference, then by name
	var fields []string
	for _, ref := range refs {
		probes := slices.Clone(plain)
		for i := 1; aliases != nil && i < len(aliases.Content); i += 2 {
			if field := looseText(yamldoc.Child(yamldoc.Deref(aliases.Content[i]), ref)); field != "" {
				probes = append(probes, field)
			}
		}
		var sources []logSource
		known.sources(ref, path, make(map[*entry]bool), &sources)
		for _, source := range sources {
			names, list, err := c.probe(root, source, probes)
			if err != nil {
				return err
			}
			for _, f := range list {
				if !slices.Contains(fields, f) {
					fields = append(fields, f)
				}
			}
			if to[ref] == nil {
				to[ref] = names
			}
			for from, name := range names {
				if to[ref][from] != name {
					to[ref][from] = from // a correlation below has an alias of this name
				}
			}
		}
		for _, text := range plain {
			if to[ref] != nil && known.aliased(ref, path, text, make(map[*entry]bool)) {
				to[ref][text] = text
			}
		}
		if len(sources) == 0 && len(probes) > 0 {
			return fail(body, "pipeline.correlation.rule-missing", ref)
		}
	}
	if len(refs) == 0 || len(to) == 0 {
		return nil
	}
	c.rename(root, body, refs, plain, to)
	if len(fields) > 0 {
		setFields(root, fields)
	}
	return nil
}

// probe asks what fields are called in events of a log source.
func (c *Chain) probe(root *yaml.Node, source logSource, fields []string) (map[string]string, []string, error) {
	r, err := newRun(root, correlationRule, c.vars, &source)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range fields {
		r.probes[text] = []*name{newName(text)}
	}
	if err := c.all(r); err != nil {
		return nil, nil, err
	}
	out := make(map[string]string)
	for text, list := range r.probes {
		if len(list) != 1 {
			return nil, nil, fail(yamldoc.Child(root, "correlation"), "pipeline.correlation.several", text)
		}
		out[text] = list[0].text
	}
	return out, r.fieldTexts(), nil
}

// rename writes the names into the correlation.
func (c *Chain) rename(root, body *yaml.Node, refs, plain []string, to map[string]map[string]string) {
	aliases := yamldoc.Child(body, "aliases")
	if aliases != nil {
		fresh := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: aliases.Line, Column: aliases.Column}
		yamldoc.Pairs(aliases, func(alias string, at, val *yaml.Node) error {
			if val.Kind == yaml.MappingNode {
				out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: val.Line, Column: val.Column}
				yamldoc.Pairs(val, func(ref string, at, field *yaml.Node) error {
					if text, ok := to[ref][looseText(field)]; ok {
						field = textNode(field, text)
					}
					out.Content = append(out.Content, at, field)
					return nil
				})
				val = out
			}
			fresh.Content = append(fresh.Content, at, val)
			return nil
		})
		setChild(body, "aliases", fresh)
	}
	final := make(map[string]string)
	for _, text := range plain {
		first := to[refs[0]][text]
		same := true
		for _, ref := range refs {
			same = same && to[ref][text] == first
		}
		if final[text] = first; same {
			continue
		}
		final[text] = text
		if yamldoc.Child(body, "aliases") == nil {
			setChild(body, "aliases", &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: body.Line,
				Column: body.Column})
		}
		alias := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: body.Line, Column: body.Column}
		for _, ref := range refs {
			setChild(alias, ref, textNode(body, to[ref][text]))
		}
		setChild(yamldoc.Child(body, "aliases"), text, alias)
	}
	replaceTexts(body, "group-by", final)
	if condition := yamldoc.Child(body, "condition"); condition != nil && condition.Kind == yaml.MappingNode {
		replaceTexts(condition, "field", final)
	}
}

// replaceTexts renames the members of a list, or a single text.
func replaceTexts(n *yaml.Node, key string, to map[string]string) {
	val := yamldoc.Child(n, key)
	if val == nil {
		return
	}
	one := func(m *yaml.Node) *yaml.Node {
		if text, ok := to[looseText(m)]; ok {
			return textNode(m, text)
		}
		return m
	}
	if val.Kind != yaml.SequenceNode {
		setChild(n, key, one(val))
		return
	}
	out := *val
	out.Content = nil
	for _, m := range val.Content {
		out.Content = append(out.Content, one(yamldoc.Deref(m)))
	}
	setChild(n, key, &out)
}
