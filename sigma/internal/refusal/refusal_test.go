package refusal_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/internal/refusal"
	"github.com/meneki/meneki/sigma/pipeline"
)

var (
	isCode = regexp.MustCompile(`^(sigma|pipeline|correlate|yaml)(\.[a-z0-9-]+)+$`)
	verb   = regexp.MustCompile(`%[a-z]`)
)

// counted are the functions that take a code and its arguments, with how many
// arguments stand before the code.
var counted = map[string]int{"New": 0, "fail": 1, "refuse": 1, "warn": 2}

// askedFor is a code of package sigma that package pipeline looks for.
const askedFor = "sigma.placeholder.missing"

// Every code that a package uses is in its table with the right number of
// arguments, and every row of a table is used.
func TestTablesAreClosed(t *testing.T) {
	for folder, table := range map[string]iter.Seq2[string, string]{
		"../..": sigma.Reasons(), "../../pipeline": pipeline.Reasons(), "../../correlate": correlate.Reasons(),
		"../yamldoc": refusal.YAML.All(),
	} {
		formats := map[string]string{}
		for code, format := range table {
			if !isCode.MatchString(code) {
				t.Errorf("%s: %q is not a code: dotted lower-case words", folder, code)
			}
			formats[code] = format
		}
		used := usedCodes(t, folder, formats)
		for code := range formats {
			if _, shared := refusal.YAML[code]; !used[code] && !shared {
				t.Errorf("%s: nothing gives the reason %s", folder, code)
			}
		}
	}
}

func usedCodes(t *testing.T, folder string, formats map[string]string) map[string]bool {
	t.Helper()
	fset := token.NewFileSet()
	paths, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no source: %v", folder, err)
	}
	used := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "reasons.go" {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				checkCall(t, fset, c, formats)
			}
			if code, ok := codeOf(n); ok {
				used[code] = true
				if _, ok := formats[code]; !ok && code != askedFor {
					t.Errorf("%s: the table of reasons lacks %s", fset.Position(n.Pos()), code)
				}
			}
			return true
		})
	}
	return used
}

func checkCall(t *testing.T, fset *token.FileSet, c *ast.CallExpr, formats map[string]string) {
	t.Helper()
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	at, ok := counted[name]
	if !ok || len(c.Args) <= at || c.Ellipsis.IsValid() {
		return
	}
	code, ok := codeOf(c.Args[at])
	if !ok {
		return
	}
	format := strings.ReplaceAll(formats[code], "%%", "")
	if got, want := len(c.Args)-at-1, len(verb.FindAllString(format, -1)); got != want {
		at := fset.Position(c.Pos())
		t.Errorf("%s: %s has %d arguments, its format %q takes %d", at, code, got, format, want)
	}
}

func codeOf(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil && isCode.MatchString(s)
}

// A reason leads to the errors among its arguments.
func TestUnwrap(t *testing.T) {
	table := refusal.Table{"a.b": "%s: %v"}
	r := table.New("a.b", "x", fs.ErrNotExist)
	if !errors.Is(r, fs.ErrNotExist) || r.Error() != "x: file does not exist" || len(r.Args()) != 2 {
		t.Errorf("%#v", r)
	}
}
