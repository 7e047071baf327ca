package i18n_test

import (
	"testing"

	"github.com/meneki/meneki/internal/i18n"
)

// A count of one reads as one, also where it comes as another type of number,
// and what an argument holds is never read as a choice.
func TestPlural(t *testing.T) {
	text := i18n.T("sent to {0} {0:member|members}", "{0} 構成員へ送信")
	for _, c := range []struct {
		arg any
		en  string
	}{{0, "sent to 0 members"}, {1, "sent to 1 member"}, {int64(1), "sent to 1 member"}, {"1", "sent to 1 member"}, {21,
		"sent to 21 members"}, {"{0:a|b}", "sent to {0:a|b} members"}} {
		if got := text.With(c.arg).EN; got != c.en {
			t.Errorf("%v: %q, want %q", c.arg, got, c.en)
		}
	}
	if got := text.With(1).JA; got != "1 構成員へ送信" {
		t.Errorf("%q", got)
	}
	if got := i18n.T("{0:a|b} {7:c|d}", "").With(1).EN; got != "a d" {
		t.Errorf("%q", got)
	}
}
