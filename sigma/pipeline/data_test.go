package pipeline

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// dataDir finds the real rules and events, which are not part of the repository.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no data at %s; set MENEKI_DATA_DIR", dir)
		}
		t.Skipf("no data at %s; set MENEKI_DATA_DIR", dir)
	}
	return dir
}

// goldenEvents reads the published samples. Every field is given, and every
// category of Windows, so that many rules are asked.
func goldenEvents(t testing.TB) []record {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dataDir(t, "sigma-golden"), "regression_data", "rules", "windows", "*",
		"*", "*.json"))
	var out []record
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(f)
		dec.UseNumber()
		for {
			var doc struct{ Event map[string]any }
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r := record{product: "windows", categories: []string{filepath.Base(filepath.Dir(filepath.Dir(name)))},
				fields: map[string]any{}}
			for _, part := range []string{"System", "EventData"} {
				m, _ := doc.Event[part].(map[string]any)
				for key, v := range m {
					r.fields[key] = v
				}
			}
			out = append(out, r)
		}
		f.Close()
	}
	if len(out) < 50 {
		t.Fatalf("only %d events", len(out))
	}
	return out
}

// TestPublishedRules: no pipeline, and one that renames everything there and back
// again, leave what every published rule matches as it was.
func TestPublishedRules(t *testing.T) {
	dir := os.DirFS(dataDir(t, "sigma"))
	want, err := sigma.LoadCollection(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	events := goldenEvents(t)
	if raced || testing.Short() {
		events = events[:50]
	}
	matches := func(rules []*sigma.Rule) []string {
		var out []string
		set := sigma.NewSet(rules)
		for i, ev := range events {
			for m := range set.Match(ev) {
				s := m.Rule.Key()
				for _, f := range m.Fields {
					s += " " + f.Field + "=" + f.Value + "~" + f.Pattern
				}
				out = append(out, string(rune('0'+i%10))+s)
			}
		}
		return out
	}
	// NewSet sorts and leaves out doubles, which does not matter here.
	before := matches(want.Rules)
	if len(before) < 50 {
		t.Fatalf("only %d matches", len(before))
	}
	for name, c := range map[string]*Chain{
		"empty": chain(t, "name: empty\ntransformations: []\n"),
		"there and back": chain(t, steps("- {type: field_name_prefix, prefix: xx.}"),
			steps("- {type: field_name_prefix_mapping, mapping: {xx.: ''}}")),
	} {
		got, err := c.Load(dir, ".")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Rules) != len(want.Rules) || len(got.Refused) != len(want.Refused) {
			t.Errorf("%s: %d rules and %d refused, want %d and %d", name, len(got.Rules), len(got.Refused),
				len(want.Rules), len(want.Refused))
		}
		for i, r := range got.Rules {
			if w := want.Rules[i]; r.Key() != w.Key() || r.Line != w.Line ||
				!slices.Equal(r.Condition(), w.Condition()) || !slices.Equal(r.Selections(), w.Selections()) {
				t.Errorf("%s: %s became %s", name, w.Credit(), r.Credit())
			}
		}
		if after := matches(got.Rules); !slices.Equal(before, after) {
			t.Errorf("%s: matches differ: %d before, %d after", name, len(before), len(after))
		}
	}
}

// TestPublishedRulesBuiltin: the built-in pipelines refuse few published rules,
// and each of these by the pipeline's name. OCSF has no class for most log
// sources that are not Windows endpoints.
func TestPublishedRulesBuiltin(t *testing.T) {
	dir := os.DirFS(dataDir(t, "sigma"))
	plain, err := sigma.ReadFiles(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	rules := 0
	for _, f := range plain {
		c := f.Parse()
		rules += len(c.Rules)
		for _, e := range c.Refused {
			refused[e.RuleID] = true
		}
	}
	most := map[string]int{"ecs-windows": 10, "ecs-linux": 5, "ecs-network": 10, "sysmon": 0, "windows-audit": 10,
		"ocsf": 1400}
	names := Builtins()
	if raced || testing.Short() {
		names = []string{"ecs-windows"}
	}
	for _, name := range names {
		got, err := named(t, name).Load(dir, ".")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range got.Refused {
			if refused[e.RuleID] {
				continue
			}
			if n++; !strings.Contains(e.Reason.Error(), "pipeline ") {
				t.Errorf("%s: %v", name, e)
			}
		}
		t.Logf("%s: %d of %d rules refused", name, n, rules)
		if n > most[name] {
			t.Errorf("%s refuses %d rules", name, n)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := os.DirFS(dataDir(b, "sigma"))
	c := named(b, "ecs-windows")
	for b.Loop() {
		if _, err := c.Load(dir, "."); err != nil {
			b.Fatal(err)
		}
	}
}
