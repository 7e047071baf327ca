package sigma_test

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// record is an event made of a decoded JSON object.
type record struct {
	product, service string
	categories       []string
	fields           map[string]any
}

func (r record) LogSource() (string, string, []string) { return r.product, r.service, r.categories }
func (r record) Lookup(field string) (any, bool)       { return sigma.LookupIn(r.fields, field) }
func (r record) Leaves() iter.Seq[string]              { return sigma.LeavesOf(r.fields) }

// decode reads a JSON object; whole numbers become int64, as readers give them.
func decode(t testing.TB, text string) record {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("event %s: %v", text, err)
	}
	return record{product: "test", fields: numbers(m).(map[string]any)}
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

// source puts a detection into the smallest rule.
func source(detection string) string {
	detection = strings.Trim(detection, "\n")
	var b strings.Builder
	b.WriteString("title: T\nid: 00000000-0000-4000-8000-000000000001\nlogsource:\n    product: test\ndetection:\n")
	for line := range strings.Lines(detection) {
		b.WriteString("    " + line)
	}
	b.WriteByte('\n')
	return b.String()
}

// one parses a single rule that must be accepted.
func one(t testing.TB, text string, opts ...sigma.Option) *sigma.Rule {
	t.Helper()
	rules, err := sigma.Parse("rule.yml", []byte(text), opts...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(rules) != 1 {
		t.Fatalf("got %d rules", len(rules))
	}
	return rules[0]
}

// vector is a detection with events that it must and must not match.
type vector struct {
	name      string
	detection string
	yes, no   []string
}

// sel is the most common detection: one selection with one line.
func sel(line string) string { return "sel:\n    " + line + "\ncondition: sel" }

func run(t *testing.T, vectors []vector, opts ...sigma.Option) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			r := one(t, source(v.detection), opts...)
			check := func(text string, want bool) {
				t.Helper()
				ev := decode(t, text)
				m, got := r.Match(ev)
				trace := r.Explain(ev)
				if got != want || trace.Matched != want {
					t.Errorf("match %v, trace %v, want %v: %s\n%s", got, trace.Matched, want, text, trace)
				}
				if got && m.Rule != r {
					t.Errorf("match names another rule")
				}
			}
			for _, text := range v.yes {
				check(text, true)
			}
			for _, text := range v.no {
				check(text, false)
			}
		})
	}
}
