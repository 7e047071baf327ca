package severity

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

type bench struct {
	db   *store.DB
	s    *Service
	hand *clock.Hand
}

var (
	ctx     = context.Background()
	system  = store.System("test")
	analyst = policy.Viewer{User: "ana", Hub: true, Role: policy.RoleAnalyst}
	party   = policy.Viewer{User: "p", Member: "power", Sector: "power"}
	city    = policy.Viewer{User: "c", Member: "city", Sector: "local-government"}
	opened  = casework.Case{
		ID:       "case1",
		Number:   "MNK-2026-0001",
		Title:    "A case",
		State:    casework.Open,
		Realm:    event.Live,
		Level:    "high",
		Sectors:  []string{"power"},
		Tactics:  []string{"lateral-movement"},
		Members:  1,
		Severity: -1,
		Lowest:   -1,
		Highest:  -1,
		Handling: policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember("power")}},
	}
)

func each(t *testing.T, body func(t *testing.T, b *bench)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now, hand := clock.Fixed(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
		body(t, &bench{db: db, s: New(db, now), hand: hand})
	}, storetest.With(casework.Migration(), Migration()))
}

// handle lets a handler handle a message, as the queue does.
func handle[T any](t *testing.T, db *store.DB, h func(*store.Tx, T) error, v T) error {
	t.Helper()
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h(tx, v) })
}

// changed stores a case and tells of it.
func (b *bench) changed(t *testing.T, c casework.Case) {
	t.Helper()
	b.hand.Add(time.Second)
	err := b.db.Write(ctx, system, func(tx *store.Tx) error {
		if _, err := tx.Exec(`DELETE FROM cases WHERE id = $1 AND SCOPE(cases)`, c.ID); err != nil {
			return err
		}
		if err := store.Insert(tx, "cases", []casework.Case{c}); err != nil {
			return err
		}
		return b.s.OnCaseChanged(tx, msg.CaseChanged{Case: c.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) all(t *testing.T, scope store.Scope) []Assessment {
	t.Helper()
	list, err := b.s.OfCase(ctx, scope, "case1")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (b *bench) told(t *testing.T) []msg.Assessed {
	t.Helper()
	var out []msg.Assessed
	for _, m := range storetest.Outbox(t, b.db) {
		var a msg.Assessed
		if m.Topic != msg.TopicAssessed || json.Unmarshal(m.Body, &a) != nil {
			t.Fatalf("%+v", m)
		}
		out = append(out, a)
	}
	return out
}

func TestFirstAssessmentIsWrittenOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		b.changed(t, opened) // the message comes again
		b.changed(t, opened) // nothing new
		list := b.all(t, system)
		if len(list) != 1 {
			t.Fatalf("%d assessments", len(list))
		}
		a := list[0]
		scale, _ := b.s.Scale(Lead)
		if a.Lowest != 0 || a.Likely != 1 || a.Highest != 4 || !a.Automatic || a.Rev != 1 ||
			a.ScaleHash != scale.Hash ||
			a.ScaleVersion != 1 ||
			a.Ask == "" ||
			len(a.Inputs) != 3 ||
			a.Realm != event.Live {
			t.Errorf("%+v", a)
		}
		want := []msg.Assessed{{Case: "case1", Scale: Lead, Rev: 1, Lowest: 0, Likely: 1, Most: 4, At: a.At}}
		if diff := cmp.Diff(want, b.told(t)); diff != "" {
			t.Error(diff)
		}
		more := opened
		more.Tactics = []string{"impact", "lateral-movement"}
		b.changed(t, more)
		list = b.all(t, system)
		if len(list) != 2 || list[0].Likely != 2 || list[0].Lowest != 1 || list[0].Supersedes != a.ID ||
			list[0].Rev != 2 {
			t.Errorf("%+v", list)
		}
		if diff := cmp.Diff(a, list[1]); diff != "" {
			t.Errorf("the first assessment changed:\n%s", diff)
		}
		if n := len(b.told(t)); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestAPersonsAssessmentStands(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		b.hand.Add(time.Second)
		a, err := b.s.Assess(
			ctx,
			analyst,
			"case1",
			Lead,
			[]Input{
				{Axis: "continuity", Confidence: Known, Value: "3", Why: "発電所が停止"},
				{Axis: "safety", Confidence: Known, Value: "0", By: "forged"},
			},
			Worsening,
		)
		if err != nil {
			t.Fatal(err)
		}
		if a.Lowest != 3 || a.Likely != 3 || a.Highest != 4 || a.Automatic || a.By != "ana" || a.Ask != "trust" ||
			a.Outlook != Worsening ||
			a.Inputs[1].By != "ana" ||
			a.Rev != 2 {
			t.Errorf("%+v", a)
		}
		more := opened
		more.Tactics, more.Members = []string{"exfiltration"}, 3
		b.changed(t, more)
		last, err := b.s.Latest(ctx, system, "case1", "nope")
		if err != nil || len(last) != 1 {
			t.Fatal(last, err)
		}
		got := last["case1"]
		if got.Lowest != 3 || got.Likely != 3 || !got.Automatic || got.Outlook != Worsening ||
			got.Inputs[0].By != "ana" ||
			got.Inputs[0].Why != "発電所が停止" ||
			got.Inputs[1].By != "ana" ||
			got.Inputs[2].By != FirstBy ||
			got.Inputs[2].Value != "2" {
			t.Errorf("%+v", got)
		}
		b.changed(t, more)
		if n := len(b.all(t, system)); n != 3 {
			t.Errorf("%d assessments", n)
		}
		// Another scale stands beside it and is not told as the case's severity.
		if _, err := b.s.Assess(ctx, analyst, "case1", "nciss", nil, NoOutlook); err != nil {
			t.Fatal(err)
		}
		if list := b.all(t, system); len(list) != 4 || len(b.told(t)) != 3 {
			t.Errorf("%d assessments, %d messages", len(list), len(b.told(t)))
		}
		if last, _ := b.s.Latest(ctx, system, "case1"); last["case1"].Scale != Lead {
			t.Error("the latest is on another scale")
		}
	})
}

func TestAssessmentsAreHandledLikeTheirCase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		see := func(v policy.Viewer) int { return len(b.all(t, store.As(v))) }
		if see(analyst) != 1 || see(party) != 1 || see(city) != 0 || see(policy.Viewer{}) != 0 {
			t.Error(see(analyst), see(party), see(city), see(policy.Viewer{}))
		}
		if last, err := b.s.Latest(ctx, store.As(city), "case1"); err != nil || len(last) != 0 {
			t.Error(last, err)
		}
		if _, err := b.s.Assess(ctx, city, "case1", Lead, nil, NoOutlook); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody assesses what he may not see: %v", err)
		}
		_, hidden := b.s.Assess(ctx, city, "case1", Lead, nil, NoOutlook)
		_, absent := b.s.Assess(ctx, city, "case9", Lead, nil, NoOutlook)
		if fault.KindOf(hidden) != fault.KindOf(absent) || fault.TextOf(hidden) != fault.TextOf(absent) {
			t.Error("a hidden case and none are told apart", hidden, absent)
		}
		two := opened
		two.Handling = policy.Handling{
			TLP:      policy.AmberStrict,
			Audience: policy.Audience{policy.ToMember("power"), policy.ToMember("city")},
		}
		b.changed(t, two) // the city has become a party
		if see(city) != 1 {
			t.Error("a new party does not see what came before")
		}
		two.Handling = policy.Handling{TLP: policy.Red, Owner: "power"}
		b.changed(t, two)
		if see(city) != 0 || see(analyst) != 0 || see(party) != 1 {
			t.Error("a case turned RED is still read")
		}
		if err := handle(t, b.db, b.s.OnCaseChanged, msg.CaseChanged{Case: "case2"}); err != nil {
			t.Fatal(err)
		}
		if list, err := b.s.OfCase(ctx, system, "case2"); err != nil || len(list) != 0 {
			t.Error("a case that is not there is assessed", err)
		}
	})
}

func TestAssessRefuses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		machine := analyst
		machine.Machine = true
		for name, c := range map[string]struct {
			v       policy.Viewer
			scale   string
			in      []Input
			outlook Outlook
			kind    fault.Kind
		}{
			"scale": {analyst, "x", nil, NoOutlook, fault.NotFound},
			"input": {analyst, Lead, []Input{{Axis: "trust", Confidence: Known, Value: "7"}}, NoOutlook,
				fault.Invalid},
			"outlook": {analyst, Lead, nil, "sunny", fault.Invalid},
			"machine": {machine, Lead, nil, NoOutlook, fault.Denied},
			"nobody":  {policy.Viewer{}, Lead, nil, NoOutlook, fault.Denied},
		} {
			if _, err := b.s.Assess(ctx, c.v, "case1", c.scale, c.in, c.outlook); !fault.Is(err, c.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(b.all(t, system)); n != 1 {
			t.Errorf("%d assessments", n)
		}
	})
}
