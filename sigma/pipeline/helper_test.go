package pipeline

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// record is an event made of a JSON object.
type record struct {
	product, service string
	categories       []string
	fields           map[string]any
}

func (r record) LogSource() (string, string, []string) { return r.product, r.service, r.categories }
func (r record) Lookup(field string) (any, bool)       { return sigma.LookupIn(r.fields, field) }
func (r record) Leaves() iter.Seq[string]              { return sigma.LeavesOf(r.fields) }

// event decodes a JSON object. The source is product/category/service, each of
// them may be missing.
func event(t testing.TB, source, text string) record {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("event %s: %v", text, err)
	}
	parts := append(strings.Split(source, "/"), "", "")
	r := record{product: parts[0], service: parts[2], fields: m}
	if parts[1] != "" {
		r.categories = []string{parts[1]}
	}
	return r
}

// chain reads pipelines that must be understood.
func chain(t testing.TB, texts ...string) *Chain {
	t.Helper()
	var list []*Pipeline
	for _, text := range texts {
		p, err := Parse("p.yml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		list = append(list, p)
	}
	return Combine(list...)
}

// indent puts text below a key.
func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}

// steps puts transformations into the smallest pipeline.
func steps(text string) string { return "name: P\ntransformations:\n" + indent(text, 2) }

// rule puts a detection into the smallest rule. The source is as in event.
func rule(source, detection string) string {
	parts := append(strings.Split(source, "/"), "", "")
	s := "title: T\nid: 00000000-0000-4000-8000-000000000001\nlogsource:\n"
	for i, key := range []string{"product", "category", "service"} {
		if parts[i] != "" {
			s += "    " + key + ": " + parts[i] + "\n"
		}
	}
	return s + "detection:\n" + indent(detection, 4)
}

func sel(lines string) string { return "sel:\n" + indent(lines, 4) + "condition: sel" }

// one rewrites a single rule that must be accepted.
func one(t testing.TB, c *Chain, text string) *sigma.Rule {
	t.Helper()
	got := c.Parse("rule.yml", []byte(text))
	if len(got.Rules) != 1 || len(got.Refused) != 0 {
		t.Fatalf("%d rules, refused %v\n%s", len(got.Rules), got.Refused, text)
	}
	return got.Rules[0]
}

// refused returns the reason why a rule is.
func refused(t testing.TB, c *Chain, text string) string {
	t.Helper()
	got := c.Parse("rule.yml", []byte(text))
	if len(got.Rules) != 0 || len(got.Refused) != 1 {
		t.Fatalf("%d rules, refused %v\n%s", len(got.Rules), got.Refused, text)
	}
	return got.Refused[0].Error()
}

// vector is transformations and a detection, with events of test/cat/svc that the
// rewritten rule must and must not match.
type vector struct {
	name, steps, detection string
	yes, no                []string
}

func try(t *testing.T, vectors []vector) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			r := one(t, chain(t, steps(v.steps)), rule("test/cat/svc", v.detection))
			check := func(text string, want bool) {
				t.Helper()
				ev := event(t, "test/cat/svc", text)
				_, got := r.Match(ev)
				if trace := r.Explain(ev); got != want || trace.Matched != want {
					t.Errorf("match %v, want %v: %s\n%s", got, want, text, trace)
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
