package reason

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// libraries are the packages whose reasons reach people.
var libraries = []string{"stix", "evtx"}

// noReason are the literals of the libraries that look like one and are none.
var noReason = map[string]string{
	"id %s":                  "key of a map",
	"name %s":                "key of a map",
	"alias %s":               "key of a map",
	"%s of %s":               "a condition, written out",
	"%s %v":                  "a condition, written out",
	"of %s":                  "a condition, written out",
	"(%s) and (%s)":          "a condition, written out",
	"%s and (%s)":            "a condition, written out",
	"not %s":                 "a condition, written out",
	"1 of":                   "a condition, written out",
	"all of":                 "a condition, written out",
	"no ":                    "a trace, which is written in English for programs and tests",
	"no match":               "a trace",
	"no  %s%d more values\n": "a trace",
	"%s log source %s; event: product %q, service %q, categories %q\n": "a trace",
	"condition: %s":                         "a trace",
	"selection %s":                          "a trace",
	"all of these:":                         "a trace",
	"any of these:":                         "a trace",
	" is %q":                                "a trace",
	" is absent":                            "a trace",
	" found in %q":                          "a trace",
	"author not stated":                     "credit of a rule",
	"licence as stated by its source":       "credit of a rule",
	"%s — %s (Sigma rule %s; %s)":           "credit of a rule",
	"sigma: a condition of an unknown kind": "a panic: no input leads there",
	"yaml: ":                                "cut off the YAML reader's text",
	"line ":                                 "cut off the YAML reader's text",
	"unknown anchor '":                      "cut off the YAML reader's text",
	"cannot start any token":                "looked for in the YAML reader's text",
	"unknown escape character":              "looked for in the YAML reader's text",
	"mapping values are not allowed":        "looked for in the YAML reader's text",
	"pipeline ":                             "looked for in a reason",
	"(modifier expand) has no values":       "looked for in a reason",
	"without a name":                        "name of a pipeline",
	"title: t\nlogsource: {product: p}\ndetection: {c: {f: 1}, condition: c}\n": "a rule",
	"meneki correlate 1\n":    "head of a file",
	"REPEATS %s TIMES":        "a pattern, written out",
	"WITHIN %s SECONDS":       "a pattern, written out",
	"START t'%s' STOP t'%s'":  "a pattern, written out",
	"NOT ":                    "a pattern, written out",
	"%sEXISTS %s":             "a pattern, written out",
	"chunk %d, ":              "part of an error's place, whose whole is in the table",
	"record %d, ":             "part of an error's place, whose whole is in the table",
	"offset %#x: %v":          "part of an error's place, whose whole is in the table",
	"evtx: ":                  "part of an error's place, whose whole is in the table",
	"stix: %s":                "part of an error's place, whose whole is in the table",
	"pipeline %q (%s:%d, %s)": "part of an error's place, whose whole is in the table",
	"%s… sha256:%s":           "a long value, cut",
}

var (
	manyHoles = regexp.MustCompile(`(%s)+`)
	anyVerb   = regexp.MustCompile(`%[vw]`)
)

// same writes alike what is matched alike.
func same(format string) string {
	if strings.HasPrefix(format, ";") { // a hint behind another reason
		format = "%s" + format
	}
	return manyHoles.ReplaceAllString(anyVerb.ReplaceAllString(format, "%s"), "%s")
}

// joined gives a literal, also one that is joined of several; what is no literal
// in it is a hole.
func joined(e ast.Expr) (s string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, okX := joined(e.X)
		y, okY := joined(e.Y)
		if e.Op != token.ADD || !okX && !okY {
			return "", false
		}
		for _, side := range []struct {
			s  *string
			ok bool
		}{{&x, okX}, {&y, okY}} {
			if !side.ok {
				*side.s = "%s"
			}
		}
		return x + y, true
	}
	return "", false
}

// makers are the functions that make a reason of a format.
var makers = []string{"Errorf", "New", "fail", "refuse", "bad", "warn", "unsupported", "syntax", "wrong", "unexpected", "needs", "e"}

// said gives every literal of the libraries that is prose, or is handed to a
// maker of reasons, with its place.
func said(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, lib := range libraries {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(lib), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no source: %v", lib, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			note := func(n ast.Node, s string) {
				if _, none := noReason[s]; !none && strings.ContainsFunc(s, unicode.IsLetter) {
					out[s] = fset.Position(n.Pos()).String()
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ImportSpec:
					return false
				case *ast.Field:
					return n.Tag == nil
				case *ast.CallExpr:
					if name := called(n); slices.Contains(makers, name) {
						args := n.Args
						if name == "bad" { // the property comes first
							args = args[1:]
						}
						for _, a := range args {
							if s, ok := joined(a); ok && name != "needs" && strings.Contains(s, "%") {
								note(a, s)
							}
						}
					}
				case ast.Expr:
					s, ok := joined(n)
					if ok && strings.Contains(strings.TrimSpace(s), " ") || ok && strings.TrimSpace(s) != s {
						note(n, s)
					}
					return !ok
				}
				return true
			})
		}
	}
	return out
}

func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// data says that a literal is no prose: a list for strings.Contains, a regular
// expression, a layout of bytes.
func data(s string) bool {
	words := regexp.MustCompile(`[a-z]{2,}`).FindAllString(anyVerb.ReplaceAllString(s, ""), -1)
	return len(words) == 0 || strings.HasPrefix(s, "^")
}

// Every reason that a library can give has its Japanese, and no table speaks of
// one that no library gives any more.
func TestEveryReasonHasJapanese(t *testing.T) {
	have := map[string]bool{}
	for _, e := range formats() {
		have[same(e.en)] = true
	}
	live := map[string]bool{}
	for s, at := range said(t) {
		live[same(s)], live[same(strings.ReplaceAll(s, "%", "%%"))] = true, true
		if !data(s) && !have[same(s)] && !have[same(strings.ReplaceAll(s, "%", "%%"))] {
			t.Errorf("%s: no table of internal/reason has %q; if it is no reason, say so in noReason", at, s)
		}
	}
	foreign := map[string]bool{}
	for _, e := range slices.Concat(shared(), ofYAML(), ofMachine(), ofReceipts(), ofRules(), ofConditions(), ofCorrelations(), ofPipelines(), ofSteps(), ofSnapshots()) {
		foreign[e.en] = true
	}
	for _, e := range formats() {
		if !foreign[e.en] && !live[same(e.en)] && !composed(e.en) {
			t.Errorf("no library says %q any more", e.en)
		}
	}
	for s := range noReason {
		if have[same(s)] && s != "evtx: " && s != "%s %v" {
			t.Errorf("%q is in a table and in noReason", s)
		}
	}
}

// answers are the files whose faults go to another node as they are in English:
// those of arming an indicator, and of taking in what a member sent. Of one the
// texts that are no faults go too, within a fault.
var answers = map[string]bool{
	"internal/detect/hunt.go": false, "internal/detect/pattern.go": true, "internal/detect/engine.go": false, "internal/detect/desk.go": false, "internal/detect/rulecare_pool.go": false,
	"internal/share/receipt.go": false, "internal/share/object.go": false, "internal/share/office.go": false, "internal/hub/intake.go": false,
}

// notAnswered are texts of these files that no message gets, and one without words.
var notAnswered = []string{"not a member", "the batch is not readable", "%s:%s: %s"}

// What another node says in English is said here as the fault itself would say it.
func TestAnswersOfOtherNodes(t *testing.T) {
	want := map[string]string{}
	for path, all := range answers {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", filepath.FromSlash(path)), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && called(c) == "T" && len(c.Args) == 2 {
				en, _ := joined(c.Args[0])
				want[hole.ReplaceAllString(en, "%s")], _ = joined(c.Args[1])
			}
			return true
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if ok && (all || (called(c) == "New" || called(c) == "Wrap") && len(c.Args) > 1 && !strings.Contains(called(c), "Hint")) {
				ast.Inspect(c, text)
			}
			return true
		})
	}
	for _, s := range notAnswered {
		delete(want, s)
	}
	for _, e := range ofReceipts() {
		if ja, ok := want[e.en]; ok && strings.ReplaceAll(e.ja, "~}", "}") != ja {
			t.Errorf("%q: %q, and the fault says %q", e.en, e.ja, ja)
		}
		delete(want, e.en)
	}
	for en := range want {
		t.Errorf("the table of receipts lacks %q", en)
	}
}

// composed are what a library puts together piece by piece.
func composed(s string) bool {
	return strings.HasPrefix(s, "evtx: ") || strings.HasPrefix(s, "stix: ") || strings.HasPrefix(s, "pipeline %q") ||
		slices.Contains([]string{"aggregation", "is empty", "a string %s", "a number %s", "true or false %s", "a hex value %s", "a binary value %s", "a timestamp %s"}, s)
}

// The Japanese of an entry holds every part of the English, once, and says in
// Japanese too what is an error of its own.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range formats() {
		if seen[same(e.en)] {
			t.Errorf("%q is there twice", e.en)
		}
		seen[same(e.en)] = true
		if e.en != "null" && !compile(e).bare && !strings.ContainsFunc(e.ja, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == '：' }) {
			t.Errorf("%q: the Japanese is %q", e.en, e.ja)
		}
		holes := map[string]bool{}
		for _, m := range hole.FindAllStringSubmatch(e.ja, -1) {
			if holes[m[1]] {
				t.Errorf("%q: {%s} twice", e.en, m[1])
			}
			holes[m[1]] = true
		}
		n := 0
		for _, m := range verb.FindAllStringSubmatch(e.en, -1) {
			if m[1] == "%" {
				continue
			}
			if !holes[strconv.Itoa(n)] {
				t.Errorf("%q: the Japanese lacks {%d}", e.en, n)
			}
			if (m[1] == "w" || m[1] == "v") && !strings.Contains(e.ja, "{"+strconv.Itoa(n)+"~}") {
				t.Errorf("%q: {%d} is a reason, so it is {%d~}", e.en, n, n)
			}
			n++
		}
		if n != len(holes) {
			t.Errorf("%q: %d holes in English, %d in Japanese", e.en, n, len(holes))
		}
	}
}
