package sigma_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

// base is a file with detection rules of these names.
func base(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "title: %s\nid: id-%s\nname: %s\nlogsource: {product: test}\n"+
			"detection: {s: {F: %s}, condition: s}\n---\n", n, n, n, n)
	}
	return b.String()
}

// correlation writes a correlation document of lines below "correlation".
func correlation(lines ...string) string {
	return "title: C\nid: id-CC\ncorrelation:\n    " + strings.Join(lines, "\n    ") + "\n"
}

// TestCorrelationRefused holds one document for each reason to refuse, with its
// place. Line 3 is "correlation:", line 4 the first below it.
func TestCorrelationRefused(t *testing.T) {
	const span, cond = "timespan: 5m", "condition: {gte: 2}"
	tests := []struct {
		name         string
		lines        []string
		line, column int
		reason       string
	}{
		{"no type", []string{"rules: a", span, cond}, 4, 5, "no type"},
		{"unknown type", []string{"type: event-count", "rules: a", span, cond}, 4, 11, `"event-count" is not a type`},
		{"type in capitals", []string{"type: Event_Count", "rules: a", span, cond}, 4, 0, "not a type"},
		{"type of the converter", []string{"type: temporal_extended", "rules: a", span, cond}, 4, 0, "not a type"},
		{"type is a list", []string{"type: [temporal]", "rules: a", span}, 4, 0, "type must be text"},
		{"no rules", []string{"type: event_count", span, cond}, 4, 0, "no rules"},
		{"empty rules", []string{"type: event_count", "rules: []", span, cond}, 5, 12, "rules is empty"},
		{"null rule", []string{"type: event_count", "rules: [a, null]", span, cond}, 5, 16, "ids or names"},
		{"rule is a mapping", []string{"type: event_count", "rules: {a: b}", span, cond}, 5, 0, "ids or names"},
		{"rule twice", []string{"type: event_count", "rules: [a, a]", span, cond}, 5, 16, `names "a" twice`},
		{"rule by id and name", []string{"type: event_count", "rules: [a, ID-a]", span, cond}, 5, 16,
			"are the same rule"},
		{"unknown rule", []string{"type: event_count", "rules: [a, zz]", span, cond}, 5, 16,
			`no rule with the id or name "zz"`},
		{"refused rule by id", []string{"type: event_count", "rules: [id-bad]", span, cond}, 5, 13,
			`"id-bad" was refused (base.yml:`},
		{"refused rule by name", []string{"type: event_count", "rules: [bad]", span, cond}, 5, 13,
			`unknown modifier "foo"`},
		{"a filter", []string{"type: event_count", "rules: [id-filter]", span, cond}, 5, 13, "which is a filter"},
		{"itself", []string{"type: event_count", "rules: [id-CC]", span, cond}, 5, 13, `in a circle: "C" → "C"`},
		{"ambiguous name", []string{"type: event_count", "rules: [twin]", span, cond}, 5, 13,
			"stands for several documents"},
		{"no timespan", []string{"type: event_count", "rules: a", cond}, 4, 0, "no timespan"},
		{"timespan without unit", []string{"type: event_count", "rules: a", "timespan: 5", cond}, 6, 15,
			"s, m, h or d"},
		{"timespan in weeks", []string{"type: event_count", "rules: a", "timespan: 1w", cond}, 6, 15, "s, m, h or d"},
		{"timespan in months", []string{"type: event_count", "rules: a", "timespan: 1M", cond}, 6, 15, "s, m, h or d"},
		{"timespan of nothing", []string{"type: event_count", "rules: a", "timespan: 0s", cond}, 6, 15,
			"no time at all"},
		{"timespan of a fraction", []string{"type: event_count", "rules: a", "timespan: 1.5h", cond}, 6, 15,
			"whole number"},
		{"timespan negative", []string{"type: event_count", "rules: a", "timespan: -5m", cond}, 6, 15, "whole number"},
		{"timespan of two parts", []string{"type: event_count", "rules: a", "timespan: 1h30m", cond}, 6, 15,
			"whole number"},
		{"timespan empty", []string{"type: event_count", "rules: a", "timespan: ''", cond}, 6, 15, "whole number"},
		{"timespan huge", []string{"type: event_count", "rules: a", "timespan: 99999999999999999999d", cond}, 6, 15,
			"whole number"},
		{"timespan long", []string{"type: event_count", "rules: a", "timespan: 3651d", cond}, 6, 15,
			"longer than 3650 days"},
		{"no condition", []string{"type: event_count", "rules: a", span}, 4, 0, "no condition"},
		{"empty condition", []string{"type: event_count", "rules: a", span, "condition: {}"}, 7, 0, "none of gt"},
		{"condition is a list", []string{"type: event_count", "rules: a", span, "condition: [1]"}, 7, 0,
			"must be a mapping"},
		{"unknown operator", []string{"type: event_count", "rules: a", span, "condition: {range: 1}"}, 7, 17,
			`"range" is no key`},
		{"quoted number", []string{"type: event_count", "rules: a", span, "condition: {gte: '5'}"}, 7, 22,
			"remove the quotes"},
		{"number is text", []string{"type: event_count", "rules: a", span, "condition: {gte: many}"}, 7, 22,
			"gte needs a number"},
		{"half an event", []string{"type: event_count", "rules: a", span, "condition: {gte: 1.5}"}, 7, 22,
			"whole number"},
		{"negative count", []string{"type: event_count", "rules: a", span, "condition: {gt: -1}"}, 7, 0,
			"whole number"},
		{"hexadecimal", []string{"type: event_count", "rules: a", span, "condition: {gt: 0x10, lt: 1_000}"}, 7, 0,
			"needs a number"},
		{"infinite", []string{"type: value_sum", "rules: a", span, "condition: {field: n, gt: .inf}"}, 7, 0, "number"},
		{"beyond counting", []string{"type: event_count", "rules: a", span, "condition: {gt: 2000000}"}, 7, 0,
			"more than 1000000"},
		{"not comparable exactly", []string{"type: value_sum", "rules: a", span,
			"condition: {field: n, gt: 9007199254740993}"}, 7, 0, "too large to be compared exactly"},
		{"never", []string{"type: event_count", "rules: a", span, "condition: {gt: 5, lt: 6}"}, 7, 0, "can never hold"},
		{"never none", []string{"type: event_count", "rules: a", span, "condition: {eq: 0}"}, 7, 0, "can never hold"},
		{"never a sum", []string{"type: value_sum", "rules: a", span, "condition: {field: n, gt: 5, lt: 5}"}, 7, 0,
			"can never hold"},
		{"never so many rules", []string{"type: temporal", "rules: [a, b]", span, "condition: {gte: 3}"}, 7, 0,
			"can never hold"},
		{"field of event_count", []string{"type: event_count", "rules: a", span, "condition: {field: x, gte: 2}"}, 7,
			0, "event_count has no field"},
		{"field of temporal", []string{"type: temporal", "rules: a", span, "condition: {field: x, gte: 1}"}, 7, 0,
			"temporal has no field"},
		{"value_count without field", []string{"type: value_count", "rules: a", span, cond}, 7, 0,
			`needs the key "field"`},
		{"value_sum without field", []string{"type: value_sum", "rules: a", span, cond}, 7, 0, `needs the key "field"`},
		{"sum of two fields", []string{"type: value_sum", "rules: a", span, "condition: {field: [n, m], gt: 2}"}, 7,
			0, "one field, not 2"},
		{"field with modifier", []string{"type: value_count", "rules: a", span,
			"condition: {field: 'x|lower', gt: 2}"}, 7, 0, "modifier"},
		{"field twice", []string{"type: value_count", "rules: a", span, "condition: {field: [x, x], gt: 2}"}, 7, 0,
			"twice"},
		{"percentile of the specification", []string{"type: value_percentile", "rules: a", span,
			"condition: {field: Image, lte: 1}"}, 7, 0, "does not say what it means without"},
		{"percentile 101", []string{"type: value_percentile", "rules: a", span,
			"condition: {field: n, percentile: 101, lte: 1}"}, 7, 0, "from 0 to 100"},
		{"percentile of a sum", []string{"type: value_sum", "rules: a", span,
			"condition: {field: n, percentile: 5, lte: 1}"}, 7, 0, "no percentile"},
		{"percentile of a median", []string{"type: value_median", "rules: a", span,
			"condition: {field: n, percentile: 5, lte: 1}"}, 7, 0, "no percentile"},
		{"empty group-by", []string{"type: event_count", "rules: a", span, cond, "group-by: []"}, 8, 15,
			"group-by is empty"},
		{"null group-by", []string{"type: event_count", "rules: a", span, cond, "group-by:"}, 8, 0,
			"group-by must name fields"},
		{"group-by twice", []string{"type: event_count", "rules: a", span, cond, "group-by: [u, u]"}, 8, 19, "twice"},
		{"group-by with blank", []string{"type: event_count", "rules: a", span, cond, "group-by: ['u ']"}, 8, 0,
			"blank"},
		{"unknown key", []string{"type: event_count", "rules: a", span, cond, "window: tumbling"}, 8, 5,
			`"window" is no key`},
		{"timeframe", []string{"type: event_count", "rules: a", "timeframe: 5m", cond}, 6, 5, `"timeframe" is no key`},
		{"generate is text", []string{"type: event_count", "rules: a", span, cond, "generate: 'yes'"}, 8, 15,
			"true or false"},
		{"alias without rule", []string{"type: event_count", "rules: [a, b]", span, cond, "group-by: u",
			"aliases: {u: {a: x}}"}, 9, 15, `in the events of "b"`},
		{"alias of another rule", []string{"type: event_count", "rules: [a]", span, cond, "group-by: u",
			"aliases: {u: {a: x, c: y}}"}, 9, 15, `names "c", which is not in rules`},
		{"alias by id and name", []string{"type: event_count", "rules: [a]", span, cond, "group-by: u",
			"aliases: {u: {a: x, id-a: y}}"}, 9, 15, "twice"},
		{"alias not used", []string{"type: event_count", "rules: [a]", span, cond, "group-by: v",
			"aliases: {u: {a: x}}"}, 9, 15, "neither in group-by nor"},
		{"alias is text", []string{"type: event_count", "rules: [a]", span, cond, "group-by: u", "aliases: {u: x}"},
			9, 0, "must map rules"},
		{"alias of two fields", []string{"type: event_count", "rules: [a]", span, cond, "group-by: u",
			"aliases: {u: {a: [x, y]}}"}, 9, 0, "one field"},
		{"aliases are a list", []string{"type: event_count", "rules: [a]", span, cond, "aliases: [u]"}, 8, 0,
			"must be a mapping"},
		{"words for a count", []string{"type: event_count", "rules: [a, b]", span, "condition: a and b"}, 7, 16,
			"for temporal and temporal_ordered"},
		{"words that name others", []string{"type: temporal", "rules: [a, b]", span, "condition: a and b and c"}, 7,
			28, `names "c", which is not in rules`},
		{"words that leave out", []string{"type: temporal", "rules: [a, b, c]", span, "condition: a and b"}, 7, 16,
			`lists "c", but the condition does not name it`},
		{"words of absence", []string{"type: temporal", "rules: [a, b]", span, "condition: not a and not b"}, 7, 16,
			"holds when nothing happens"},
		{"words of partial absence", []string{"type: temporal", "rules: [a, b]", span, "condition: a or not b"}, 7,
			16, "holds when nothing happens"},
		{"words that contradict", []string{"type: temporal", "rules: [a]", span, "condition: a and not a"}, 7, 16,
			"can never hold"},
		{"words unfinished", []string{"type: temporal", "rules: [a]", span, "condition: a and"}, 7, 21,
			"condition ends"},
		{"words with brackets", []string{"type: temporal", "rules: [a]", span, "condition: (a"}, 7, 18,
			"closing bracket"},
		{"words of them", []string{"type: temporal", "rules: [a, 1]", span, "condition: a and 1 of a"}, 7, 0,
			"not \"1 of\""},
		{"words of nothing", []string{"type: temporal", span, "condition: ''"}, 0, 0, "no rules"},
		{"too many orders", []string{"type: temporal_ordered", "rules: [a, b, c, d, e, f, g, h]", span,
			"condition: {gte: 4}"}, 7, 0, "more than 64 orders"},
		{"too many alternatives", []string{"type: temporal", span,
			"condition: (a or b) and (c or d) and (e or f) and (g or h) and (i or j) and (k or l) and (m or n)"}, 6,
			0, "more than 64 alternatives"},
		{"number instead of words", []string{"type: temporal", "rules: [a]", span, "condition: 5"}, 7, 0,
			"must be a mapping"},
	}
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "1"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := sigma.ParseCollection("base.yml", []byte(base(names...)+
				"title: Bad\nid: id-bad\nname: bad\nlogsource: {product: test}\n"+
				"detection: {s: {F|foo: 1}, condition: s}\n---\n"+
				"title: Filter\nid: id-filter\nlogsource: {product: test}\n"+
				"filter: {rules: [a], s: {F: 1}, condition: not s}\n---\n"+
				strings.ReplaceAll(base("twin"), "id-twin", "id-1st")))
			c.Add(sigma.ParseCollection("other.yml", []byte(base("twin"))))
			c.Add(sigma.ParseCollection("c.yml", []byte(correlation(tt.lines...))))
			set := c.Set()
			if len(set.Correlations) != 0 {
				t.Fatalf("accepted: %+v", set.Correlations[0])
			}
			for _, e := range set.Refused {
				if e.Path != "c.yml" {
					continue
				}
				if !strings.Contains(e.Reason.Error(), tt.reason) || e.RuleID != "id-CC" || e.RuleTitle != "C" ||
					tt.line > 0 && e.Line != tt.line || tt.column > 0 && e.Column != tt.column {
					t.Errorf("got %v, want %d:%d %q", e, tt.line, tt.column, tt.reason)
				}
				return
			}
			t.Error("not refused")
		})
	}
	for _, twice := range []string{"generate: true", "generate: 1"} {
		text := base("a") + correlation("type: event_count", "rules: a", span, cond, "generate: false") + twice + "\n"
		if set := sigma.ParseCollection("c.yml", []byte(text)).Set(); len(set.Correlations) != 0 ||
			!strings.Contains(set.Refused[0].Reason.Error(), "generate") {
			t.Errorf("%s: %v", twice, set.Refused)
		}
	}
	for _, key := range []string{"detection: {s: {F: 1}, condition: s}", "logsource: {product: x}", "filter: {a: b}"} {
		set := sigma.ParseCollection("c.yml",
			[]byte(base("a")+correlation("type: event_count", "rules: a", span, cond)+key+"\n")).Set()
		if len(set.Refused) != 1 || len(set.Correlations) != 0 ||
			!strings.Contains(set.Refused[0].Reason.Error(), "not both") {
			t.Errorf("%s: %v", key, set.Refused)
		}
	}
}

// TestCorrelation reads what there is to read.
func TestCorrelation(t *testing.T) {
	file := base("失敗", "b") + `title: 多数の失敗
id: 0e95725d-7320-415d-80f7-004da920fc11
name: 総当たり
status: test
description: d
author: [花子, Taro]
date: 2026-01-02
references: [https://example.org]
tags: [attack.credential-access]
level: high
falsepositives: Unlikely
generate: true
correlation:
    type: value_percentile
    rules:
        - 失敗
        - ID-B
    group-by:
        - 利用者
    timespan: 90m
    aliases:
        利用者:
            失敗: TargetUserName
            b: user.name
    condition:
        field: bytes
        percentile: 99.5
        gt: 1000
        lte: 2000.5
`
	set := sigma.ParseCollection("f.yml", []byte(file)).Set()
	if len(set.Refused) != 0 || len(set.Correlations) != 1 {
		t.Fatalf("%v", set.Refused)
	}
	c := set.Correlations[0]
	want := sigma.CorrelationCondition{
		Comparisons: []sigma.Comparison{{Op: "gt", Value: 1000}, {Op: "lte", Value: 2000.5}},
		Fields:      []string{"bytes"}, Percentile: 99.5,
	}
	if diff := cmp.Diff(want, c.Condition); diff != "" {
		t.Error(diff)
	}
	if c.Type != sigma.ValuePercentile || c.Timespan != 90*time.Minute || !c.Generate || c.Silent ||
		c.Level != sigma.High ||
		c.Author != "花子, Taro" || c.Line != 13 || !slices.Equal(c.GroupBy, []string{"利用者"}) ||
		c.Condition.String() != "gt 1000 lte 2000.5 of bytes" {
		t.Errorf("%+v", c)
	}
	if c.Rules[0].Rule != set.Rules[0] || c.Rules[1].Rule != set.Rules[1] || c.Rules[1].Key() != "id-b" ||
		c.Rules[1].Text != "ID-B" {
		t.Errorf("rules %+v", c.Rules)
	}
	if c.Field(0, "利用者") != "TargetUserName" || c.Field(1, "利用者") != "user.name" || c.Field(1, "x") != "x" {
		t.Error("aliases")
	}
	if c.Key() != c.ID ||
		c.Credit() != "多数の失敗 — 花子, Taro (Sigma rule 0e95725d-7320-415d-80f7-004da920fc11; licence as stated "+
			"by its source)" {
		t.Error(c.Credit())
	}
	if set.Silent(set.Rules[0]) {
		t.Error("silent although generate is true")
	}
}

// TestAlternatives works out what conditions in words and orders stand for.
func TestAlternatives(t *testing.T) {
	tests := []struct{ kind, rules, condition, want string }{
		{"temporal", "", "a and not b", "a !b"},
		{"temporal", "", "b and a", "b a"},
		{"temporal", "[a, b]", "b AND a", "a b"},
		{"temporal", "", "a or b or a", "a | b"},
		{"temporal", "", "a or (a and b)", "a"},
		{"temporal", "", "not (not a or b)", "a !b"},
		{"temporal", "", "not (not a and not b)", "a | b"},
		{"temporal", "", "a and (b or not c)", "a b | a !c"},
		{"temporal", "", "(a or b) and (a or c)", "a | b c"},
		{"temporal", "", "a and (b or not b)", "a b | a !b"},
		{"temporal_ordered", "[a, b]", "", "a b"},
		{"temporal_ordered", "[a, b, c]", "{gte: 2}", "a b | a c | b c"},
		{"temporal_ordered", "[a, b]", "{lte: 1}", "a | b | a b"},
		{"temporal_ordered", "[a, b]", "{neq: 1}", "a b"},
		{"temporal_ordered", "[b, a]", "a and not b", "!b a"},
		{"temporal", "[a, b]", "{gte: 1}", ""},
	}
	for _, tt := range tests {
		lines := []string{"type: " + tt.kind, "timespan: 5m"}
		if tt.rules != "" {
			lines = append(lines, "rules: "+tt.rules)
		}
		if tt.condition != "" {
			lines = append(lines, "condition: "+tt.condition)
		}
		set := sigma.ParseCollection("f.yml", []byte(base("a", "b", "c")+correlation(lines...))).Set()
		if len(set.Refused) != 0 {
			t.Errorf("%s: %v", tt.condition, set.Refused[0])
			continue
		}
		c := set.Correlations[0]
		var all []string
		for _, a := range c.Compiled().Alternatives {
			var parts []string
			for i, r := range c.Rules {
				if slices.Contains(a.Present, i) {
					parts = append(parts, r.Text)
				} else if slices.Contains(a.Absent, i) {
					parts = append(parts, "!"+r.Text)
				}
			}
			all = append(all, strings.Join(parts, " "))
		}
		if got := strings.Join(all, " | "); got != tt.want {
			t.Errorf("%s %s %s: got %q, want %q", tt.kind, tt.rules, tt.condition, got, tt.want)
		}
	}
}

// TestChains: correlations over correlations, their silence, and circles.
func TestChains(t *testing.T) {
	doc := func(name, rules, more string) string {
		return fmt.Sprintf("title: %s\nname: %s\ncorrelation: {type: event_count, rules: %s, timespan: 5m, condition: "+
			"{gte: 2}%s}\n---\n", name, name, rules, more)
	}
	file := base("a", "b", "c") +
		doc("top", "[mid, b]", "") + doc("mid", "[low]", "") + doc("low", "[a]", ", generate: true") +
		doc("loud", "[b, c]", ", generate: true") +
		doc("x", "[y]", "") + doc("y", "[z, a]", "") + doc("z", "[x]", "") + doc("beside", "[y, c]", "")
	set := sigma.ParseCollection("f.yml", []byte(file)).Set()
	var got []string
	for _, c := range set.Correlations {
		got = append(got, fmt.Sprintf("%s silent=%v", c.Name, c.Silent))
	}
	if diff := cmp.Diff([]string{"top silent=false", "mid silent=true", "low silent=true", "loud silent=false"},
		got); diff != "" {
		t.Error(diff)
	}
	if set.Correlations[0].Rules[0].Correlation != set.Correlations[1] {
		t.Error("the chain leads out of the set")
	}
	var silent []string
	for _, r := range set.Rules {
		silent = append(silent, fmt.Sprintf("%s silent=%v", r.Name, set.Silent(r)))
	}
	// b is wanted silent by one and loud by another; the refused "beside" and "y"
	// silence nothing.
	if diff := cmp.Diff([]string{"a silent=false", "b silent=false", "c silent=false"}, silent); diff != "" {
		t.Error(diff)
	}
	var refused []string
	for _, e := range set.Refused {
		refused = append(refused, e.RuleTitle+": "+e.Reason.Error())
	}
	want := []string{
		`x: the correlation needs a rule that is not loaded: "y" was refused`,
		`y: the correlation needs a rule that is not loaded: "z" was refused`,
		`z: correlations refer to one another in a circle: "x" → "y" → "z" → "x"`,
		`beside: the correlation needs a rule that is not loaded: "y" was refused`,
	}
	if len(refused) != len(want) {
		t.Fatalf("refused %q", refused)
	}
	for i := range want {
		if !strings.HasPrefix(refused[i], want[i]) {
			t.Errorf("refused %q, want %q", refused[i], want[i])
		}
	}
	long := base("a") + doc("c0", "[a]", "")
	for i := range 20 {
		long += doc(fmt.Sprintf("c%d", i+1), fmt.Sprintf("[c%d]", i), "")
	}
	if set := sigma.ParseCollection("f.yml", []byte(long)).Set(); len(set.Correlations) != 16 ||
		!strings.Contains(set.Refused[0].Reason.Error(), "more than 16") {
		t.Errorf("%d of a long chain, %v", len(set.Correlations), set.Refused)
	}
	// Only b is meant to be silent here.
	set = sigma.ParseCollection("f.yml", []byte(base("a", "b")+doc("one", "[b]", ""))).Set()
	if set.Silent(set.Rules[0]) || !set.Silent(set.Rules[1]) {
		t.Error("silence")
	}
}

// TestSpecificationCorrelations: the specification's own test files are read, but
// for the one that it does not explain.
func TestSpecificationCorrelations(t *testing.T) {
	dir := filepath.Join(dataDir(t, "sigma-specification"), "tests", "schema")
	c := sigma.ParseCollection("base.yml", []byte(base("recon_cmd_a", "recon_cmd_b", "recon_cmd_c", "website_access",
		"rule_a_id", "process_creation")+
		strings.ReplaceAll(base("login"), "id-login", "5638f7c0-ac70-491d-8465-2a65075e0d86")))
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.yml"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		// Several have the same id, which is not what this is about.
		text := strings.ReplaceAll(string(data), "\nid: ", "\nx-id: ")
		c.Add(sigma.ParseCollection(filepath.Base(f), []byte(text), sigma.WithTaxonomy("ecs")))
	}
	set := c.Set()
	if len(set.Correlations) != 7 || len(set.Filters) != 2 || len(set.Rules) != 9 {
		t.Errorf("%d correlations, %d filters, %d rules", len(set.Correlations), len(set.Filters), len(set.Rules))
	}
	if len(set.Refused) != 1 || set.Refused[0].Path != "value_percentile.yml" ||
		!strings.Contains(set.Refused[0].Reason.Error(), "percentile") {
		t.Errorf("refused %v", set.Refused)
	}
}
