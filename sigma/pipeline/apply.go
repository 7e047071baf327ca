package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// Parse reads all documents of one file and rewrites them before they are
// understood. What cannot be rewritten or understood is in Refused. Correlation
// rules must be in the same file as the rules that they refer to: see
// [Chain.Rewrite].
func (c *Chain) Parse(path string, data []byte, opts ...sigma.Option) *sigma.Collection {
	return c.Rewrite(sigma.ReadFile(path, data, opts...))
}

// Load is [sigma.LoadCollection] with the pipelines applied.
func (c *Chain) Load(fsys fs.FS, root string, opts ...sigma.Option) (*sigma.Collection, error) {
	files, err := sigma.ReadFiles(fsys, root, opts...)
	if err != nil {
		return nil, err
	}
	return c.Rewrite(files...), nil
}

// Rewrite applies the pipelines to the documents of files and understands them.
// All files whose correlation rules refer to one another's rules must come in one
// call, since what a group-by is called depends on these rules.
func (c *Chain) Rewrite(files ...*sigma.File) *sigma.Collection {
	if len(c.pipelines) > 0 {
		known := newDirectory(files)
		c.each(files, known, func(kind ruleKind) bool { return kind != correlationRule }, runtime.GOMAXPROCS(0))
		// Correlations look at one another, so they come one after the other.
		c.each(files, known, func(kind ruleKind) bool { return kind == correlationRule }, 1)
	}
	parsed := make([]*sigma.Collection, len(files))
	parallel(len(files), runtime.GOMAXPROCS(0), func(i int) { parsed[i] = files[i].Parse() })
	all := &sigma.Collection{}
	for _, one := range parsed {
		all.Add(one)
	}
	return all
}

// each rewrites the documents of some kinds.
func (c *Chain) each(files []*sigma.File, known *directory, ours func(ruleKind) bool, workers int) {
	parallel(len(files), workers, func(i int) {
		for _, d := range files[i].Documents {
			kind, ok := kindOfDocument(d)
			if !ok || !ours(kind) {
				continue
			}
			if err := c.rewrite(d, kind, files[i].Path, known); err != nil {
				refuse(d, err)
			}
		}
	})
}

// parallel calls do with each number below n.
func parallel(n, workers int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, n) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// refuse keeps a document out, at the place that the error names.
func refuse(d *sigma.Document, err error) {
	at := &yaml.Node{Line: 1, Column: 1}
	var pe *sigma.ParseError
	if errors.As(err, &pe) {
		at.Line, at.Column, err = pe.Line, pe.Column, pe.Reason
	}
	d.Refuse(at, err)
}

// kindOfDocument says what a document is. ok is false for what is refused anyway
// when it is understood.
func kindOfDocument(d *sigma.Document) (kind ruleKind, ok bool) {
	switch {
	case d.Refused() || d.Root == nil || d.Root.Kind != yaml.MappingNode || yamldoc.Child(d.Root, "action") != nil:
		return 0, false
	case yamldoc.Child(d.Root, "correlation") != nil:
		return correlationRule, yamldoc.Child(d.Root, "correlation").Kind == yaml.MappingNode
	case yamldoc.Child(d.Root, "filter") != nil:
		return filterRule, yamldoc.Child(d.Root, "filter").Kind == yaml.MappingNode &&
			yamldoc.Child(d.Root, "detection") == nil
	}
	n := yamldoc.Child(d.Root, "detection")
	return detectionRule, n != nil && n.Kind == yaml.MappingNode && yamldoc.Child(d.Root, "global") == nil
}

func (c *Chain) rewrite(d *sigma.Document, kind ruleKind, path string, known *directory) (err error) {
	defer func() {
		if r := recover(); r != nil { // rules and pipelines are foreign input
			err = reasons.New("pipeline.failed", strings.Join(c.Names(), ", "), fmt.Errorf("%v", r))
		}
	}()
	if kind == correlationRule {
		return c.correlation(d.Root, path, known)
	}
	r, err := newRun(d.Root, kind, c.vars, nil)
	if err != nil {
		return err
	}
	if err := c.all(r); err != nil {
		return err
	}
	return r.write()
}

// all applies the pipelines in their order.
func (c *Chain) all(r *run) error {
	for _, p := range c.pipelines {
		if err := r.steps(p.items); err != nil {
			return err
		}
	}
	return nil
}
