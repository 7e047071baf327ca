package sigma

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzEvent is a map-backed event without a log source.
type fuzzEvent map[string]any

func (e fuzzEvent) LogSource() (string, string, []string) { return "p", "", nil }
func (e fuzzEvent) Lookup(field string) (any, bool)       { return LookupIn(e, field) }
func (e fuzzEvent) Leaves() iter.Seq[string]              { return LeavesOf(e) }

var someEvent = fuzzEvent{
	"F": "text -a /b", "n": int64(5), "x": 1.5, "b": true, "z": nil, "l": []any{"a", nil, map[string]any{"k": "v"}},
	"o": map[string]any{"p": []any{map[string]any{"q": "r"}}}, "t": "2024-02-29T10:20:30Z", "ip": "10.0.0.1",
}

const fuzzHead = "title: T\nlogsource: {product: p}\ndetection:\n"

// FuzzParse: whatever the bytes are, each document gives a rule that can be
// evaluated and whose source gives the same rule again, or a refusal with a
// place.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "---\n...\n---", "a: &a [*a]", "title: [", "%YAML 1.2\n---\ntitle: x",
		fuzzHead + "  s: {F|contains|windash: [' -a', b], n: 5, z: null}\n  condition: s\n",
		fuzzHead + "  k: [word, {F|re|i: 'A.*'}]\n  condition: [1 of them, not k]\n---\ncorrelation: x\n",
		fuzzHead + "  s:\n    t|hour|gte: 3\n    ip|cidr: 10.0.0.0/8\n    F|fieldref|neq: n\n    q|exists: false\n " +
			" condition: |\n    s or\n    s\n",
		fuzzHead + "  s: {F|wide|base64offset|contains: 管理者, F|expand: 'a%p%b\\%'}\n  condition: all of s*\n",
		"\xef\xbb\xbf" + fuzzHead + "  s: {? {a: b} : c}\r\n  condition: s\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := []Option{WithPlaceholders(map[string][]string{"p": {"x*", "y"}}), WithMaxSize(1 << 16)}
		rules, err := Parse("f.yml", data, opts...)
		for _, e := range Refusals(err) {
			if e.Line < 1 || e.Column < 1 || e.Reason == nil || e.Path != "f.yml" {
				t.Fatalf("refusal without place or reason: %+v", e)
			}
		}
		if len(rules) == 0 && err == nil {
			t.Fatal("neither rule nor error")
		}
		for _, r := range rules {
			if _, ok := r.Match(someEvent); ok != r.Explain(someEvent).Matched {
				t.Fatal("match and trace differ")
			}
			r.EventIDs()
			r.Credit()
			again, err := Parse("f.yml", r.Source, opts...)
			if err != nil || len(again) != 1 || again[0].Title != r.Title {
				t.Fatalf("source parses to %d rules: %v", len(again), err)
			}
		}
	})
}

// FuzzCondition: a condition is understood or refused at a place within it.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{"a and not 1 of f*", "((a or b) and NOT c)", "all of them", "a | count() > 5",
		"1 of", "(", "not not a", "1 of _*", "a\nor\tb", "", "ａ"} {
		f.Add(seed)
	}
	selections := []*selection{}
	for _, name := range []string{"a", "b", "c", "filter_1", "_h"} {
		selections = append(selections, &selection{name,
			&block{items: []*item{{field: name, values: []*value{{null: true}}}}}})
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseCondition(text, selections)
		if err != nil {
			var ce *conditionError
			if !errors.As(err, &ce) || ce.at < 0 || ce.at > len(text) || ce.reason == nil {
				t.Fatalf("error %#v", err)
			}
			return
		}
		r := &Rule{conditions: []expr{e}, condition: []string{text}, selections: selections}
		if _, ok := r.MatchDetection(someEvent); ok != r.Explain(someEvent).Detection {
			t.Fatal("match and trace differ")
		}
	})
}

// FuzzMatch: no field, modifiers, value and event bring the evaluator down, and
// neq is the opposite.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][3]string{
		{"F|contains", "a*b?", `{"F":"xaxbx"}`}, {"F|re", "(a*)*b", `{"F":"aaaa"}`},
		{"F|windash|base64offset|contains", "-x", `{"F":["LXg=",null]}`},
		{"F|cidr", "10.0.0.0/8", `{"F":"10.1.1.1%x"}`},
		{"a.b|fieldref|endswith", "c", `{"a":[{"b":"x"}],"c":{}}`}, {"F|minute|lte", "59", `{"F":"2024-02-29 10:20"}`},
		{"|all", "x", `{"F":"x"}`}, {"F|gt", "1e400", `{"F":1e300}`}, {"F|exists", "true", `{}`},
		{"F", `\\*`, `{"f":"\\z"}`}, {"0", ",F", "0"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, key, val, event string) {
		ev := fuzzEvent{}
		if json.Unmarshal([]byte(event), (*map[string]any)(&ev)) != nil {
			ev = fuzzEvent{"F": event}
		}
		if !utf8.ValidString(key + val) {
			return
		}
		k, _ := json.Marshal(key)
		for _, v := range []string{quote(val), "[" + quote(val) + ", x]", val} {
			rules, err := Parse("f.yml",
				[]byte(fuzzHead+"  s: {"+string(k)+": "+v+"}\n  n: {"+string(k[:len(k)-1])+"|neq\": "+v+
					"}\n  condition: [s, n]\n"))
			if err != nil || strings.Contains(key, "neq") || strings.Contains(key, "all") {
				continue
			}
			for _, r := range rules {
				if slices.ContainsFunc(r.selections, func(s *selection) bool { return len(s.body.items) != 1 }) {
					continue // the value brought a second field with it
				}
				trace := r.Explain(ev)
				if trace.Conditions[0].Holds == trace.Conditions[1].Holds {
					t.Fatalf("neq is not the opposite of the item\n%s", trace)
				}
				if _, ok := r.Match(ev); !ok {
					t.Fatal("neither holds")
				}
			}
		}
	})
}

// quote writes text as YAML.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
