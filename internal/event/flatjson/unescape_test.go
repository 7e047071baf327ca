package flatjson

import (
	"testing"

	"github.com/meneki/meneki/internal/event/jsonscan"
)

// unescape says of every text that str lets pass what jsonscan.Unescape does.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{``, `a`, `C:\\Windows\\System32\\cmd.exe`, `\"\\\/\b\f\n\r\t`, `\u00e9\u3042`,
		`\ud83d\ude00`,
		`\ud83d`, `\ude00\ud83d`, `\ud83d\u0041`, `\u0000`, `1234567\u00e98901234\\`, "日本語\\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := scanner{line: append([]byte(text), '"')}
		if end, _, _ := s.str(0); end != len(text) {
			return
		}
		want, bad := jsonscan.Unescape(text, jsonscan.Foreign)
		if got := unescape([]byte("kept"), []byte(text)); bad >= 0 || string(got[4:]) != want {
			t.Errorf("%q: %q, want %q (%d)", text, got, want, bad)
		}
	})
}
