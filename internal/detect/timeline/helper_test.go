package timeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/sigma"
)

const ruleA = `title: Shell "quoted" <b>
id: 11111111-1111-4111-8111-111111111111
status: test
description: Finds a shell.
author: Aoi, 山田
license: DRL-1.1
tags:
    - attack.execution
    - attack.t1059.001
    - cve.2021.44228
logsource:
    product: windows
    category: process_creation
detection:
    s:
        Image|endswith: '\sh.exe'
    condition: s
level: high
`

const ruleB = `title: Anything at all
status: experimental
author: Ben
tags: [attack.lateral-movement, attack.t1021]
logsource:
    product: windows
detection:
    k: ['hello', '=cmd']
    condition: k
level: low
`

const ruleC = `title: No level told
id: 33333333-3333-4333-8333-333333333333
logsource:
    product: windows
detection:
    s:
        EventID: 1
    condition: s
`

func rules(t testing.TB, yaml ...string) *sigma.Set {
	t.Helper()
	var list []*sigma.Rule
	for i, y := range yaml {
		r, err := sigma.Parse("rules/"+string(rune('a'+i))+".yml", []byte(y))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r...)
	}
	return sigma.NewSet(list)
}

// refusedRule has an unknown modifier on its seventh line.
const refusedRule = "title: t\nlogsource: {product: p}\ndetection:\n\n  condition: s\n  s:\n    a|contians: x\n"

func style(l i18n.Lang) Style {
	return Style{Lang: l, Zone: time.FixedZone("JST", 9*3600), TLP: policy.Amber,
		Now: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), Program: "meneki test", Loaded: 3,
		Refused: sigma.ParseCollection("r.yml", []byte(refusedRule)).Refused}
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// sample are three matches with what is hard to write.
func sample(t testing.TB) (*sigma.Set, []*Match) {
	set := rules(t, ruleA, ruleB, ruleC)
	return set, []*Match{
		{Rule: set.Rules[0], rule: 0, Time: at("2026-01-02T03:04:05.1234567Z"), File: "logs/a.zip!b.json", Record: 7,
			Host: "PC1", User: `CORP\u`,
			Fields: []Field{{"Image", []string{`C:\sh.exe`}}, {"CommandLine", []string{"=HYPERLINK(\"x\")\n<script>"}}},
			Seen: []event.Observable{{Type: event.IPv4, Value: "198.51.100.7"},
				{Type: event.SHA256, Value: strings.Repeat("ab", 32)}}},
		{Rule: set.Rules[1], rule: 1, Time: at("2026-01-03T00:00:00Z"), File: "b.evtx", Record: 2, Host: "ホスト2",
			Fields: []Field{{Keywords, []string{"hello", "=cmd|' /C calc'!A0"}}}},
		{Rule: set.Rules[2], rule: 2, File: "c\xff.json", Record: 1, Fields: []Field{{"EventID", []string{"1"}}}},
	}
}

// result counts matches as a run does.
func result(list []*Match) *Result {
	r := &Result{Used: 3}
	for _, m := range list {
		r.Tally.Add(m)
	}
	r.Report.Files, r.Report.Events = 2, 10
	return r
}

// written returns what a format makes of matches.
func written(t testing.TB, format string, s Style, r *Result, list []*Match) string {
	t.Helper()
	var b strings.Builder
	w := New(format, &b, s)
	if w == nil {
		t.Fatalf("no format %s", format)
	}
	if err := w.Begin(r); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// folder writes files and gives their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
