package meneki_test

import (
	"flag"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite "+longLines)

const (
	maxColumns = 120
	tabColumns = 4

	// longLines lists the files that have longer lines. It only shrinks: a file
	// that is not listed has none, and a listed file without any fails too.
	longLines = "longlines.txt"
)

// columns is how wide a line is: a tab goes on to the next multiple of
// tabColumns, and every other character takes one.
func columns(line string) int {
	n := 0
	for _, r := range line {
		if r == '\t' {
			n += tabColumns - n%tabColumns
		} else {
			n++
		}
	}
	return n
}

// breakable reports whether a line can be made shorter: a struct tag and a
// directive of the toolchain cannot, nor can an address in a comment.
func breakable(line string) bool {
	line = strings.TrimSpace(line)
	switch before, tag, ok := strings.Cut(line, "`"); {
	case strings.HasPrefix(line, "//go:"):
		return false
	case strings.HasPrefix(line, "//") && strings.Contains(line, "://"):
		return false
	case ok && strings.HasSuffix(tag, `"`+"`") && utf8.RuneCountInString(before) < maxColumns/2:
		return !strings.Contains(tag, `:"`)
	}
	return true
}

func tooLong(text string) (lines []int) {
	samples := sampleLines(text)
	for i, line := range strings.Split(text, "\n") {
		if columns(line) > maxColumns && breakable(line) && !samples[i+1] {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// sampleLines are the lines that a sample makes long: a raw string that holds a record or a
// document as it is, which no line break may part.
func sampleLines(text string) map[int]bool {
	out, lines := map[int]bool{}, strings.Split(text, "\n")
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok != token.STRING || lit[0] != '`' || statement.MatchString(lit) {
			continue
		}
		first := file.Line(pos)
		for i, part := range strings.Split(lit, "\n") {
			if n := columns(part); n > maxColumns/2 && columns(lines[first+i-1])-n < maxColumns/2 {
				out[first+i] = true
			}
		}
	}
}

// statement is how SQL begins, which may be broken anywhere.
var statement = regexp.MustCompile("^`\\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|WITH) ")

// Law 4: a line fits beside another file. After moving files or shortening
// lines: go test . -run TestLineLength -update
func TestLineLength(t *testing.T) {
	listed := map[string]bool{}
	for _, line := range strings.Split(read(t, longLines), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			listed[line] = true
		}
	}
	var long []string
	for _, f := range source(t) {
		lines := tooLong(read(t, f.path))
		switch {
		case len(lines) > 0:
			long = append(long, f.path)
			if !listed[f.path] && !*update {
				t.Errorf("%s:%d: more than %d columns (%d such lines)", f.path, lines[0], maxColumns, len(lines))
			}
		case listed[f.path] && !*update:
			t.Errorf("%s has no long lines any more: go test . -run TestLineLength -update", f.path)
		}
		delete(listed, f.path)
	}
	if *update {
		slices.Sort(long)
		text := fmt.Sprintf("# Files with lines of more than %d columns, kept by columns_test.go. The list only "+
			"shrinks.\n", maxColumns)
		if err := os.WriteFile(longLines, []byte(text+strings.Join(long, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for path := range listed {
		t.Errorf("%s is listed in %s and does not exist: go test . -run TestLineLength -update", path, longLines)
	}
}

func TestColumns(t *testing.T) {
	wide := strings.Repeat("a", maxColumns)
	for line, want := range map[string]bool{
		"":                              false,
		wide:                            false,
		wide + "a":                      true,
		"\t" + wide:                     true,
		"ab\t" + wide[4:]:               false,
		strings.Repeat("界", maxColumns): false,
		"//go:embed " + wide:            false,
		"// see https://" + wide:        false,
		"A string `json:\"a\" doc:\"" + wide + "\"`":           false,
		"store.Exec(tx, `SELECT " + wide + "`)":                true,
		"event(t, `{\"a\": \"" + wide + "\"}`)":                false,
		"event(t, `{\"a\": 1}`, " + wide + ")":                 true,
		wide + " string `json:\"a\" doc:\"" + wide + `"` + "`": true,
	} {
		if got := len(tooLong(line)) > 0; got != want {
			t.Errorf("%.40q... of %d columns: too long is %v", line, columns(line), got)
		}
	}
}
