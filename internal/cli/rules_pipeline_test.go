package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// Rules are explained, tested and timed as detect uses them, with its pipelines.
func TestRulesPipeline(t *testing.T) {
	dir := put(t, map[string]string{
		"rules/a.yml": "title: A\nid: 00000000-0000-4000-8000-000000000001\nlogsource:\n    product: x\n" +
			"detection:\n    s:\n        Theirs: y\n    condition: s\n",
		"p.yml": "name: p\ntransformations:\n    - type: field_name_mapping\n      mapping:\n " +
			"         Theirs: ours\n",
		"tests.yml":   "tests:\n    - rule: 00000000-0000-4000-8000-000000000001\n      events: events.json\n",
		"events.json": `{"ours":"y"}` + "\n",
	})
	rules, events, p := filepath.Join(dir, "rules"), filepath.Join(dir, "events.json"), filepath.Join(dir, "p.yml")
	run := func(args ...string) (string, int) {
		var o, e bytes.Buffer
		code := Main(t.Context(), append([]string{"--lang", "en", "rules"}, args...), &o, &e)
		return o.String() + e.String(), code
	}
	if out, _ := run("explain", filepath.Join(rules, "a.yml"), events); !strings.Contains(out, ": no match") {
		t.Error(out)
	}
	if out, code := run("explain", "--pipeline", p, filepath.Join(rules, "a.yml"), events); code != 0 ||
		!strings.Contains(out, ": match") || !strings.Contains(out, "ours") {
		t.Error(code, out)
	}
	if out, code := run("cost", "--ceiling", "1h", "--json", "--rules", rules, "--pipeline", p, events); code != 0 ||
		!strings.Contains(out, `"matches": 1`) {
		t.Error(code, out)
	}
	if out, code := run("cost", "--rules", rules, "--pipeline", "no such", events); code == 0 ||
		!strings.Contains(out, "no such") {
		t.Error(code, out)
	}
	plain, _ := run("test", "--rules", rules, filepath.Join(dir, "tests.yml"))
	if out, code := run("test", "--rules", rules, "--pipeline", p, filepath.Join(dir, "tests.yml")); code != 0 ||
		out == plain {
		t.Error(code, out, plain)
	}
}
