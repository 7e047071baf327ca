package stix

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every code that the source names is declared, and every declared code is used.
func TestCodesAreClosed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	shape := regexp.MustCompile(`^stix(\.[a-z0-9-]+)+$`)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || path == "reason.go" {
			continue
		}
		f, err := goparser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == gotoken.STRING {
				if s, _ := strconv.Unquote(l.Value); shape.MatchString(s) {
					used[s] = true
				}
			}
			return true
		})
	}
	for code := range used {
		if _, ok := formats[code]; !ok {
			t.Errorf("%s is used and not declared", code)
		}
	}
	for code := range Reasons() {
		if !used[code] || !shape.MatchString(code) {
			t.Errorf("%s is declared and not used, or misspelled", code)
		}
	}
}

// checkReason fails if a reason, or one within it, does not fit its format.
func checkReason(t testing.TB, err error) {
	t.Helper()
	r, ok := err.(Reason)
	if !ok {
		return // an error of another package
	}
	if _, ok := formats[r.Code()]; !ok || strings.Contains(err.Error(), "%!") {
		t.Errorf("%s: %q", r.Code(), err)
	}
	for _, a := range r.Args() {
		if inner, ok := a.(error); ok {
			checkReason(t, inner)
		}
	}
}
