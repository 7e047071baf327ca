package rulehealth_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma/engine"
)

// Hits are counted by day, once for each event however often it is given, those
// of hunts apart, and kept for 90 days.
func TestHitsByDay(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		c := n.RuleHealth(t, rulehealth.Config{})
		a := n.Beacon("198.51.100.7")
		n.Take(t, a, n.Beacon("198.51.100.8"))
		n.Take(t, a)
		first := detecttest.Start.Unix() / 86400
		n.Hand.Add(24 * time.Hour)
		n.Take(t, n.Beacon("198.51.100.9"))
		hunted := detecttest.Rules(
			t, strings.ReplaceAll(detecttest.RulesText, detecttest.RuleA, "44444444-4444-4444-8444-444444444444"),
		).Rules[0]
		if h, err := n.Hunt(t.Context(), match.Armed{ID: "indicator--x", Rule: hunted}); err != nil || h.Hits != 3 {
			t.Fatalf("%+v %v", h, err)
		}
		if diff := cmp.Diff(
			[]rulehealth.HitDay{{Day: first, Live: 2}, {Day: first + 1, Live: 1}},
			nodetest.Hits(t, n.DB, detecttest.RuleA),
		); diff != "" {
			t.Errorf("live (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(
			[]rulehealth.HitDay{{Day: first + 1, Retro: 3}},
			nodetest.Hits(t, n.DB, "44444444-4444-4444-8444-444444444444"),
		); diff != "" {
			t.Errorf("hunted (-want +got):\n%s", diff)
		}
		n.Hand.Add(89 * 24 * time.Hour)
		if err := c.Maintenance()["prune-rule-hits"](t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(
			[]rulehealth.HitDay{{Day: first + 1, Live: 1}}, nodetest.Hits(t, n.DB, detecttest.RuleA),
		); diff != "" {
			t.Errorf("after 90 days (-want +got):\n%s", diff)
		}
	})
}

// A rule that floods is quarantined: named in the log, its hits counted, its
// findings no more; over a restart; until a person releases it, and then it is
// left alone for a day. Other rules go on.
func TestFlood(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		var log bytes.Buffer
		cfg := rulehealth.Config{Rate: 5, Log: slog.New(slog.NewTextHandler(&log, nil))}
		c := n.RuleHealth(t, cfg)
		many := func(k int) (out []*event.Event) {
			for range k {
				out = append(out, n.Noise())
			}
			return out
		}
		n.Take(t, many(5)...)
		n.Hand.Add(61 * time.Minute)
		n.Take(t, many(5)...)
		if len(c.Quarantined()) != 0 {
			t.Fatal("5 hits an hour are a flood")
		}
		n.Take(t, many(1)...)
		h := c.Quarantined()[detecttest.RuleNoise]
		if !h.Active() || h.Why != rulehealth.WhyFlood || h.Measured != 6 || h.Limit != 5 || h.Title != "Noise" {
			t.Fatalf("held: %+v", c.Quarantined())
		}
		if !strings.Contains(log.String(), detecttest.RuleNoise) || !strings.Contains(log.String(), "quarantine") {
			t.Errorf("the log does not name it: %s", log.String())
		}
		before := len(n.Findings(t))
		n.Hand.Add(2 * time.Hour)
		n.Take(t, append(many(3), n.Beacon("198.51.100.7"))...)
		if got := len(n.Findings(t)); got != before+1 {
			t.Errorf("%d findings, want %d and the beacon's", got, before)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c = n.RuleHealth(t, cfg) // a restart
		if !c.Quarantined()[detecttest.RuleNoise].Active() {
			t.Fatal("the quarantine did not survive a restart")
		}
		n.Take(t, many(2)...)
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := nodetest.Hits(
			t, n.DB, detecttest.RuleNoise,
		); len(got) != 1 || got[0].Live != 11 || got[0].Muted != 5 {
			t.Errorf("hits %+v", got)
		}
		if err := c.Release(t.Context(), detecttest.RuleNoise, "Sato"); err != nil {
			t.Fatal(err)
		}
		if err := c.Release(t.Context(), detecttest.RuleNoise, "Sato"); !fault.Is(err, fault.NotFound) {
			t.Errorf("released twice: %v", err)
		}
		n.Take(t, many(9)...)
		if len(c.Quarantined()) != 0 {
			t.Error("it is quarantined again at once")
		}
		n.Hand.Add(24*time.Hour + time.Minute)
		n.Take(t, many(6)...)
		if !c.Quarantined()[detecttest.RuleNoise].Active() {
			t.Error("after a day it may flood")
		}
	})
}

// Hits of a hunt flood nothing, and a value of the community is no rule.
func TestWhatDoesNotFlood(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		c := n.RuleHealth(t, rulehealth.Config{Rate: 2})
		n.UseHealth(nil)
		for range 5 {
			n.Take(t, n.Beacon("198.51.100.7"))
		}
		n.UseHealth(c)
		hunted := detecttest.Rules(
			t, strings.ReplaceAll(detecttest.RulesText, detecttest.RuleA, "44444444-4444-4444-8444-444444444444"),
		).Rules[0]
		if _, err := n.Hunt(t.Context(), match.Armed{ID: "indicator--x", Rule: hunted}); err != nil {
			t.Fatal(err)
		}
		n.Engine.Arm(
			match.Armed{ID: "indicator--v", Values: []event.Observable{{Type: event.IPv4, Value: "198.51.100.99"}}},
		)
		for range 5 {
			n.Take(t, n.Event("process_creation", detecttest.Start, map[string]any{"DestinationIp": "198.51.100.99"}))
		}
		if got := c.Quarantined(); len(got) != 0 {
			t.Errorf("held: %v", got)
		}
	})
}

// costly is an engine whose rules have cost what a test says.
type costly struct {
	*match.Engine
	costs []engine.Cost
}

func (e *costly) DrainCosts() []engine.Cost {
	if e.costs == nil {
		return e.Engine.DrainCosts()
	}
	return e.costs
}

// A rule that is over the budget twice in a row is not evaluated any more, by the
// engine too after its rules were loaded again; others are.
func TestOverBudget(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		e := &costly{Engine: n.Engine}
		c := n.RuleHealth(t, rulehealth.Config{Budget: time.Second, Engine: e})
		weigh := func(events int64, d time.Duration) map[string]rulehealth.Quarantine {
			t.Helper()
			set := n.Engine.Rules()
			e.costs = []engine.Cost{
				{Rule: set.Rules[0], Events: events, Evaluations: 4, Matches: 1, Time: time.Duration(events) * d},
				{Rule: set.Rules[1], Events: 40, Time: time.Millisecond}, {Rule: set.Rules[2]},
			}
			if err := c.CheckCosts(t.Context()); err != nil {
				t.Fatal(err)
			}
			e.costs = nil
			return c.Quarantined()
		}
		if got := weigh(40, 10*time.Second); len(got) != 0 {
			t.Fatalf("once is enough: %v", got)
		}
		if got := weigh(40, time.Millisecond); len(got) != 0 {
			t.Fatalf("%v", got)
		}
		if got := weigh(40, 10*time.Second); len(got) != 0 {
			t.Fatalf("it was not over the budget twice in a row: %v", got)
		}
		got := weigh(40, 10*time.Second)
		if len(got) != 1 || got[detecttest.RuleA].Why != rulehealth.WhyCost ||
			got[detecttest.RuleA].Limit != time.Second.Nanoseconds() ||
			got[detecttest.RuleA].Measured != (10*time.Second).Nanoseconds() {
			t.Fatalf("%+v", got)
		}
		if w, spent := c.Costs(); w[detecttest.RuleA].Events != 160 || w[detecttest.RuleA].Matches != 4 ||
			w[detecttest.RuleA].Each() < 7*time.Second ||
			len(w) != 2 ||
			spent < w[detecttest.RuleA].Spent {
			t.Errorf("weights %+v, all %v", w, spent)
		}
		n.Engine.SetRules(n.Engine.Rules())
		n.Take(
			t, n.Beacon("198.51.100.7"),
			n.Event("process_creation", detecttest.Start, map[string]any{"Image": `C:\whoami.exe`}),
		)
		if list := n.Findings(t); len(list) != 1 || list[0].Rule.ID != detecttest.RuleB {
			t.Errorf("findings: %+v", list)
		}
		if r, _ := n.Engine.Count(); r != 3 || n.Engine.Rule(detecttest.RuleA) == nil {
			t.Error("the rule is no longer known")
		}
		n.Engine.Arm(match.Armed{ID: "indicator--x", Rule: n.Engine.Rule(detecttest.RuleA)})
		if err := c.Release(t.Context(), detecttest.RuleA, "Sato"); err != nil {
			t.Fatal(err)
		}
		n.Take(t, n.Beacon("198.51.100.7"))
		if got := len(n.Findings(t)); got != 2 {
			t.Errorf("after the release: %d findings", got)
		}
		// What the engine has counted since the release.
		if err := c.CheckCosts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w, _ := c.Costs(); w[detecttest.RuleA].Events != 1 || w[detecttest.RuleA].Evaluations != 1 ||
			w[detecttest.RuleA].Matches != 1 {
			t.Errorf("weights %+v", w)
		}
		if err := c.CheckCosts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w, _ := c.Costs(); w[detecttest.RuleA].Events != 1 {
			t.Errorf("counted twice: %+v", w)
		}
	})
}

func TestFalseMarks(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		c := n.RuleHealth(t, rulehealth.Config{})
		n.Take(t, n.Beacon("198.51.100.7"))
		f := n.Findings(t)[0]
		ctx := t.Context()
		for _, bad := range []struct {
			rule, finding, reason string
			kind                  fault.Kind
		}{
			{detecttest.RuleA, "", " ", fault.Invalid},
			{detecttest.RuleA, "", strings.Repeat("x", 501), fault.TooLarge}, {"nothing", "", "x", fault.NotFound},
			{"", "nothing", "x", fault.NotFound}, {detecttest.RuleB, f.ID, "x", fault.NotFound},
		} {
			if _, err := c.ReportFalseAlarm(
				ctx, detecttest.Analyst, bad.rule, bad.finding, bad.reason,
			); !fault.Is(err, bad.kind) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, err := c.ReportFalseAlarm(
			ctx, policy.Viewer{User: "u", Member: "city"}, "", f.ID, "x",
		); !fault.Is(err, fault.NotFound) {
			t.Errorf("who may not see a finding marks it: %v", err)
		}
		m, err := c.ReportFalseAlarm(ctx, detecttest.Analyst, "", f.ID, " our own test ")
		if err != nil || m.Rule != detecttest.RuleA || m.Reason != "our own test" || m.By != "Sato" {
			t.Fatalf("%+v %v", m, err)
		}
		if _, err := c.ReportFalseAlarm(ctx, detecttest.Analyst, "", f.ID, "again"); !fault.Is(err, fault.Conflict) {
			t.Errorf("marked twice: %v", err)
		}
		if _, err := c.ReportFalseAlarm(
			ctx, detecttest.Analyst, detecttest.RuleA, "", "the rule is too wide",
		); err != nil {
			t.Error(err)
		}
		read := func(rule, finding string) (out []rulehealth.FalseAlarm, stand map[string]int64) {
			t.Helper()
			err := n.DB.Read(ctx, store.As(detecttest.Analyst), func(tx *store.Tx) (err error) {
				if out, err = rulehealth.FalseAlarms(tx, rule, finding); err != nil {
					return err
				}
				stand = map[string]int64{}
				all, err := rulehealth.FalseAlarms(tx, detecttest.RuleA, "")
				for _, a := range all {
					if a.Active() {
						stand[a.Rule]++
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out, stand
		}
		if list, stand := read(detecttest.RuleA, ""); len(list) != 2 || stand[detecttest.RuleA] != 2 {
			t.Errorf("%v %v", list, stand)
		}
		if err := c.WithdrawFalseAlarm(ctx, detecttest.Analyst, m.ID); err != nil {
			t.Fatal(err)
		}
		if err := c.WithdrawFalseAlarm(ctx, detecttest.Analyst, m.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("undone twice: %v", err)
		}
		list, stand := read("", f.ID)
		if len(list) != 1 || list[0].Active() || list[0].UndoneBy != "Sato" || stand[detecttest.RuleA] != 1 {
			t.Errorf("%+v %v", list, stand)
		}
		if _, err := c.ReportFalseAlarm(ctx, detecttest.Analyst, "", f.ID, "after all"); err != nil {
			t.Errorf("marked again after it was undone: %v", err)
		}
	})
}

// What is told is what the page shows: numbers by steps, ids that are no words
// of ours, nothing else. Nothing leaves unless the member has chosen so, and who
// changes its mind has it forgotten.
func TestCountsLeave(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		own := strings.NewReplacer(
			detecttest.RuleB, "our-own-word", "level: medium", "level: medium\ntags: [attack.t1033]",
		).Replace(detecttest.RulesText)
		n.Engine.SetRules(detecttest.Rules(t, own))
		c := n.RuleHealth(t, rulehealth.Config{})
		ctx := t.Context()
		for range 7 {
			n.Take(t, n.Beacon("198.51.100.7"))
		}
		n.Take(t, n.Event("process_creation", detecttest.Start, map[string]any{"Image": `C:\whoami.exe`}))
		for _, r := range []string{detecttest.RuleNoise, "our-own-word"} {
			if _, err := c.ReportFalseAlarm(ctx, detecttest.Analyst, r, "", "secret-reason"); err != nil {
				t.Fatal(err)
			}
		}
		want := wire.RuleHealth{
			ID: "rule-counts-2026-11-22",
			At: detecttest.Start.Truncate(24 * time.Hour),
			Rules: []wire.RuleTally{
				{Rule: detecttest.RuleA, Hits: 5}, {Rule: detecttest.RuleNoise, False: true},
			},
			Techniques: []wire.TechniqueTally{
				{Technique: "T1033", Rules: 1}, {Technique: "T1071.001", Rules: 1},
			},
			Handling: policy.Handling{TLP: policy.Red, Owner: "power"},
		}
		got, err := c.Report(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		offered := func() (out []wire.RuleHealth) {
			for _, o := range n.Queue.Offers {
				if o.Body.Kind() == wire.KindRuleHealth {
					out = append(out, o.Body.(wire.RuleHealth))
				}
			}
			return out
		}
		if way, err := c.Mode(ctx); way != rulehealth.ModeNever || err != nil {
			t.Errorf("the default is %s %v", way, err)
		}
		if err := c.Send(ctx); !fault.Is(err, fault.Denied) {
			t.Errorf("sent by default: %v", err)
		}
		hourly := c.Maintenance()["send-rule-counts"]
		step := func(w rulehealth.Mode, sent int) {
			t.Helper()
			if err := c.SetMode(ctx, w); err != nil {
				t.Fatal(err)
			}
			if err := hourly(ctx); err != nil {
				t.Fatal(err)
			}
			if got := len(offered()); got != sent {
				t.Fatalf("%s: %d messages, want %d", w, got, sent)
			}
		}
		step(rulehealth.ModeNever, 0)
		step(rulehealth.ModeAsk, 0)
		if err := c.Send(ctx); err != nil || len(offered()) != 1 {
			t.Fatalf("a person cannot send: %v", err)
		}
		step(rulehealth.ModeAuto, 1) // the same was told already
		n.Take(t, n.Noise())
		step(rulehealth.ModeAuto, 2)
		if diff := cmp.Diff(want.Rules[0], offered()[0].Rules[0]); diff != "" {
			t.Error(diff)
		}
		body, err := json.Marshal(offered())
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"our-own-word", "secret-reason", "ws1", "tanaka", "Noise", "beacon", "198.51"} {
			if bytes.Contains(body, []byte(word)) {
				t.Errorf("%q leaves", word)
			}
		}
		step(rulehealth.ModeNever, 3)
		if last := offered()[2]; !last.Withdraw || len(last.Rules) != 0 || len(last.Techniques) != 0 {
			t.Errorf("withdrawn with %+v", last)
		}
		step(rulehealth.ModeNever, 3)
		if err := c.SetMode(ctx, "always"); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown way: %v", err)
		}
		c.Realm = "drill-1"
		step(rulehealth.ModeAuto, 3)
		if err := c.Send(ctx); !fault.Is(err, fault.Denied) {
			t.Errorf("an exercise's counts leave: %v", err)
		}
	})
}
