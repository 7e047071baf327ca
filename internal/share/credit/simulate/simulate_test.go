package simulate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/credit/simulate"
)

func run(t *testing.T, s simulate.Scenario) simulate.Outcome {
	t.Helper()
	o, err := simulate.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// The rules that meneki comes with give most to those who give honestly, whatever the dice say.
func TestDefaultRules(t *testing.T) {
	for seed := range uint64(3) {
		s := simulate.Default()
		s.Seed, s.Days = seed, 200
		by := map[string]simulate.Row{}
		for _, r := range run(t, s).Rows {
			by[r.Name] = r
		}
		if r := by["Honest members"]; r.Mean < 5 || r.Least <= 0 || r.Confirmed == 0 {
			t.Errorf("seed %d: honest members have %+v", seed, r)
		}
		if r := by["Honest newcomers"]; r.Mean < 2 {
			t.Errorf("seed %d: newcomers are shut out: %+v", seed, r)
		}
		for _, name := range []string{"Free riders", "Colluders", "Flooders", "Poisoners"} {
			if r := by[name]; r.Most != 0 || r.Members == 0 {
				t.Errorf("seed %d: %s gained: %+v", seed, name, r)
			}
		}
		if by["Flooders"].Given < 10*by["Honest members"].Given/2 || by["Poisoners"].Mistakes == 0 ||
			by["Colluders"].Given == 0 {
			t.Errorf("seed %d: they did nothing: %+v", seed, by)
		}
	}
}

// What a rule set would do wrong can be seen before it is adopted: where colluders are among
// those whose word counts in full, they gain.
func TestBadRulesShow(t *testing.T) {
	s := simulate.Default()
	s.Days = 120
	s.Rules.Founders, s.Rules.Close = 100, 1 // everybody's word counts, and no tie is too close
	for _, r := range run(t, s).Rows {
		if r.Kind == simulate.Colluder && r.Mean < 5 {
			t.Errorf("the simulation hides what these rules do: %+v", r)
		}
	}
}

func TestSeedsRepeat(t *testing.T) {
	s := simulate.Default()
	s.Days = 60
	if diff := cmp.Diff(run(t, s), run(t, s)); diff != "" {
		t.Error(diff)
	}
	other := s
	other.Seed = 2
	if cmp.Equal(run(t, s).Rows, run(t, other).Rows) {
		t.Error("another seed plays the same")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := simulate.Run(ctx, s); err == nil {
		t.Error("it does not end when it is told to")
	}
}

func TestScenariosAreRead(t *testing.T) {
	s, err := simulate.Parse([]byte("seed: 7\nrules: {quorum: 3}\npopulation:\n  - {kind: honest, members: 4}\n"))
	if err != nil || s.Seed != 7 || s.Rules.Quorum != 3 || s.Rules.HalfLifeDays != 90 || len(s.Population) != 1 ||
		s.Days != 365 {
		t.Errorf("%+v %v", s, err)
	}
	again, err := simulate.Parse([]byte(simulate.Default().YAML()))
	if diff := cmp.Diff(simulate.Default(), again); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for text, word := range map[string]string{
		"days: 1": "days", "reach: 2": "reach", "x: 1": "x", "rules: {quorum: 1}": "quorum",
		"population: [{kind: saint, members: 1}]":                                 "saint",
		"population: [{kind: honest, members: 0}]":                                "population[0].members",
		"population: [{kind: flooder, members: 400, gives_per_week: 9000}]":       "events",
		"population: [{kind: honest, members: 400},{kind: honest, members: 400}]": "members",
	} {
		if _, err := simulate.Parse([]byte(text)); err == nil || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(simulate.Default().YAML()))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, _ := simulate.Parse(text)
		if err := s.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestPicture(t *testing.T) {
	s := simulate.Default()
	s.Days = 60
	o := run(t, s)
	for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
		out := string(o.Picture().SVG(l))
		for _, g := range s.Population {
			if !strings.Contains(out, g.Text().In(l)) {
				t.Errorf("%s: %s is not named", l, g.Text().In(l))
			}
		}
	}
	if n := len(o.Table().Rows); n != len(s.Population) {
		t.Errorf("%d rows", n)
	}
}
