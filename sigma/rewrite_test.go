package sigma_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
)

var sameRules = cmp.Options{
	cmpopts.IgnoreUnexported(sigma.Rule{}, sigma.Correlation{}, sigma.Filter{}, sigma.Collection{}),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b sigma.Reason) bool { return a.Code() == b.Code() && a.Error() == b.Error() }),
}

// TestReadFile: a file that is not rewritten parses to what ParseCollection returns,
// refusals too.
func TestReadFile(t *testing.T) {
	rule := source(sel("F: x"))
	for name, text := range map[string]string{
		"one":       rule,
		"several":   rule + "---\n" + strings.Replace(rule, "-0001", "-0002", 1) + "---\ntitle: [\n---\n" + rule,
		"mark":      "\ufeff" + strings.ReplaceAll(rule, "\n", "\r\n"),
		"empty":     "# nothing\n---\n",
		"list":      "- a\n---\ntext\n",
		"action":    "action: global\n---\n" + rule,
		"no utf-8":  "title: \xff\n",
		"condition": strings.Replace(rule, "condition: sel", "condition: other", 1),
		"no source": strings.Replace(rule, "logsource", "source", 1),
		"filter": rule + "---\ntitle: F\nlogsource: {product: test}\n" +
			"filter:\n  rules: any\n  s: {a: b}\n  condition: not s\n",
		"global": "global: x\n" + rule,
		"correlated": rule + "---\ntitle: C\ncorrelation:\n  type: event_count\n  rules: [x]\n  group-by: [a]\n " +
			" timespan: 1m\n  condition: {gte: 2}\n",
	} {
		want := sigma.ParseCollection("rule.yml", []byte(text))
		got := sigma.ReadFile("rule.yml", []byte(text)).Parse()
		if diff := cmp.Diff(want, got, sameRules); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want := sigma.ParseCollection("rule.yml", []byte(rule), sigma.WithMaxSize(10))
	if diff := cmp.Diff(want, sigma.ReadFile("rule.yml", []byte(rule), sigma.WithMaxSize(10)).Parse(),
		sameRules); diff != "" {
		t.Error(diff)
	}
}

// TestRewriteDocument: what was rewritten counts, lines stay, and what is refused
// says so at its place.
func TestRewriteDocument(t *testing.T) {
	text := source(sel("F: x"))
	f := sigma.ReadFile("rule.yml", []byte("---\n"+text))
	detection := f.Documents[0].Root.Content[7]
	detection.Content[1].Content[0].Value = "G"
	c := f.Parse()
	if len(c.Rules) != 1 {
		t.Fatalf("%v", c.Refused)
	}
	r := c.Rules[0]
	if m, ok := r.Match(decode(t, `{"G":"x"}`)); !ok || m.Fields[0].Field != "G" || r.Line != 2 {
		t.Errorf("match %v, line %d", m, r.Line)
	}
	if string(r.Source) != text {
		t.Errorf("source %q", r.Source)
	}
	f = sigma.ReadFile("rule.yml", []byte("---\n"+text+"---\n"+text))
	f.Documents[1].Refuse(&yaml.Node{Line: 6, Column: 5}, errors.New("no good"))
	f.Documents[1].Refuse(nil, errors.New("later"))
	c = f.Parse()
	if len(c.Rules) != 1 || len(c.Refused) != 1 {
		t.Fatalf("%v", c)
	}
	if e := c.Refused[0]; e.Error() != "rule.yml:16:5: no good" || e.RuleTitle != "T" {
		t.Errorf("%v %q", e, e.RuleTitle)
	}
	if !f.Documents[1].Refused() || f.Documents[0].Refused() {
		t.Error("refused")
	}
}

// TestReadFiles: the files are found as LoadCollection finds them.
func TestReadFiles(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"a.yml", "b/c.YAML", ".git/d.yml", "e.txt", "b/.f/g.yml"} {
		fsys[name] = &fstest.MapFile{Data: []byte(source(sel("F: x")))}
	}
	load := func() *sigma.Collection {
		files, err := sigma.ReadFiles(fsys, ".")
		if err != nil {
			t.Fatal(err)
		}
		all := &sigma.Collection{}
		for _, f := range files {
			all.Add(f.Parse())
		}
		return all
	}
	want, err := sigma.LoadCollection(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, load(), sameRules); diff != "" || len(want.Rules) != 2 {
		t.Errorf("%d rules, %s", len(want.Rules), diff)
	}
	if _, err := sigma.ReadFiles(fsys, "none"); err == nil {
		t.Error("a folder that is not there")
	}
}

// TestReadPublishedRules does the same for all published rules.
func TestReadPublishedRules(t *testing.T) {
	dir := os.DirFS(dataDir(t, "sigma"))
	files, err := sigma.ReadFiles(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	all := &sigma.Collection{}
	for _, f := range files {
		all.Add(f.Parse())
	}
	want, err := sigma.LoadCollection(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	describe := func(r *sigma.Rule) string {
		names, whole := r.FieldNames()
		return fmt.Sprintf("%s:%d %s %v %q %q %q %v\n%s", r.Path, r.Line, r.Credit(), r.LogSource, r.Condition(),
			r.Selections(), names, whole, r.Source)
	}
	if len(all.Rules) != len(want.Rules) || len(all.Rules) < 3700 {
		t.Fatalf("%d rules, want %d", len(all.Rules), len(want.Rules))
	}
	for i, r := range want.Rules {
		if got := describe(all.Rules[i]); got != describe(r) {
			t.Errorf("got %s", got)
		}
	}
	sameReason := cmp.Comparer(func(a, b sigma.Reason) bool { return a.Code() == b.Code() && a.Error() == b.Error() })
	if diff := cmp.Diff(want.Refused, all.Refused, sameReason); diff != "" {
		t.Error(diff)
	}
}
