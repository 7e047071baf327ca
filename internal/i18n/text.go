// Package i18n holds meneki's one way to say something to a person: a Text is
// the same sentence in English and in Japanese, written side by side where it
// is used. A Text cannot be made with one language missing, and a test at the
// repository root walks every call and every template to keep it so.
package i18n

import (
	"fmt"
	"regexp"
	"strings"
)

// Lang is a language that meneki speaks, as a BCP 47 tag.
type Lang string

// The languages that every text exists in.
const (
	JA Lang = "ja"
	EN Lang = "en"
)

// Text is one message in both languages. The zero Text is empty.
type Text struct{ EN, JA string }

// T makes a Text. Both languages are always given; where a word is the same in
// both (a product name, an acronym), it is written twice.
func T(en, ja string) Text { return Text{EN: en, JA: ja} }

// Same makes a Text of a word that is no prose: a name, a code, a number.
func Same(s string) Text { return Text{EN: s, JA: s} }

// In returns the text in l; an unknown language reads English.
func (t Text) In(l Lang) string {
	if l == JA {
		return t.JA
	}
	return t.EN
}

// Zero reports whether nothing is said.
func (t Text) Zero() bool { return t.EN == "" && t.JA == "" }

// With fills numbered holes, {0} {1} …, in both languages, so that the two may
// put their arguments in a different order. An argument that is itself a Text
// is put in by language. {0:member|members} is the first word where argument 0
// is one, else the second: "sent to {0} {0:member|members}".
func (t Text) With(args ...any) Text {
	fill := func(s string, l Lang) string {
		s = Plural(s, args)
		pairs := make([]string, 0, 2*len(args))
		for i, a := range args {
			v := ""
			if in, ok := a.(Text); ok {
				v = in.In(l)
			} else {
				v = fmt.Sprint(a)
			}
			pairs = append(pairs, fmt.Sprintf("{%d}", i), v)
		}
		// In one pass: an argument that holds {1} stays as it is.
		return strings.NewReplacer(pairs...).Replace(s)
	}
	return Text{EN: fill(t.EN, EN), JA: fill(t.JA, JA)}
}

var choice = regexp.MustCompile(`\{(\d):([^{}|]*)\|([^{}|]*)\}`)

// Plural chooses between the words of {0:one|many} in s by the argument that the
// number in front names. It looks at s alone, never into an argument.
func Plural(s string, args []any) string {
	if !strings.Contains(s, "|") {
		return s
	}
	return choice.ReplaceAllStringFunc(s, func(hole string) string {
		m := choice.FindStringSubmatch(hole)
		if i := int(m[1][0] - '0'); i < len(args) && fmt.Sprint(args[i]) == "1" {
			return m[2]
		}
		return m[3]
	})
}

// Parse reads a language tag; anything that is not Japanese or English gives ok=false.
func Parse(tag string) (l Lang, ok bool) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	switch base {
	case "ja":
		return JA, true
	case "en":
		return EN, true
	}
	return "", false
}
