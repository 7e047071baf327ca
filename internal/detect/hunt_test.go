package detect

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/sigma/pipeline"
)

// Rules that others share go through the node's own pipelines, and one that these
// cannot rewrite in full is refused with the reason.
func TestReaderPipelines(t *testing.T) {
	p, err := pipeline.Open("ecs-windows")
	if err != nil {
		t.Fatal(err)
	}
	const rule = "title: R\nid: 66666666-6666-4666-8666-666666666666\nlicense: DRL-1.1\nlogsource: {product: windows, category: process_creation}\ndetection:\n  s: {Image|endswith: '\\evil.exe'}\n  condition: s\n"
	ecs := &event.Event{Product: "windows", Categories: []string{"process_creation"}, Fields: map[string]any{"process": map[string]any{"executable": `C:\x\evil.exe`}}}
	native := &event.Event{Product: "windows", Categories: []string{"process_creation"}, Fields: map[string]any{"Image": `C:\x\evil.exe`}}
	for _, c := range []struct {
		reader      match.Reader
		ecs, native bool
	}{{match.Reader{}, false, true}, {match.Reader{Pipelines: pipeline.Combine(p)}, true, false}} {
		a, err := c.reader.Read(indicator(t, rule, "sigma"))
		if err != nil || a.Rule.License != "DRL-1.1" || a.Rule.ID != "66666666-6666-4666-8666-666666666666" {
			t.Fatalf("%+v %v", a, err)
		}
		if _, ok := a.Rule.Match(ecs); ok != c.ecs {
			t.Errorf("ECS: %v, want %v", ok, c.ecs)
		}
		if _, ok := a.Rule.Match(native); ok != c.native {
			t.Errorf("native: %v, want %v", ok, c.native)
		}
	}
	for name, text := range map[string]string{
		"names both":        strings.Replace(rule, `Image|endswith: '\evil.exe'`, `User: 'NT AUTHORITY\SYSTEM'`, 1),
		"unknown modifier":  strings.Replace(rule, "endswith", "soundslike", 1),
		"not hold one Sigm": rule + "---\n" + strings.Replace(rule, "-666666666666", "-666666666667", 1),
		"is not valid YAML": "a: [",
	} {
		if _, err := (match.Reader{Pipelines: pipeline.Combine(p)}).Read(indicator(t, text, "sigma")); !fault.Is(err, fault.Unsupported) || !strings.Contains(fault.TextOf(err).EN, strings.TrimPrefix(name, "is ")) {
			t.Errorf("%s: %v", name, fault.TextOf(err).EN)
		}
	}
}

// A file of rules gives those that can be used, and the place and reason of the rest.
func TestReaderRules(t *testing.T) {
	one := ruleText(1, "process_creation", `Image|endswith: '\\a.exe'`)
	bad := ruleText(2, "process_creation", `Image|soundslike: 'a'`)
	const correlation = "title: C\nname: c\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [User]\n  timespan: 1m\n  condition: {gte: 2}\n"
	for _, c := range []struct {
		text    string
		rules   int
		refused string
	}{
		{one, 1, ""},
		{one + "---\n" + ruleText(3, "dns_query", `QueryName: x`), 2, ""},
		{one + "---\n" + bad, 1, "soundslike"},
		{strings.Replace(one, "title:", "name: r\ntitle:", 1) + "---\n" + correlation, 0, "correlations"},
		{"", 0, "f.yml"},
		{"a: [", 0, "f.yml:1"},
	} {
		list, refused := match.Reader{}.Rules("f.yml", c.text)
		var text string
		for _, r := range refused {
			text += r.EN + "\n"
		}
		if len(list) != c.rules || (c.refused == "") != (text == "") || !strings.Contains(text, c.refused) || text != "" && !strings.Contains(text, "f.yml") {
			t.Errorf("%q: %d rules, refused %q", c.text, len(list), text)
		}
	}
}
