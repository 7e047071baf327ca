package sigma_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

// TestCollectionOfFolders: documents of several files reach one another, in any
// order, and collections of several folders can be added.
func TestCollectionOfFolders(t *testing.T) {
	files := fstest.MapFS{
		"a/1.yml": {Data: []byte(correlation("type: event_count", "rules: [shared, one]", "timespan: 1m",
			"condition: {gte: 2}"))},
		"a/2.yml": {Data: []byte(base("one"))},
		"b/3.yml": {Data: []byte(base("shared") +
			filterDoc("F", "{product: test}", "{rules: [shared], s: {U: x}, condition: not s}"))},
		"b/4.yml": {Data: []byte("title: broken\nname: broken\n")},
	}
	alone, err := sigma.Load(files, "a")
	if err != nil || len(alone.Correlations) != 0 || len(alone.Refused) != 1 {
		t.Fatalf("%v, %v", alone.Refused, err)
	}
	set, err := sigma.Load(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	one, _ := sigma.LoadCollection(files, "b")
	two, _ := sigma.LoadCollection(files, "a")
	one.Add(two)
	for name, s := range map[string]*sigma.Set{"loaded": set, "added": one.Set()} {
		if len(s.Correlations) != 1 || len(s.Filters) != 1 || len(s.Rules) != 2 || len(s.Refused) != 1 {
			t.Fatalf("%s: %+v", name, s.Refused)
		}
		// The correlation counts the rule with its filter.
		ref := s.Correlations[0].Rules[0].Rule
		if ref != s.Rules[1] || len(ref.Filters) != 1 {
			t.Errorf("%s: the correlation refers past the filter", name)
		}
		if !s.Silent(s.Rules[0]) || !s.Silent(s.Rules[1]) {
			t.Errorf("%s: base rules are not silent", name)
		}
	}
	if _, err := sigma.LoadCollection(files, "nowhere"); err == nil {
		t.Error("missing folder")
	}
}

// TestNames: a name means the document of the same file first.
func TestNames(t *testing.T) {
	file := func(id string) string {
		return "title: Base\nid: base-" + id +
			"\nname: login\nlogsource: {product: test}\ndetection: {s: {F: 1}, condition: s}\n---\n" +
			"title: C\nid: " + id +
			"\ncorrelation: {type: event_count, rules: [login], timespan: 1m, condition: {gte: 2}}\n"
	}
	c := sigma.ParseCollection("x.yml", []byte(file("x")))
	c.Add(sigma.ParseCollection("y.yml", []byte(file("y"))))
	c.Add(sigma.ParseCollection("z.yml", []byte(correlation("type: event_count", "rules: [login]", "timespan: 1m",
		"condition: {gte: 2}"))))
	set := c.Set()
	var got []string
	for _, c := range set.Correlations {
		got = append(got, c.ID+" counts "+c.Rules[0].Key())
	}
	if diff := cmp.Diff([]string{"x counts base-x", "y counts base-y"}, got); diff != "" {
		t.Error(diff)
	}
	if len(set.Refused) != 1 || !strings.Contains(set.Refused[0].Reason.Error(),
		`"Base" at x.yml:1 and "Base" at y.yml:1; refer to it by its id`) {
		t.Errorf("%v", set.Refused)
	}
}

// TestSameIDs: an id is one document's, whatever its kind.
func TestSameIDs(t *testing.T) {
	text := base("a") + correlation("type: event_count", "rules: [a]", "timespan: 1m", "condition: {gte: 2}") +
		"---\n" +
		strings.ReplaceAll(filterDoc("F\nid: ID-A", "{product: test}", "{rules: any, s: {U: x}, condition: not s}"),
			"x", "y") +
		"title: Late\nid: id-CC\nlogsource: {product: test}\ndetection: {s: {F: 1}, condition: s}\n"
	set := sigma.ParseCollection("f.yml", []byte(text)).Set()
	if len(set.Rules) != 1 || len(set.Correlations) != 1 || len(set.Filters) != 0 || len(set.Refused) != 2 {
		t.Errorf("%d rules, %d correlations, %d filters, %v", len(set.Rules), len(set.Correlations), len(set.Filters),
			set.Refused)
	}
}

// TestActions: what "action" of Sigma 1 would complete is not loaded as it is.
func TestActions(t *testing.T) {
	text := base("before") + "title: G\naction: global\nlogsource: {product: test}\n---\n" + base("behind") +
		correlation("type: event_count", "rules: [before]", "timespan: 1m", "condition: {gte: 2}")
	c := sigma.ParseCollection("f.yml", []byte(text))
	if len(c.Rules) != 1 || len(c.Correlations) != 0 || len(c.Refused) != 3 ||
		!strings.Contains(c.Refused[0].Reason.Error(), "action: global") ||
		!strings.Contains(c.Refused[1].Reason.Error(), `"action" of Sigma 1 on line 8`) {
		t.Errorf("%d rules, %v", len(c.Rules), c.Refused)
	}
	old := "title: C\naction: correlation\ncorrelation: {type: event_count, rules: [a], timespan: 1m, " +
		"condition: {gte: 2}}\n"
	if c := sigma.ParseCollection("f.yml", []byte(old)); len(c.Correlations) != 0 ||
		!strings.Contains(c.Refused[0].Reason.Error(), "Sigma 1") {
		t.Errorf("%v", c.Refused)
	}
}

// FuzzCollection: whatever the bytes are, each document is read or refused with a
// place, a set can be made, and the set is the same each time.
func FuzzCollection(f *testing.F) {
	for _, seed := range []string{
		"", "correlation: x", "title: C\ncorrelation: {}", base("a", "b"),
		base("a", "b") + correlation("type: temporal", "condition: a and not b", "timespan: 5m", "group-by: [u]",
			"aliases: {u: {a: x, b: y}}"),
		base("a", "b", "c") + correlation("type: temporal_ordered", "rules: [a, b, c]", "timespan: 1d",
			"condition: {gte: 2, neq: 3}"),
		base("a") + correlation("type: value_percentile", "rules: a", "timespan: 9s",
			"condition: {field: n, percentile: 9, gt: 1e3}", "generate: true"),
		base("a") + correlation("type: event_count", "rules: [id-CC]", "timespan: 9s", "condition: {gt: 1}"),
		base("a") + filterDoc("F", "{product: test}", "{rules: [a], s: {U|re: x}, condition: not 1 of s*}"),
		"action: global\n---\n" + base("a"),
		"title: F\nlogsource: {product: p}\nfilter: &f {rules: [*f], condition: s}",
		base("a") + correlation("type: temporal", "timespan: 1s",
			"condition: ((a or b) and (c or not d)) or not (e or not f)"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := sigma.ParseCollection("f.yml", data, sigma.WithMaxSize(1<<16))
		if len(c.Rules)+len(c.Correlations)+len(c.Filters)+len(c.Refused) == 0 {
			t.Fatal("neither document nor refusal")
		}
		set, again := c.Set(), c.Set()
		for i, e := range append(append([]*sigma.ParseError{}, set.Refused...), set.Warnings...) {
			if e.Line < 1 || e.Column < 1 || e.Reason == nil || e.Path != "f.yml" {
				t.Fatalf("refusal without place or reason: %+v", e)
			}
			if i < len(set.Refused) && again.Refused[i].Error() != e.Error() {
				t.Fatalf("%v, then %v", e, again.Refused[i])
			}
		}
		if len(set.Rules)+len(set.Correlations)+len(set.Filters)+len(set.Refused) != len(c.Rules)+len(c.Correlations)+
			len(c.Filters)+len(c.Refused) {
			t.Fatal("a document is gone")
		}
		ev := record{"test", "", nil, map[string]any{"F": "a", "U": "x"}}
		for _, r := range set.Rules {
			if _, ok := r.Match(ev); ok != r.Explain(ev).Matched {
				t.Fatal("match and trace differ")
			}
		}
		for _, c := range set.Correlations {
			if c.Timespan <= 0 || len(c.Rules) == 0 || c.Condition.String() == "" || c.Key() == "" {
				t.Fatalf("%+v", c)
			}
			for i, ref := range c.Rules {
				if (ref.Rule == nil) == (ref.Correlation == nil) {
					t.Fatalf("reference %+v", ref)
				}
				for _, name := range c.GroupBy {
					if c.Field(i, name) == "" {
						t.Fatal("an alias without field")
					}
				}
			}
			for _, a := range c.Compiled().Alternatives {
				if len(a.Present) == 0 {
					t.Fatal("an alternative that nothing makes true")
				}
			}
		}
	})
}
