package i18n

import "testing"

func TestWith(t *testing.T) {
	got := T("{0} of {1}", "{1} のうち {0}").With("{1}", T("two", "二"))
	if got.EN != "{1} of two" || got.JA != "二 のうち {1}" {
		t.Errorf("%q", got)
	}
}

func TestParse(t *testing.T) {
	for tag, want := range map[string]Lang{"ja-JP": JA, "JA": JA, "en-GB": EN, " en ": EN, "fr": "", "": ""} {
		if got, ok := Parse(tag); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", tag, got, ok)
		}
	}
}
