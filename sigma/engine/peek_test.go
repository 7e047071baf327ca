package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// spelled writes a text as a JSON string might, without the quotes; with unicode
// some of its ASCII with \u.
func spelled(r *rand.Rand, text string, unicode bool) []byte {
	var out []byte
	for i := range len(text) {
		if unicode && text[i] < 0x80 && r.IntN(3) == 0 {
			out = fmt.Appendf(out, `\u%04x`, text[i])
			continue
		}
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
	letters := []string{"b", "n", "r", "t", "\n", "\n", "\r\n", `\`, `\\`, `"`, "/", "é", "あ", "xy", "\b", "\t",
		"u00", "k", ";", "+", ">"}
	var tests []*test
	for _, expr := range []string{"(a*)*b", "xy", "n", `.{2,}`, `.{3,}`, `.{9,}`, `[^\n]{4}`, `.`, "é", "bn", `\\n`,
		`\n`, `(?s).{5,}`, "xy?", `.{70,}`, `.{20,}`} {
		tests = append(tests, &test{others: []other{{kind: regex, re: newDecider(regexp.MustCompile(expr))}}})
	}
	for _, s := range []string{"b", "nx", "xy", "あ", `\`, "/"} {
		tests = append(tests, &test{others: []other{{kind: casedInside, a: s}}})
	}
	yes, no := 0, 0
	for range 20_000 {
		var text strings.Builder
		for range r.IntN(24) {
			text.WriteString(letters[r.IntN(len(letters))])
		}
		if r.IntN(20) == 0 {
			for range r.IntN(200) {
				text.WriteString(letters[r.IntN(len(letters))])
			}
		}
		unicode := r.IntN(3) == 0
		raw := spelled(r, text.String(), unicode)
		var back string
		if err := json.Unmarshal([]byte(`"`+string(raw)+`"`), &back); err != nil || back != text.String() {
			t.Fatalf("%q is not spelled %s: %v", text.String(), raw, err)
		}
		for _, x := range tests {
			if x.preparePeek(); !x.peekable {
				continue
			}
			want := x.others[0].match(&cell{kind: cellText, text: []byte(back)}, &Cells{})
			got, sure := x.peek(raw, unicode)
			if !sure && unicode {
				continue
			}
			if got != want || !sure {
				t.Fatalf("%+v of %q, spelled %s: %v by its spelling, %v by itself", x.others[0], back, raw, got, want)
			}
			if want {
				yes++
			} else {
				no++
			}
		}
	}
	if min(yes, no) < (yes+no)/5 {
		t.Errorf("%d hold and %d do not: too one-sided to tell", yes, no)
	}
}
