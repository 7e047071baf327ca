package reason

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

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

func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// answers are the files whose faults go to another node as they are in English:
// those of arming an indicator, and of taking in what a member sent. Of one the
// texts that are no faults go too, within a fault.
var answers = map[string]bool{
	"internal/detect/match/reader.go": false, "internal/detect/match/pattern.go": true, "internal/detect/match/engine.go": false,
	"internal/detect/finding/intake.go": false, "internal/detect/rulehealth/pool/pool.go": false,
	"internal/share/receipt.go": false, "internal/share/object.go": false, "internal/share/office.go": false,
	"internal/hub/intake.go": false,
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
			if ok && (all || (called(c) == "New" || called(c) == "Wrap") && len(c.Args) > 1 &&
				!strings.Contains(called(c), "Hint")) {
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

// The Japanese of an entry holds every part of the English, once, and says in
// Japanese too what is an error of its own.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range formats() {
		if seen[same(e.en)] {
			t.Errorf("%q is there twice", e.en)
		}
		seen[same(e.en)] = true
		if e.en != "null" && !compile(e).bare &&
			!strings.ContainsFunc(e.ja,
				func(r rune) bool {
					return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) ||
						r == '：'
				}) {
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
