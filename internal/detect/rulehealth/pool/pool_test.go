package pool

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

type hub struct {
	*Pool
	t      *testing.T
	hand   *clock.Hand
	active []string
}

func eachPool(t *testing.T, body func(t *testing.T, h *hub)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		now, hand := clock.Fixed(time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC))
		db := storetest.Open(t, url, storetest.With(Migration()), storetest.Clock(now))
		h := &hub{t: t, hand: hand, active: []string{"m1", "m2", "m3", "m4", "m5", "m6"}}
		h.Pool = New(db, now, func(context.Context) ([]string, error) { return slices.Clone(h.active), nil })
		body(t, h)
	})
}

func (h *hub) receive(member string, c wire.RuleHealth) error {
	c.ID = "rule-counts"
	body, err := json.Marshal(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.db.Write(h.t.Context(), store.System("test"), func(tx *store.Tx) error {
		return h.Receive(tx, member, body)
	})
}

// says lets a member say how often rule A hit, and whether it is marked.
func (h *hub) says(member string, hits int, marked bool) {
	h.t.Helper()
	if err := h.receive(member,
		wire.RuleHealth{Rules: []wire.RuleTally{{Rule: detecttest.RuleA, Hits: hits, False: marked}}}); err != nil {
		h.t.Fatal(err)
	}
}

// edition goes to the next day, makes its edition and gives what a member is told.
func (h *hub) edition() map[string]wire.PooledFigure {
	h.t.Helper()
	h.hand.Add(24 * time.Hour)
	if err := h.Renew(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return h.told(policy.Viewer{Member: "m6", Sector: "power", Machine: true})
}

func (h *hub) told(v policy.Viewer) map[string]wire.PooledFigure {
	h.t.Helper()
	out := map[string]wire.PooledFigure{}
	ask := wire.PooledRequest{Limit: 2} // so that paging is tried
	for {
		a, err := h.Answer(h.t.Context(), v, ask)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, f := range a.Figures {
			out[f.Figure+" "+f.Subject] = f
		}
		if ask.After = a.Next; a.Next == "" {
			return out
		}
	}
}

func TestPoolShowsThreeOrMore(t *testing.T) {
	eachPool(t, func(t *testing.T, h *hub) {
		h.says("m1", 7, true)
		h.says("m2", 60, true)
		if got := h.edition(); len(got) != 0 {
			t.Errorf("two members give figures: %v", got)
		}
		h.says("m3", 100_000, false)
		h.hand.Add(time.Hour)
		if err := h.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.told(policy.Viewer{Member: "m1", Machine: true}); len(got) != 0 {
			t.Errorf("figures changed between two beats: %v", got)
		}
		got := h.edition()
		today := Day(h.clock())
		want := map[string]wire.PooledFigure{
			"found " + detecttest.RuleA: {Figure: FigureFound, Subject: detecttest.RuleA, Members: 3, Typical: 1,
				Day: today},
			"hits " + detecttest.RuleA: {Figure: FigureHits, Subject: detecttest.RuleA, Members: 3, Typical: 50,
				Day: today},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("three members (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, h.told(policy.Viewer{User: "u", Member: "m2"})); diff != "" {
			t.Errorf("members are not told the same:\n%s", diff)
		}
		if got := h.told(policy.Viewer{}); len(got) != 0 {
			t.Errorf("the public is told %v", got)
		}
	})
}

// One member's change shows in no later edition by itself; three do.
func TestPoolHidesSingleChanges(t *testing.T) {
	eachPool(t, func(t *testing.T, h *hub) {
		for _, m := range []string{"m1", "m2", "m3", "m4"} {
			h.says(m, 10, true)
		}
		first := h.edition()
		if first["found "+detecttest.RuleA].Members != 4 || first["false "+detecttest.RuleA].Members != 4 {
			t.Fatalf("%v", first)
		}
		h.says("m5", 10, true) // one more
		if got := h.edition(); !maps.Equal(got, first) {
			t.Errorf("one member more shows: %v", got)
		}
		h.says("m1", 0, false) // and one less
		if got := h.edition(); !maps.Equal(got, first) {
			t.Errorf("two changes show: %v", got)
		}
		h.says("m6", 10, true)
		got := h.edition()
		if got["found "+detecttest.RuleA].Members != 5 || got["false "+detecttest.RuleA].Members != 5 {
			t.Errorf("three changes do not show: %v", got)
		}
		// A figure that would stand on fewer than three goes, once enough has changed.
		for _, m := range []string{"m2", "m3"} {
			h.says(m, 0, false)
		}
		if again := h.edition(); !maps.Equal(again, got) {
			t.Errorf("two that left show: %v", again)
		}
		h.says("m4", 0, false)
		if again := h.edition(); len(again) != 0 {
			t.Errorf("two members still give figures: %v", again)
		}
	})
}

// Who leaves the hub, falls silent or withdraws no longer counts, and what it
// said is not kept under its name.
func TestPoolForgets(t *testing.T) {
	eachPool(t, func(t *testing.T, h *hub) {
		speak := func(names ...string) {
			for _, m := range names {
				h.says(m, 10, false)
			}
		}
		speak("m1", "m2", "m3", "m4", "m5", "m6")
		if got := h.edition()["found "+detecttest.RuleA].Members; got != 6 {
			t.Fatal(got)
		}
		h.active = []string{"m1", "m2", "m3"}
		if got := h.edition()["found "+detecttest.RuleA].Members; got != 3 {
			t.Errorf("revoked members count: %d", got)
		}
		h.hand.Add(reportLife)
		if got := h.edition(); len(got) != 0 {
			t.Errorf("silent members count: %v", got)
		}
		h.active = []string{"m1", "m2", "m3", "m4", "m5", "m6"}
		speak("m1", "m2", "m3", "m4", "m5", "m6")
		before := h.edition()
		withdraw := func(m string) {
			if err := h.receive(m, wire.RuleHealth{Withdraw: true}); err != nil {
				t.Fatal(err)
			}
		}
		withdraw("m1")
		h.says("m1", 10, false) // comes back: one member, one change
		withdraw("m2")
		if got := h.edition(); !maps.Equal(got, before) {
			t.Errorf("two members' coming and going shows: %v, before %v", got, before)
		}
		var left int64
		err := h.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			left, err = store.One[int64](tx, `SELECT (SELECT count(*) FROM rule_reports r WHERE r.member = 'm2'
				AND SCOPE(r)) + (SELECT count(*) FROM rule_basis b WHERE (b.member = 'm2' OR b.owner = 'm2')
				AND SCOPE(b))`)
			return err
		})
		if err != nil || left != 0 {
			t.Errorf("%d rows are kept of who withdrew: %v", left, err)
		}
		withdraw("m3")
		withdraw("m4")
		if got := h.edition()["found "+detecttest.RuleA].Members; got != 3 {
			t.Errorf("three withdrew, and %d members are told", got)
		}
	})
}

// What one member said is for its own persons, not for the hub's people and not
// for others.
func TestPoolKeepsWordsSecret(t *testing.T) {
	eachPool(t, func(t *testing.T, h *hub) {
		h.says("m1", 7, true)
		for who, v := range map[string]policy.Viewer{
			"hub admin":   {User: "u", Hub: true, Coordinator: true, Role: policy.RoleAdmin},
			"m2":          {User: "u", Member: "m2", Role: policy.RoleAdmin},
			"its machine": {Member: "m1", Machine: true},
			"public":      {},
		} {
			var n int64
			err := h.db.Read(t.Context(), store.As(v), func(tx *store.Tx) (err error) {
				n, err = store.One[int64](tx, `SELECT count(*) FROM rule_reports r WHERE SCOPE(r)`)
				return err
			})
			if err != nil || n != 0 {
				t.Errorf("%s sees %d rows: %v", who, n, err)
			}
		}
	})
}

func TestPoolRefuses(t *testing.T) {
	eachPool(t, func(t *testing.T, h *hub) {
		long := make([]wire.RuleTally, MaxTallies+1)
		for i := range long {
			long[i].Rule = fmt.Sprintf("11111111-1111-4111-8111-%012d", i)
		}
		for name, c := range map[string]wire.RuleHealth{
			"a word as id": {Rules: []wire.RuleTally{{Rule: "our-secret-project", Hits: 1}}},
			"an indicator": {Rules: []wire.RuleTally{{Rule: "indicator--" + detecttest.RuleA, Hits: 1}}},
			"a rule twice": {Rules: []wire.RuleTally{{Rule: detecttest.RuleA, Hits: 1},
				{Rule: detecttest.RuleA, Hits: 5}}},
			"too many":        {Rules: long},
			"a bad technique": {Techniques: []wire.TechniqueTally{{Technique: "T1", Rules: 1}}},
			"a technique twice": {Techniques: []wire.TechniqueTally{{Technique: "T1059", Rules: 1},
				{Technique: "T1059", Rules: 1}}},
		} {
			if err := h.receive("m1", c); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return h.Receive(tx, "m1", []byte(`{"id":`))
		})
		if !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		// Numbers that are no numbers of ours are made so.
		for _, m := range []string{"m1", "m2", "m3"} {
			if err := h.receive(m, wire.RuleHealth{Rules: []wire.RuleTally{{Rule: detecttest.RuleA, Hits: 1 << 40},
				{Rule: detecttest.RuleB, Hits: -4}}}); err != nil {
				t.Fatal(err)
			}
		}
		got := h.edition()
		if got["hits "+detecttest.RuleA].Typical != 1_000_000_000 || got["found "+detecttest.RuleB].Members != 0 {
			t.Errorf("%v", got)
		}
	})
}

// Two hubs that differ in what one member says tell the same on every day on
// which fewer than three members' numbers changed since the figures were made,
// that member's included; and whenever figures do change, three or more
// members' numbers have.
func TestSubtractionFindsNoMember(t *testing.T) {
	members := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SampledFrom(members).Draw(t, "secret")
		type state struct{ basis, shown map[string]int }
		one, two := state{}, state{}
		lastOne, lastTwo := map[string]int{}, map[string]int{} // what members said when the figure was last made
		step := func(s *state, last *map[string]int, now map[string]int) (changed int) {
			for _, m := range members {
				if (*last)[m] != now[m] {
					changed++
				}
			}
			if enough(s.basis, now) {
				s.basis, *last = maps.Clone(now), maps.Clone(now)
				if s.shown = nil; len(now) >= FewestMembers {
					s.shown = map[string]int{"members": len(now), "typical": typical(now)}
				}
				if changed < FewestMembers {
					t.Fatalf("the figure is made anew after %d changes", changed)
				}
			}
			return changed
		}
		for range rapid.IntRange(1, 12).Draw(t, "days") {
			now, other := map[string]int{}, map[string]int{}
			for _, m := range members {
				if n := wire.Step(int64(rapid.IntRange(0, 30).Draw(t, m))); n > 0 {
					now[m] = n
				}
			}
			maps.Copy(other, now)
			delete(other, secret)
			if n := wire.Step(int64(rapid.IntRange(0, 30).Draw(t, "other"))); n > 0 {
				other[secret] = n
			}
			a, b := step(&one, &lastOne, now), step(&two, &lastTwo, other)
			for _, s := range []state{one, two} {
				if s.shown != nil && s.shown["members"] < FewestMembers {
					t.Fatalf("a figure of %d", s.shown["members"])
				}
			}
			if a < FewestMembers && b < FewestMembers && maps.Equal(lastOne, lastTwo) &&
				!maps.Equal(one.shown, two.shown) {
				t.Fatalf("one member's number shows: %v %v", one.shown, two.shown)
			}
		}
	})
}
