package sigma_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

func TestLevel(t *testing.T) {
	for level, want := range map[sigma.Level]int{"informational": 0, "low": 1, "medium": 2, "high": 3, "critical": 4,
		"": 2, "x": 2} {
		if got := level.Rank(); got != want {
			t.Errorf("%q: %d", level, got)
		}
	}
}

// A level is understood in any case, as pySigma understands it.
func TestLevelCase(t *testing.T) {
	rules, refused := sigma.Parse("x.yml",
		[]byte("title: T\nlevel: High\nlogsource: {product: x}\ndetection: {s: {a: b}, condition: s}\n"))
	if len(rules) != 1 || rules[0].Level != sigma.High {
		t.Errorf("%v %v", rules, refused)
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		l    sigma.LogSource
		want bool
	}{
		{sigma.LogSource{}, true},
		{sigma.LogSource{Product: "Windows"}, true},
		{sigma.LogSource{Product: "linux"}, false},
		{sigma.LogSource{Category: "process_creation"}, true},
		{sigma.LogSource{Category: "FILE_EVENT"}, true},
		{sigma.LogSource{Category: "dns"}, false},
		{sigma.LogSource{Product: "windows", Service: "sysmon", Category: "file_event", Definition: "any"}, true},
		{sigma.LogSource{Product: "windows", Service: "security"}, false},
	}
	for _, tt := range tests {
		if got := tt.l.Covers("windows", "sysmon", []string{"process_creation", "file_event"}); got != tt.want {
			t.Errorf("%v: %v", tt.l, got)
		}
	}
	if (sigma.LogSource{Category: "x"}).Covers("", "", nil) || (sigma.LogSource{Product: "x"}).Covers("", "", nil) {
		t.Error("covers an event without a log source")
	}
	// The file auth.log has sshd's messages, but not the other way round, and not elsewhere.
	auth := sigma.LogSource{Product: "linux", Service: "auth"}
	if !auth.Covers("linux", "SSHD", nil) || !auth.Covers("linux", "sudo", nil) ||
		auth.Covers("linux", "cron", nil) || auth.Covers("windows", "sshd", nil) ||
		(sigma.LogSource{Service: "sshd"}).Covers("linux", "auth", nil) ||
		!(sigma.LogSource{Service: "syslog"}).Covers("linux", "cron", nil) {
		t.Error("services of Linux")
	}
	// One of an unknown source is covered by all, one of which the category is known by rules that name it.
	l := sigma.LogSource{Product: "windows", Category: "x", Service: "y"}
	if !l.Covers(sigma.AnySource, "", nil) || l.Covers(sigma.AnySource, "z", nil) ||
		l.Covers(sigma.AnySource, "", []string{"z"}) ||
		!l.Covers(sigma.AnySource, "", []string{"z", "X"}) ||
		(sigma.LogSource{Product: "windows"}).Covers(sigma.AnySource, "", []string{"x"}) {
		t.Error("an event of any source")
	}
}

const full = `title: Full
id: A1
name: full_rule
related:
    - id: B2
      type: derived
taxonomy: sigma
status: test
description: |
    Two
    lines
license: MIT
references: [https://example.org/]
author: Alice, Bob
date: 2024-01-02
modified: 2024-03-04
tags: [attack.t1059]
scope: [server]
logsource: {category: process_creation, product: windows, definition: 'Audit'}
detection:
    sel: {EventID: 1, Image|endswith: ['\a.exe', '\b.exe'], P: null}
    words: ['evil', 'bad']
    filter: {User: 'x'}
    condition: (sel or words) and not filter
fields: [Image]
falsepositives: Unknown
level: high
custom: {anything: [1, 2]}
`

func TestRule(t *testing.T) {
	r := one(t, full)
	got := []any{r.ID, r.Name, r.Title, r.Status, r.Description, r.Author, r.License, r.Date, r.Modified, r.Taxonomy,
		r.References, r.Fields, r.FalsePositives, r.Tags, r.Scope, r.Related, r.Level, r.LogSource, r.Path, r.Line,
		string(r.Source)}
	want := []any{"A1", "full_rule", "Full", "test", "Two\nlines\n", "Alice, Bob", "MIT", "2024-01-02", "2024-03-04",
		"sigma",
		[]string{"https://example.org/"}, []string{"Image"}, []string{"Unknown"}, []string{"attack.t1059"},
		[]string{"server"},
		[]sigma.Related{{ID: "B2", Type: "derived"}}, sigma.High,
		sigma.LogSource{Product: "windows", Category: "process_creation", Definition: "Audit"}, "rule.yml", 1, full}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if names, whole := r.FieldNames(); !whole || !slices.Equal(names, []string{"EventID", "Image", "P", "User"}) {
		t.Errorf("fields %v %v", names, whole)
	}
	if got := strings.Join(r.Selections(), " ") + "; " +
		strings.Join(r.Condition(), " "); got != "sel words filter; (sel or words) and not filter" {
		t.Error(got)
	}
	if got := r.Credit(); got != "Full — Alice, Bob (Sigma rule A1; MIT)" {
		t.Error(got)
	}
	bare := one(t, "title: B\nlogsource: {product: x}\ndetection: {s: {F: 1}, condition: s}\n")
	if got := bare.Credit(); !strings.HasPrefix(got, "B — author not stated (Sigma rule sha256-") ||
		bare.Key() == r.Key() {
		t.Error(got)
	}
	if _, err := sigma.Parse("r.yml", []byte(strings.Replace(full, "taxonomy: sigma", "taxonomy: ecs", 1)),
		sigma.WithTaxonomy("ecs")); err != nil {
		t.Error(err)
	}
	if _, err := sigma.Parse("r.yml", []byte(full), sigma.WithMaxSize(10)); err == nil {
		t.Error("size")
	}
}

func TestMatchSaysWhy(t *testing.T) {
	r := one(t, full)
	ev := decode(t, `{"EventID":"1","Image":"C:\\B.exe","Line":"so BAD"}`)
	ev.product, ev.categories = "windows", []string{"process_creation"}
	m, ok := r.Match(ev)
	if !ok {
		t.Fatal("no match")
	}
	want := &sigma.Match{Rule: r, Selections: []string{"sel", "words"}, Fields: []sigma.FieldMatch{
		{Field: "EventID", Value: "1", Pattern: "1", Selection: "sel"},
		{Field: "Image", Value: `C:\B.exe`, Pattern: `\b.exe`, Modifier: "endswith", Selection: "sel"},
		{Field: "P", Pattern: "null", Selection: "sel"},
		{Value: "so BAD", Pattern: "bad", Selection: "words"},
	}}
	if diff := cmp.Diff(want, m, cmp.Comparer(func(a, b *sigma.Rule) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	ev.product = "linux"
	if _, ok := r.Match(ev); ok {
		t.Error("matched outside of the log source")
	}
	if _, ok := r.MatchDetection(ev); !ok {
		t.Error("MatchDetection looked at the log source")
	}
	trace := r.Explain(ev)
	if trace.Matched || trace.LogSource || !trace.Detection {
		t.Errorf("trace %+v", trace)
	}
	text := trace.String()
	for _, line := range []string{
		"Full — Alice, Bob (Sigma rule A1; MIT): no match",
		`no  log source windows/process_creation/*; event: product "linux"`,
		"yes condition: (sel or words) and not filter",
		`Image|endswith is "C:\\B.exe"`,
		`"bad" found in "so BAD"`,
		`User is absent`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("trace lacks %q:\n%s", line, text)
		}
	}
	other := one(t, source("s:\n    A|exists: true\n    B|neq: 'x'\n    C|contains|all: ['a', 'b']\ncondition: s"))
	m, _ = other.Match(decode(t, `{"A":null,"B":"y","C":"ab"}`))
	got := fmt.Sprint(m.Fields)
	if got != "[{A null true exists s} {B y x neq s} {C ab a contains|all s} {C ab b contains|all s}]" {
		t.Error(got)
	}
}

func TestEventIDs(t *testing.T) {
	tests := []struct {
		detection string
		want      []int64
	}{
		{"s: {EventID: 1, A: 2}\ncondition: s", []int64{1}},
		{"s: {EventID: [7, 1, '1']}\ncondition: s", []int64{1, 7}},
		{"s: {A: 2}\ncondition: s", nil},
		{"s: {EventID: 1}\nf: {EventID: 2}\ncondition: s and not f", []int64{1}},
		{"s: {EventID: 1}\nf: {EventID: 2}\ncondition: s or f", []int64{1, 2}},
		{"s: {EventID: 1}\nf: {A: 2}\ncondition: s or f", nil},
		{"s: {EventID: 1}\nf: {A: 2}\ncondition: s and f", []int64{1}},
		{"s: {EventID: 1}\nf: {EventID: 2}\ncondition: s and f", []int64{}},
		{"s: {EventID: 1}\ncondition: not s", nil},
		{"s: {EventID|neq: 1}\ncondition: s", nil},
		{"s: {EventID|contains: 1}\ncondition: s", nil},
		{"s: {EventID: '1*'}\ncondition: s", nil},
		{"s: {EventID: 0x10}\ncondition: s", nil},
		{"s: {eventid: 1}\ncondition: s", nil},
		{"s1: {EventID: 1}\ns2: {EventID: 2}\ncondition: 1 of s*", []int64{1, 2}},
		{"s1: {EventID: [1, 2]}\ns2: {EventID: [2, 3]}\ncondition: all of s*", []int64{2}},
		{"s:\n    - EventID: 1\n    - EventID: 2\n      A: 1\ncondition: s", []int64{1, 2}},
		{"s:\n    - EventID: 1\n    - 'word'\ncondition: s", nil},
		{"s: {EventID: 1}\nt: {EventID: 2}\ncondition: [s, t]", []int64{1, 2}},
	}
	for _, tt := range tests {
		got := one(t, source(tt.detection)).EventIDs()
		if !cmp.Equal(got, tt.want) {
			t.Errorf("got %v, want %v\n%s", got, tt.want, tt.detection)
		}
	}
}

func small(id, logsource, value string) string {
	return fmt.Sprintf("title: %s\nid: %s\nlogsource: %s\ndetection: {s: {F: %s}, condition: s}\n", id, id, logsource,
		value)
}

func TestLoad(t *testing.T) {
	files := fstest.MapFS{
		"r/b.yml": {Data: []byte(small("2", "{product: p}", "x"))},
		"r/a/a.YAML": {Data: []byte(small("1", "{category: c}", "x") + "---\n" +
			small("3", "{product: p, service: s}", "x"))},
		"r/z/dup.yml":       {Data: []byte("\n" + small("2", "{product: p}", "y"))},
		"r/z/bad.yml":       {Data: []byte(small("9", "{product: p}", "[]"))},
		"r/z/big.yml":       {Data: make([]byte, sigma.MaxSize+1)},
		"r/.git/x.yml":      {Data: []byte("not a rule")},
		"r/readme.md":       {Data: []byte("not a rule")},
		"outside/other.yml": {Data: []byte("not a rule")},
	}
	set, err := sigma.Load(files, "r")
	if err != nil {
		t.Fatal(err)
	}
	var ids, refused []string
	for _, r := range set.Rules {
		ids = append(ids, r.ID+"@"+r.Path)
	}
	for _, e := range set.Refused {
		refused = append(refused, e.Error())
	}
	if diff := cmp.Diff([]string{"1@r/a/a.YAML", "3@r/a/a.YAML", "2@r/b.yml"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"r/z/bad.yml:4:17: F: empty list of values",
		"r/z/big.yml:1:1: file is larger than 1048576 bytes",
		`r/z/dup.yml:2:1: id 2 is already that of "2" at r/b.yml:1`,
	}, refused); diff != "" {
		t.Error(diff)
	}
	if _, err := sigma.Load(files, "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if set, err := sigma.Load(fstest.MapFS{}, "."); err != nil || len(set.Rules) != 0 {
		t.Errorf("empty folder: %v", err)
	}
}

func TestRouting(t *testing.T) {
	var rules []*sigma.Rule
	for i, source := range []string{"{product: p}", "{category: c}", "{service: s}",
		"{product: P, category: C, service: S}", "{product: q}", "{product: p, category: d}"} {
		rules = append(rules, one(t, small(fmt.Sprint(i), source, "x")))
		rules[i].Path = fmt.Sprint("f", i)
	}
	rand.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	set := sigma.NewSet(rules)
	tests := []struct {
		product, service string
		categories       []string
		want             string
	}{
		{"p", "s", []string{"c", "c"}, "0123"},
		{"P", "", nil, "0"},
		{"", "", nil, ""},
		{"p", "", []string{"d", "c"}, "015"},
		{"q", "s", nil, "24"},
	}
	for _, tt := range tests {
		ev := record{tt.product, tt.service, tt.categories, map[string]any{"F": "x"}}
		got := ""
		for m := range set.Match(ev) {
			got += m.Rule.ID
		}
		if got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
		n := 0
		for range set.Match(ev) {
			n++
			break
		}
		if n > 1 {
			t.Error("went on after false")
		}
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 200 {
				n := 0
				for range set.Match(record{"p", "s", []string{"c"}, map[string]any{"F": "x"}}) {
					n++
				}
				if n != 4 {
					t.Errorf("%d matches", n)
				}
			}
		})
	}
	wait.Wait()
	if dup := sigma.NewSet([]*sigma.Rule{rules[0], rules[0]}); len(dup.Rules) != 1 || len(dup.Refused) != 1 {
		t.Error("duplicate kept")
	}
}
