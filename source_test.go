package meneki_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/meneki/meneki"

// goFile is one Go file of the repository.
type goFile struct {
	path   string // with slashes, from the repository's root
	pkg    string // folder of the package: "internal/store"; "." is the root
	test   bool
	syntax *ast.File
	lines  int
}

// imports lists what the file imports.
func (f goFile) imports() []string {
	var out []string
	for _, s := range f.syntax.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// ours gives the folder of one of our own packages; ok is false for others.
func ours(importPath string) (folder string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// nameOf is the name under which the file uses the package at importPath; empty
// if it does not import it.
func (f goFile) nameOf(importPath string) string {
	for _, s := range f.syntax.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err != nil || p != importPath {
			continue
		}
		if s.Name != nil {
			return s.Name.Name
		}
		base := importPath[strings.LastIndex(importPath, "/")+1:]
		return base
	}
	return ""
}

// calls finds the uses of pkg.name for the package at importPath, and yields the
// identifier and the position.
func (f goFile) uses(importPath string, yield func(name string, at ast.Node)) {
	local := f.nameOf(importPath)
	if local == "" {
		return
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				yield(sel.Sel.Name, sel)
			}
		}
		return true
	})
}

// at is where a node is, for messages.
func at(n ast.Node) string { return fileSet.Position(n.Pos()).String() }

var fileSet = token.NewFileSet()

// skipped are folders that are no part of the program.
var skipped = []string{".git", "testdata", "tools", "node_modules"}

// source parses the whole repository once. A file that does not parse fails the
// test that asks.
var parseOnce = sync.OnceValues(func() ([]goFile, error) {
	var out []goFile
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (slices.Contains(skipped, d.Name()) || strings.HasPrefix(d.Name(), ".") ||
				strings.HasPrefix(d.Name(), "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(fileSet, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(path)
		out = append(out, goFile{
			path: slash, pkg: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(slash, "_test.go"),
			syntax: syntax, lines: bytes.Count(text, []byte("\n")),
		})
		return nil
	})
	return out, err
})

func source(t *testing.T) []goFile {
	t.Helper()
	files, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// program are the files that are built into the program: no tests, no
// measurements.
func program(t *testing.T) []goFile {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(source(t)), func(f goFile) bool {
		return f.test || within(f.pkg, "bench")
	})
}

// within reports whether folder is root or below it.
func within(folder, root string) bool { return folder == root || strings.HasPrefix(folder, root+"/") }

// assets lists the files with one of the extensions, outside of the skipped folders.
func assets(t *testing.T, exts ...string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (slices.Contains(skipped, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains(exts, filepath.Ext(path)) {
			out = append(out, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table reads a file of lines "a | b | c", without comments and empty lines.
func table(t *testing.T, path string, columns int) [][]string {
	t.Helper()
	var rows [][]string
	sc := bufio.NewScanner(strings.NewReader(read(t, path)))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) != columns {
			t.Errorf("%s:%d: %d columns, want %d", path, n, len(cells), columns)
			continue
		}
		for i := range cells {
			if cells[i] = strings.TrimSpace(cells[i]); cells[i] == "" {
				t.Errorf("%s:%d: column %d is empty", path, n, i+1)
			}
		}
		rows = append(rows, cells)
	}
	return rows
}
