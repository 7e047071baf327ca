package situation

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

var amber = policy.Handling{TLP: policy.Amber, Owner: "a"}

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// play lets a tracker follow one whole cycle: members a and b are connected when
// the indicator is made, c comes later.
func play(t *testing.T, db *store.DB, tr *Tracker, upTo int) {
	t.Helper()
	steps := []func() error{
		func() error {
			return handle(t, db, tr.OnCase, msg.CaseChanged{Case: "c1", Number: "MNK-1", Opened: true, Finding: "f1",
				Member: "a", Realm: "live", Sensed: at(0), Found: at(0), Detected: at(4), At: at(38)})
		},
		func() error {
			return handle(t, db, tr.OnAssessed, msg.Assessed{Case: "c1", Rev: 1, Likely: 2, At: at(41)})
		},
		func() error {
			return handle(t, db, tr.OnIndicator, msg.IndicatorChanged{Indicator: "i1", Case: "c1", Entitled: 3,
				Made: true, At: at(57), Handling: amber})
		},
		func() error {
			return handle(t, db, tr.OnIndicator, msg.IndicatorChanged{Indicator: "i1", Case: "c1", Pushed: at(112)})
		},
		func() error { return receipt(t, db, tr, "a", wire.Armed, 150) },
		func() error { return receipt(t, db, tr, "b", wire.Armed, 236) },
		func() error { return receipt(t, db, tr, "a", wire.Hunted, 240) },
		func() error {
			return handle(t, db, tr.OnSighting, msg.Sighting{Member: "b", Case: "c1",
				Sighting: wire.Sighting{ID: "s1", Indicator: "i1", Count: 3, At: at(333)}})
		},
		func() error { return receipt(t, db, tr, "b", wire.Hunted, 391) },
		func() error { return receipt(t, db, tr, "c", wire.Hunted, 90_000) }, // was not connected: nobody waits for it
	}
	for i, step := range steps[:upTo] {
		for range 2 { // what comes again changes nothing
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
	}
}

// handle lets a handler handle a message, as the queue does.
func handle[T any](t *testing.T, db *store.DB, h func(*store.Tx, T) error, v T) error {
	t.Helper()
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h(tx, v) })
}

func receipt(t *testing.T, db *store.DB, tr *Tracker, member string, state wire.State, ms int) error {
	return handle(t, db, tr.OnReceipt, msg.Receipt{Member: member, Case: "c1",
		Receipt: wire.Receipt{Object: "i1", State: state, At: at(ms)}})
}

func each(t *testing.T, body func(*testing.T, *store.DB, *Tracker)) {
	t.Helper()
	now, _ := clock.Fixed(noon)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		body(t, db, NewTracker(func() []string { return []string{"a", "b"} }, func() {}))
	}, storetest.With(object.Migration(), identity.Migration(), casework.Migration(), finding.Migration(),
		indicator.Migration(),
		publish.Migration(), Migration()), storetest.Clock(now))
}

func cycleOf(t *testing.T, db *store.DB, id string) (c Cycle) {
	t.Helper()
	if err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		c, err = Of(tx, id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTracker(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		c := cycleOf(t, db, "c1")
		for name, ms := range map[string]int{Sensed: 0, Detected: 4, Opened: 38, Assessed: 41, Indicator: 57,
			Pushed: 112, Armed: 150, Hunted: 240, Sighted: 333} {
			s, ok := c.First(name)
			if !ok || !s.At.Equal(at(ms)) {
				t.Errorf("%s at %v, want %d ms after the first event", name, s.At.Sub(noon), ms)
			}
		}
		im := c.Immunity("")
		want := Immunity{Indicator: "i1", Connected: 2, Armed: 2, Hunted: 2, Done: true, Time: 391 * time.Millisecond,
			ArmedTime: 236 * time.Millisecond}
		if im != want {
			t.Errorf("%+v, want %+v", im, want)
		}
		if got := c.Indicators(); len(got) != 1 || got[0] != "i1" {
			t.Errorf("indicators %v", got)
		}
	})
}

func TestAnEarlierEventMovesTheStart(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		// Another member's finding joins: its first event was 100 ms earlier.
		if err := handle(t, db, tr.OnCase, msg.CaseChanged{Case: "c1", Number: "MNK-1", Finding: "f2", Member: "b",
			Sensed: at(-100), Found: at(-100), Detected: at(500), At: at(501)}); err != nil {
			t.Fatal(err)
		}
		if im := cycleOf(t, db, "c1").Immunity("i1"); im.Time != 491*time.Millisecond {
			t.Errorf("time to immunity %v, want it from the earlier event", im.Time)
		}
		// What is about no cycle is no error.
		if err := handle(t, db, tr.OnSighting,
			msg.Sighting{Member: "b", Sighting: wire.Sighting{ID: "s", Indicator: "unknown", At: at(1)}}); err != nil {
			t.Error(err)
		}
	})
}

// What a cycle knows of a RED indicator is for the persons that it names, and
// follows its marking.
func TestStepsOfARedIndicator(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		red := policy.Handling{TLP: policy.Red, Owner: "a", Audience: policy.Audience{policy.Coordinators}}
		if err := handle(t, db, tr.OnIndicator, msg.IndicatorChanged{Indicator: "i2", Case: "c1", Entitled: 1,
			Made: true, At: at(60), Handling: red}); err != nil {
			t.Fatal(err)
		}
		seen := func(v policy.Viewer) (c Cycle) {
			if err := db.Read(t.Context(), store.As(v), func(tx *store.Tx) (err error) {
				c, err = Of(tx, "c1")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return c
		}
		reader, desk := policy.Viewer{User: "r", Hub: true}, policy.Viewer{User: "d", Hub: true, Coordinator: true}
		if n := len(seen(desk).Indicators()); n != 2 {
			t.Errorf("the desk sees %d indicators, want 2", n)
		}
		for _, s := range seen(reader).Steps {
			if s.Subject == "i2" {
				t.Errorf("a reader is shown the step %s of a RED indicator", s.Name)
			}
		}
		if err := handle(t, db, tr.OnIndicator, msg.IndicatorChanged{Indicator: "i1", Case: "c1", At: at(400),
			Handling: red}); err != nil {
			t.Fatal(err)
		}
		c := seen(reader)
		if len(c.Indicators()) != 0 || c.Immunity("").Connected != 0 {
			t.Errorf("an indicator that was marked RED later still shows: %+v", c)
		}
		if _, ok := c.First(Assessed); !ok {
			t.Error("the case's own steps are gone, too")
		}
	})
}

func TestImmunityOnTheWay(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 5)
		im := cycleOf(t, db, "c1").Immunity("")
		if im.Done || im.Armed != 1 || im.Connected != 2 || im.Hunted != 0 {
			t.Errorf("%+v", im)
		}
	})
	if im := (Cycle{Sensed: noon}).Immunity(""); im.Done || im.Connected != 0 {
		t.Errorf("nothing is immune out of nothing: %+v", im)
	}
	alone := Cycle{Sensed: noon, Steps: []Step{{Name: Indicator, Subject: "i", At: at(1)}}}
	if im := alone.Immunity(""); im.Done {
		t.Error("nobody was connected, so nobody is immune")
	}
}

func TestPicture(t *testing.T) {
	name := func(m string) string { return "member " + m }
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		p := cycleOf(t, db, "c1").Picture(name)
		if got, want := p.Text.In(i18n.EN),
			"0.39 s: all 2 connected members are armed and have searched their past"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
		last := time.Duration(-1)
		for _, s := range p.Steps {
			if !s.Done || s.At < last {
				t.Errorf("step %s at %v, done %v, after %v", s.Name.EN, s.At, s.Done, last)
			}
			last = s.At
		}
		if n := len(p.Steps); n != 9 || p.Steps[n-1].At != 391*time.Millisecond {
			t.Errorf("%d steps, the last at %v", n, p.Steps[n-1].At)
		}
	})
	for n := range 10 { // it can be drawn at any time
		each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
			if n == 0 {
				return
			}
			play(t, db, tr, n)
			p := cycleOf(t, db, "c1").Picture(name)
			if len(p.Steps) < 8 || p.Text.Zero() || p.SVG(i18n.JA) == "" {
				t.Errorf("after %d steps: %+v", n, p)
			}
		})
	}
}

func TestLatest(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 3)
		if err := handle(t, db, tr.OnCase, msg.CaseChanged{Case: "c2", Number: "MNK-2", Opened: true, Finding: "g1",
			Member: "b", Sensed: at(1000), Found: at(1000), Detected: at(1001), At: at(1002)}); err != nil {
			t.Fatal(err)
		}
		var list []Cycle
		if err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			list, err = Latest(tx, 5)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 || list[0].ID != "c2" || len(list[1].Steps) == 0 {
			t.Errorf("%+v", list)
		}
	})
}
