package pipeline

import (
	"slices"
	"strings"
	"testing"
)

// TestRefusedRules: what cannot be rewritten completely is refused, at the line of
// the rule, with the pipeline's name and line.
func TestRefusedRules(t *testing.T) {
	for _, v := range []struct{ steps, detection, want string }{
		{"- {id: x, type: rule_failure, message: not this}", sel("F: a"),
			`rule.yml:1:1: pipeline "P" (p.yml:3, rule_failure x): not this`},
		{"- type: detection_item_failure\n  message: not that\n  field_name_conditions: [{type: include_fields, " +
			"fields: [E]}]", sel("F: a\nE: b"),
			`rule.yml:9:9: pipeline "P" (p.yml:3, detection_item_failure): E: not that`},
		{"- type: strict_field_mapping_failure", sel("F: a\nE: b"), "no mapping for E, F"},
		{"- {type: field_name_mapping, mapping: {F: F}}\n- type: strict_field_mapping_failure", sel("F|fieldref: E"),
			"no mapping for E"},
		{"- {type: convert_type, target_type: num}", sel("F: abc"),
			`rule.yml:8:12: pipeline "P" (p.yml:3, convert_type): "abc" is no number`},
		{"- {type: value_placeholders}", sel("F|expand: '%no%'"), "the placeholder %no% has no values in the vars"},
		{"- {type: wildcard_placeholders, include: [a]}", sel("F|expand: '%a%%b%'"),
			"are for different transformations"},
		{"- {type: case}", sel("F|expand: 'A%a%'"), "placeholders must have their values before"},
		{"- {type: case}", sel("F|base64|contains: 'A'"), "a value behind the modifier base64"},
		{"- {type: case}", sel("F|wide|base64|contains: 'A'"), "a value behind the modifier wide"},
		{"- {type: hashes_fields, valid_hash_algos: [MD5]}",
			sel("Hashes|contains: ['MD5=00000000000000000000000000000001', " +
				"'SHA1=0000000000000000000000000000000000000002']"), "is no whole hash of MD5"},
		{"- {type: hashes_fields, valid_hash_algos: [MD5]}", sel("Hashes|contains: 'MD5=0000'"),
			"is no whole hash of MD5"},
		{"- {type: hashes_fields, valid_hash_algos: [MD5]}", sel("Hashes|re: 'MD5=.*'"),
			"only texts can be taken apart"},
		{"- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [F]}]", sel("F: a"),
			"nothing would be left here"},
		{"- type: add_condition\n  conditions: {E: $service}\n  template: true", sel("F: a"),
			"the rule's log source has no service"},
		{"- {type: add_condition, conditions: {E: 1}}", "a: {F: a}\nb: {F: b}\ncondition: a) or (b",
			"closes a bracket that it did not open"},
		{"- {type: add_condition, conditions: {E: 1}}", "a: {F: a}\ncondition: a | count() > 5", "not part of Sigma 2"},
		{"- {type: add_condition, conditions: {E: 1}}", "a: {F: a}\ncondition: ''", "not a text"},
		{"- {type: field_name_mapping, mapping: {E: [g, h]}}", sel("F|fieldref|all: [E, D]"),
			"cannot stand for several"},
		{
			"- {type: field_name_mapping, mapping: {A: [a, b, c, d, e, f], B: [a, b, c, d, e, f], C: [a, b, c, " +
				"d, e, f], " +
				"D: [a, b, c, d, e, f]}}", sel("A: 1\nB: 1\nC: 1\nD: 1"), "more than 1000 alternatives"},
		{"- {type: set_state, key: k, val: x}\n- type: case\n  rule_conditions: [{type: processing_state, key: k, " +
			"val: 1, op: gt}]", sel("F: a"), "cannot be put in order"},
		{"- {type: field_name_prefix, prefix: p.}", "sel: {F: {a: b}}\ncondition: sel", "single value or a list"},
		{"- {type: field_name_prefix, prefix: p.}", "sel: []\ncondition: sel", "empty"},
	} {
		if got := refused(t, chain(t, steps(v.steps)), rule("test/cat", v.detection)); !strings.Contains(got, v.want) {
			t.Errorf("%s\n%s\n got %s\nwant %s", v.steps, v.detection, got, v.want)
		}
	}
}

// TestLines: a rewritten rule is refused and explained at the lines of its file,
// and so is what comes behind it.
func TestLines(t *testing.T) {
	c := chain(t, steps("- {type: field_name_mapping, mapping: {F: [g, h]}}"))
	text := rule("test", sel("F: x\nG|magic: y"))
	got := c.Parse("rule.yml", []byte("---\n"+text+"---\n"+text))
	if len(got.Refused) != 2 || got.Refused[0].Line != 9 || got.Refused[1].Line != 19 {
		t.Errorf("%v", got.Refused)
	}
}

// TestEvidence: a match names the fields that the event has.
func TestEvidence(t *testing.T) {
	c := chain(t, steps("- {type: field_name_mapping, mapping: {Image: process.executable, F: [g, h]}}"))
	r := one(t, c, rule("test", sel("Image|endswith: \\a.exe\nF: x")))
	m, ok := r.Match(event(t, "test", `{"process":{"executable":"C:\\a.exe"},"h":"x"}`))
	if !ok || len(m.Fields) != 2 {
		t.Fatalf("%v %+v", ok, m)
	}
	if f := m.Fields[0]; f.Field != "process.executable" || f.Value != `C:\a.exe` || f.Pattern != `\a.exe` ||
		f.Modifier != "endswith" || f.Selection != "sel" {
		t.Errorf("%+v", f)
	}
	if f := m.Fields[1]; f.Field != "h" || f.Value != "x" {
		t.Errorf("%+v", f)
	}
	if got := string(r.Source); !strings.Contains(got, "Image|endswith") {
		t.Errorf("source %s", got)
	}
}

// applies reports whether a step with these conditions is applied to the rule:
// its fields then begin with "p.".
func applies(t *testing.T, conditions, text string) bool {
	t.Helper()
	r := one(t, chain(t, steps("- type: field_name_prefix\n  prefix: p.\n"+indent(conditions, 2))), text)
	names, _ := r.FieldNames()
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "p.") })
}

func TestRuleConditions(t *testing.T) {
	text := "level: high\nstatus: test\ndate: 2024/05/06\nauthor: A\ntags: [attack.t1059, attack.execution]\n" +
		"fields: [x]\ncustom: {a: b}\nscore: 7\n" +
		rule("Windows/process_creation", "sel: {F: a, N: 5, B: true, 'C|contains': x}\nk: [word]\ncondition: sel or k")
	for _, v := range []struct {
		conditions string
		want       bool
	}{
		{"rule_conditions: [{type: logsource, product: windows}]", true},
		{"rule_conditions: [{type: logsource, product: windows, service: x}]", false},
		{"rule_conditions: [{type: logsource, product: windows}, {type: logsource, category: x}]", false},
		{"rule_conditions: [{type: logsource, product: windows}, {type: logsource, category: x}]\nrule_cond_op: or",
			true},
		{"rule_conditions: [{type: logsource, product: linux}]\nrule_cond_not: true", true},
		{"rule_conditions: {a: {type: logsource, product: linux}, b: {type: tag, tag: attack.t1059}, c: {type: tag, " +
			"tag: x}}\nrule_cond_expr: not a and (b or c)", true},
		{"rule_conditions: {a: {type: logsource, product: linux}, b: {type: tag, tag: attack.t1059}}\n" +
			"rule_cond_expr: a or not b", false},
		{"rule_conditions: {a: {type: logsource, product: linux}, b: {type: tag, tag: attack.t1059}}", false},
		{"rule_conditions: [{type: contains_field, field: F}]", true},
		{"rule_conditions: [{type: contains_field, field: f}]", false},
		{"rule_conditions: [{type: contains_detection_item, field: F, value: a}]", true},
		{"rule_conditions: [{type: contains_detection_item, field: N, value: 5}]", true},
		{"rule_conditions: [{type: contains_detection_item, field: N, value: '5'}]", false},
		{"rule_conditions: [{type: contains_detection_item, field: B, value: true}]", true},
		{"rule_conditions: [{type: contains_detection_item, field: C, value: '*x*'}]", true},
		{"rule_conditions: [{type: contains_detection_item, field: C, value: x}]", false},
		{"rule_conditions: [{type: processing_item_applied, processing_item_id: x}]", false},
		{"rule_conditions: [{type: is_sigma_rule}]", true},
		{"rule_conditions: [{type: is_sigma_correlation_rule}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gt}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: level, value: critical, op: gte}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: status, value: experimental, op: gte}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: date, value: 2024-05-06}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: date, value: 2024-05-05, op: lte}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: author, value: A}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: author, value: A, op: ne}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.execution, op: in}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.execution}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: tags, value: x, op: not_in}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: fields, value: x, op: in}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: score, value: 6, op: gt}]", true},
		{"rule_conditions: [{type: rule_attribute, attribute: score, value: x, op: gt}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: none, value: x}]", false},
		{"rule_conditions: [{type: rule_attribute, attribute: none, value: x, op: ne}]", true},
		{"field_name_conditions: [{type: include_fields, fields: [Z]}]", false},
		{"field_name_conditions: [{type: include_fields, fields: ['.'], mode: re}]", true},
		{"field_name_conditions: [{type: exclude_fields, fields: [F, N, B, C]}]", false},
		{"detection_item_conditions: [{type: match_string, cond: any, pattern: '\\*x'}]", true},
		{"detection_item_conditions: [{type: match_string, cond: any, pattern: 'x'}]", false},
		{"detection_item_conditions: [{type: match_string, cond: all, pattern: 'a', negate: true}]", true},
		{"detection_item_conditions: [{type: match_value, cond: any, value: 5}]", true},
		{"detection_item_conditions: [{type: match_value, cond: any, value: 6}]", false},
		{"detection_item_conditions: [{type: contains_wildcard, cond: any}]", true},
		{"detection_item_conditions: [{type: is_null, cond: any}]", false},
	} {
		if got := applies(t, v.conditions, text); got != v.want {
			t.Errorf("%s: %v", v.conditions, got)
		}
	}
	values := rule("test", sel("F: [a, b]"))
	if !applies(t, "detection_item_conditions: [{type: match_string, cond: any, pattern: a}]", values) ||
		applies(t, "detection_item_conditions: [{type: match_string, cond: all, pattern: a}]", values) {
		t.Error("any and all")
	}
	if !applies(t, "detection_item_conditions: [{type: is_null, cond: all}]", rule("test", sel("F: null"))) {
		t.Error("null")
	}
	if got := refused(t,
		chain(t, steps("- type: case\n  rule_conditions: [{type: rule_attribute, attribute: custom, value: x}]")),
		text); !strings.Contains(got, "cannot look into custom") {
		t.Error(got)
	}
}
