package evtx

import (
	"errors"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
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
	used := map[string]bool{"evtx.at.chunk": true, "evtx.at.record": true,
		"evtx.at.chunk.record": true} // joined by Code
	shape := regexp.MustCompile(`^evtx(\.[a-z]+)+$`)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || path == "reason.go" {
			continue
		}
		f, err := goparser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
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
func checkReason(t *testing.T, err error) {
	t.Helper()
	r, ok := err.(Reason)
	if !ok {
		return // an error of the file system
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

func TestErrorParts(t *testing.T) {
	inner := because("evtx.value", 3, because("evtx.sid.left", 12, 4))
	e := &Error{Offset: 4096, Chunk: 0, Record: 7, Err: inner}
	if e.Error() != "evtx: chunk 0, record 7, offset 0x1000: value 3: a SID needs 12 bytes, and 4 are left" {
		t.Error(e)
	}
	if e.Code() != "evtx.at.chunk.record" || len(e.Args()) != 4 || e.Args()[3] != error(inner) {
		t.Error(e.Code(), e.Args())
	}
	checkReason(t, e)
	for _, e := range []*Error{{Chunk: -1, Err: inner}, {Chunk: 1, Err: inner}, {Chunk: -1, Record: 1, Err: inner}} {
		checkReason(t, e)
	}
	_, err := NewStream(io.MultiReader())
	if !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	checkReason(t, err)
	if large := because("evtx.large.bounds", ErrTooLarge, 1, 2); !errors.Is(large, ErrTooLarge) {
		t.Error("the reason does not wrap ErrTooLarge")
	}
}
