package pipeline

import "testing"

func TestFieldNames(t *testing.T) {
	try(t, []vector{
		{"mapping", "- type: field_name_mapping\n  mapping: {F: a.b}", sel("F|endswith: x"),
			[]string{`{"a":{"b":"yx"}}`, `{"a.b":"X"}`}, []string{`{"F":"x"}`, `{"a.b":"xy"}`}},
		{"one to several is or", "- type: field_name_mapping\n  mapping: {F: [g, h]}", sel("F: x\nE: 1"),
			[]string{`{"g":"x","E":1}`, `{"h":"x","E":1}`, `{"g":"y","h":"x","E":"1"}`},
			[]string{`{"g":"x"}`, `{"F":"x","E":1}`, `{"E":1}`}},
		{"two of several", "- type: field_name_mapping\n  mapping: {F: [g, h], E: [i, j]}", sel("F: x\nE: y"),
			[]string{`{"g":"x","j":"y"}`, `{"h":"x","i":"y"}`}, []string{`{"g":"x","h":"x"}`, `{"i":"y","j":"y"}`}},
		{"two fields to one", "- type: field_name_mapping\n  mapping: {F: g, E: g}",
			sel("F|startswith: x\nE|startswith: y"), []string{`{"g":["x","y"]}`}, []string{`{"g":"x"}`, `{"g":"y"}`}},
		{"several under not", "- type: field_name_mapping\n  mapping: {F: [g, h]}",
			"a: {E: 1}\nf: {F: x}\ncondition: a and not f", []string{`{"E":1}`, `{"E":1,"g":"y"}`},
			[]string{`{"E":1,"g":"x"}`, `{"E":1,"g":"y","h":"x"}`}},
		{"neq of several is and", "- type: field_name_mapping\n  mapping: {F: [g, h]}", sel("F|neq: x"),
			[]string{`{}`, `{"g":"y"}`}, []string{`{"g":"x"}`, `{"h":"x","g":"y"}`}},
		{"null of several is and", "- type: field_name_mapping\n  mapping: {F: [g, h]}", sel("F: null"),
			[]string{`{}`, `{"g":null}`}, []string{`{"g":"x"}`, `{"h":"x"}`}},
		{"exists of several", "- type: field_name_mapping\n  mapping: {F: [g, h]}",
			"a: {F|exists: true}\nb: {F|exists: false}\nc: {E: 1}\ncondition: (a and c) or (b and not c)",
			[]string{`{"g":"","E":1}`, `{"h":1,"E":1}`, `{}`}, []string{`{"E":1}`, `{"h":1}`}},
		{"within a list of maps", "- type: field_name_mapping\n  mapping: {F: [g, h]}",
			"sel:\n  - F: x\n    E: 1\n  - word\n  - E: 2\ncondition: sel",
			[]string{`{"h":"x","E":1}`, `{"E":2}`, `{"z":"a word"}`}, []string{`{"h":"x","E":3}`, `{"E":1}`}},
		{"all of several", "- type: field_name_mapping\n  mapping: {F: [g, h]}", sel("F|contains|all: [x, y]"),
			[]string{`{"g":"xy"}`, `{"h":"yx"}`}, []string{`{"g":"x","h":"y"}`}},
		{"fieldref", "- type: field_name_mapping\n  mapping: {F: g, E: [h, i]}", sel("F|fieldref: E"),
			[]string{`{"g":"x","h":"x"}`, `{"g":"x","i":"X","h":"y"}`},
			[]string{`{"F":"x","E":"x"}`, `{"g":"x","h":"y"}`}},
		{"keywords", "- type: field_name_mapping\n  mapping: {null: message}", "k: ['wo?d', 5]\ncondition: k",
			[]string{`{"message":"a word"}`, `{"message":151}`}, []string{`{"other":"word"}`, `{"message":"wd"}`}},
		{"keywords of which all", "- type: field_name_mapping\n  mapping: {~: [m, n]}",
			"k: {'|all': [a, b]}\ncondition: k", []string{`{"m":"ab"}`, `{"n":"ba"}`}, []string{`{"m":"a","n":"b"}`}},
		{"regex as keyword", "- type: field_name_mapping\n  mapping: {null: m}", "k: {'|re': ['a+b']}\ncondition: k",
			[]string{`{"m":"xaab"}`}, []string{`{"n":"ab"}`, `{"m":"b"}`}},
		{"prefix", "- {type: field_name_prefix, prefix: a.}", sel("F: x"), []string{`{"a":{"F":"x"}}`},
			[]string{`{"F":"x"}`}},
		{"prefix spares keywords", "- {type: field_name_prefix, prefix: a.}", "k: [x]\ncondition: k",
			[]string{`{"F":"x"}`}, nil},
		{"suffix", "- {type: field_name_suffix, suffix: .keyword}", sel("F: x"), []string{`{"F.keyword":"x"}`},
			[]string{`{"F":"x"}`}},
		{"prefix mapping", "- type: field_name_prefix_mapping\n  mapping: {win.: [a., b.], w: z}",
			sel("win.F: x\nwG: y\nH: 1"), []string{`{"a.F":"x","zG":"y","H":1}`, `{"b.F":"x","zG":"y","H":1}`},
			[]string{`{"zin.F":"x","zG":"y","H":1}`}},
		{"transform", "- type: field_name_transform\n  transform_func: snake_case\n  mapping: {Keep: Kept}",
			sel("TargetUserName: x\nKeep: y"), []string{`{"target_user_name":"x","Kept":"y"}`},
			[]string{`{"targetusername":"x","Kept":"y"}`}},
		{"one after the other", "- type: field_name_mapping\n  mapping: {F: [g, h]}\n" +
			"- type: field_name_mapping\n  mapping: {g: i}\n- {type: field_name_prefix, prefix: p.}", sel("F: x"),
			[]string{`{"p.i":"x"}`, `{"p.h":"x"}`}, []string{`{"p.g":"x"}`, `{"g":"x"}`}},
		{"what was not mapped", "- {id: m, type: field_name_mapping, mapping: {F: g}}\n" +
			"- type: field_name_prefix\n  prefix: rest.\n  field_name_conditions: [{type: processing_item_applied, " +
			"processing_item_id: m}]\n  field_name_cond_not: true",
			sel("F: x\nE: y"), []string{`{"g":"x","rest.E":"y"}`},
			[]string{`{"rest.g":"x","rest.E":"y"}`, `{"g":"x","E":"y"}`}},
		{"regex of names",
			"- type: field_name_prefix\n  prefix: p.\n  field_name_conditions: [{type: exclude_fields, mode: re, " +
				"fields: ['\\w+\\.']}]", sel("a.F: x\nE: y"), []string{`{"a.F":"x","p.E":"y"}`},
			[]string{`{"p.a.F":"x","p.E":"y"}`}},
	})
}

func TestValues(t *testing.T) {
	try(t, []vector{
		{"replace", "- {type: replace_string, regex: '^/usr/(s?bin)/', replacement: '/\\1/'}",
			sel("F: ['/usr/bin/x*', '/usr/sbin/y', 7]"), []string{`{"F":"/bin/x1"}`, `{"F":"/sbin/y"}`, `{"F":7}`},
			[]string{`{"F":"/usr/bin/x"}`, `{"F":"/sbin/yy"}`}},
		{"replace sees wildcards of modifiers", "- {type: replace_string, regex: '^\\*', replacement: ''}",
			sel("F|endswith: x"), []string{`{"F":"x"}`}, []string{`{"F":"yx"}`}},
		{"replace keeps backslashes", "- {type: replace_string, regex: cmd, replacement: powershell}",
			sel("F|endswith: '\\cmd.exe'\nG|contains: '\\Temp\\cmd\\'\nH: 'C:\\\\cmd\\*'"),
			[]string{`{"F":"C:\\powershell.exe","G":"a\\Temp\\powershell\\b","H":"C:\\powershell*"}`},
			[]string{`{"F":"C:\\powershell.exe","G":"a\\Temp\\powershell","H":"C:\\powershell*"}`,
				`{"F":"C:\\powershell.exe","G":"a\\Temp\\powershell\\b","H":"C:\\powershellx"}`}},
		{"replace can make wildcards", "- {type: replace_string, regex: '%', replacement: '*'}", sel("F: a%b"),
			[]string{`{"F":"axb"}`, `{"F":"ab"}`}, nil},
		{"skip_special", "- {type: replace_string, regex: '[*]|x', replacement: '*', skip_special: true}",
			sel("F: 'a*x'"), []string{`{"F":"abc*"}`}, []string{`{"F":"abc"}`}},
		{"interpret_special",
			"- {type: replace_string, regex: 'x', replacement: '*', skip_special: true, interpret_special: true}",
			sel("F: 'a?x'"), []string{`{"F":"abc"}`, `{"F":"ab"}`}, []string{`{"F":"a"}`}},
		{"replace a number", "- {type: replace_string, regex: '^46', replacement: '47'}", sel("F: [4625, 5]"),
			[]string{`{"F":4725}`, `{"F":5}`}, []string{`{"F":4625}`}},
		{"replace leaves regexes alone", "- {type: replace_string, regex: 'a', replacement: 'b'}",
			sel("F|re: a+\nG: a"), []string{`{"F":"a","G":"b"}`}, []string{`{"F":"b","G":"b"}`}},
		{"map", "- {type: map_string, mapping: {a: b, 'c*': [d, 'e*']}}", sel("F: [a, 'c*', z]"),
			[]string{`{"F":"b"}`, `{"F":"d"}`, `{"F":"exx"}`, `{"F":"z"}`}, []string{`{"F":"a"}`, `{"F":"cx"}`}},
		{"map under all", "- {type: map_string, mapping: {'*a*': ['*b*', '*c*']}}", sel("F|contains|all: [a, x]"),
			[]string{`{"F":"xb"}`, `{"F":"cx"}`}, []string{`{"F":"bc"}`, `{"F":"x"}`, `{"F":"xa"}`}},
		{"map under neq", "- {type: map_string, mapping: {a: [b, c]}}", sel("F|neq: a"), []string{`{"F":"a"}`, `{}`},
			[]string{`{"F":"b"}`, `{"F":"c"}`}},
		{"map with backslash before a wildcard", "- {type: map_string, mapping: {'C:\\*': x, 'D:\\\\*': y}}",
			sel("F: ['C:\\\\*', 'D:\\\\*']"), []string{`{"F":"x"}`, `{"F":"y"}`}, []string{`{"F":"C:\\a"}`}},
		{"set_value", "- {type: set_value, value: 5}", sel("F|contains: [a, b]"), []string{`{"F":5}`, `{"F":"5"}`},
			[]string{`{"F":"a"}`, `{"F":"15"}`}},
		{"set_value null", "- {type: set_value, value: null}", sel("F: [a, b]"), []string{`{}`}, []string{`{"F":"a"}`}},
		{"set_value forced", "- {type: set_value, value: '07', force_type: num}", sel("F|re: x"), []string{`{"F":7}`},
			[]string{`{"F":"07"}`}},
		{"set_value of a keyword", "- {type: set_value, value: z}", "k: [a]\ncondition: k", []string{`{"F":"az"}`},
			[]string{`{"F":"a"}`}},
		{"convert to text", "- {type: convert_type, target_type: str}", sel("F: [1, x]"),
			[]string{`{"F":1}`, `{"F":"x"}`}, []string{`{"F":"01"}`}},
		{"convert to number", "- {type: convert_type, target_type: num}", sel("F: ['01', '2.50']"),
			[]string{`{"F":1}`, `{"F":2.5}`}, []string{`{"F":"01"}`}},
		{"case", "- {type: case, method: upper}", sel("F|cased: ab"), []string{`{"F":"AB"}`}, []string{`{"F":"ab"}`}},
		{"snake case", "- {type: case, method: snake_case}", sel("F: 'AbCd*Ef'"), []string{`{"F":"ab_cdxef"}`},
			[]string{`{"F":"abcdxef"}`}},
		{"regex plain looks at case", "- {type: regex, method: plain}", sel("F|startswith: [Ab, 5]\nG: ''"),
			[]string{`{"F":"Abc","G":""}`, `{"F":"5x","G":""}`}, []string{`{"F":"abc","G":""}`, `{"F":"xAb","G":""}`}},
		{"regex without case", "- {type: regex}", sel("F|cased: Ab"), []string{`{"F":"ab"}`}, []string{`{"F":"abc"}`}},
		{"hashes", "- {type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File}",
			sel("Hashes|contains: ['MD5=00000000000000000000000000000001', " +
				"'sha1=0000000000000000000000000000000000000002', '00000000000000000000000000000003']"),
			[]string{`{"FileMD5":"00000000000000000000000000000001"}`,
				`{"FileMD5":"00000000000000000000000000000003"}`,
				`{"FileSHA1":"0000000000000000000000000000000000000002"}`},
			[]string{`{"FileSHA1":"00000000000000000000000000000001"}`,
				`{"Hashes":"MD5=00000000000000000000000000000001"}`}},
		{"hashes of which all",
			"- {type: hashes_fields, valid_hash_algos: [MD5], field_prefix: h, drop_algo_prefix: true, " +
				"field_to_parse: X}",
			sel("X|contains|all: ['MD5|0000000000000000000000000000000a', 'MD5=0000000000000000000000000000000b']"),
			[]string{`{"h":["0000000000000000000000000000000A","0000000000000000000000000000000b"]}`},
			[]string{`{"h":"0000000000000000000000000000000a"}`}},
		{"drop", "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [E]}]",
			sel("F: x\nE: 1"), []string{`{"F":"x"}`}, []string{`{"E":1}`}},
	})
}

func TestPlaceholders(t *testing.T) {
	vars := "name: P\nvars:\n  users: ['ad*', 'ro?t']\n  one: 1\n  win: 'C:\\'\n  star: '*x'\n  net: [10.0.0.0/8]\n"
	for _, v := range []vector{
		{"values", "- type: value_placeholders", sel("F|expand: '%users%'"),
			[]string{`{"F":"admin"}`, `{"F":"root"}`}, []string{`{"F":"user"}`}},
		{"within text", "- type: value_placeholders", sel("F|contains|expand: '\\%%users%-%one%'"),
			[]string{`{"F":"x%admin-1y"}`}, []string{`{"F":"admin-1"}`}},
		{"a backslash before a wildcard", "- type: value_placeholders",
			sel("F|expand: 'D:\\\\%star%'\nG|expand: '%win%%star%'"), []string{`{"F":"D:\\ax","G":"C:\\bx"}`},
			[]string{`{"F":"D:*x","G":"C:\\bx"}`}},
		{"all", "- type: value_placeholders", sel("F|contains|all|expand: ['%users%', '%one%', 'z\\%']"),
			[]string{`{"F":"ad1z%"}`, `{"F":"z%root1"}`}, []string{`{"F":"ad1z"}`, `{"F":"ad"}`}},
		{"in a regex", "- type: value_placeholders", sel("F|re|expand: '^%users%$'"),
			[]string{`{"F":"adx"}`, `{"F":"root"}`}, []string{`{"F":"xad"}`}},
		{"in a network", "- type: value_placeholders", sel("F|cidr|expand: '%net%'"), []string{`{"F":"10.1.2.3"}`},
			[]string{`{"F":"11.1.2.3"}`}},
		{"wildcards", "- type: wildcard_placeholders", sel("F|expand: 'a%none%b'"),
			[]string{`{"F":"axb"}`, `{"F":"ab"}`}, []string{`{"F":"a"}`}},
		{"some of them",
			"- {type: value_placeholders, include: [users]}\n- {type: wildcard_placeholders, exclude: [users]}",
			sel("F|expand: ['%users%', 'x%other%']"), []string{`{"F":"adx"}`, `{"F":"x1"}`}, []string{`{"F":"y"}`}},
		{"neq", "- type: value_placeholders", sel("F|expand|neq: '%users%'"), []string{`{"F":"user"}`},
			[]string{`{"F":"admin"}`, `{"F":"root"}`}},
		{"then replaced", "- type: value_placeholders\n- {type: replace_string, regex: '^ad', replacement: x}",
			sel("F|expand: '%users%'"), []string{`{"F":"x1"}`}, []string{`{"F":"ad1"}`}},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := one(t, chain(t, vars+"transformations:\n"+indent(v.steps, 2)), rule("test", v.detection))
			for i, list := range [][]string{v.no, v.yes} {
				for _, text := range list {
					if _, ok := r.Match(event(t, "test", text)); ok != (i == 1) {
						t.Errorf("match %v: %s", ok, text)
					}
				}
			}
		})
	}
}

func TestRuleSteps(t *testing.T) {
	try(t, []vector{
		{"add_condition", "- type: add_condition\n  conditions: {E: [1, 2], 'G|startswith': x}",
			"a: {F: a}\nb: {F: b}\ncondition: a or b",
			[]string{`{"F":"a","E":2,"G":"xx"}`, `{"F":"b","E":1,"G":"x"}`},
			[]string{`{"F":"a","E":3,"G":"x"}`, `{"F":"b","E":1}`, `{"E":1,"G":"x"}`}},
		{"negated", "- type: add_condition\n  conditions: {E: 1}\n  negated: true", sel("F: a"),
			[]string{`{"F":"a"}`}, []string{`{"F":"a","E":1}`}},
		{"not one of them", "- type: add_condition\n  conditions: {E: 1}", "a: {F: a}\ncondition: 1 of them",
			[]string{`{"F":"a","E":1}`}, []string{`{"E":1}`}},
		{"template",
			"- type: add_condition\n  conditions: {E: '$product-${category}.$service $$ $x'}\n  template: true",
			sel("F: a"), []string{`{"F":"a","E":"test-cat.svc $ $x"}`}, []string{`{"F":"a","E":"x"}`}},
		{"several conditions", "- type: add_condition\n  conditions: {E: 1}",
			"a: {F: a}\nb: {F: b}\ncondition: [a, b]", []string{`{"F":"a","E":1}`, `{"F":"b","E":1}`},
			[]string{`{"F":"a"}`, `{"F":"b"}`}},
		{"two of one name", "- {type: add_condition, conditions: {E: 1}, name: sel}\n" +
			"- {type: add_condition, conditions: {G: 1}, name: sel}", sel("F: a"), []string{`{"F":"a","E":1,"G":1}`},
			[]string{`{"F":"a","E":1}`, `{"F":"a","G":1}`, `{"E":1,"G":1}`}},
		{"added, then mapped",
			"- {type: add_condition, conditions: {E: 1}}\n- {type: field_name_mapping, mapping: {E: z}}", sel("F: a"),
			[]string{`{"F":"a","z":1}`}, []string{`{"F":"a","E":1}`}},
		{"state",
			"- {type: set_state, key: k, val: 3}\n- type: add_condition\n  conditions: {E: 1}\n  rule_conditions: " +
				"[{type: processing_state, key: k, val: 2, op: gt}]\n" +
				"- type: add_condition\n  conditions: {E: 2}\n  rule_conditions: [{type: processing_state, key: " +
				"other, val: 2, op: ne}]", sel("F: a"), []string{`{"F":"a","E":1}`}, []string{`{"F":"a","E":2}`}},
		{"attribute", "- {type: set_custom_attribute, attribute: k, value: v}\n" +
			"- type: add_condition\n  conditions: {E: 1}\n  rule_conditions: [{type: rule_attribute, attribute: k, " +
			"value: v}]", sel("F: a"), []string{`{"F":"a","E":1}`}, []string{`{"F":"a"}`}},
		{"nest",
			"- type: nest\n  id: n\n  rule_conditions: [{type: logsource, category: cat}]\n  items:\n    - {id: i, " +
				"type: field_name_mapping, mapping: {F: g}}\n    - type: field_name_mapping\n      mapping: {g: h}\n " +
				"     rule_conditions: [{type: processing_item_applied, processing_item_id: i}]\n" +
				"- type: field_name_mapping\n  mapping: {h: j}\n  rule_conditions: [{type: processing_item_applied, " +
				"processing_item_id: n}]", sel("F: a"), []string{`{"j":"a"}`}, []string{`{"h":"a"}`}},
		{"nest not",
			"- type: nest\n  rule_conditions: [{type: logsource, category: other}]\n  items:\n    - {type: " +
				"field_name_mapping, mapping: {F: g}}", sel("F: a"), []string{`{"F":"a"}`}, []string{`{"g":"a"}`}},
	})
	c := chain(t, steps("- {type: change_logsource, product: p, service: s}\n- {type: add_field, field: [x, y]}\n"+
		"- {type: remove_field, field: a}\n- {type: field_name_mapping, mapping: {b: [c, d], y: z}}"))
	text := "fields: [a, b]\n" + rule("test/cat", sel("F: a"))
	r := one(t, c, text)
	if got := r.LogSource.String(); got != "p/*/s" {
		t.Errorf("log source %s", got)
	}
	if got := r.Fields; len(got) != 4 || got[0] != "c" || got[1] != "d" || got[2] != "x" || got[3] != "z" {
		t.Errorf("fields %q", got)
	}
	if _, ok := r.Match(event(t, "p/cat/s", `{"F":"a"}`)); !ok {
		t.Error("does not match in its new log source")
	}
	if _, ok := r.Match(event(t, "test/cat", `{"F":"a"}`)); ok {
		t.Error("matches in its old log source")
	}
	r = one(t, chain(t, steps("- {type: set_field, fields: [q]}")), text)
	if len(r.Fields) != 1 || r.Fields[0] != "q" {
		t.Errorf("fields %q", r.Fields)
	}
}
