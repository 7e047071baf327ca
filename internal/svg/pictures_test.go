package svg_test

import (
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// pictures are one of each kind, with word wherever a text may stand.
func pictures(word string) map[string]svg.Picture {
	text := i18n.T("{0}", "{0}").With(word)
	return map[string]svg.Picture{
		"cycle": svg.Cycle{Text: text, Note: text, Steps: []svg.Step{
			{Name: i18n.T("Sensed", "感知"), Done: true, Detail: text}, {Name: i18n.T("Detected", "検知"), At: ms(4),
				Done: true, Detail: text},
			{Name: i18n.T("Armed", "防御"), At: ms(236), Done: true}, {Name: i18n.T("Hunted", "遡及"),
				Detail: text}, {Name: text, Failed: true},
		}},
		"spark": svg.Spark{Text: text, Values: []float64{1, 4, 2, 8, 5}},
		"columns": svg.Columns{Text: text, Note: text, Unit: text, Open: true,
			Buckets: []i18n.Text{i18n.Same("13:00"), text, i18n.Same("15:00")},
			Series: []svg.Series{{Name: text, Values: []float64{3, 1, 2}},
				{Name: i18n.T("Power", "電力"), Values: []float64{1, -4}, Tone: svg.ToneSev3}}},
		"lines": svg.Lines{Text: text, Note: text, Unit: text,
			Bound: &svg.Bound{Text: text, At: 2}, Mark: 2, Marked: text,
			Steps: []i18n.Text{i18n.Same("0"), text, i18n.Same("2")},
			Series: []svg.Series{{Name: text, Values: []float64{3, 1.5, 2}},
				{Name: i18n.T("Power", "電力"), Values: []float64{1, -4}, Tone: svg.ToneSev3}}},
		"japan": svg.Japan{Text: text, Note: text, Unit: i18n.T("{0} findings", "{0} 件"),
			Counts: map[int]int{13: 12, 14: 9, 27: 6, 1: 3, 47: 1, 99: 5}, Links: map[int]string{13: "/findings?at=13",
				14: "javascript:alert(1)"}},
		"sectors": svg.Sectors{Text: text, Unit: text,
			Tiles: []svg.Sector{{Name: text, Sub: text, Count: 3, Sev: 9, Values: []float64{1, 2, 1}, Path: "/x"},
				{Name: i18n.T("Health", "医療"), Sev: -1}}},
		"dots-few": svg.Dots{Text: text,
			Members: []svg.Dot{{Name: word, State: svg.Armed, Detail: text, Path: "//evil.example"},
				{Name: "b", State: svg.Trace}, {Name: "c"}, {Name: "d", State: svg.Refused}, {Name: "e",
					State: svg.Exempt}}},
		"dots-many": svg.Dots{Text: text, Members: func() []svg.Dot {
			var out []svg.Dot
			for i := range 40 {
				out = append(out, svg.Dot{Name: fmt.Sprint(word, i), State: svg.DotState(i % 5)})
			}
			return out
		}()},
		"graph": svg.Graph{Text: text, Note: text,
			Nodes: []svg.Node{{ID: "m", Kind: svg.KindMember, Label: word},
				{ID: "f", Kind: svg.KindFinding, Label: word, Sub: text, Sev: 3}, {ID: "c", Kind: svg.KindCase,
					Label: "MNK-2026-0001", Sev: 2, Path: "/cases/1"}, {
					ID: "i", Kind: svg.KindIndicator, Label: "evil[.]example", Sev: -1}, {
					ID: "o", Kind: 200, Label: "other"}},
			Edges: []svg.Edge{{From: "m", To: "f", Text: text}, {From: "f", To: "c"}, {From: "c", To: "i"},
				{From: "i", To: "m"}, {From: "f", To: "f"}, {From: "c", To: "missing"}}},
		"matrix": svg.Matrix{Text: text, Unit: text,
			Tactics: []svg.Tactic{{Name: text, Techniques: []svg.Technique{{ID: "T1059", Name: word, Count: 4,
				Path: "/t"}, {ID: word, Name: "b"}}}}},
	}
}

// To rewrite them: go test ./internal/svg -update
func TestGolden(t *testing.T) {
	for name, p := range pictures("変電所 Substation 07") {
		for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
			file := filepath.Join("testdata", name+"-"+string(l)+".golden")
			got := strings.ReplaceAll(string(p.SVG(l)), "><", ">\n<") + "\n"
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s changed (-update rewrites it):\n%s", file, diff)
			}
		}
	}
}

var (
	tags  = regexp.MustCompile(`^(svg|g|a|title|desc|text|tspan|rect|circle|line|path|polyline|polygon)$`)
	attrs = regexp.MustCompile(
		`^(class|viewBox|width|height|role|aria-label|x|y|x1|y1|x2|y2|cx|cy|r|rx|d|points|text-anchor|transform|href)$`)
	plain = regexp.MustCompile(`^[-+a-zA-Z0-9 .,()]*$`)
)

// check reads a picture as XML: only known elements and attributes, links only
// into this site, a title, nothing but numbers in coordinates.
func check(name string, p svg.Picture, l i18n.Lang) error {
	text := string(p.SVG(l))
	d := xml.NewDecoder(strings.NewReader(text))
	titled := false
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s is no XML: %w\n%s", name, err, text)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		titled = titled || el.Name.Local == "title"
		if !tags.MatchString(el.Name.Local) {
			return fmt.Errorf("%s has an element %s", name, el.Name.Local)
		}
		for _, a := range el.Attr {
			switch {
			case !attrs.MatchString(a.Name.Local):
				return fmt.Errorf("%s: attribute %s of %s", name, a.Name.Local, el.Name.Local)
			case a.Name.Local == "href" && (!strings.HasPrefix(a.Value, "/") || strings.HasPrefix(a.Value, "//")):
				return fmt.Errorf("%s links to %s", name, a.Value)
			case a.Name.Local != "aria-label" && a.Name.Local != "href" && !plain.MatchString(a.Value):
				return fmt.Errorf("%s: %s=%q", name, a.Name.Local, a.Value)
			}
		}
	}
	if !titled || !strings.Contains(text, `role="img"`) {
		return fmt.Errorf("%s has no title or no role", name)
	}
	return nil
}

func TestHostileLabels(t *testing.T) {
	for _, word := range []string{
		`"><script>alert(1)</script>`, `' onload='alert(1)`, `</title></svg><img src=x onerror=alert(1)>`,
		"]]>&amp;&#60;", "\x00\x08\x1b[31m", "\u202egnp.exe", "\xff\xfe broken",
		strings.Repeat("あ", 5000), strings.Repeat("W", 5000), "", "javascript:alert(1)", "{0}{1}", "\r\n\t",
	} {
		for name, p := range pictures(word) {
			for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
				if err := check(name, p, l); err != nil {
					t.Errorf("%.40q: %v", word, err)
				}
			}
			if p.Table().Columns == nil {
				t.Errorf("%s has no table", name)
			}
		}
	}
}

// The same data gives the same bytes, whatever the data is, and always a
// well-formed picture.
func TestAnyData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.String()
		var g svg.Graph
		n := rapid.IntRange(0, 30).Draw(t, "nodes")
		for i := range n {
			g.Nodes = append(g.Nodes, svg.Node{ID: fmt.Sprint(i),
				Kind: svg.NodeKind(rapid.IntRange(0, 6).Draw(t, "kind")), Label: word.Draw(t,
					"label"), Sev: rapid.IntRange(-2, 9).Draw(t, "sev")})
		}
		for range rapid.IntRange(0, 60).Draw(t, "edges") {
			g.Edges = append(g.Edges, svg.Edge{From: fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "from")),
				To: fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "to"))})
		}
		values := rapid.SliceOf(rapid.Float64()).Draw(t, "values")
		all := map[string]svg.Picture{
			"graph": g,
			"spark": svg.Spark{Text: i18n.Same(word.Draw(t, "text")), Values: values},
			"columns": svg.Columns{Buckets: make([]i18n.Text, len(values)),
				Series: []svg.Series{{Values: values}, {Values: values}}},
			"japan": svg.Japan{Counts: rapid.MapOf(rapid.IntRange(-1, 50), rapid.Int()).Draw(t, "counts")},
			"dots":  svg.Dots{Members: make([]svg.Dot, rapid.IntRange(0, 900).Draw(t, "members"))},
		}
		for name, p := range all {
			if err := check(name, p, i18n.JA); err != nil {
				t.Fatal(err)
			}
			if a, b := p.SVG(i18n.EN), p.SVG(i18n.EN); a != b {
				t.Fatalf("%s differs from itself", name)
			}
		}
	})
}

func TestPrefectures(t *testing.T) {
	list := svg.Prefectures()
	if len(list) != 47 {
		t.Fatalf("%d prefectures", len(list))
	}
	for i, p := range list {
		if p.Code != i+1 {
			t.Errorf("%v stands at place %d", p.Name, i+1)
		}
	}
	// Each tile stands alone.
	text := string(svg.Japan{}.SVG(i18n.JA))
	places := map[string]bool{}
	for _, m := range regexp.MustCompile(`<rect x="[^"]*" y="[^"]*"`).FindAllString(text, -1) {
		if places[m] {
			t.Errorf("two tiles at %s", m)
		}
		places[m] = true
	}
	if len(places) != 47 {
		t.Errorf("%d tiles", len(places))
	}
}

// A long chain, a ring and a star are laid out in bounded time and without overlap.
func TestGraphShapes(t *testing.T) {
	var chain, star svg.Graph
	for i := range 1000 {
		id := fmt.Sprint(i)
		chain.Nodes = append(chain.Nodes, svg.Node{ID: id, Label: id})
		star.Nodes = append(star.Nodes, svg.Node{ID: id, Label: id})
		chain.Edges = append(chain.Edges, svg.Edge{From: id, To: fmt.Sprint((i + 1) % 1000)})
		star.Edges = append(star.Edges, svg.Edge{From: "0", To: id})
	}
	for name, g := range map[string]svg.Graph{"chain": chain, "star": star} {
		text := string(g.SVG(i18n.EN))
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(`class="tile" x="[^"]*" y="[^"]*"`).FindAllString(text, -1) {
			if seen[m] {
				t.Errorf("%s: two nodes at %s", name, m)
			}
			seen[m] = true
		}
		if len(seen) != 10 {
			t.Errorf("%s draws %d nodes", name, len(seen))
		}
	}
}

// A case with many rules keeps a picture that fits a page: the weightiest stay,
// one node counts the others and leads to them, and the table has them all.
func TestGraphFolds(t *testing.T) {
	g := svg.Graph{Nodes: []svg.Node{{ID: "c", Kind: svg.KindCase, Label: "MNK"}},
		Rest: map[svg.NodeKind]string{svg.KindFinding: "/findings"}}
	for i := range 134 {
		id := fmt.Sprint("rule-", i)
		g.Nodes = append(g.Nodes, svg.Node{ID: id, Kind: svg.KindFinding, Label: id, Sev: i % 5})
		g.Edges = append(g.Edges, svg.Edge{From: id, To: "c", Text: i18n.T("belongs to", "所属")})
	}
	for l, more := range map[i18n.Lang]string{i18n.EN: "and 125 more", i18n.JA: "ほか 125 件"} {
		text := string(g.SVG(l))
		if n := strings.Count(text, `class="tile"`); n != 11 {
			t.Errorf("%d nodes are drawn", n)
		}
		if n := strings.Count(text, `class="edge"`); n != 10 {
			t.Errorf("%d edges are drawn", n)
		}
		if !strings.Contains(text, more) || !strings.Contains(text, `href="/findings"`) ||
			!strings.Contains(text, "rule-4<") || strings.Contains(text, "rule-3<") {
			t.Errorf("the rest is not told, or the wrong ones are left out:\n%s", text)
		}
	}
	if n := len(g.Table().Rows); n != 134 {
		t.Errorf("the table has %d rows", n)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		em   float64
		want string
	}{
		{"short", 10, "short"}, {"制御端末からの不審な子プロセス", 6, "制御端末か…"}, {"abcdefghij", 3, "abcd…"}, {"", 1, ""},
	} {
		if got := svg.Cut(c.in, c.em); got != c.want {
			t.Errorf("Cut(%q, %v) = %q, want %q", c.in, c.em, got, c.want)
		}
	}
	lines, whole := svg.Wrap("MNK-2026-0147 に統合", 11, 2)
	if diff := cmp.Diff([]string{"MNK-2026-0147", "に統合"}, lines); diff != "" || !whole {
		t.Error(diff, whole)
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 ms", 400 * time.Microsecond: "<1 ms", ms(391): "391 ms",
		ms(4321): "4,321 ms", 42 * time.Second: "42.0 s", 25 * time.Minute: "25 min", 30 * time.Hour: "30 h",
		400 * time.Hour * 24: "400 d", -ms(5): "−5 ms"} {
		if got := svg.Millis(d); got != want {
			t.Errorf("Millis(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	shapes := map[string]int{}
	for n := range 5 {
		text := string(svg.Severity(n, i18n.JA))
		if !strings.Contains(text, fmt.Sprintf("</svg>%d", n)) || !strings.Contains(text, svg.SeverityText(n).JA) {
			t.Errorf("severity %d lacks its number or its word: %s", n, text)
		}
		shapes[regexp.MustCompile(`aria-hidden="true"><[^>]*>`).FindString(text)]++
	}
	if len(shapes) != 5 {
		t.Errorf("two severities share a shape: %v", shapes)
	}
	if svg.Severity(-3, i18n.EN) != svg.Severity(0, i18n.EN) || svg.Severity(99, i18n.EN) != svg.Severity(4, i18n.EN) {
		t.Error("out of range must show as the nearest")
	}
}
