package casework

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

// bench is a hub's cases with a clock in the test's hand.
type bench struct {
	t    *testing.T
	db   *store.DB
	s    *Service
	hand *clock.Hand
	now  clock.Clock
	n    int
}

type sectors map[string]string

func (s sectors) Sector(_ context.Context, member string) string { return s[member] }

func (s sectors) Node(_ context.Context, id string) policy.Viewer { return policy.Node(id, s[id], "") }

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func each(t *testing.T, body func(*testing.T, *bench)) {
	t.Helper()
	now, hand := clock.Fixed(noon)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(noon.Sub(now()))
		s := New(Config{DB: db, People: sectors{"a": "power", "b": "university", "c": "medical"}, Least: "medium"})
		body(t, &bench{t: t, db: db, s: s, hand: hand, now: now})
	}, storetest.With(Migration()), storetest.Clock(now))
}

// finding gives a finding of a member that has nothing in common with any other
// but what edit gives it.
func (b *bench) finding(member string, edit func(*msg.Finding)) msg.Finding {
	b.n++
	id := fmt.Sprintf("finding-%d", b.n)
	f := msg.Finding{Member: member, Finding: wire.Finding{ID: id, Version: 1, Realm: event.Live,
		Rule: wire.RuleRef{ID: "rule-" + id, Title: "Title " + id, Level: "high"}, Count: 1,
		Sensed: b.now().Add(-time.Second), Detected: b.now(), Handling: policy.Handling{TLP: policy.Amber,
			Owner: member}}}
	if edit != nil {
		edit(&f)
	}
	return f
}

// handle lets a handler handle a message, as the queue does.
func handle[T any](t *testing.T, db *store.DB, h func(*store.Tx, T) error, v T) error {
	t.Helper()
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h(tx, v) })
}

// take gives a finding to the service, and the number of the case it went into.
func (b *bench) take(f msg.Finding) string {
	b.t.Helper()
	if err := handle(b.t, b.db, b.s.OnFinding, f); err != nil {
		b.t.Fatal(err)
	}
	number := ""
	err := b.db.Read(b.t.Context(), store.System("test"), func(tx *store.Tx) error {
		list, err := store.Query[string](tx, `SELECT c.number FROM cases c JOIN case_finding p ON p.case_id = c.id
			WHERE p.finding = $1 AND SCOPE(c) AND SCOPE(p)`, f.ID)
		if len(list) > 0 {
			number = list[0]
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return number
}

func (b *bench) get(number string) (c Case) {
	b.t.Helper()
	err := b.db.Read(b.t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		c, err = Get(tx, number)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

var evil = event.Observable{Type: event.Domain, Value: "evil.example"}

func TestRelatedFindingsShareACase(t *testing.T) {
	host := func(name string) func(*msg.Finding) { return func(f *msg.Finding) { f.Host = name } }
	value := func(f *msg.Finding) { f.Observables = []event.Observable{evil} }
	rule := func(level string) func(*msg.Finding) {
		return func(f *msg.Finding) { f.Rule.ID, f.Rule.Level = "shared-rule", level }
	}
	for _, tc := range []struct {
		name         string
		first, then  string // members
		a, b         func(*msg.Finding)
		later        time.Duration
		same, closed bool
		why          string
	}{
		{name: "the same value at another member", first: "a", then: "b", a: value, b: value, same: true,
			why: "observable"},
		{name: "the same machine", first: "a", then: "a", a: host("PC1"), b: host("pc1"), same: true, why: "host"},
		{name: "a machine of the same name elsewhere", first: "a", then: "b", a: host("PC1"), b: host("PC1")},
		{name: "the same machine, days later", first: "a", then: "a", a: host("PC1"), b: host("PC1"),
			later: 25 * time.Hour},
		{name: "the same rule at another member", first: "a", then: "b", a: rule("medium"), b: rule("medium"),
			same: true, why: "rule"},
		{name: "the same rule, a week later", first: "a", then: "b", a: rule("medium"), b: rule("medium"),
			later: 8 * 24 * time.Hour},
		{name: "the same value, weeks later", first: "a", then: "b", a: value, b: value, later: 29 * 24 * time.Hour,
			same: true, why: "observable"},
		{name: "nothing in common", first: "a", then: "b"},
		{name: "a closed case", first: "a", then: "b", a: value, b: value, closed: true},
		{name: "an exercise", first: "a", then: "b", a: value, b: func(f *msg.Finding) { value(f); f.Realm = "drill" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				first := b.take(b.finding(tc.first, tc.a))
				if first == "" {
					t.Fatal("the first finding opened no case")
				}
				if tc.closed {
					if err := b.s.SetState(t.Context(), policy.Viewer{User: "u", Name: "Desk", Hub: true,
						Role: policy.RoleAdmin}, first, Closed); err != nil {
						t.Fatal(err)
					}
				}
				b.hand.Add(tc.later)
				f := b.finding(tc.then, tc.b)
				second := b.take(f)
				if (second == first) != tc.same || second == "" {
					t.Fatalf("first in %s, second in %s; want the same: %v", first, second, tc.same)
				}
				if !tc.same {
					return
				}
				var parts []Part
				if err := b.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
					parts, err = Parts(tx, b.get(first).ID)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if len(parts) != 2 || parts[1].Why != tc.why {
					t.Errorf("parts %+v, want the second by %q", parts, tc.why)
				}
			})
		})
	}
}

func TestWhatAnIndicatorMatchesJoinsItsCase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		number := b.take(b.finding("a", nil))
		c := b.get(number)
		if err := handle(t, b.db, b.s.OnIndicator, msg.IndicatorChanged{Indicator: "indicator--1", Case: c.ID,
			Entitled: 3, Made: true, At: b.now(), Handling: policy.Handling{TLP: policy.Green, Owner: "a"}}); err !=
			nil {
			t.Fatal(err)
		}
		// Of the lowest level, and in the past: by itself it would open nothing.
		got := b.take(b.finding("b", func(f *msg.Finding) {
			f.Indicator, f.Retro, f.Rule.Level = "indicator--1", true, "low"
		}))
		if got != number {
			t.Fatalf("what matched the indicator is in %q, want %q", got, number)
		}
		c = b.get(number)
		if c.Members != 2 || c.Findings != 2 {
			t.Errorf("the case has %d members and %d findings, want 2 and 2", c.Members, c.Findings)
		}
		if diff := cmp.Diff([]string{"power", "university"}, c.Sectors); diff != "" {
			t.Error(diff)
		}
		if !c.Sensed.Equal(noon.Add(-time.Second)) {
			t.Errorf("a trace in the past moved the first malicious event to %v", c.Sensed)
		}
	})
}

func TestALowFindingOpensNoCase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		low := b.finding("a", func(f *msg.Finding) { f.Rule.Level = "low"; f.Host = "PC1" })
		if got := b.take(low); got != "" {
			t.Fatalf("a low finding opened %s", got)
		}
		number := b.take(b.finding("a", func(f *msg.Finding) { f.Host = "PC1" }))
		if got := b.take(b.finding("a", func(f *msg.Finding) { f.Rule.Level = "low"; f.Host = "PC1" })); got != number {
			t.Errorf("a low finding on the same machine is in %q, want %q", got, number)
		}
	})
}

func TestTheSameFindingAgain(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		f := b.finding("a", nil)
		number := b.take(f)
		b.take(f) // delivered twice
		f.Version, f.Count = 2, 9
		b.take(f) // grew
		c := b.get(number)
		if c.Findings != 1 || c.Members != 1 {
			t.Errorf("%d findings of %d members, want one of one", c.Findings, c.Members)
		}
		if other := b.take(b.finding("c", nil)); other == number || len(other) != len("MNK-2026-4711") {
			t.Errorf("numbers %s and %s, want two of four digits", number, other)
		}
	})
}

func TestSeverityIsTaken(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		number := b.take(b.finding("a", nil))
		c := b.get(number)
		if c.Severity != -1 {
			t.Errorf("severity %d before it was assessed", c.Severity)
		}
		for i := range 2 { // the same result again writes no second entry
			ev := msg.Assessed{Case: c.ID, Rev: i + 1, Lowest: 1, Likely: 2, Most: 4, At: b.now()}
			if err := handle(t, b.db, b.s.OnAssessed, ev); err != nil {
				t.Fatal(err)
			}
		}
		if c = b.get(number); c.Severity != 2 || c.Lowest != 1 || c.Highest != 4 {
			t.Errorf("severity %d (%d to %d)", c.Severity, c.Lowest, c.Highest)
		}
		n := 0
		if err := b.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
			list, err := Timeline(tx, c.ID)
			for _, e := range list {
				if e.Kind == "severity" {
					n++
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n != 1 {
			t.Errorf("%d entries of severity, want 1", n)
		}
	})
}

func TestNextStep(t *testing.T) {
	c := Case{State: Open, Severity: 1, Lowest: 0, Highest: 3, Opened: noon, Updated: noon}
	if _, by := c.NextStep(); !by.Equal(noon.Add(time.Hour)) {
		t.Errorf("what may be major is due %v", by)
	}
	c.Highest = 2
	if _, by := c.NextStep(); !by.Equal(noon.Add(4 * time.Hour)) {
		t.Errorf("what cannot be major is due %v", by)
	}
	c.State = Closed
	if what, by := c.NextStep(); !what.Zero() || !by.IsZero() {
		t.Error("a closed case asks for something")
	}
}
