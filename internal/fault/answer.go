package fault

import (
	"unicode/utf8"

	"github.com/meneki/meneki/internal/i18n"
)

// Answer is a fault on its way between processes of meneki: what anybody may read of
// it. The reader makes the sentence from the code and its arguments; the text in both
// languages is for a code that the reader does not know, and for what has no code. A
// fault that is only its kind has neither. The inner error stays where it happened.
type Answer struct {
	Kind   string   `json:"kind,omitempty"`
	Code   Code     `json:"code,omitempty"`
	Args   []string `json:"args,omitempty"`
	EN     string   `json:"en,omitempty"`
	JA     string   `json:"ja,omitempty"`
	HintEN string   `json:"hint_en,omitempty"`
	HintJA string   `json:"hint_ja,omitempty"`
}

// Bounds of an answer.
const (
	maxAnswerText = 2000 // bytes of one text
	maxAnswerArgs = 4
)

// AnswerOf returns err as an answer.
func AnswerOf(err error) Answer {
	e, ok := As(err)
	if !ok {
		return Answer{Kind: Internal.Label()}
	}
	a := Answer{
		Kind: e.Kind.Label(), EN: clip(e.Text.EN), JA: clip(e.Text.JA), HintEN: clip(e.Hint.EN),
		HintJA: clip(e.Hint.JA),
	}
	if e.Code != "" && len(e.Args) <= maxAnswerArgs {
		a.Code = e.Code
		for _, arg := range e.Args {
			a.Args = append(a.Args, clip(arg))
		}
	}
	return a
}

// IsZero reports whether a is no answer.
func (a Answer) IsZero() bool { return a.Kind == "" }

// Err returns the fault that the answer is. What is not understood of it is Internal.
func (a Answer) Err() error {
	k, _ := ParseKind(a.Kind)
	e := New(k, i18n.Text{EN: clip(a.EN), JA: clip(a.JA)})
	if e.Text.EN == "" || e.Text.JA == "" {
		e.Text = k.Title()
	}
	args := make([]string, min(len(a.Args), maxAnswerArgs))
	for i := range args {
		args[i] = clip(a.Args[i])
	}
	if text, ok := Say(a.Code, args); ok {
		e.Code, e.Args, e.Text, e.Hint = a.Code, args, text, sentences[a.Code].hint
	}
	if e.Hint.Zero() && a.HintEN != "" && a.HintJA != "" {
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
