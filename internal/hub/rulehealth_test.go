package hub

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/wire"
)

const (
	countedRule = "11111111-1111-4111-8111-111111111111"
	secretRule  = "99999999-9999-4999-8999-999999999999"
)

// figures are what a member's node is answered that asks for the community's.
func (w *world) figures(member string) (out wire.Pooled) {
	w.t.Helper()
	for _, m := range w.hub.modules {
		if answer := m.Requests[wire.TopicRuleHealth]; answer != nil {
			raw, err := answer(w.t.Context(), w.members[member], []byte(`{}`))
			w.ok(err)
			w.ok(json.Unmarshal(raw, &out))
		}
	}
	return out
}

// Two hubs that differ in what one member says of its rules, where fewer than
// three others speak of the same, look the same to everybody of another member,
// to its node, and to the hub's own people: on every page, in every operation
// and download.
func TestOneMembersCountsLookTheSame(t *testing.T) {
	base := sharedWorld(t)
	base.join("Delta Hospital", "medical")
	base.members["D"] = base.members["Delta Hospital"]
	say := func(w *world, member string, rules ...wire.RuleTally) {
		w.send(member, wire.KindRuleHealth, wire.RuleHealth{ID: "rule-counts", Rules: rules,
			Techniques: []wire.TechniqueTally{{Technique: "T1059", Rules: 5}}})
	}
	for _, m := range []string{"A", "B", "D"} {
		say(base, m, wire.RuleTally{Rule: countedRule, Hits: 10, False: true})
	}
	base.hand.Add(24 * time.Hour)
	base.ok(base.hub.pool.Renew(t.Context()))
	fork := base.hub.cfg.Clock()
	base.hub.Close()
	for name, more := range map[string][]wire.RuleTally{
		"a rule that nobody else speaks of": {{Rule: countedRule, Hits: 10, False: true},
			{Rule: secretRule, Hits: 1, False: true}},
		"no hits any more, and no mark":             {},
		"far more hits of a rule that all speak of": {{Rule: countedRule, Hits: 1_000_000}},
	} {
		t.Run(name, func(t *testing.T) {
			without, with := base.fork(t, fork), base.fork(t, fork)
			say(without, "A", wire.RuleTally{Rule: countedRule, Hits: 10, False: true})
			say(with, "A", more...)
			for _, w := range []*world{without, with} {
				w.hand.Add(fork.Add(25 * time.Hour).Sub(w.hub.cfg.Clock()))
				w.ok(w.hub.pool.Renew(t.Context()))
			}
			paths := []string{"/rules", "/rules?format=csv", "/rules?format=json", "/coverage", "/coverage?by=members",
				"/coverage?by=hits", "/coverage?format=csv", "/coverage/T1059", "/coverage/layer.json", "/api/v1/rules",
				"/api/v1/coverage", "/api/v1/coverage/layer", "/search?q=" + secretRule, "/findings?rule=" + secretRule}
			shown := false
			for _, who := range []string{"", "reader of C", "admin of C", "token of C", "hub admin"} {
				for _, p := range paths {
					a, b := without.ask(who, http.MethodGet, p, ""), with.ask(who, http.MethodGet, p, "")
					x, y := plain(a, nil), plain(b, nil)
					if x != y {
						t.Errorf("%s can tell the worlds apart by %s:\n%s", or(who, "the public"), p,
							cmp.Diff(strings.Split(x, "\n"), strings.Split(y, "\n")))
					}
					if b.Code >= 500 || strings.Contains(b.Body.String(), secretRule) &&
						!strings.Contains(p, secretRule) {
						t.Errorf("%s %s: %d %.200s", who, p, b.Code, b.Body)
					}
					shown = shown || strings.Contains(b.Body.String(), countedRule)
				}
			}
			if !shown {
				t.Error("no figure is shown to anybody: nothing was tried")
			}
			x, y := without.figures("C"), with.figures("C")
			if diff := cmp.Diff(x, y); diff != "" || len(x.Figures) == 0 {
				t.Errorf("C's node can tell the worlds apart, or is told nothing:\n%s", diff)
			}
		})
	}
}
