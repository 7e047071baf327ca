package match_test

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/detect/detecttest"
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
	const rule = `title: R
id: 66666666-6666-4666-8666-666666666666
license: DRL-1.1
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: '\evil.exe'}
  condition: s
`
	ecs := &event.Event{
		Product:    "windows",
		Categories: []string{"process_creation"},
		Fields:     map[string]any{"process": map[string]any{"executable": `C:\x\evil.exe`}},
	}
	native := &event.Event{
		Product:    "windows",
		Categories: []string{"process_creation"},
		Fields:     map[string]any{"Image": `C:\x\evil.exe`},
	}
	for _, c := range []struct {
		reader      match.Reader
		ecs, native bool
	}{{match.Reader{}, false, true}, {match.Reader{Pipelines: pipeline.Combine(p)}, true, false}} {
		a, err := c.reader.Read(detecttest.Indicator(t, rule, "sigma"))
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
		_, err := match.Reader{Pipelines: pipeline.Combine(p)}.Read(detecttest.Indicator(t, text, "sigma"))
		if !fault.Is(err, fault.Unsupported) ||
			!strings.Contains(fault.TextOf(err).EN, strings.TrimPrefix(name, "is ")) {
			t.Errorf("%s: %v", name, fault.TextOf(err).EN)
		}
	}
}

// A file of rules gives those that can be used, and the place and reason of the rest.
func TestReaderRules(t *testing.T) {
	one := detecttest.RuleText(1, "process_creation", `Image|endswith: '\\a.exe'`)
	bad := detecttest.RuleText(2, "process_creation", `Image|soundslike: 'a'`)
	const correlation = `title: C
name: c
correlation:
  type: event_count
  rules: [r]
  group-by: [User]
  timespan: 1m
  condition: {gte: 2}
`
	for _, c := range []struct {
		text    string
		rules   int
		refused string
	}{
		{one, 1, ""},
		{one + "---\n" + detecttest.RuleText(3, "dns_query", `QueryName: x`), 2, ""},
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
		if len(list) != c.rules || (c.refused == "") != (text == "") || !strings.Contains(text, c.refused) ||
			text != "" && !strings.Contains(text, "f.yml") {
			t.Errorf("%q: %d rules, refused %q", c.text, len(list), text)
		}
	}
}

func TestRead(t *testing.T) {
	for name, raw := range map[string][]byte{
		"two joined": detecttest.Indicator(
			t, "[ipv4-addr:value = '198.51.100.1'] FOLLOWEDBY [domain-name:value = 'x.example']", "stix",
		),
		"software":     detecttest.Indicator(t, "[software:name = 'x']", "stix"),
		"no pattern":   detecttest.Indicator(t, "ipv4-addr", "stix"),
		"snort":        detecttest.Indicator(t, "alert tcp any any", "snort"),
		"broken sigma": detecttest.Indicator(t, "title: x\ndetection: {condition: a and}", "sigma"),
		"no object":    []byte(`{"type":"malware"}`),
		"no JSON":      []byte(`{`),
	} {
		if a, err := match.Read(raw); err == nil {
			t.Errorf("%s is armed as %+v: an indicator that cannot be matched in full is refused", name, a)
		}
	}
	a, err := match.Read(
		detecttest.Indicator(t, "[ipv4-addr:value = '198.51.100.1' OR domain-name:value = 'X.example']", "stix"),
	)
	if err != nil || len(a.Values) != 2 || a.Values[1].Value != "x.example" {
		t.Errorf("two values: %+v, %v", a, err)
	}
}
