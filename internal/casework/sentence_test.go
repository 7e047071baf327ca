package casework

import (
	"strconv"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/i18n"
)

// Every sentence is there in both languages and takes all its arguments.
func TestSentences(t *testing.T) {
	quote := func(s string) string { return "<" + s + ">" }
	for says, s := range sentences() {
		var args []string
		for i := range s.args {
			for _, try := range []string{"given" + strconv.Itoa(i), strconv.Itoa(40 + i), "host", string(Contained)} {
				if _, ok := s.args[i](try, quote); ok {
					args = append(args, try)
					break
				}
			}
		}
		if len(args) != len(s.args) {
			t.Errorf("%s: an argument takes nothing", says)
			continue
		}
		got := Entry{Says: says, Args: args}.Text(quote)
		for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			text := got.In(l)
			if text == "" || strings.ContainsAny(text, "{}") || strings.Contains(text, "cannot read") {
				t.Errorf("%s in %s: %q", says, l, text)
			}
			for i, a := range args {
				v, _ := s.args[i](a, quote)
				shown, isText := v.(i18n.Text)
				if !isText {
					shown = i18n.T("{0}", "{0}").With(v)
				}
				if !strings.Contains(text, shown.In(l)) {
					t.Errorf("%s in %s: %q does not say %q", says, l, text, shown.In(l))
				}
			}
		}
		if says != saysNote && says != saysMadeIndicator && got.EN == got.JA {
			t.Errorf("%s is the same in both languages", says)
		}
	}
}

// An entry that is not understood says so, with its code, and nothing else.
func TestUnknownSentence(t *testing.T) {
	for _, e := range []Entry{
		{Says: "of.tomorrow", Args: []string{"x"}},
		{Says: saysSeverity, Args: []string{"1", "2"}},
		{Says: saysSeverity, Args: []string{"1", "2", "three"}},
		{Says: saysState, Args: []string{"frozen"}},
		{Says: saysJoined, Args: []string{"title", "because"}},
	} {
		got := e.Text(strings.ToUpper)
		if !strings.Contains(got.EN, "cannot read: "+e.Says) || !strings.Contains(got.JA, e.Says) {
			t.Errorf("%s: %q", e.Says, got)
		}
	}
}
