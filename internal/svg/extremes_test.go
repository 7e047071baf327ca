package svg_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

// extremes are the amounts at which sums overflow, steps vanish and comparisons
// with themselves fail.
var extremes = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1e-9, math.SmallestNonzeroFloat64, 2.2250738585072014e-308,
	1e15, 1<<53 + 2, 1e16, 1e300, 9e307, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
}

var whole = []int{0, 1, -1, 4, 5, math.MaxInt32, math.MaxInt, math.MinInt}

// measured are one of each picture that takes numbers, with these numbers.
func measured(values []float64, n int) map[string]svg.Picture {
	text := i18n.T("Amounts", "量")
	var steps []svg.Step
	for _, v := range append([]float64{1, 2}, values...) {
		at := time.Duration(math.MaxInt64)
		if v < math.MaxInt64 && v > math.MinInt64 {
			at = time.Duration(v)
		} else if v < 0 {
			at = math.MinInt64
		}
		steps = append(steps, svg.Step{Name: text, Done: true, At: at})
	}
	top := 0.0
	if len(values) > 0 {
		top = values[0]
	}
	tile := svg.Sector{Name: text, Count: n, Sev: n, Values: values}
	counts := map[int]int{}
	for code := range 60 {
		counts[code] = n - code
	}
	return map[string]svg.Picture{
		"cycle": svg.Cycle{Text: text, Steps: steps},
		"spark": svg.Spark{Text: text, Values: values, Top: top},
		"columns": svg.Columns{Text: text, Buckets: make([]i18n.Text, len(values)),
			Series: []svg.Series{{Values: values}, {Values: values}, {Values: values, Tone: svg.Tone(n & 0xff)}}},
		"lines": svg.Lines{Text: text, Steps: make([]i18n.Text, len(values)), Top: top, Mark: n,
			Bound:  &svg.Bound{At: top},
			Series: []svg.Series{{Values: values}, {Values: values, Tone: svg.Tone(n & 0xff)}, {}}},
		"japan":   svg.Japan{Text: text, Counts: counts},
		"sectors": svg.Sectors{Text: text, Tiles: []svg.Sector{tile, tile, {Name: text}}},
		"dots":    svg.Dots{Text: text, Members: []svg.Dot{{Name: "a", State: svg.DotState(n & 0xff)}}},
		"graph": svg.Graph{Text: text, Nodes: []svg.Node{{ID: "a", Sev: n, Kind: svg.KindCase}, {ID: "b", Sev: -n}},
			Edges: []svg.Edge{{From: "a", To: "b"}}},
		"matrix": svg.Matrix{Text: text,
			Tactics: []svg.Tactic{{Techniques: []svg.Technique{{ID: "T1", Count: n}, {Count: 1}}}}},
	}
}

// maxPicture is how many bytes a picture of few values has at most.
const maxPicture = 64 << 10

var coordinate = regexp.MustCompile(` (?:x|y|x1|y1|x2|y2|cx|cy|r|width|height)="([^"]*)"`)

// bounded draws a picture and reports what is wrong with its size or coordinates.
func bounded(name string, p svg.Picture, size int) error {
	if err := check(name, p, i18n.JA); err != nil {
		return err
	}
	text := string(p.SVG(i18n.EN))
	if len(text) > size {
		return fmt.Errorf("%s has %d bytes, more than %d", name, len(text), size)
	}
	for _, m := range coordinate.FindAllStringSubmatch(text, -1) {
		if f, err := strconv.ParseFloat(m[1], 64); err != nil || math.Abs(f) > 1e6 {
			return fmt.Errorf("%s draws outside of itself: %s", name, m[0])
		}
	}
	for _, row := range p.Table().Rows {
		for _, cell := range row {
			if f, ok := cell.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				return fmt.Errorf("%s has %v in its table", name, f)
			}
		}
	}
	return nil
}

func TestExtremes(t *testing.T) {
	for i, v := range extremes {
		for j, w := range extremes {
			n := whole[(i+j)%len(whole)]
			for name, p := range measured([]float64{v, w}, n) {
				if err := bounded(name, p, maxPicture); err != nil {
					t.Errorf("%v and %v, %d: %v", v, w, n, err)
				}
			}
		}
	}
}

func TestExtremesMixed(t *testing.T) {
	number := rapid.OneOf(rapid.SampledFrom(extremes), rapid.Float64(), rapid.Float64Range(0, 1e-300))
	count := rapid.OneOf(rapid.SampledFrom(whole), rapid.Int())
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(number, 0, 40).Draw(t, "values")
		for name, p := range measured(values, count.Draw(t, "count")) {
			if err := bounded(name, p, maxPicture); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A picture of more than a page can show has a bounded size, and its table has
// everything.
func TestPicturesOfMany(t *testing.T) {
	const many = 200_000
	text, long := i18n.T("Many", "多数"), i18n.Same(strings.Repeat("長", 100_000))
	values := make([]float64, many)
	values[many/2] = 7
	series := make([]svg.Series, 30)
	for i := range series {
		series[i] = svg.Series{Name: text, Values: values}
	}
	for name, p := range map[string]svg.Picture{
		"cycle":   svg.Cycle{Text: text, Steps: make([]svg.Step, 2000)},
		"spark":   svg.Spark{Text: text, Values: values},
		"columns": svg.Columns{Text: text, Buckets: make([]i18n.Text, many), Series: series},
		"sectors": svg.Sectors{Text: text, Tiles: append(make([]svg.Sector, 2000), svg.Sector{Values: values})},
		"dots":    svg.Dots{Text: text, Members: make([]svg.Dot, many)},
		"matrix": svg.Matrix{Text: text, Tactics: append(make([]svg.Tactic, 200),
			svg.Tactic{Techniques: make([]svg.Technique, many)})},
		"long": svg.Cycle{Text: long, Note: long, Steps: []svg.Step{{Name: long, Detail: long}}},
	} {
		if err := bounded(name, p, 2<<20); err != nil {
			t.Error(err)
		}
	}
	spark := string(svg.Spark{Text: text, Values: values}.SVG(i18n.EN))
	if !strings.Contains(spark, ",3 ") {
		t.Error("the one peak among many values is not drawn")
	}
	if n := len((svg.Columns{Text: text, Buckets: make([]i18n.Text, 1000)}).Table().Rows); n != 1000 {
		t.Errorf("the table has %d rows", n)
	}
}
