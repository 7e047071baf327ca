package severity

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
)

func scale(t testing.TB, id string) *Scale {
	t.Helper()
	list, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no scale %s", id)
	return nil
}

// byValue says an option of each axis by its value, in the order of the axes.
func byValue(t testing.TB, s *Scale, values ...float64) []Input {
	t.Helper()
	var out []Input
	for i, a := range s.Axes {
		at := slices.IndexFunc(a.Options, func(o Option) bool { return o.Value == values[i] })
		if at < 0 {
			t.Fatalf("%s has no option of value %v", a.ID, values[i])
		}
		out = append(out, Input{Axis: a.ID, Confidence: Known, Value: a.Options[at].ID})
	}
	return out
}

// The vectors were computed from the formula and weights of CITE's seed data.
func TestNCISSVectors(t *testing.T) {
	s := scale(t, "nciss")
	for _, c := range []struct {
		name   string
		values []float64
		score  float64
		level  int
	}{
		{"all lowest", []float64{0, 0, 30, 20, 0, 20, 15, 0}, 0, 0},
		{"all highest", []float64{100, 100, 100, 100, 100, 100, 100, 100}, 100, 5},
		{"defaced site, commercial, hacktivist", []float64{35, 100, 30, 20, 0, 20, 30, 0}, 24.5528, 0},
		{"hospital, ransomware", []float64{100, 100, 60, 40, 60, 60, 30, 75}, 67.4797, 3},
		{"targeted APT, energy", []float64{70, 80, 90, 100, 70, 60, 100, 100}, 82.4390, 4},
		{"APT in telecom", []float64{20, 80, 40, 80, 50, 40, 75, 75}, 52.3577, 2},
		{"the same in a sector of 25", []float64{20, 80, 40, 80, 50, 40, 25, 75}, 47.4797, 1},
	} {
		r, err := s.Evaluate(byValue(t, s, c.values...))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.LikelyScore-c.score) > 0.00005 || r.Lowest != c.level || r.Likely != c.level ||
			r.Highest != c.level ||
			r.Ask != "" {
			t.Errorf("%s: %+v, want %.4f, level %d", c.name, r, c.score, c.level)
		}
	}
}

// All 5,734,400 combinations of options fall into the six bands as counted
// elsewhere. They are counted by sum here, not one by one.
func TestNCISSBands(t *testing.T) {
	s := scale(t, "nciss")
	sums := map[int]int{0: 1}
	low, high := 0.0, 0.0
	for _, a := range s.Axes {
		next := map[int]int{}
		for sum, n := range sums {
			for _, o := range a.Options {
				next[sum+int(a.Weight*o.Value)] += n
			}
		}
		sums = next
		low, high = low+a.Weight*a.least().Value, high+a.Weight*a.most().Value
	}
	if low != 325 || high != 3400 {
		t.Fatalf("sums from %v to %v", low, high)
	}
	got := make([]int, 6)
	for sum, n := range sums {
		got[s.levelOf(100*(float64(sum)-low)/(high-low))] += n
	}
	if want := []int{884324, 2323782, 2005874, 439558, 80180, 682}; !slices.Equal(got, want) {
		t.Errorf("bands %v, want %v", got, want)
	}
}

// CERT/CC publishes the options of NCISS; ours are as many, but for the level 0
// of location, which the weights do not know.
func TestNCISSAgainstDecisionPoints(t *testing.T) {
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(root, "severity", "nciss", "functional_impact_2_0_0.json"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("real data is not here (set MENEKI_DATA_DIR)")
	}
	a, _ := scale(t, "nciss").Axis("functional-impact")
	if n := strings.Count(string(raw), `"key"`) - 1; n != len(a.Options) {
		t.Errorf("%d options, and CERT/CC lists %d", len(a.Options), n)
	}
}

func TestLeadScaleIsTheMaximum(t *testing.T) {
	s := scale(t, Lead)
	names := []string{"影響なし", "ほぼ影響なし", "一定の影響", "大きな影響", "著しく深刻な影響"}
	for i, l := range s.Levels {
		if l.Level != i || l.Names.JA != names[i] || l.Action.Zero() {
			t.Errorf("level %d: %+v", i, l)
		}
	}
	for c := range 5 {
		for f := range 5 {
			for tr := range 5 {
				r, err := s.Evaluate(byValue(t, s, float64(c), float64(f), float64(tr)))
				if want := max(c, f, tr); err != nil || r.Lowest != want || r.Likely != want || r.Highest != want {
					t.Fatalf("%d %d %d: %+v %v", c, f, tr, r, err)
				}
			}
		}
	}
	// The public checks of the first edition: a blackout or telecom failure is 2 to
	// 4, a defaced site with nothing further 0 or 1.
	r, _ := s.Evaluate([]Input{{Axis: "continuity", Confidence: Estimated, Value: "2", Least: "2"}})
	if r.Lowest != 2 || r.Highest != 4 {
		t.Errorf("blackout: %+v", r)
	}
	r, _ = s.Evaluate(
		[]Input{
			{Axis: "continuity", Confidence: Known, Value: "0"},
			{Axis: "safety", Confidence: Known, Value: "0"},
			{Axis: "trust", Confidence: Unknown, Most: "1"},
		},
	)
	if r.Lowest != 0 || r.Highest != 1 || r.Ask != "trust" {
		t.Errorf("defacement: %+v", r)
	}
}

func TestNothingKnown(t *testing.T) {
	r, err := scale(t, Lead).Evaluate(nil)
	if err != nil || r.Lowest != 0 || r.Likely != 0 || r.Highest != 4 || r.Ask == "" {
		t.Errorf("%+v %v", r, err)
	}
	r, err = scale(t, "nciss").Evaluate(nil)
	if err != nil || r.Lowest != 0 || r.Highest != 5 || r.Ask != "functional-impact" {
		t.Errorf("%+v %v", r, err)
	}
	// location 50 and actor 50 are what the scale says of the unknown
	if want := 100 * float64(325+4*20+4*30-325) / 3075; math.Abs(r.LikelyScore-want) > 1e-9 {
		t.Errorf("likely %v, want %v", r.LikelyScore, want)
	}
}

func TestInputsAreRefused(t *testing.T) {
	s := scale(t, Lead)
	for name, in := range map[string][]Input{
		"axis":          {{Axis: "x", Confidence: Unknown}},
		"twice":         {{Axis: "trust", Confidence: Unknown}, {Axis: "trust", Confidence: Unknown}},
		"option":        {{Axis: "trust", Confidence: Known, Value: "9"}},
		"no value":      {{Axis: "trust", Confidence: Known}},
		"no estimate":   {{Axis: "trust", Confidence: Estimated}},
		"unknown value": {{Axis: "trust", Confidence: Unknown, Value: "1"}},
		"confidence":    {{Axis: "trust", Confidence: "sure", Value: "1"}},
		"above":         {{Axis: "trust", Confidence: Estimated, Value: "3", Most: "2"}},
		"below":         {{Axis: "trust", Confidence: Estimated, Value: "1", Least: "2"}},
		"crossed":       {{Axis: "trust", Confidence: Unknown, Least: "3", Most: "1"}},
		"known, wide":   {{Axis: "trust", Confidence: Known, Value: "2", Least: "1", Most: "3"}},
		"bound":         {{Axis: "trust", Confidence: Unknown, Least: "x"}},
	} {
		if _, err := s.Evaluate(in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// draw makes a random, sound input for each axis.
func draw(t *rapid.T, s *Scale) []Input {
	var out []Input
	for _, a := range s.Axes {
		pick := func(label string, from, to int) int { return rapid.IntRange(from, to).Draw(t, a.ID+" "+label) }
		last := len(a.Options) - 1
		lo := pick("least", 0, last)
		hi := pick("most", lo, last)
		v := pick("value", lo, hi)
		in := Input{Axis: a.ID, Least: a.Options[lo].ID, Most: a.Options[hi].ID}
		switch rapid.IntRange(0, 2).Draw(t, "confidence") {
		case 0:
			in = Input{Axis: a.ID, Confidence: Known, Value: a.Options[v].ID}
		case 1:
			in.Confidence, in.Value = Estimated, a.Options[v].ID
		default:
			in.Confidence = Unknown
		}
		out = append(out, in)
	}
	return out
}

func must(t *rapid.T, s *Scale, in []Input) Result {
	r, err := s.Evaluate(in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Lowest > r.Likely || r.Likely > r.Highest || r.LowestScore > r.LikelyScore || r.LikelyScore > r.HighestScore {
		t.Fatalf("%+v is no interval", r)
	}
	return r
}

func properties(t *testing.T, s *Scale) {
	// No axis that rises makes the result fall.
	rapid.Check(t, func(t *rapid.T) {
		in := draw(t, s)
		before := must(t, s, in)
		i := rapid.IntRange(0, len(in)-1).Draw(t, "axis")
		a := s.Axes[i]
		at := func(id string, otherwise int) int {
			if p := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == id }); p >= 0 {
				return p
			}
			return otherwise
		}
		up := func(id string, otherwise int) string {
			p := at(id, otherwise)
			return a.Options[min(p+1, len(a.Options)-1)].ID
		}
		if in[i].Confidence == Known {
			in[i].Value = up(in[i].Value, 0)
		} else {
			in[i].Least, in[i].Most = up(in[i].Least, 0), up(in[i].Most, len(a.Options)-1)
			if in[i].Value != "" {
				in[i].Value = up(in[i].Value, 0)
			}
		}
		after := must(t, s, in)
		if after.LowestScore < before.LowestScore || after.LikelyScore < before.LikelyScore ||
			after.HighestScore < before.HighestScore ||
			after.Lowest < before.Lowest ||
			after.Likely < before.Likely ||
			after.Highest < before.Highest {
			t.Fatalf("%s rose and the result fell: %+v, then %+v", a.ID, before, after)
		}
	})
	// What becomes known within its bounds never leads out of the interval.
	rapid.Check(t, func(t *rapid.T) {
		in := draw(t, s)
		before := must(t, s, in)
		for i := range in {
			if in[i].Confidence == Known || !rapid.Bool().Draw(t, "learn") {
				continue
			}
			a := s.Axes[i]
			lo := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == in[i].Least })
			hi := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == in[i].Most })
			in[i] = Input{Axis: a.ID, Confidence: Known, Value: a.Options[rapid.IntRange(lo, hi).Draw(t, "learnt")].ID}
			after := must(t, s, in)
			if after.LowestScore < before.LowestScore || after.HighestScore > before.HighestScore ||
				after.Lowest < before.Lowest ||
				after.Highest > before.Highest {
				t.Fatalf("%+v, then %+v", before, after)
			}
			before = after
		}
	})
	// The order of the inputs, and who gave them, changes nothing; Ask names an
	// axis that is open, and none if none is.
	rapid.Check(t, func(t *rapid.T) {
		in := draw(t, s)
		r := must(t, s, in)
		other := rapid.Permutation(in).Draw(t, "order")
		for i := range other {
			other[i].By, other[i].Why = "somebody", "x"
		}
		if must(t, s, other) != r {
			t.Fatal("the order counts")
		}
		spans, _ := s.spans(in)
		open := slices.ContainsFunc(spans, func(sp span) bool { return sp.open })
		at := slices.IndexFunc(s.Axes, func(a Axis) bool { return a.ID == r.Ask })
		if open != (r.Ask != "") || r.Ask != "" && !spans[at].open {
			t.Fatalf("ask %q, open %v", r.Ask, open)
		}
	})
}

func TestPropertiesMax(t *testing.T)  { properties(t, scale(t, Lead)) }
func TestPropertiesMean(t *testing.T) { properties(t, scale(t, "nciss")) }

func TestBrokenScalesAreRefused(t *testing.T) {
	raw, err := files.ReadFile("scales/" + Lead + ".json")
	if err != nil {
		t.Fatal(err)
	}
	good, err := parseScale(raw)
	if err != nil {
		t.Fatal(err)
	}
	if crlf, err := parseScale([]byte(strings.ReplaceAll(string(raw), "\n", "\r\n"))); err != nil ||
		crlf.Hash != good.Hash ||
		len(good.Hash) != 64 {
		t.Errorf("the hash depends on line ends: %v", err)
	}
	for name, swap := range map[string][2]string{
		"one language":     {`"ja": "影響なし"`, `"ja": ""`},
		"unknown shape":    {`"shape": "max"`, `"shape": "sum"`},
		"unknown field":    {`"version": 1`, `"version": 1, "formula": "x"`},
		"order of options": {`"value": 3`, `"value": 9`},
		"order of levels":  {`"at": 3`, `"at": 1`},
		"no JSON":          {`{`, ``},
	} {
		if _, err := parseScale([]byte(strings.Replace(string(raw), swap[0], swap[1], 1))); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestFirstAssessment(t *testing.T) {
	s := scale(t, Lead)
	for _, c := range []struct {
		name                    string
		ev                      casework.Case
		lowest, likely, highest int
	}{
		{"nothing but a case", casework.Case{}, 0, 0, 4},
		{"a low rule at a university", casework.Case{Sectors: []string{"university"}, Level: "low", Members: 1},
			0, 0, 3},
		{"lateral movement at a power company", casework.Case{Sectors: []string{"power"}, Level: "high",
			Tactics: []string{"lateral_movement"}, Members: 1}, 0, 1, 4},
		{"the same, found at a city too", casework.Case{Sectors: []string{"local-government", "power"}, Level: "high",
			Tactics: []string{"lateral-movement"}, Members: 2}, 0, 2, 4},
		{"impact", casework.Case{Sectors: []string{"power"}, Level: "critical", Tactics: []string{"impact"},
			Members: 1}, 1, 2, 4},
		{"exfiltration at a firm", casework.Case{Sectors: []string{"small-firm"}, Level: "medium",
			Tactics: []string{"exfiltration"}, Members: 1}, 1, 2, 3},
		{"a sector nobody listed", casework.Case{Sectors: []string{"space"}, Level: "low", Members: 1}, 0, 0, 4},
	} {
		in := First(c.ev)
		r, err := s.Evaluate(in)
		if err != nil || r.Lowest != c.lowest || r.Likely != c.likely || r.Highest != c.highest {
			t.Errorf("%s: %+v %v, want %d %d %d", c.name, r, err, c.lowest, c.likely, c.highest)
		}
		for _, i := range in {
			if i.Confidence == Known || i.By != FirstBy || i.Reason().EN == "" || i.Reason().EN == i.Reason().JA ||
				strings.Contains(i.Reason().EN, "cannot read") {
				t.Errorf("%s: %+v", c.name, i)
			}
		}
	}
	for _, sec := range identity.Sectors() {
		if sec.Slug != "other" &&
			!slices.ContainsFunc(sectors(), func(r sectorRow) bool { return r.slug == sec.Slug }) {
			t.Errorf("sector %s is not in the table", sec.Slug)
		}
	}
	// Whatever is known of a case, the inputs are sound, and knowing more tactics,
	// members or sectors never makes the most likely level fall.
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"impact", "exfiltration", "lateral-movement", "execution", "discovery", "credential_access"}
		ev := casework.Case{
			Sectors: rapid.SliceOfN(rapid.SampledFrom([]string{"power", "university", "finance", "x", "other"}), 0, 3).
				Draw(t, "sectors"),
			Tactics: rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(t, "tactics"),
			Level: rapid.SampledFrom([]string{"", "low", "medium", "high", "critical"}).
				Draw(t, "level"),
			Members: rapid.IntRange(0, 5).Draw(t, "members"),
		}
		before := must(t, s, First(ev))
		ev.Tactics = append(ev.Tactics, rapid.SampledFrom(names).Draw(t, "more"))
		ev.Members++
		ev.Sectors = append(ev.Sectors, "power")
		if after := must(t, s, First(ev)); after.Likely < before.Likely || after.Lowest < before.Lowest {
			t.Fatalf("%+v, then %+v", before, after)
		}
	})
}

// Every automatic rule has a code of its own, and its sentence in both languages;
// a code that is not known says so, and a person's own words stay as they are.
func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules() {
		got := Input{By: FirstBy, Why: r.code}.Reason()
		if r.code == "" || r.code == whyNothing || seen[r.code] || got != r.why || got.EN == "" || got.JA == "" ||
			got.EN == got.JA {
			t.Errorf("rule %q: %q", r.code, got)
		}
		seen[r.code] = true
	}
	if got := (Input{By: FirstBy, Why: "of.tomorrow"}).Reason(); !strings.HasSuffix(
		got.EN,
		"cannot read: of.tomorrow",
	) ||
		got.EN == got.JA {
		t.Errorf("an unknown code: %q", got)
	}
	if got := (Input{By: "ana", Why: "impact"}).Reason(); got != i18n.Same("impact") {
		t.Errorf("what a person wrote: %q", got)
	}
}
