package severity

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

type bench struct {
	db    *store.DB
	s     *Service
	hand  *clock.Hand
	marks map[string]policy.Handling
}

var (
	ctx     = context.Background()
	system  = store.System("test")
	analyst = policy.Viewer{User: "ana", Hub: true, Role: policy.RoleAnalyst}
	party   = policy.Viewer{User: "p", Member: "power", Sector: "power"}
	city    = policy.Viewer{User: "c", Member: "city", Sector: "local-government"}
	opened  = msg.CaseChanged{Case: "case1", Number: "MNK-2026-0001", Opened: true, Sectors: []string{"power"}, Level: "high", Tactics: []string{"lateral-movement"}, Members: 1, Realm: event.Live}
)

func each(t *testing.T, body func(t *testing.T, b *bench)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now, hand := clock.Fixed(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
		b := &bench{db: db, s: New(db, now), hand: hand, marks: map[string]policy.Handling{"case1": {TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember("power")}}}}
		b.s.HandledLike(func(_ *store.Tx, id string) (CaseMark, error) {
			h, ok := b.marks[id]
			if !ok {
				return CaseMark{}, fault.New(fault.NotFound, i18n.Same("x"))
			}
			return CaseMark{Realm: event.Live, Handling: h}, nil
		})
		body(t, b)
	}, storetest.With(Migration()))
}

// handle lets a handler handle a message, as the queue does.
func handle[T any](t *testing.T, db *store.DB, h func(*store.Tx, T) error, v T) error {
	t.Helper()
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h(tx, v) })
}

func (b *bench) changed(t *testing.T, ev msg.CaseChanged) {
	t.Helper()
	b.hand.Add(time.Second)
	if err := handle(t, b.db, b.s.OnCaseChanged, ev); err != nil {
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
		if a.Lowest != 0 || a.Likely != 1 || a.Highest != 4 || !a.Automatic || a.Rev != 1 || a.ScaleHash != scale.Hash || a.ScaleVersion != 1 || a.Ask == "" || len(a.Inputs) != 3 || a.Realm != event.Live {
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
		if len(list) != 2 || list[0].Likely != 2 || list[0].Lowest != 1 || list[0].Supersedes != a.ID || list[0].Rev != 2 {
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

func TestAPersonsJudgementStands(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		b.hand.Add(time.Second)
		a, err := b.s.Judge(ctx, analyst, "case1", Lead, []Input{{Axis: "continuity", Confidence: Known, Value: "3", Why: "発電所が停止"}, {Axis: "safety", Confidence: Known, Value: "0", By: "forged"}}, Worsening)
		if err != nil {
			t.Fatal(err)
		}
		if a.Lowest != 3 || a.Likely != 3 || a.Highest != 4 || a.Automatic || a.By != "ana" || a.Ask != "trust" || a.Outlook != Worsening || a.Inputs[1].By != "ana" || a.Rev != 2 {
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
		if got.Lowest != 3 || got.Likely != 3 || !got.Automatic || got.Outlook != Worsening || got.Inputs[0].By != "ana" || got.Inputs[0].Why != "発電所が停止" || got.Inputs[1].By != "ana" || got.Inputs[2].By != FirstBy || got.Inputs[2].Value != "2" {
			t.Errorf("%+v", got)
		}
		b.changed(t, more)
		if n := len(b.all(t, system)); n != 3 {
			t.Errorf("%d assessments", n)
		}
		// Another scale stands beside it and is not told as the case's severity.
		if _, err := b.s.Judge(ctx, analyst, "case1", "nciss", nil, NoOutlook); err != nil {
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
		if _, err := b.s.Judge(ctx, city, "case1", Lead, nil, NoOutlook); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody judges what he may not see: %v", err)
		}
		_, hidden := b.s.Judge(ctx, city, "case1", Lead, nil, NoOutlook)
		_, absent := b.s.Judge(ctx, city, "case9", Lead, nil, NoOutlook)
		if fault.KindOf(hidden) != fault.KindOf(absent) || fault.TextOf(hidden) != fault.TextOf(absent) {
			t.Error("a hidden case and none are told apart", hidden, absent)
		}
		b.marks["case1"] = policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember("power"), policy.ToMember("city")}}
		b.changed(t, opened) // the city has become a party
		if see(city) != 1 {
			t.Error("a new party does not see what came before")
		}
		b.marks["case1"] = policy.Handling{TLP: policy.Red, Owner: "power"}
		b.changed(t, opened)
		if see(city) != 0 || see(analyst) != 0 || see(party) != 1 {
			t.Error("a case turned RED is still read")
		}
		gone := opened
		gone.Case = "case2"
		b.changed(t, gone)
		if list, err := b.s.OfCase(ctx, store.As(analyst), "case2"); err != nil || len(list) != 0 {
			t.Error("an assessment of a case that is not there is seen", err)
		}
	})
}

func TestJudgeRefuses(t *testing.T) {
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
			"scale":   {analyst, "x", nil, NoOutlook, fault.NotFound},
			"input":   {analyst, Lead, []Input{{Axis: "trust", Confidence: Known, Value: "7"}}, NoOutlook, fault.Invalid},
			"outlook": {analyst, Lead, nil, "sunny", fault.Invalid},
			"machine": {machine, Lead, nil, NoOutlook, fault.Denied},
			"nobody":  {policy.Viewer{}, Lead, nil, NoOutlook, fault.Denied},
		} {
			if _, err := b.s.Judge(ctx, c.v, "case1", c.scale, c.in, c.outlook); !fault.Is(err, c.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(b.all(t, system)); n != 1 {
			t.Errorf("%d assessments", n)
		}
	})
}

// Without a reader of cases, assessments are for the hub's own people.
func TestUnwiredIsForTheHub(t *testing.T) {
	db := storetest.SQLite(t, storetest.With(Migration()))
	s := New(db, nil)
	if err := handle(t, db, s.OnCaseChanged, opened); err != nil {
		t.Fatal(err)
	}
	for v, want := range map[policy.Viewer]int{analyst: 1, party: 0, city: 0, {}: 0} {
		if list, err := s.OfCase(ctx, store.As(v), "case1"); err != nil || len(list) != want {
			t.Errorf("%+v sees %d (%v)", v, len(list), err)
		}
	}
	if _, err := s.Judge(ctx, analyst, "case1", Lead, nil, Stable); err != nil {
		t.Error(err)
	}
	if _, err := s.Judge(ctx, analyst, "case7", Lead, nil, Stable); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}
