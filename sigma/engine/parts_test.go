package engine

import (
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// TestFold: the fast fold is the reference's, for every character.
func TestFold(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		text := "Ab" + string(r) + "Z"
		if got, want := string(appendFold(nil, []byte(text))), fold.Text(text); got != want {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		if got, want := string(appendFold([]byte("x"), text)), "x"+fold.Text(string(text)); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

var textParts = []string{
	"", "a", "b", "ab", "x", "K", "k", "\u212a", "ſ", "ss", "ß", "é", "日本", "\n", "\r\n", " ", "aaa", "foo", "bar",
	"FOO", "\xff", "\xe2\x84", "\ufffd", "1", "12345", ".", "-",
}

// anyText is a text in which expressions of anyRegex are found or just not.
func anyText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(textParts), 0, 8).Draw(t, "text"), "")
}

func anyRegex(t *rapid.T, depth int) string {
	leaf := rapid.SampledFrom([]string{
		"a", "b", "ab", "foo", "bar", ".", "[ab]", "[^a]", `\d`, `\w`, `\b`, "^", "$", "K", "\u212a", "ſ", "é", "日",
		"(?i:foo)", "(?i:k)", "(?s:.)", `\x{FFFD}`, "[kK]", "(?m:^)", `\.`, "",
	})
	if depth > 3 || rapid.Bool().Draw(t, "leaf") {
		return leaf.Draw(t, "leaf")
	}
	sub := func() string { return anyRegex(t, depth+1) }
	switch rapid.IntRange(0, 5).Draw(t, "op") {
	case 0:
		return "(" + sub() + "|" + sub() + ")"
	case 1:
		return "(?:" + sub() + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{3,}", "{1,2}", "{0,2}", "*?",
			"+?", "{5,}"}).Draw(t, "many")
	case 2:
		return "(" + sub() + ")"
	}
	return sub() + sub()
}

// decides compares a decider with the expression that it stands for.
func decides(t interface {
	Helper()
	Fatalf(string, ...any)
}, re *regexp.Regexp, text string) {
	t.Helper()
	d := newDecider(re)
	if got, want := d.matchText(text), re.MatchString(text); got != want {
		t.Fatalf("%s in %q: %v, want %v (%+v)", re, text, got, want, d)
	}
}

func TestDecider(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		re, err := regexp.Compile(anyRegex(t, 0))
		if err != nil {
			t.Skip(err)
		}
		for range 5 {
			decides(t, re, anyText(t))
		}
	})
	for _, row := range []struct {
		re   string
		fast bool // without the general machine
	}{
		{`.{1000,}`, true}, {`(a*)*b`, true}, {`.*foo.*`, true}, {`(?i)foo`, true}, {`(?s).{3}`, true},
		{`[ab]{3,7}`, true}, {`a+`, true}, {`(x?)+`, true},
		{`\x{FFFD}`, false}, {`^a`, false}, {`(x+x+)+y`, false}, {`foo|bar`, false},
	} {
		re := regexp.MustCompile(row.re)
		if fast := newDecider(re).re == nil; fast != row.fast {
			t.Errorf("%s: decided without regexp: %v", row.re, fast)
		}
		for _, text := range []string{
			"", "foo", "FOO", "aab", strings.Repeat("é", 999), strings.Repeat("é", 1000),
			strings.Repeat("a", 999) + "\n" + strings.Repeat("a", 999),
			strings.Repeat("\xff", 1000), "日本", "日本語", "\xe6\x97", "b", "\n\n\n", "\ufffd", "\xff", "xxxy",
		} {
			decides(t, re, text)
		}
	}
}

// TestLongLine: lines of any lengths, of characters of any, against regexp.
func TestLongLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		re := regexp.MustCompile(fmt.Sprintf(".{%d,}", rapid.IntRange(1, 40).Draw(t, "n")))
		var b strings.Builder
		for range rapid.IntRange(0, 8).Draw(t, "lines") {
			b.WriteString(rapid.StringOfN(rapid.RuneFrom([]rune("aé日")), 0, 45, -1).Draw(t, "line"))
			b.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", "\n\n", "\xff", ""}).Draw(t, "end"))
		}
		decides(t, re, b.String())
	})
}

func FuzzDecider(f *testing.F) {
	for _, s := range [][2]string{{"(a*)*b", "aab"}, {".{3,}", "日本"}, {"(?i)k", "\u212a"}, {"foo|ba[rz]+", "bazz"},
		{`^a*$`, ""}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 || len(text) > 1000 {
			return
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		decides(t, re, text)
	})
}

// TestSearcher: literals of all lengths are found wherever they stand.
func TestSearcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lits := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab\\.éx")), 1, 14, -1), 1, 30).Draw(t, "literals")
		s := newSearcher(lits)
		for range 5 {
			text := rapid.StringOfN(rapid.RuneFrom([]rune("ab\\.éx")), 0, 40, -1).Draw(t, "text")
			if rapid.Bool().Draw(t, "with") {
				text += lits[rapid.IntRange(0, len(lits)-1).Draw(t, "which")] +
					rapid.SampledFrom([]string{"", "a", "xxxxxx"}).Draw(t, "end")
			}
			want := false
			for _, lit := range lits {
				want = want || strings.Contains(text, lit)
			}
			if got := s.in([]byte(text)); got != want {
				t.Fatalf("%q in %q: %v, want %v", lits, text, got, want)
			}
		}
	})
}

func TestNames(t *testing.T) {
	list := []string{"", "Image", "image", "IMAGE", "k", "\u212a", "Ä", "user.name", "a@", "a`",
		"longer name of more than eight bytes"}
	n := newNames(list[:4]).With(list[4:]...)
	for i, name := range list {
		id, class := find(n, name)
		if id != int32(i) || class != n.Class(id) {
			t.Errorf("%q: %d, class %d", name, id, class)
		}
		if again, _ := n.Find([]byte(name)); again != id {
			t.Errorf("%q: %d and %d", name, id, again)
		}
	}
	for key, like := range map[string]string{"iMAGE": "Image", "K": "k", "ä": "Ä", "USER.NAME": "user.name",
		"A@": "a@"} {
		id, class := find(n, key)
		of, want := find(n, like)
		if id >= 0 || class != want {
			t.Errorf("%q: %d, class %d; %q is %d, class %d", key, id, class, like, of, want)
		}
	}
	for _, key := range []string{"Imag", "Images", "é", "user\x0ename"} {
		if id, class := find(n, key); id >= 0 || class >= 0 {
			t.Errorf("%q: %d, class %d", key, id, class)
		}
	}
	if got := fmt.Sprint(n.Members(n.Class(1))); got != "[3 1 2]" {
		t.Errorf("members %v", got) // IMAGE, Image, image
	}
}

// TestBounds: no number of events, and no number of log sources, makes an engine
// grow beyond what its rules can tell apart.
func TestBounds(t *testing.T) {
	c := sigma.ParseCollection("a.yml",
		[]byte("title: one\nlogsource:\n  product: windows\n  definition: x\n"+
			"detection:\n  a:\n    EventID: [1, 2]\n  condition: a\n"))
	set := c.Set()
	if len(set.Rules) != 1 {
		t.Fatal(set.Refused)
	}
	e := Compile(set, Options{})
	w := e.Worker()
	for i := range 20_000 {
		ev := &stub{product: "windows", service: fmt.Sprint("service", i), categories: []string{fmt.Sprint("c", i)}}
		ev.fields = map[string]any{"EventID": int64(i)}
		for m := range w.Match(ev) {
			if i != 1 && i != 2 {
				t.Errorf("%d: %s", i, m.Rule.Title)
			}
		}
	}
	if n, _ := e.Memory(); n > 4 || len(e.routes) > 2 || len(w.routes) > maxRoutes {
		t.Errorf("%d partitions, %d routes, %d of the worker", n, len(e.routes), len(w.routes))
	}
	matchOne(t, w, strings.Repeat("x", 10<<20))
	matchOne(t, w, "")
	if cap(w.cells.buf) > keepBuffer {
		t.Errorf("%d bytes of scratch are kept", cap(w.cells.buf))
	}
}

func matchOne(t *testing.T, w *Worker, text string) {
	t.Helper()
	fields := map[string]any{"EventID": "1", "other": text}
	n := 0
	for range w.Match(&stub{product: "windows", fields: fields}) {
		n++
	}
	if n != 1 {
		t.Errorf("%d matches", n)
	}
}

type stub struct {
	product, service string
	categories       []string
	fields           map[string]any
}

func (s *stub) LogSource() (string, string, []string) { return s.product, s.service, s.categories }
func (s *stub) Lookup(field string) (any, bool)       { return sigma.LookupIn(s.fields, field) }
func (s *stub) FieldMap() map[string]any              { return s.fields }
func (s *stub) Leaves() iter.Seq[string]              { return sigma.LeavesOf(s.fields) }
