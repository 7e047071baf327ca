package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var texts = []string{
	``, `a`, `C:\\Windows\\System32`, `\"\\\/\b\f\n\r\t`, `\u00e9\u3042`, `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d`,
	`\ud83d\u0041`, `\udc80\udcff`, `\udc7f`, `\u0000`, `\u12`, `\x`, `\`, `a\`, `\\\`, "\x7f\u0085\u2028\u2029",
	"\xff\xfe",
	`\ud83d\`, `\ud83d\u`, `\uD83D\uDE00\uDC80`,
}

// What a string says is what encoding/json reads, but for what a dialect is about.
func FuzzUnescape(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := `"` + text + `"`
		end := StringEnd(quoted, 1)
		foreign, bad := Unescape(text, Foreign)
		stored, badStored := Unescape(text, Stored)
		if bad != badStored {
			t.Fatalf("%q is wrong at %d and at %d", text, bad, badStored)
		}
		var want string
		if json.Unmarshal([]byte(quoted), &want) != nil {
			return // control characters are let through
		}
		if end != len(quoted)-1 || bad >= 0 {
			t.Fatalf("%q ends at %d, wrong at %d", quoted, end, bad)
		}
		if got := strings.ToValidUTF8(foreign, "\uFFFD"); strings.ReplaceAll(want, "\x00", "\uFFFD") != got &&
			utf8.ValidString(text) {
			t.Errorf("%q: %q, encoding/json has %q", text, got, want)
		}
		if !strings.Contains(strings.ToLower(text), `\udc`) && utf8.ValidString(text) && stored != want {
			t.Errorf("%q: %q, encoding/json has %q", text, stored, want)
		}
	})
}

// What is stored comes back the same; what others get is one line of JSON that says
// the same as far as it can be said.
func FuzzAppendString(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendString([]byte("x"), s, Stored)[1:]
		if !json.Valid(b) || !utf8.Valid(b) || StringEnd(string(b), 1) != len(b)-1 {
			t.Fatalf("%q is stored as %q", s, b)
		}
		if got, bad := Unescape(string(b[1:len(b)-1]), Stored); bad >= 0 || got != s {
			t.Errorf("%q came back as %q", s, got)
		}
		b = AppendString(nil, s, Foreign)
		var got string
		if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
			t.Fatalf("%q is written as %q: %v", s, b, err)
		}
		var want strings.Builder
		for _, r := range s {
			want.WriteRune(r)
		}
		if got != want.String() || strings.ContainsAny(string(b), "\n\r\x7f\u0085\u2028\u2029") {
			t.Errorf("%q is written as %q", s, b)
		}
	})
}
