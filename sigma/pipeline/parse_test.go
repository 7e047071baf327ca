package pipeline

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// TestRefusedPipelines: each mistake is refused at its line with its reason.
func TestRefusedPipelines(t *testing.T) {
	item := func(text string) string {
		return "name: P\ntransformations:\n  - " + strings.ReplaceAll(text, "\n", "\n    ")
	}
	for _, v := range []struct{ text, want string }{
		{"", "p.yml:1:1: file is empty"},
		{"a: [", "not valid YAML"},
		{"- a", "a pipeline must be a mapping"},
		{"a: 1\n---\nb: 2", "holds one document"},
		{"name: \xff", "not UTF-8"},
		{"name: P\nnames: Q", `p.yml:2:1: a pipeline has no key "names"`},
		{"name: P\nname: Q", `p.yml:2:1: duplicate key "name"`},
		{"priority: high", "p.yml:1:11: a pipeline: priority must be a whole number"},
		{"name: P\npostprocessing:\n  - {type: embed, prefix: x}",
			"p.yml:3:3: postprocessing changes the text of queries"},
		{"finalizers:\n  - {type: concat}", "finalizers changes the text of queries"},
		{"allowed_backends: [splunk, kusto]", "p.yml:1:19: the pipeline is only for splunk, kusto"},
		{"vars: [a]", "vars must map names to values"},
		{"vars: {a: []}", `variable "a" has no value`},
		{"vars: {a: [{b: c}]}", `variable "a" must be text, a number, or a list of them`},
		{"transformations: {a: b}", "transformations must be a list"},
		{item("id: x"), `p.yml:3:5: a transformation needs "type"`},
		{item("type: magic"), `p.yml:3:5: unknown transformation "magic"`},
		{item("type: query_expression_placeholders\nexpression: x"), "there is none here"},
		{item("type: http_placeholders"), "must not ask the network"},
		{item("type: command_placeholders"), "must not run programs"},
		{item("type: file_placeholders"), "must not read files"},
		{item("type: extract_fields"), "is not supported"},
		{item("type: field_name_mapping"), `needs "mapping"`},
		{item("type: field_name_mapping\nmapping: {}"), "must map names of fields"},
		{item("type: field_name_mapping\nmapping:\n  a: []"),
			`p.yml:5:10: transformation field_name_mapping: "a" is mapped to nothing`},
		{item("type: field_name_mapping\nmapping: {a: 'b|c'}"), `"b|c" cannot be the name of a field`},
		{item("type: field_name_mapping\nmapping: {a: [b, b]}"), "twice"},
		{item("type: field_name_mapping\nmapping: {a: b}\nmode: x"),
			`p.yml:5:5: transformation field_name_mapping has no key "mode"`},
		{item("type: field_name_prefix_mapping\nmapping: {null: b}"), "a prefix must be text"},
		{item("type: field_name_transform"), "needs transform_func"},
		{item("type: field_name_transform\ntransform_func: title"), "must be one of lower, upper, snake_case"},
		{item("type: field_name_transform\ntransform_func: lower\napply_keyword: true"), "has no name to change"},
		{item("type: drop_detection_item"), "would drop everything"},
		{item("type: rule_failure"), `needs "message"`},
		{item("type: rule_failure\nmessage: m\nfield_name_conditions: [{type: include_fields, fields: [a]}]"),
			"would not be looked at"},
		{item("type: add_condition"), `needs "conditions"`},
		{item("type: add_condition\nconditions: {'a|x': 1}"), `unknown modifier "x"`},
		{item("type: add_condition\nconditions: {null: 1}"), "needs the name of a field"},
		{item("type: add_condition\nconditions: {a: 1}\nname: a b"), "cannot be the name of a selection"},
		{item("type: add_condition\nconditions: {a: 1}\nname: Them"), "cannot be the name of a selection"},
		{item("type: change_logsource"), "needs at least one of"},
		{item("type: add_field"), `needs "field"`},
		{item("type: set_state\nkey: a"), `needs "val"`},
		{item("type: replace_string\nregex: '(?=a)'\nreplacement: b"),
			"p.yml:4:12: transformation replace_string: regular expression"},
		{item("type: replace_string\nregex: 'x*'\nreplacement: b"), "can match nothing at all"},
		{item("type: replace_string\nregex: '(x)'\nreplacement: '\\2'"), `names the group "2"`},
		{item("type: replace_string\nregex: 'x'\nreplacement: '\\g<n>'"), `names the group "n"`},
		{item("type: replace_string\nregex: 'x'\nreplacement: 'a\\'"), "single backslash"},
		{item("type: replace_string\nregex: 'x'\nreplacement: '\\q'"), "means nothing here"},
		{item("type: map_string\nmapping: [a]"), "must map texts"},
		{item("type: map_string\nmapping: {a: {b: c}}"), "must be text or a list"},
		{item("type: set_value"), `needs "value"`},
		{item("type: set_value\nvalue: x\nforce_type: num"), `"x" is no number`},
		{item("type: set_value\nvalue: true\nforce_type: str"), "for texts and numbers"},
		{item("type: convert_type"), "needs target_type"},
		{item("type: case\nmethod: title"), "must be one of"},
		{item("type: regex\nmethod: magic"), "must be one of"},
		{item("type: value_placeholders\ninclude: [a]\nexclude: [b]"), "exclude each other"},
		{item("type: hashes_fields"), "needs valid_hash_algos"},
		{item("type: hashes_fields\nvalid_hash_algos: [MD5]\ndrop_algo_prefix: true"), "no name is left"},
		{item("type: nest"), `needs "items"`},
		{item("type: nest\nitems:\n  - {type: magic}"), `p.yml:5:9: unknown transformation "magic"`},
		{item("type: case\nrule_conditions: x"), "must be a list or a mapping"},
		{item("type: case\nrule_conditions: [{type: magic}]"), `unknown rule condition "magic"`},
		{item("type: case\nrule_conditions: [{category: x}]"), `needs "type"`},
		{item("type: case\nrule_conditions: [{type: logsource}]"), "needs at least one of"},
		{item("type: case\nrule_conditions: [{type: logsource, product: x, host: y}]"), `has no key "host"`},
		{item("type: case\nrule_cond_op: or"), "there are no rule_conditions"},
		{item("type: case\nrule_cond_not: true"), "there are no rule_conditions"},
		{item("type: case\nrule_conditions: [{type: tag, tag: x}]\nrule_cond_op: xor"), "must be one of and, or"},
		{item("type: case\nrule_conditions: [{type: tag, tag: x}]\nrule_condition_linking: or"),
			"in YAML it is rule_cond_op"},
		{item("type: case\nrule_conditions: [{type: tag, tag: x}]\nrule_cond_expr: a"), "needs names"},
		{item("type: case\nrule_conditions: {a: {type: tag, tag: x}}\nrule_cond_expr: b"),
			`names "b", but there is no such condition`},
		{item("type: case\nrule_conditions: {a: {type: tag, tag: x}, b: {type: tag, tag: y}}\nrule_cond_expr: not a"),
			`does not use the condition "b"`},
		{item("type: case\nrule_conditions: {a: {type: tag, tag: x}}\nrule_cond_expr: (a"), "closing bracket"},
		{item("type: case\nrule_conditions: {a: {type: tag, tag: x}}\nrule_cond_expr: a a"), "expected"},
		{item("type: case\nrule_conditions: {a: {type: tag, tag: x}}\nrule_cond_expr: a\nrule_cond_op: or"),
			"exclude each other"},
		{item("type: case\nrule_conditions: [{type: rule_attribute, attribute: level, value: huge}]"),
			`"huge" is not one of`},
		{item("type: case\nrule_conditions: [{type: rule_attribute, attribute: date, value: soon}]"), "is not a date"},
		{item("type: case\nrule_conditions: [{type: rule_attribute, attribute: title, value: x, op: gt}]"),
			"is text, which gt does not compare"},
		{item("type: case\nrule_conditions: [{type: rule_attribute, attribute: logsource, value: x}]"),
			"cannot look into logsource"},
		{item("type: case\nrule_conditions: [{type: processing_state, key: a, val: 1, op: in}]"), "must be one of"},
		{item("type: case\ndetection_item_conditions: [{type: match_string, pattern: x}]"), `needs "cond"`},
		{item("type: case\ndetection_item_conditions: [{type: match_string, cond: some, pattern: x}]"),
			"cond must be any or all"},
		{item("type: case\ndetection_item_conditions: [{type: match_string, cond: any, pattern: '('}]"),
			"cannot be used"},
		{item("type: case\ndetection_item_conditions: [{type: logsource, product: x}]"),
			"unknown detection item condition"},
		{item("type: case\nfield_name_conditions: [{type: include_fields}]"), "needs fields"},
		{item("type: case\nfield_name_conditions: [{type: include_fields, fields: [a], mode: glob}]"),
			"must be one of plain, re"},
		{item("type: case\nfield_name_conditions: [{type: include_fields, fields: ['('], mode: re}]"),
			"cannot be used"},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), "nested deeper"},
		{"a: &a [1, 1, 1, 1, 1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n" +
			"c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d]",
			"YAML aliases"},
	} {
		_, err := Parse("p.yml", []byte(v.text))
		var pe *sigma.ParseError
		if !errors.As(err, &pe) || !strings.Contains(err.Error(), v.want) || pe.Line < 1 || pe.Path != "p.yml" {
			t.Errorf("%q\n got %v\nwant %s", v.text, err, v.want)
		}
	}
	if _, err := Parse("p.yml", make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
}

// TestBounds: steps that double what they find again and again are refused.
func TestBounds(t *testing.T) {
	often := func(n int, step string) *Chain { return chain(t, steps(strings.Repeat("- "+step+"\n", n))) }
	for _, v := range []struct {
		c    *Chain
		want string
	}{
		{often(20, "{type: field_name_mapping, mapping: {F: [F, G], G: [F, G], H: [a, b]}}"), "more than 10000 items"},
		{often(40, "{type: field_name_prefix_mapping, mapping: {'': [a, b]}}"), "more than"},
		{often(40, "{type: replace_string, regex: '(.+)', replacement: '\\1\\1'}"), "a value would be longer"},
		{
			often(40,
				"{type: replace_string, regex: 'x', replacement: 'x*x', skip_special: true, interpret_special: true}"),
			"a value would be longer",
		},
		{often(2000, "{type: field_name_prefix, prefix: abcdefgh.}"), "the name of a field"},
		{often(70, "{type: add_condition, conditions: {E: 1}}"), "more than 64 conditions"},
		{chain(t, "vars: {a: ["+strings.Repeat("x, ", 101)+"y]}\ntransformations: [{type: value_placeholders}]"),
			"placeholders give more than"},
	} {
		detection := sel("F: x")
		if strings.Contains(v.want, "placeholders") {
			detection = sel("F|expand: '%a%%a%'")
		}
		if got := refused(t, v.c, rule("test", detection)); !strings.Contains(got, v.want) {
			t.Errorf("got %s, want %s", got, v.want)
		}
	}
	if got := refused(t, often(40, "{type: field_name_prefix_mapping, mapping: {'': [a, b]}}"),
		"fields: [x]\n"+rule("test", "k: [x]\ncondition: k")); !strings.Contains(got, "a list of fields") {
		t.Error(got)
	}
}

// TestParse: what a pipeline says, also the parts that do nothing here.
func TestParse(t *testing.T) {
	p, err := Parse("p.yml",
		[]byte("\ufeffname: N\npriority: 30\nallowed_backends: [splunk, meneki]\npostprocessing: []\nfinalizers:\n"+
			"vars: {a: 1, b: [x, 2]}\ntransformations:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "N" || p.Priority != 30 || p.Path != "p.yml" || !slices.Equal(p.vars["b"], []string{"x", "2"}) {
		t.Errorf("%+v", p)
	}
	if _, err := Open("no such pipeline"); err == nil || !strings.Contains(err.Error(), "ecs-windows") {
		t.Error(err)
	}
	if p, err := Open("sysmon"); err != nil || p.Priority != 10 {
		t.Error(p, err)
	}
}

// TestCombine: the lowest priority first, then the order given; later variables
// and earlier states count.
func TestCombine(t *testing.T) {
	text := func(name, priority, from, to string) string {
		return "name: " + name + "\npriority: " + priority + "\nvars: {v: " + name +
			"}\ntransformations:\n  - {id: " + name + ", type: field_name_mapping, mapping: {" + from + ": " + to +
			"}}\n"
	}
	c := chain(t, text("c", "20", "g", "h"), text("a", "10", "F", "g"), text("d", "20", "h", "i"),
		text("b", "10", "x", "y"))
	if got := strings.Join(c.Names(), " "); got != "a b c d" {
		t.Error(got)
	}
	r := one(t, c, rule("test", sel("F: x")))
	if names, _ := r.FieldNames(); !slices.Equal(names, []string{"i"}) {
		t.Error(names)
	}
	if got := c.vars["v"]; !slices.Equal(got, []string{"d"}) {
		t.Error(got)
	}
	c = chain(t, "name: s\ntransformations:\n  - {id: one, type: set_state, key: k, val: v}\n",
		"name: t\ntransformations:\n  - {type: field_name_prefix, prefix: p., rule_conditions: [{type: "+
			"processing_state, key: k, val: v}, {type: processing_item_applied, processing_item_id: one}]}\n")
	if names, _ := one(t, c, rule("test", sel("F: x"))).FieldNames(); !slices.Equal(names, []string{"p.F"}) {
		t.Error(names)
	}
	var none Chain
	if names, _ := one(t, &none, rule("test", sel("F: x"))).FieldNames(); !slices.Equal(names, []string{"F"}) {
		t.Error(names)
	}
}
