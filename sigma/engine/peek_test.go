package engine

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// spelled writes a text as a JSON string might, without \u and the quotes.
func spelled(r *rand.Rand, text string) []byte {
	var out []byte
	for i := range len(text) {
		switch c := text[i]; c {
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		case '\b':
			out = append(out, `\b`...)
		case '\\', '"':
			out = append(out, '\\', c)
		case '/':
			if r.IntN(2) == 0 {
				out = append(out, '\\')
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// What is decided by the spelling is what the text itself decides.
func TestPeek(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	letters := []string{"b", "n", "r", "t", "\n", "\n", "\r\n", `\`, `\\`, `"`, "/", "é", "あ", "xy", "\b", "\t"}
	var tests []*test
	for _, expr := range []string{"(a*)*b", "xy", "n", `.{3,}`, `.{9,}`, `[^\n]{4}`, `.`, "é", "bn", `\\n`, `\n`, `(?s).{5,}`, "xy?"} {
		tests = append(tests, &test{others: []other{{kind: regex, re: newDecider(regexp.MustCompile(expr))}}})
	}
	for _, s := range []string{"b", "nx", "xy", "あ", `\`, "/"} {
		tests = append(tests, &test{others: []other{{kind: casedInside, a: s}}})
	}
	sure, peeking := 0, 0
	for range 20_000 {
		var text strings.Builder
		for range r.IntN(24) {
			text.WriteString(letters[r.IntN(len(letters))])
		}
		raw := spelled(r, text.String())
		var back string
		if err := json.Unmarshal([]byte(`"`+string(raw)+`"`), &back); err != nil || back != text.String() {
			t.Fatalf("%q is not spelled %s: %v", text.String(), raw, err)
		}
		for _, x := range tests {
			if !x.peeks() {
				continue
			}
			peeking++
			yes, ok := x.peek(raw)
			if !ok {
				continue
			}
			sure++
			if want := x.others[0].match(&cell{kind: cellText, text: []byte(back)}, &Cells{}); yes != want {
				t.Fatalf("%+v of %q, spelled %s: %v by its spelling, %v by itself", x.others[0], back, raw, yes, want)
			}
		}
	}
	if sure < peeking/2 || sure == 0 {
		t.Errorf("sure %d of %d times", sure, peeking)
	}
	t.Logf("sure %d of %d times", sure, peeking)
}
