package sigma

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma/internal/fold"
)

var letters = rapid.StringOfN(rapid.SampledFrom([]rune(`abABäÄ*?\-/–管 `)), 0, 8, -1)

// naive says what a pattern means, by recursion.
func naive(p pattern, text string) bool {
	if len(p) == 0 {
		return text == ""
	}
	if p[0].kind == anyMany {
		for i := 0; i <= len(text); i++ {
			if (i == len(text) || utf8.RuneStart(text[i])) && naive(p[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	n, ok := p[0].take(text)
	return ok && naive(p[1:], text[n:])
}

func TestPatternIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := parsePattern(letters.Draw(t, "pattern"))
		if rapid.Bool().Draw(t, "dashes") {
			p = p.withDashes()
		}
		p = p.withStars(rapid.Bool().Draw(t, "before"), rapid.Bool().Draw(t, "behind"))
		text := letters.Draw(t, "text")
		if got, want := p.match(text), naive(p, text); got != want {
			t.Fatalf("%v on %q: %v, want %v", p, text, got, want)
		}
		c := newCell(text)
		if got, want := newGlob(p, true).match(c, nil), naive(p, text); got != want {
			t.Fatalf("cased %v on %q: %v, want %v", p, text, got, want)
		}
		if got, want := newGlob(p, false).match(c, nil), naive(p.folded(), fold.Text(text)); got != want {
			t.Fatalf("folded %v on %q: %v, want %v", p, text, got, want)
		}
	})
}

func TestFoldIsEqualFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.String().Draw(t, "a")
		b := rapid.OneOf(rapid.Just(strings.ToUpper(a)), rapid.Just(strings.ToLower(a)), rapid.String()).Draw(t, "b")
		if (fold.Text(a) == fold.Text(b)) != strings.EqualFold(a, b) {
			t.Fatalf("%q %q", a, b)
		}
		if utf8.RuneCountInString(fold.Text(a)) != utf8.RuneCountInString(a) {
			t.Fatalf("%q changed its length", a)
		}
	})
}

func TestWindashIsAllPermutations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := parsePattern(strings.NewReplacer("*", "", "?", "", `\`, "").Replace(letters.Draw(t, "value"))).withDashes()
		texts, ok := p.plain(maxPermutations)
		if !ok {
			t.Skip()
		}
		dashCount := 0
		for _, tok := range p {
			if tok.kind == dash {
				dashCount++
			}
		}
		want := 1
		for range dashCount {
			want *= 5
		}
		seen := map[string]bool{}
		for _, text := range texts {
			if seen[text] = true; !p.match(text) {
				t.Fatalf("%q is not matched", text)
			}
		}
		if len(seen) != want {
			t.Fatalf("%d spellings, want %d", len(seen), want)
		}
	})
}

// draw returns a random rule body and an event for it.
func draw(t *rapid.T) (a, b []string, ev fuzzEvent) {
	line := rapid.Custom(func(t *rapid.T) string {
		key := rapid.SampledFrom([]string{"A", "B", "EventID", "O.P", "A|contains", "B|startswith", "A|contains|all",
			"B|re", "A|exists", "B|gt", "A|fieldref", "|all", "B|neq"}).Draw(t, "key")
		switch key {
		case "A|exists":
			return key + ": true"
		case "A|fieldref":
			return key + ": B"
		case "B|gt", "EventID":
			return key + ": " + rapid.SampledFrom([]string{"1", "2", "[1, 3]"}).Draw(t, "number")
		case "|all", "A|contains|all":
			key = "'" + key + "': "
			return key + rapid.SampledFrom([]string{"[a, b]", "['1', b]", "['*', x]"}).Draw(t, "list")
		}
		return key + ": " + rapid.SampledFrom([]string{"a", "b", "'1'", "[a, b]", "'a?'", "''", "B"}).Draw(t, "value")
	})
	lines := rapid.SliceOfNDistinct(line, 1, 3, func(s string) string { return strings.Split(s, ":")[0] })
	scalar := rapid.SampledFrom([]any{"a", "b", "ab", "", "1", int64(1), int64(2), 3.0, nil, true, []any{"a", "b"},
		[]any{}, map[string]any{"P": "a"}})
	ev = fuzzEvent(rapid.MapOfN(rapid.SampledFrom([]string{"A", "B", "EventID", "O", "a"}), scalar, 0, 5).Draw(t,
		"event"))
	return lines.Draw(t, "a"), lines.Draw(t, "b"), ev
}

func ruleOf(t *rapid.T, a, b []string, conditions ...string) *Rule {
	text := fuzzHead
	for i, lines := range [][]string{a, b} {
		text += fmt.Sprintf("  s%d:\n    %s\n", i, strings.Join(lines, "\n    "))
	}
	text += "  condition: ['" + strings.Join(conditions, "', '") + "']\n"
	rules, err := Parse("p.yml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return rules[0]
}

// TestLaws: things that must not change the result, and the laws of logic.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, ev := draw(t)
		holds := func(conditions ...string) bool {
			r := ruleOf(t, a, b, conditions...)
			m, ok := r.MatchDetection(ev)
			trace := r.Explain(ev)
			if ok != trace.Detection {
				t.Fatalf("match %v, trace %v\n%s", ok, trace.Detection, trace)
			}
			if ids := r.EventIDs(); ok && ids != nil {
				id, _ := ev.Lookup("EventID")
				found := false
				for _, want := range ids {
					for _, c := range newView(ev).field("EventID").cells {
						found = found || c.text == fmt.Sprint(want)
					}
				}
				if !found {
					t.Fatalf("matched EventID %v, but EventIDs says %v", id, ids)
				}
			}
			if ok && len(m.Selections) > 0 && len(m.Fields) == 0 {
				t.Fatal("selections hold, but no field says why")
			}
			return ok
		}
		s0, s1 := holds("s0"), holds("s1")
		for condition, want := range map[string]bool{
			"s0 and s1": s0 && s1, "s1 and s0": s0 && s1, "all of s*": s0 && s1, "all of them": s0 && s1,
			"not (not s0 or not s1)": s0 && s1, "s0 or s1": s0 || s1, "1 of s*": s0 || s1, "1 of them": s0 || s1,
			"not s0": !s0, "not not s0": s0, "not s0 and s1": !s0 && s1, "s0 or s1 and s0": s0,
		} {
			if got := holds(condition); got != want {
				t.Fatalf("%s: %v, want %v", condition, got, want)
			}
		}
		if holds("s0", "s1") != (s0 || s1) {
			t.Fatal("a list of conditions is not or")
		}
		a = rapid.Permutation(a).Draw(t, "order")
		if holds("s0") != s0 {
			t.Fatal("the order of a map changed the result")
		}
		ev["unrelated"] = int64(7)
		if holds("s0") != s0 && !strings.Contains(strings.Join(a, ""), "|all") {
			t.Fatal("an unrelated field changed the result")
		}
	})
}
