package publish

import (
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

const sharedRule = "title: Beacon\nid: rule-1\nlogsource:\n  product: windows\n" +
	"detection:\n  s:\n    Image: bad.exe\n  condition: s\n"

// Two offers of a rule are one indicator if they say the same. An id alone says
// nothing, since anybody may write one: another text is another indicator, whose
// members have both.
func TestRulesOfOneId(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		offer := func(member, id, text string) {
			t.Helper()
			c := sharetest.Candidate(id, "f-"+id, nil, sharetest.Amber(policy.Community))
			c.Sigma = text
			h.must(t, h.offer(t, member, c))
			h.inCase(t, "f-"+id, "case-1")
		}
		offer("power", "c1", sharedRule)
		offer("gas", "c2", strings.ReplaceAll(sharedRule, "\n", "  \r\n")+"\r\n")
		if n := len(h.all(t)); n != 1 {
			t.Fatalf("%d indicators of one text", n)
		}
		weaker := strings.Replace(sharedRule, "bad.exe", "nothing.exe", 1)
		offer("city", "c3", weaker)
		offer("city", "c4", weaker+"\n")
		var texts []string
		for _, i := range h.all(t) {
			o, err := stix.Parse([]byte(i.Body))
			h.must(t, err)
			if i.Kind != "sigma" || i.Value != "rule-1" {
				t.Errorf("%s %s", i.Kind, i.Value)
			}
			texts = append(texts, text(o, "pattern"))
		}
		slices.Sort(texts)
		if !slices.Equal(texts, []string{sharedRule, weaker}) {
			t.Errorf("%d indicators: %q", len(texts), texts)
		}
		h.Settle(t)
		if got := len(h.Of("power").Came); got != 2 {
			t.Errorf("a member was given %d of them", got)
		}
	})
}

// The indicator of a correlation credits it and what it is built on, and holds the
// text as it was written.
func TestCorrelationIsCredited(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		c := sharetest.Candidate("c1", "f1", nil, sharetest.Amber(policy.Community))
		c.Sigma = sharedRule + "---\ntitle: Many\nid: rule-2\ncorrelation: {}\n"
		c.Rule = wire.RuleRef{ID: "rule-2", Title: "Many", Author: "C. Orr", License: "MIT", Level: "high"}
		c.Base = slices.Repeat([]wire.RuleRef{{ID: "rule-1", Title: "Beacon", Author: strings.Repeat("B", 1000),
			License: "DRL 1.1", Tags: []string{"x"}}}, maxBases+5)
		h.must(t, h.offer(t, "power", c))
		h.inCase(t, "f1", "case-1")
		all := h.all(t)
		if len(all) != 1 {
			t.Fatalf("%d indicators", len(all))
		}
		o, err := stix.Parse([]byte(all[0].Body))
		h.must(t, err)
		said := text(o, "description")
		lines := strings.Split(said, "\n")
		if lines[0] != "Sigma correlation: Many (rule-2), author: C. Orr, licence: MIT" || len(lines) != maxBases+1 ||
			!strings.HasPrefix(lines[1], "Built on the Sigma rule: Beacon (rule-1), author: BBB") ||
			!strings.HasSuffix(lines[1], ", licence: DRL 1.1") || len(lines[1]) > 700 {
			t.Errorf("%d lines: %.300s", len(lines), said)
		}
		if text(o, "pattern") != c.Sigma || all[0].Value != "rule-2" || all[0].Name != "Many" {
			t.Errorf("%s %s %q", all[0].Value, all[0].Name, text(o, "pattern"))
		}
	})
}

// text returns a property that is a string.
func text(o *stix.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}
