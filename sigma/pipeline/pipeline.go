package pipeline

import (
	"cmp"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// MaxSize is the greatest size of one pipeline file in bytes.
const MaxSize = 1 << 20

// Backend is what a pipeline with allowed_backends must name to be used here.
const Backend = "meneki"

// Pipeline is one pipeline that was understood completely.
type Pipeline struct {
	Name     string // as written, "" if it has none
	Priority int    // lower ones are applied first; 0 if it states none
	Path     string // the file, or the name of a built-in pipeline

	vars  map[string][]string
	items []*step
}

// Parse reads one pipeline. The path is only used to name it. err is a
// *sigma.ParseError.
func Parse(path string, data []byte) (*Pipeline, error) {
	p, err := parse(path, data)
	if err == nil {
		return p, nil
	}
	pe, ok := err.(*sigma.ParseError)
	if !ok {
		pe = &sigma.ParseError{Line: 1, Column: 1, Reason: reasonOf(err)}
	}
	pe.Path = path
	return nil, pe
}

func parse(path string, data []byte) (*Pipeline, error) {
	root, err := readYAML(data)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{Path: path, vars: make(map[string][]string)}
	a, err := newArgs(reasons.New("pipeline.kind.pipeline"), root)
	if err != nil {
		return nil, err
	}
	p.Name = a.text("name", "")
	p.Priority = a.whole("priority", 0)
	if n := a.take("vars"); n != nil && a.err == nil {
		a.err = p.readVars(n)
	}
	if n := a.take("allowed_backends"); n != nil && a.err == nil {
		names := textsOf(a, "allowed_backends", n)
		if len(names) > 0 && !slices.Contains(names, Backend) {
			a.fail(n, "pipeline.backend", strings.Join(names, ", "), Backend)
		}
	}
	for _, key := range []string{"postprocessing", "finalizers"} {
		if n := a.take(key); n != nil && !isEmpty(n) {
			a.fail(n, "pipeline.query", key)
		}
	}
	steps := a.take("transformations")
	if err := a.done(); err != nil {
		return nil, err
	}
	if steps != nil && !isEmpty(steps) {
		r := &stepReader{pipeline: p}
		if p.items, err = r.steps(steps, 0); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// readVars reads the values of placeholders.
func (p *Pipeline) readVars(n *yaml.Node) error {
	if isEmpty(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return fail(n, "pipeline.vars.kind")
	}
	return yamldoc.Pairs(n, func(name string, at, val *yaml.Node) error {
		members := []*yaml.Node{val}
		if val.Kind == yaml.SequenceNode {
			members = val.Content
		}
		if len(members) == 0 {
			return fail(at, "pipeline.vars.empty", name)
		}
		for _, m := range members {
			m = yamldoc.Deref(m)
			if k := kindOf(m); m.Kind != yaml.ScalarNode || k != textKind && k != numberKind {
				return fail(m, "pipeline.vars.value", name)
			}
			p.vars[name] = append(p.vars[name], m.Value)
		}
		return nil
	})
}

// Open returns the built-in pipeline of that name, or reads the file.
func Open(spec string) (*Pipeline, error) {
	if p, ok := Builtin(spec); ok {
		return p, nil
	}
	f, err := os.Open(spec)
	if err != nil {
		return nil, reasons.New("pipeline.unknown", spec, strings.Join(Builtins(), ", "), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, reasons.New("pipeline.read", spec, err)
	}
	return Parse(spec, data)
}

// Chain is several pipelines, one behind the other. The zero Chain leaves rules
// as they are.
type Chain struct {
	pipelines []*Pipeline
	vars      map[string][]string
}

// Combine puts pipelines in the order of their priorities, lowest first, and
// those of the same priority in the order given. All of them share one state, and
// a variable of a later one replaces that of an earlier one.
func Combine(pipelines ...*Pipeline) *Chain {
	c := &Chain{pipelines: slices.Clone(pipelines), vars: make(map[string][]string)}
	slices.SortStableFunc(c.pipelines, func(a, b *Pipeline) int { return cmp.Compare(a.Priority, b.Priority) })
	for _, p := range c.pipelines {
		for name, values := range p.vars {
			c.vars[name] = values
		}
	}
	return c
}

// Names returns the pipelines in the order in which they are applied.
func (c *Chain) Names() []string {
	var out []string
	for _, p := range c.pipelines {
		out = append(out, p.label())
	}
	return out
}

// label names the pipeline for a person.
func (p *Pipeline) label() string { return cmp.Or(p.Name, p.Path, "without a name") }
