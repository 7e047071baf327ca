package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
)

var someday = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)

func drawDecision(t *rapid.T) Decision {
	d := Decision{Handling: drawHandling(t), PAP: PAP(rapid.IntRange(-1, 7).Draw(t, "pap")),
		Attribution: Attribution(rapid.IntRange(0, 2).Draw(t, "attribution")),
		Encrypt:     rapid.Bool().Draw(t, "encrypt"), NoNotice: rapid.Bool().Draw(t, "notice"),
		NoResale: rapid.Bool().Draw(t, "resale"),
		Terms:    rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "terms")}
	if n := rapid.IntRange(0, 3).Draw(t, "until"); n > 0 {
		d.Until = someday.AddDate(0, n, 0)
	}
	for _, w := range rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(t, "why") {
		d.Why = append(d.Why, i18n.Same(w))
	}
	return d
}

// Whoever may see or do something by a combination may by each of its parts; its order
// and repetition make no difference.
func TestCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c, v := drawDecision(t), drawDecision(t), drawDecision(t), drawViewer(t)
		if rapid.Bool().Draw(t, "one owner") {
			b.Handling.Owner, c.Handling.Owner = a.Handling.Owner, a.Handling.Owner
		}
		both := Combine(a, b)
		for _, part := range []Decision{a, b} {
			if MaySee(v, both.Handling) && !MaySee(v, part.Handling) {
				t.Fatalf("%+v sees %+v by %+v", v, part.Handling, both.Handling)
			}
			for _, act := range Permitted(PAPClear) {
				if both.PAP.Allows(act) && !part.PAP.Allows(act) {
					t.Fatalf("%s is permitted by %v and not by %v", act, both.PAP, part.PAP)
				}
			}
			if both.Attribution < part.Attribution || part.Encrypt && !both.Encrypt ||
				part.NoNotice && !both.NoNotice || part.NoResale && !both.NoResale ||
				!part.Until.IsZero() && (both.Until.IsZero() || both.Until.After(part.Until)) {
				t.Fatalf("%+v is wider than %+v", both, part)
			}
			for _, term := range part.Terms {
				if !slices.Contains(both.Terms, term) {
					t.Fatalf("the term %s is lost", term)
				}
			}
		}
		same := func(what string, x, y Decision) {
			if diff := cmp.Diff(x, y); diff != "" {
				t.Fatalf("%s: %s", what, diff)
			}
		}
		same("the order counts", both, Combine(b, a))
		same("it is not the same twice", both, Combine(both, both))
		same("a part again counts", both, Combine(both, a))
		same("the grouping counts", Combine(both, c), Combine(a, Combine(b, c)))
		// Time only ever narrows.
		soon, late := both.At(someday), both.At(someday.AddDate(1, 0, 0))
		if MaySee(v, late.Handling) && !MaySee(v, soon.Handling) {
			t.Fatalf("%+v sees more later: %+v, %+v", v, soon, late)
		}
	})
}

func TestMostRestrictive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecision(t)
		got, most := Combine(d, MostRestrictive(d.Handling.Owner)), MostRestrictive(d.Handling.Owner)
		got.Until, got.Terms, got.Why = most.Until, most.Terms, most.Why
		if diff := cmp.Diff(most, got); diff != "" {
			t.Fatalf("something is stricter than the most restrictive: %s", diff)
		}
	})
}

func TestPAP(t *testing.T) {
	for in, want := range map[string]PAP{"PAP:RED": PAPRed, "pap:amber": PAPAmber, " Green ": PAPGreen,
		"PAP:WHITE": PAPClear, "clear": PAPClear} {
		if got, ok := ParsePAP(in); got != want || !ok {
			t.Errorf("%q is %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "PAP:", "PAP:PURPLE", "TLP:RED", "ＲＥＤ"} {
		if got, ok := ParsePAP(in); got != Hold || ok {
			t.Errorf("%q is %d %v", in, got, ok)
		}
	}
	want := map[Action]PAP{ActSearch: PAPRed, ActMatch: PAPRed, ActExport: PAPAmber, ActLookup: PAPAmber,
		ActBlock: PAPGreen, ActContact: PAPGreen, ActAny: PAPClear} // the strictest that permits it
	for act, strictest := range want {
		for p := PAP(-3); p < 9; p++ {
			may := p == 0 || p.Known() && p <= strictest
			if p.Allows(act) != may {
				t.Errorf("%s by %d (%s): %v", act, p, p, !may)
			}
		}
	}
	for p := PAP(0); p <= PAPRed; p++ {
		b, _ := p.MarshalText()
		var got PAP
		if got.UnmarshalText(b) != nil || got != p {
			t.Errorf("%d is written %s and read %d", p, b, got)
		}
	}
}
