package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

const (
	countedRule = "11111111-1111-4111-8111-111111111111"
	secretRule  = "99999999-9999-4999-8999-999999999999"
)

// Two hubs that differ in what one member says of its rules, where fewer than
// three others speak of the same, look the same to everybody of another member,
// to its node, and to the hub's own people: on every page, in every operation
// and download.
func TestOneMembersCountsLookTheSame(t *testing.T) {
	base := sharedWorld(t)
	base.join("Delta Hospital", "medical")
	base.members["D"] = base.members["Delta Hospital"]
	say := func(w *world, member string, rules ...wire.RuleTally) {
		w.send(member, wire.KindRuleHealth, wire.RuleHealth{ID: "rule-counts", Rules: rules, Techniques: []wire.TechniqueTally{{Technique: "T1059", Rules: 5}}})
	}
	for _, m := range []string{"A", "B", "D"} {
		say(base, m, wire.RuleTally{Rule: countedRule, Hits: 10, False: true})
	}
	base.hand.Add(24 * time.Hour)
	base.ok(base.hub.pool.Renew(t.Context()))
	fork := base.hub.cfg.Clock()
	base.hub.Close()
	for name, more := range map[string][]wire.RuleTally{
		"a rule that nobody else speaks of":         {{Rule: countedRule, Hits: 10, False: true}, {Rule: secretRule, Hits: 1, False: true}},
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
			paths := []string{"/rules", "/rules?format=csv", "/rules?format=json", "/coverage", "/coverage?by=members", "/coverage?by=hits", "/coverage?format=csv", "/coverage/T1059", "/coverage/layer.json", "/api/v1/rules", "/api/v1/coverage", "/api/v1/coverage/layer", "/search?q=" + secretRule, "/findings?rule=" + secretRule}
			shown := false
			for _, who := range []string{"", "reader of C", "admin of C", "token of C", "hub admin"} {
				for _, p := range paths {
					a, b := without.ask(who, http.MethodGet, p, ""), with.ask(who, http.MethodGet, p, "")
					x, y := plain(a, nil), plain(b, nil)
					if x != y {
						t.Errorf("%s can tell the worlds apart by %s:\n%s", or(who, "the public"), p, cmp.Diff(strings.Split(x, "\n"), strings.Split(y, "\n")))
					}
					if b.Code >= 500 || strings.Contains(b.Body.String(), secretRule) && !strings.Contains(p, secretRule) {
						t.Errorf("%s %s: %d %.200s", who, p, b.Code, b.Body)
					}
					shown = shown || strings.Contains(b.Body.String(), countedRule)
				}
			}
			if !shown {
				t.Error("no figure is shown to anybody: nothing was tried")
			}
			x, err := without.hub.rulePool(t.Context(), without.members["C"], wire.PooledRequest{})
			without.ok(err)
			y, err := with.hub.rulePool(t.Context(), with.members["C"], wire.PooledRequest{})
			with.ok(err)
			if diff := cmp.Diff(x, y); diff != "" || len(x.Figures) == 0 {
				t.Errorf("C's node can tell the worlds apart, or is told nothing:\n%s", diff)
			}
		})
	}
}

// The whole way round: nodes let their counts leave, by a person's word or by
// themselves; the hub pools them once a day; the node shows what came of it; and
// a node that keeps them tells nothing.
func TestRuleCountsGoRound(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := OpenDemo(ctx, DemoConfig{Listen: "127.0.0.1:0", Lang: i18n.EN, TLP: policy.Amber})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	done, stop := make(chan error, 1), context.CancelFunc(nil)
	run, stop := context.WithCancel(ctx)
	settled := make(chan bool, 1)
	go func() { done <- d.Run(run, func(Report) bool { settled <- true; return true }) }()
	defer func() { stop(); <-done }()
	select {
	case <-settled:
	case <-ctx.Done():
		t.Fatal("the demo did not come to rest")
	}
	get := func(base, path string) string {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v %.300s", path, res.Status, err, body)
		}
		return string(body)
	}
	reports := func() (out []string) {
		err := d.Hub.db.Read(ctx, store.System("test"), func(tx *store.Tx) (err error) {
			out, err = store.Query[string](tx, `SELECT DISTINCT r.member FROM rule_reports r WHERE SCOPE(r)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, m := range d.members {
		if err := m.node.care.Chores()["send-rule-counts"](ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := reports(); len(got) != 0 {
		t.Fatalf("counts leave by default: %v", got)
	}
	rule := d.rules.Rules[0].Key()
	var want []string
	for i, m := range d.members {
		way := []detect.Way{detect.WayAsk, detect.WayAuto, detect.WayAuto}[i]
		if err := m.node.care.SetWay(ctx, way); err != nil {
			t.Fatal(err)
		}
		if _, err := m.node.care.MarkFalse(ctx, m.node.home(), rule, "", "test"); err != nil {
			t.Fatal(err)
		}
		send := m.node.care.Send
		if way == detect.WayAuto {
			send = m.node.care.Chores()["send-rule-counts"]
		}
		if err := send(ctx); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.id)
	}
	slices.Sort(want)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := reports()
		if slices.Sort(got); slices.Equal(got, want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hub has counts of %v, want %v", got, want)
		}
	}
	if err := d.Hub.pool.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if today := fmt.Sprint(d.Hub.cfg.Clock().Unix() / 86400); today != setting(t, d.Hub.db) {
		t.Fatalf("today is %s and the edition of %s", today, setting(t, d.Hub.db))
	}
	node := d.members[2].node
	if body := get(node.URL(), "/leaving?state=all&kind=rule-care"); !strings.Contains(body, "rule-counts-") {
		t.Error("what was sent is not on the node's desk")
	}
	// The edition of the day may have been made before the counts came; a later one holds them.
	if err := d.Hub.db.SetSetting(ctx, "detect.rule-pool.day", "0"); err != nil {
		t.Fatal(err)
	}
	if err := d.Hub.pool.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if err := node.care.Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if body := get(node.URL(), "/rules/"+rule); !strings.Contains(body, "3 members") {
		t.Error("the node does not show what the community says")
	}
	if body := get(d.Hub.URL(), "/rules"); !strings.Contains(body, rule) {
		t.Error("the hub does not show the figure")
	}
	for name, h := range map[string]string{"hub": d.Hub.URL(), "node": node.URL()} {
		for _, path := range []string{"/coverage", "/coverage?lang=ja", "/coverage/layer.json", "/coverage/T1059.001", "/api/v1/coverage"} {
			if body := get(h, path); !strings.Contains(body, "T1059") {
				t.Errorf("%s %s does not know T1059", name, path)
			}
		}
	}
}

func setting(t *testing.T, db *store.DB) string {
	t.Helper()
	v, _, err := db.Setting(t.Context(), "detect.rule-pool.day")
	if err != nil {
		t.Fatal(err)
	}
	return v
}
