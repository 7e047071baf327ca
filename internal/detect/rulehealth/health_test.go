package rulehealth

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/sigma/engine"
)

// What takes little in all is not too dear, however dear the one event was.
func TestWeight(t *testing.T) {
	for _, x := range []struct {
		w    Cost
		dear bool
	}{
		{Cost{}, false},
		{Cost{Events: 5, Spent: 900 * time.Millisecond}, false},
		{Cost{Events: 5, Spent: 2 * time.Second}, true},
		{Cost{Events: 2_000_000, Spent: 2 * time.Second}, false},
	} {
		if got := x.w.OverBudget(Budget); got != x.dear {
			t.Errorf("%+v: %v", x.w, got)
		}
	}
	c := &Health{Config: Config{Budget: Budget}, costs: map[string]Cost{}, overBudget: map[string]int{}}
	set := detecttest.Rules(t, detecttest.RulesText)
	for range 9 {
		c.assess([]engine.Cost{{Rule: set.Rules[0], Events: agedAfter / 2, Time: time.Second / 2}})
	}
	if w := c.costs[detecttest.RuleA]; w.Events > agedAfter || w.Each() != time.Microsecond {
		t.Errorf("aged: %+v, %v", w, w.Each())
	}
}

func TestRate(t *testing.T) {
	var r rate
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for i := range 200 {
		got := r.add(at, 1)
		if want := min(i+1, 60); got != want {
			t.Fatalf("minute %d: %d, want %d", i, got, want)
		}
		at = at.Add(time.Minute)
	}
	if got := r.add(at.Add(-3*time.Hour), 2); got != 62 {
		t.Errorf("a clock that goes back: %d", got)
	}
	if got := r.add(at.Add(48*time.Hour), 1); got != 1 {
		t.Errorf("after two days: %d", got)
	}
}

// A nil Health does nothing, so that a Service works without one.
func TestNil(t *testing.T) {
	var c *Health
	if !c.Admit("x", false) {
		t.Error("a hit is not admitted")
	}
	c.CountMuted("x")
	c.Counted(t.Context(), map[string]Hits{"x": {"x", 1}})
	if err := c.Count(nil, "x", 1, false); err != nil {
		t.Error(err)
	}
	if len(c.Quarantined()) != 0 {
		t.Error("held")
	}
	if err := c.Fetch(t.Context()); err != nil {
		t.Error(err)
	}
}
