package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

const twoRules = `title: A
id: 00000000-0000-4000-8000-00000000000a
name: a
logsource: {product: windows, category: process_creation}
detection: {s: {User: x}, condition: s}
---
title: B
name: b
logsource: {product: linux}
detection: {s: {User: y}, condition: s}
---
`

const byLogSource = `name: P
transformations:
  - {type: field_name_mapping, mapping: {User: user.name}, rule_conditions: [{type: logsource, product: windows}]}
  - {type: field_name_mapping, mapping: {User: account, Host: [h, i]}, rule_conditions: [{type: logsource, product: linux}]}
`

func correlations(t *testing.T, text string) *sigma.Set {
	t.Helper()
	return chain(t, byLogSource).Parse("c.yml", []byte(twoRules+text)).Set()
}

// TestCorrelations: a group-by is called what its rules call it, with an alias
// where they differ.
func TestCorrelations(t *testing.T) {
	set := correlations(t, `title: C
name: c
correlation:
  type: event_count
  rules: [a]
  group-by: [User, Host]
  timespan: 1m
  condition: {gte: 2}
---
title: D
correlation:
  type: value_count
  rules: [00000000-0000-4000-8000-00000000000A, b]
  group-by: [Host2]
  timespan: 1m
  condition: {gte: 2, field: User}
---
title: E
correlation:
  type: temporal
  rules: [c, b]
  aliases: {who: {c: User, b: User}}
  group-by: [who]
  timespan: 1m
`)
	if len(set.Refused) != 0 || len(set.Correlations) != 3 {
		t.Fatal(set.Refused)
	}
	c, d, e := set.Correlations[0], set.Correlations[1], set.Correlations[2]
	if diff := cmp.Diff([]string{"user.name", "Host"}, c.GroupBy); diff != "" {
		t.Error(diff)
	}
	if len(d.Aliases) != 1 || d.Condition.Fields[0] != "User" || d.Field(0, "User") != "user.name" ||
		d.Field(1, "User") != "account" || d.GroupBy[0] != "Host2" {
		t.Errorf("%+v", d)
	}
	if e.Field(0, "who") != "user.name" || e.Field(1, "who") != "account" {
		t.Errorf("%+v", e.Aliases)
	}
}

func TestRefusedCorrelations(t *testing.T) {
	for _, v := range []struct{ text, want string }{
		{"rules: [b]\n  group-by: [Host]", "make several fields of \"Host\""},
		{"rules: [z]\n  group-by: [Host]", "because the rule \"z\" is not here"},
	} {
		set := correlations(t, "title: C\ncorrelation:\n  type: event_count\n  "+v.text+
			"\n  timespan: 1m\n  condition: {gte: 2}\n")
		if len(set.Refused) != 1 || !strings.Contains(set.Refused[0].Reason.Error(), v.want) ||
			set.Refused[0].Line < 14 {
			t.Errorf("%s: %v", v.want, set.Refused)
		}
	}
	c := chain(t,
		steps("- type: rule_failure\n  message: no correlations\n  rule_conditions: [{type: "+
			"is_sigma_correlation_rule}]"))
	set := c.Parse("c.yml",
		[]byte(twoRules+"title: C\ncorrelation:\n  type: event_count\n  rules: [a]\n  timespan: 1m\n  condition: "+
			"{gte: 2}\n")).Set()
	if len(set.Rules) != 2 || len(set.Refused) != 1 ||
		!strings.Contains(set.Refused[0].Reason.Error(), "no correlations") {
		t.Errorf("%v", set.Refused)
	}
}

// TestChainedCorrelations: a name that a correlation below has as an alias stays.
func TestChainedCorrelations(t *testing.T) {
	c := chain(t, steps("- {type: field_name_prefix, prefix: p.}"))
	set := c.Parse("c.yml", []byte(twoRules+`title: C
name: c
correlation:
  type: event_count
  rules: [a]
  aliases: {who: {a: User}}
  group-by: [who]
  timespan: 1m
  condition: {gte: 2}
---
title: D
correlation:
  type: event_count
  rules: [c]
  group-by: [who]
  timespan: 1h
  condition: {gte: 2}
`)).Set()
	if len(set.Refused) != 0 {
		t.Fatal(set.Refused)
	}
	if c, d := set.Correlations[0], set.Correlations[1]; c.Field(0, "who") != "p.User" || d.GroupBy[0] != "who" {
		t.Errorf("%+v %+v", c, d)
	}
}

// TestFilters: a filter is rewritten as the rules are that it is for, and refused
// if its log source does not say how that is.
func TestFilters(t *testing.T) {
	filter := func(source, detection string) string {
		return "title: F\nlogsource: {" + source + "}\nfilter:\n  rules: any\n" + indent(detection, 2)
	}
	const text = byLogSource + `  - {type: add_condition, conditions: {E: 1}}
  - {type: change_logsource, product: other, rule_conditions: [{type: logsource, category: process_creation}]}
`
	set := chain(t, text).Parse("f.yml", []byte(twoRules+filter("product: windows, category: process_creation",
		"f: {User: z, G: 1}\ncondition: not f"))).Set()
	if len(set.Refused) != 0 || len(set.Warnings) != 0 || len(set.Filters) != 1 || len(set.Filters[0].Applied) != 1 {
		t.Fatal(set.Refused, set.Warnings)
	}
	r := set.Rules[slices.IndexFunc(set.Rules, func(r *sigma.Rule) bool { return r.Name == "a" })]
	for text, want := range map[string]bool{
		`{"user.name":"x","E":1}`:               true,
		`{"user.name":"x"}`:                     false,
		`{"user.name":["x","z"],"E":1,"G":1}`:   false,
		`{"user.name":["x","z"],"E":1,"G":2}`:   true,
		`{"user.name":"x","E":1,"User":"z"}`:    true,
		`{"user.name":"x","E":1,"G":1,"a":"z"}`: true,
	} {
		if _, ok := r.Match(event(t, "other", text)); ok != want {
			t.Errorf("match %v: %s", ok, text)
		}
	}
	set = chain(t, text).Parse("f.yml", []byte(twoRules+filter("product: windows",
		"f: {G: 1}\ncondition: not f"))).Set()
	if len(set.Refused) != 1 || !strings.Contains(set.Refused[0].Reason.Error(),
		"depends on the rules that the filter is for") {
		t.Error(set.Refused)
	}
	// What does not concern the filter may stay open.
	set = chain(t, byLogSource).Parse("f.yml",
		[]byte(twoRules+filter("category: process_creation", "f: {G: 1}\ncondition: not f"))).Set()
	if len(set.Refused) != 0 || len(set.Filters[0].Applied) != 1 {
		t.Error(set.Refused)
	}
	for _, conditions := range []string{"type: contains_field, field: User", "type: tag, tag: x",
		"type: rule_attribute, attribute: level, value: low"} {
		c := chain(t, steps("- {type: field_name_prefix, prefix: p., rule_conditions: [{"+conditions+"}]}"))
		set := c.Parse("f.yml", []byte(twoRules+filter("product: linux", "f: {G: 1}\ncondition: not f"))).Set()
		if len(set.Refused) != 1 || !strings.Contains(set.Refused[0].Reason.Error(), "depends on") {
			t.Errorf("%s: %v", conditions, set.Refused)
		}
	}
}

// TestOpenItems: what follows from an open step is open too.
func TestOpenItems(t *testing.T) {
	c := chain(t,
		steps(`- {id: x, type: field_name_mapping, mapping: {Z: z}, rule_conditions: [{type: logsource, category: c}]}
- {type: field_name_mapping, mapping: {G: g}, rule_conditions: [{type: processing_item_applied, processing_item_id: x}]}`))
	text := "title: F\nlogsource: {product: windows}\nfilter:\n  rules: any\n  f: {G: 1}\n  condition: not f\n"
	if got := c.Parse("f.yml", []byte(text)); len(got.Refused) != 1 {
		t.Error(got.Refused)
	}
	text = strings.Replace(text, "product: windows", "product: windows, category: c", 1)
	if got := c.Parse("f.yml", []byte(text)); len(got.Refused) != 0 {
		t.Error(got.Refused)
	}
}
