package detect

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/sigma"
)

// correlationText adds correlations of every kind to detecttest.RulesText, one of them with a
// detecttest.Hostile title, one that only feeds another.
func correlationText(t *testing.T) string {
	var b strings.Builder
	b.WriteString(detecttest.RulesText)
	add := func(n int, title, body string) {
		fmt.Fprintf(
			&b,
			"---\ntitle: %s\nid: 55555555-5555-4555-8555-%012d\nlevel: high\ntags: [attack.stealth]\n"+
				"correlation:\n%s\n",
			title,
			n,
			body,
		)
	}
	rules := "  rules: [" + detecttest.RuleA + "]\n  group-by: [Image]\n"
	add(1, "Beacons", "  type: event_count\n"+rules+"  timespan: 10m\n  condition: {gte: 3}\n  generate: true")
	add(
		2,
		detecttest.JSON(t, detecttest.Hostile),
		"  type: value_count\n"+rules+
			"  timespan: 90m\n  condition: {field: DestinationIp, gt: 1, lte: 9}\n  generate: true",
	)
	add(
		3,
		"Both",
		"  type: temporal\n  rules: ["+detecttest.RuleA+", "+detecttest.RuleB+"]\n  timespan: 1h\n  generate: true",
	)
	add(
		4,
		"One not other",
		"  type: temporal_ordered\n  rules: ["+detecttest.RuleA+", "+detecttest.RuleB+
			"]\n  timespan: 2d\n  generate: true",
	)
	add(
		5,
		"Sum",
		"  type: value_sum\n"+rules+"  timespan: 1s\n  condition: {field: Bytes, gte: 1000000}\n  generate: true",
	)
	add(6, "Hidden", "  type: event_count\n"+rules+"  timespan: 1d\n  condition: {gte: 2}\n  generate: true")
	add(
		7,
		"Of hidden",
		"  type: event_count\n  rules: [55555555-5555-4555-8555-000000000006]\n  timespan: 30s\n  condition: {gte: 2}",
	)
	return b.String()
}

// ruleSet loads rules and correlations, each of which must be understood.
func ruleSet(t *testing.T, text string) *sigma.Set {
	t.Helper()
	set, err := sigma.Load(fstest.MapFS{"rules/test.yml": {Data: []byte(text)}}, "rules")
	if err != nil || len(set.Refused) > 0 {
		t.Fatal(err, set.Refused)
	}
	return set
}

func correlationID(n int) string { return fmt.Sprintf("55555555-5555-4555-8555-%012d", n) }

// What correlation holds and what came of it is on its pages, in both
// languages; a finding of a correlation leads to its rule.
func TestCorrelationPages(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.engine.SetRules(ruleSet(t, correlationText(t)))
		n.correlate(t, t.TempDir())
		h := n.rulePages(n.countHealth(t))
		for _, path := range []string{"/rules/correlation", "/rules/" + correlationID(1)} {
			detecttest.Page(t, h, "reader", path) // before anything happened
		}
		for i := range 3 {
			n.take(t, n.beacon(fmt.Sprint("198.51.100.", i)))
		}
		n.hand.Add(time.Minute)
		for range 2 {
			if err := n.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		all := detecttest.Page(t, h, "reader", "/rules/correlation")
		for lang, words := range map[string][]string{
			"en": {"Beacons", "within 10 minutes: the number of events is ≥ 3",
				"within 90 minutes: the number of different values of DestinationIp is &gt; 1, ≤ 9",
				"within an hour: all of them come, in any order",
				"within 2 days: all of them come, in this order", "within a second: the sum of Bytes is ≥ 1000000",
				"part of others", "of 256 MiB", "nothing dropped"},
			"ja": {"10分以内に、事象の数が ≥ 3", "1時間以内に、すべてが順不同で発生", "ほかのルールの部品", "欠落なし"},
		} {
			for _, w := range words {
				if !strings.Contains(all[lang], w) {
					t.Errorf("the page of all correlations does not say %q in %s", w, lang)
				}
			}
		}
		code, csv := detecttest.Get(t, h, "reader", "/rules/correlation?format=csv&lang=en")
		if want := correlationID(1) + ",Beacons,high,event_count,false,1,1,1,"; code != 200 ||
			!strings.Contains(csv, want) {
			t.Errorf("%d: the table lacks %q:\n%s", code, want, csv)
		}
		finding := ""
		for _, f := range n.findings(t) {
			if f.Rule.ID == correlationID(1) {
				finding = f.ID
			}
		}
		if finding == "" {
			t.Fatal("the correlation made no finding")
		}
		for i := range 7 {
			one := detecttest.Page(t, h, "reader", "/rules/"+correlationID(i+1))
			if i == 0 &&
				(!strings.Contains(one["en"], "/findings/"+finding) ||
					!strings.Contains(one["en"], "/rules/"+detecttest.RuleA) || !strings.Contains(one["ja"], "隠蔽")) {
				t.Error("the page of a correlation lacks its result, its base rule or its tactic")
			}
			if only := strings.Contains(one["en"], "It is only there for correlations that build on it."); only !=
				(i == 5) {
				t.Errorf("%s says that it only feeds others: %v", correlationID(i+1), only)
			}
		}
		n.engine.SetRules(ruleSet(t, strings.Split(correlationText(t), "---\ntitle: Beacons")[0]))
		none := detecttest.Page(t, h, "reader", "/rules/correlation")["en"]
		if !strings.Contains(none, "--no-builtin-rules") {
			t.Error("without correlations the page does not say how to get them")
		}
	})
}

// A rule that is there for correlations alone says so.
func TestSilentRule(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		text := detecttest.RulesText + "---\ntitle: Many\nid: " + correlationID(
			9,
		) + "\nlevel: high\ncorrelation: {type: event_count, rules: [" + detecttest.RuleA +
			"], timespan: 1m, condition: {gte: 9}}\n"
		n.engine.SetRules(ruleSet(t, text))
		h := n.rulePages(n.countHealth(t))
		for id, want := range map[string]bool{detecttest.RuleA: true, detecttest.RuleB: false} {
			if got := strings.Contains(detecttest.Page(t, h, "reader", "/rules/"+id)["en"],
				"Only correlation rules use its matches."); got != want {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
		}
	})
}

// rulePages serves the pages of the node's rules.
func (n *node) rulePages(h *rulehealth.Health) http.Handler {
	return nodetest.RulePages{DB: n.db, Engine: n.engine, Health: h, Correlator: n.correlator, Clock: n.clock}.Handler()
}
