package fault

import (
	"errors"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/i18n"
)

// Answer is a fault on its way between processes of meneki, in both languages:
// what anybody may read of it. The inner error stays where it happened.
type Answer struct {
	Kind   string `json:"kind"`
	EN     string `json:"en"`
	JA     string `json:"ja"`
	HintEN string `json:"hint_en,omitempty"`
	HintJA string `json:"hint_ja,omitempty"`
}

const maxAnswerText = 2000 // bytes of one text

// AnswerOf returns err as an answer.
func AnswerOf(err error) Answer {
	text, hint := TextOf(err), HintOf(err)
	return Answer{KindOf(err).Label(), clip(text.EN), clip(text.JA), clip(hint.EN), clip(hint.JA)}
}

// Err returns the fault that the answer is. What is not understood of it is Internal.
func (a Answer) Err() error {
	k, _ := ParseKind(a.Kind)
	if a.EN == "" || a.JA == "" {
		return Wrap(k, k.Title(), errors.New("the answer is a fault with no readable text"))
	}
	e := New(k, i18n.Text{EN: clip(a.EN), JA: clip(a.JA)})
	if a.HintEN != "" && a.HintJA != "" {
		e = e.WithHint(i18n.Text{EN: clip(a.HintEN), JA: clip(a.HintJA)})
	}
	return e
}

// clip returns s with at most maxAnswerText bytes, cut at the end of a rune.
func clip(s string) string {
	if len(s) <= maxAnswerText {
		return s
	}
	s = s[:maxAnswerText]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}
