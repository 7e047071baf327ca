package coverage

import (
	"slices"
	"testing"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/wire"
)

var someRules = []Rule{
	{ID: "1", Title: "One", Product: "windows", Tags: []string{"attack.execution", "attack.t1059.001",
		"attack.t1059.003"}, Hits: 4},
	{ID: "2", Title: "Two", Product: "linux", Tags: []string{"attack.t1059.004"}, Hits: 1},
	{ID: "3", Title: "Three", Tags: []string{"attack.t1059"}},
	{ID: "4", Title: "Four", Product: "windows", Tags: []string{"attack.discovery"}},
	{ID: "5", Title: "Five", Product: "windows", Tags: []string{"attack.impact", "attack.t9999.001"}, Hits: 2},
	{ID: "6", Title: "Six", Product: "windows", Tags: []string{"attack.t1562.001"}},
	{ID: "7", Title: "Seven"},
}

func TestOf(t *testing.T) {
	a := attack.Read()
	figures := map[string]map[string]wire.PooledFigure{pool.FigureCovered: {"T1566": {Members: 4}}}
	c := Of(a, someRules, "", figures)
	find := func(id string) Cell {
		x, ok := c.Find(id)
		if !ok {
			t.Fatalf("no %s", id)
		}
		return x
	}
	for id, want := range map[string][2]int{"T1059": {3, 5}, "T1059.001": {1, 4}, "T1059.003": {1, 4},
		"T1059.004": {1, 1}, "T9999": {1, 2}, "T1562": {1, 0}, "T1566": {0, 0}} {
		if x := find(id); x.Rules != want[0] || int(x.Hits) != want[1] {
			t.Errorf("%s: %d rules, %d hits, want %v", id, x.Rules, x.Hits, want)
		}
	}
	if c.Rules != 6 || c.Untagged != 1 || c.Products["windows"] != 4 || find("T1566").Members != 4 {
		t.Errorf("%d rules, %d bare, %v", c.Rules, c.Untagged, c.Products)
	}
	missing := func(id string) bool { return slices.ContainsFunc(c.Missing, func(x Cell) bool { return x.ID == id }) }
	if missing("T1059") || missing("T1566") || !missing("T1486") || missing("T1562") {
		t.Error("what is missing is wrong")
	}
	column := func(key string) Tactic {
		return c.Tactics[slices.IndexFunc(c.Tactics, func(x Tactic) bool { return x.Key == key })]
	}
	if column("discovery").Loose != 1 || column("impact").Loose != 0 {
		t.Error("rules that name only a tactic")
	}
	// A technique that the list does not know stands in the column of the rule's tactic.
	if !slices.ContainsFunc(column("impact").Cells, func(x Cell) bool { return x.ID == "T9999" && x.Name == "T9999" }) {
		t.Error("an unknown technique is in no column")
	}
	covered, all := c.Covered()
	linux := Of(a, someRules, "Linux", nil)
	if x, _ := linux.Find("T1059"); x.Rules != 2 || x.Hits != 1 || linux.Products["windows"] != 4 {
		t.Errorf("for linux: %+v", x)
	}
	if n, _ := linux.Covered(); n >= covered || all < 200 {
		t.Errorf("%d of %d, for linux %d", covered, all, n)
	}
	// A correlation of rules for several products is not known to be enough for one.
	several := Of(a, append(slices.Clone(someRules), Rule{ID: "8", Correlation: true, Tags: []string{"attack.t1486"}}),
		"linux", nil)
	if x, _ := several.Find("T1486"); x.Rules != 0 {
		t.Errorf("for linux: %+v", x)
	}
	l := c.Layer("n", "d")
	if l.Domain != "enterprise-attack" || l.Versions["layer"] != "4.5" || l.Gradient.Max != 3 ||
		len(l.Techniques) != 8 {
		t.Errorf("%+v", l)
	}
	if i := slices.IndexFunc(l.Techniques, func(x LayerTechnique) bool { return x.ID == "T1059" }); i < 0 ||
		l.Techniques[i].Score != 3 || !l.Techniques[i].Enabled {
		t.Error("the layer lacks T1059")
	}
}
