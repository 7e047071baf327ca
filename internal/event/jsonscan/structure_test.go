package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Ordinary finds the first byte that means something in a string, wherever it
// is among the eight that are looked at together.
func TestOrdinary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte("ab\"\\\n\x00\x01\x0b\x21\x23\x5b\x5d\xff\x80\xa2\xdc\x8a")), 0,
			40).Draw(t, "b")
		want := bytes.IndexAny(b, "\"\\\n")
		if want < 0 {
			want = len(b)
		}
		if got := Ordinary(b); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	})
}

// What is JSON ends where it ends, however it is nested.
func FuzzStructure(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"\\\"\/"]}`, `[]`, ` {"a" : 1 } x`, `12 `, `"a`,
		`{"a":}`, `[[[[1]]]]`,
		"\"a\nb\"", `{"a"}`, `}`, `[1 2]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return // more lenient: the spelling of numbers and words is not looked at
		}
		want := len(strings.TrimRight(text, " \t\r\n"))
		s := Structure{MaxDepth: 10_000}
		for i := range len(text) {
			switch step := s.Next(text[i]); {
			case step == Done && i+1 == want, step == Before && i == want:
				return
			case step != More:
				t.Fatalf("%q: %d at %d, the value ends at %d", text, step, i, want)
			}
		}
		if !s.InWord() {
			t.Fatalf("%q goes on", text)
		}
	})
}

// Depth and line breaks are as they were asked for.
func TestStructureBounds(t *testing.T) {
	walk := func(s Structure, text string) (Step, bool) {
		for i := range len(text) {
			if step := s.Next(text[i]); step != More {
				return step, s.TooDeep()
			}
		}
		return More, s.TooDeep()
	}
	for _, c := range []struct {
		s    Structure
		text string
		step Step
		deep bool
	}{
		{Structure{MaxDepth: 2}, `[[1]]`, Done, false},
		{Structure{MaxDepth: 2}, `[[["]"]]]`, Done, true},
		{Structure{MaxDepth: 2}, "[\"a\n\"]", Broken, false},
		{Structure{MaxDepth: 2, Lines: true}, "[\"a\n\\\n\"]", Done, false},
	} {
		if step, deep := walk(c.s, c.text); step != c.step || deep != c.deep {
			t.Errorf("%q: %d, too deep %v", c.text, step, deep)
		}
	}
	s := Structure{MaxDepth: 2}
	s.Resume(2)
	if step, _ := walk(s, `,"a":1}}`); step != Done {
		t.Errorf("two objects that were open did not end: %d", step)
	}
}
