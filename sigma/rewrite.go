package sigma

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// File is a rule file that is read and checked as YAML, but not understood yet,
// so that something can rewrite its documents before: see the package
// [github.com/meneki/meneki/sigma/pipeline]. Parsing a file whose documents were
// left alone returns what [ParseCollection] returns.
//
// A File belongs to one goroutine, and so do its nodes.
type File struct {
	Path      string
	Documents []*Document

	refused *ParseError // the file as a whole cannot be read
	opts    *options
}

// Document is one YAML document of a file.
type Document struct {
	// Root is nil if the document is not valid YAML. It is always within the
	// bounds of this package. A rewriter may change it and everything below, and
	// may give one key of a selection several times: each is an item of its own,
	// and all must hold. Nodes that it makes should carry the line of what they
	// were made from.
	Root   *yaml.Node
	Source []byte // as in the file; rules made of a rewritten document keep it

	line int // where Source begins in the file, from 1
	err  error
}

// Refuse keeps the document out; it is then listed as refused at the place of
// the node, nil for the document's begin, with err as its reason. The first
// refusal counts.
func (d *Document) Refuse(at *yaml.Node, err error) {
	if d.err != nil {
		return
	}
	if at == nil {
		at = &yaml.Node{}
		if d.Root != nil {
			at = d.Root
		}
	}
	d.err = failWith(at, reasonOf(err))
}

// Refused reports whether the document is kept out already.
func (d *Document) Refused() bool { return d.err != nil }

// ReadFile takes a file apart. The path is only used to name it. The options are
// those of [ParseCollection] and count for [File.Parse] too.
func ReadFile(path string, data []byte, opts ...Option) *File {
	return readFile(path, data, collect(opts))
}

func readFile(path string, data []byte, o *options) *File {
	f := &File{Path: path, opts: o}
	refuse := func(line int, code string, args ...any) *File {
		f.refused = &ParseError{Path: path, Line: line, Column: 1, Reason: reasons.New(code, args...)}
		return f
	}
	switch {
	case len(data) > o.maxSize:
		return refuse(1, "yaml.file.large", o.maxSize)
	case !utf8.Valid(data):
		return refuse(1+bytes.Count(data[:invalidAt(data)], []byte("\n")), "yaml.file.utf8")
	}
	for _, doc := range split(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		d := &Document{Source: bytes.Clone(doc.source), line: doc.line}
		d.Root, d.err = readYAML(d.Source)
		f.Documents = append(f.Documents, d)
	}
	if len(f.Documents) == 0 {
		return refuse(1, "sigma.file.empty")
	}
	return f
}

// Parse understands the documents as they are now.
func (f *File) Parse() *Collection {
	c := &Collection{}
	if f.refused != nil {
		refusal := *f.refused
		refusal.Path = f.Path // which may have been set since
		c.refuse(&refusal, "")
		return c
	}
	p := parser{into: c, opts: f.opts}
	for _, d := range f.Documents {
		r := &Rule{Path: f.Path, Source: d.Source}
		if err := p.document(r, d); err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				pe = &ParseError{Line: 1, Column: 1, Reason: reasonOf(err)}
			}
			refusal := *pe
			refusal.Path, refusal.RuleID, refusal.RuleTitle = f.Path, r.ID, r.Title
			refusal.Line += d.line - 1
			c.refuse(&refusal, r.Name)
		}
	}
	return c
}

// document does what read does, for a document that was read before.
func (p *parser) document(r *Rule, d *Document) error {
	if d.Root == nil {
		return d.err
	}
	return p.understand(r, d.Root, document{source: d.Source, line: d.line}, d.err)
}

// ReadFiles takes all rule files below root apart, as [LoadCollection] finds
// them. err is only for a root that cannot be read at all.
func ReadFiles(fsys fs.FS, root string, opts ...Option) ([]*File, error) {
	o := collect(opts)
	var files []*File
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == root:
			return err
		case err != nil:
			files = append(files, &File{Path: name, opts: o,
				refused: &ParseError{Path: name, Reason: reasons.New("sigma.file.unreadable", err)}})
		case d.IsDir():
			if name != root && strings.HasPrefix(path.Base(name), ".") {
				return fs.SkipDir
			}
		case isRuleFile(name):
			files = append(files, &File{Path: name, opts: o})
		}
		return nil
	})
	if err != nil {
		return nil, reasons.New("sigma.read", root, err)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				if files[i].refused == nil {
					files[i] = openFile(fsys, files[i].Path, o)
				}
			}
		})
	}
	workers.Wait()
	return files, nil
}

// openFile reads no more of a file than it may hold.
func openFile(fsys fs.FS, name string, o *options) *File {
	var data []byte
	f, err := fsys.Open(name)
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(f, int64(o.maxSize)+1))
		f.Close()
	}
	if err != nil {
		return &File{Path: name, opts: o, refused: &ParseError{Path: name,
			Reason: reasons.New("sigma.file.unreadable", err)}}
	}
	return readFile(name, data, o)
}
