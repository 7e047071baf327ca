package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// quote writes text as YAML.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// FuzzPipeline: whatever the bytes are, a pipeline is understood or refused at a
// place, and what is understood rewrites rules or refuses them at a place.
func FuzzPipeline(f *testing.F) {
	for _, seed := range []string{
		"", "a: &a [*a]", "transformations: {", "name: P\npriority: 1\n",
		steps("- {id: a, type: field_name_mapping, mapping: {F: [g, h], null: m}}"),
		steps("- type: nest\n  items: [{type: case, rule_conditions: {a: {type: tag, tag: x}}, rule_cond_expr: " +
			"not (a)}]"),
		steps("- {type: replace_string, regex: '^(a)', replacement: '\\1*'}\n" +
			"- {type: map_string, mapping: {x: [y, z]}}"),
		steps("- {type: add_condition, conditions: {E|contains: '$product'}, template: true, negated: true}"),
		steps("- {type: set_value, value: null}\n- {type: convert_type, target_type: num}\n" +
			"- {type: regex, method: plain}"),
		"vars: {p: [a, '*']}\ntransformations: [{type: value_placeholders}, {type: wildcard_placeholders, " +
			"exclude: [p]}]",
		steps("- {type: hashes_fields, valid_hash_algos: [MD5]}\n" +
			"- {type: drop_detection_item, field_name_conditions: " +
			"[{type: include_fields, fields: [F]}]}"),
		steps(
			"- type: field_name_prefix\n  prefix: p.\n  detection_item_conditions: [{type: match_string, cond: any, " +
				"pattern: x, negate: true}, {type: is_null, cond: all}]\n  detection_item_cond_op: or"),
	} {
		f.Add([]byte(seed))
	}
	files := []string{
		rule("test/cat", "a: {F: [x, 5, 'a*'], 'G|contains|all': [a, b], N: null}\n"+
			"b: [word, {'H|re|i': 'a+'}, {E|fieldref: F, D|neq: x}]\n"+
			"c: {'P|expand': 'a%p%', Hashes: MD5=00000000000000000000000000000001, X|exists: true}\n"+
			"condition: [a or 1 of b*, not c]"),
		twoRules + "title: C\ncorrelation: {type: event_count, rules: [a, b], group-by: [User], timespan: 1m, " +
			"condition: {gte: 2}}\n---\ntitle: F\nlogsource: {product: windows}\n" +
			"filter: {rules: any, f: {User: z}, condition: not f}\n",
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		p, err := Parse("p.yml", data)
		if err != nil {
			var pe *sigma.ParseError
			if !errors.As(err, &pe) || pe.Line < 1 || pe.Reason == nil || pe.Path != "p.yml" {
				t.Fatalf("refusal without place or reason: %#v", err)
			}
			return
		}
		for _, text := range files {
			checkRewritten(t, Combine(p), text)
		}
	})
}

// FuzzRule: whatever a rule is, a pipeline brings nothing down.
func FuzzRule(f *testing.F) {
	for _, seed := range []string{
		rule("test", sel("F: x")), twoRules,
		"detection: {a: &a {F: x}, b: *a, condition: a}\nlogsource: {product: x}\ntitle: T\n",
		"title: T\nlogsource: x\ndetection: [a]",
		"correlation: {rules: {a: b}, group-by: {a: b}, aliases: [x]}\ntitle: T\n",
		"filter: {f: [], condition: x}\ntitle: T\n",
	} {
		f.Add(seed)
	}
	var chains []*Chain
	for _, name := range Builtins() {
		p, _ := Builtin(name)
		chains = append(chains, Combine(p))
	}
	p, err := Parse("p.yml",
		[]byte(steps("- {type: field_name_mapping, mapping: {F: [g, h], null: m}}\n- {type: case, method: upper}\n"+
			"- {type: replace_string, regex: x, replacement: '*'}\n- {type: wildcard_placeholders}\n"+
			"- {type: add_condition, conditions: {E: 1}}")))
	if err != nil {
		f.Fatal(err)
	}
	chains = append(chains, Combine(p))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<13 {
			return
		}
		for _, c := range chains {
			checkRewritten(t, c, text)
		}
	})
}

func checkRewritten(t *testing.T, c *Chain, text string) {
	got := c.Parse("rule.yml", []byte(text))
	for _, e := range got.Refused {
		if e.Line < 1 || e.Column < 1 || e.Reason == nil || e.Path != "rule.yml" ||
			strings.Contains(e.Reason.Error(), "runtime error") {
			t.Fatalf("refusal without place or reason: %+v", e)
		}
	}
	ev := record{product: "test", categories: []string{"cat"},
		fields: map[string]any{"F": "x", "g": []any{"a", nil}, "E": 1}}
	for _, r := range got.Set().Rules {
		if _, ok := r.Match(ev); ok != r.Explain(ev).Matched {
			t.Fatal("match and trace differ")
		}
	}
}
