package pipeline

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/sigma"
)

// TestTexts: a value is written as it was read, in both notations, and means what
// the rule reader takes it for.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringOf(rapid.RuneFrom([]rune(`\\\\*?ab%é`))).Draw(t, "value")
		g := parseGlob(raw)
		if again := parseGlob(g.String()); again.String() != g.String() || len(again) != len(g) {
			t.Fatalf("%q is written %q", raw, g.String())
		}
		if again := parsePlain(g.plain()); again.String() != g.String() {
			t.Fatalf("%q is seen as %q, which is %q", raw, g.plain(), again.String())
		}
		starred := g.stars(true, true)
		if again := parseGlob(starred.String()); again.String() != starred.String() || len(again) != len(starred) {
			t.Fatalf("%q with stars is written %q", raw, starred.String())
		}
		text := rapid.StringOf(rapid.RuneFrom([]rune(`\\*?ab%é`))).Draw(t, "event")
		match := func(value string) bool {
			rules, err := sigma.Parse("r.yml",
				[]byte("title: T\nlogsource: {product: p}\ndetection: {s: {F: "+quote(value)+"}, condition: s}\n"))
			if err != nil {
				t.Fatal(err)
			}
			_, ok := rules[0].MatchDetection(record{fields: map[string]any{"F": text}})
			return ok
		}
		if match(raw) != match(g.String()) {
			t.Fatalf("%q and %q differ on %q", raw, g.String(), text)
		}
	})
}

// TestThereAndBack: renaming all fields and renaming them back changes nothing,
// whatever the rule looks like.
func TestThereAndBack(t *testing.T) {
	there := chain(t, steps("- {type: field_name_prefix, prefix: p.}\n- {type: field_name_suffix, suffix: .s}"),
		steps("- {type: field_name_transform, transform_func: lower, mapping: {p.F.s: F, p.G.s: G}}"))
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"x", "'*a'", "5", "null", "[x, 'y?']", "''"})
		key := rapid.SampledFrom([]string{"F", "G", "F|contains", "G|neq", "F|endswith"})
		var group func(depth int) string
		group = func(depth int) string {
			switch n := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case n == 0:
				return "[word, '5']"
			case n < 3 || depth > 2:
				k, l := key.Draw(t, "key"), key.Draw(t, "key")
				s := "{" + k + ": " + value.Draw(t, "value")
				if k != l {
					s += ", " + l + ": " + value.Draw(t, "value")
				}
				return s + "}"
			}
			return "[" + group(depth+1) + ", " + group(depth+1) + "]"
		}
		text := "title: T\nlogsource: {product: p}\ndetection:\n  a: " + group(0) + "\n  b: " + group(0) +
			"\n  condition: a and not b or 1 of b*\n"
		want := sigma.ParseCollection("r.yml", []byte(text))
		got := there.Parse("r.yml", []byte(text))
		if len(want.Rules) != len(got.Rules) {
			t.Fatalf("%s\n%v\n%v", text, want.Refused, got.Refused)
		}
		for i, r := range want.Rules {
			for range 5 {
				ev := record{product: "p", fields: map[string]any{}}
				for _, field := range []string{"F", "G"} {
					if v := rapid.SampledFrom([]any{"x", "y1", "xa", "5", 5, nil, "", "absent", "a word"}).Draw(t,
						field); v != "absent" {
						ev.fields[field] = v
					}
				}
				_, a := r.Match(ev)
				if _, b := got.Rules[i].Match(ev); a != b {
					t.Fatalf("%v became %v\n%s%v", a, b, text, ev)
				}
			}
		}
	})
}
