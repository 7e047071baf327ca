package stix

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestConditions(t *testing.T) {
	p, err := ParsePattern(`([file:name = 'AA' OR process:pid IN (1, 2)] FOLLOWEDBY [NOT EXISTS a:b.c AND ` +
		`network-traffic:protocols[*] NOT LIKE 'x%']) WITHIN 5 SECONDS`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Comparison{{"file", "name", "=", false, TextLiteral, []string{"AA"}},
		{"process", "pid", "IN", false, NumberLiteral, []string{"1", "2"}},
		{"a", "b.c", "EXISTS", true, TextLiteral, nil},
		{"network-traffic", "protocols[*]", "LIKE", true, TextLiteral, []string{"x%"}}}
	if diff := cmp.Diff(want, p.Comparisons()); diff != "" {
		t.Error(diff)
	}
	low := p.Rewrite(func(_ Comparison, v string) string { return strings.ToLower(v) })
	if !strings.Contains(low.String(), "file:name = 'aa'") || !strings.Contains(p.String(), "file:name = 'AA'") ||
		low.Level() != 3 {
		t.Errorf("%s and %s", low, p)
	}
	for text, want := range map[string]bool{"[a:b = 'x' OR a:b = 'y']": true, "[a:b = 'x' AND a:b = 'y']": false,
		"[a:b = 'x'] OR [a:b = 'y']": false, "[a:b LIKE 'x']": true} {
		p, err := ParsePattern(text)
		if err != nil || p.IsDisjunction() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestClues(t *testing.T) {
	for text, want := range map[string][]Prefilter{
		"[a:b = 'Mimi']":                            {{"a", "", "Mimi", true}},
		"[a:b = 'x' AND a:c LIKE '%katz.exe']":      {{"a", "", "x", true}},
		"[a:b != 'x' AND a:c LIKE '%ab_katz.exe%']": {{"a", "", "katz.exe", false}},
		"[a:b IN (4, 5) OR a:c = 'z']":              {{"a", "", "4", true}, {"a", "", "5", true}, {"a", "", "z", true}},
		"[a:b > 4 OR a:c = 'z']":                    {{"a", "", "", false}, {"a", "", "z", true}},
		`[a:b MATCHES '^foo(bar|bazzz)+[0-9]']`:     {{"a", "", "foo", false}},
		`[a:b MATCHES '(bar|bazzz)+[0-9]*']`:        {{"a", "", "ba", false}},
		`[a:b MATCHES '(bar|qazzz)+[0-9]*']`:        {{"a", "", "bar", false}, {"a", "", "qazzz", false}},
		`[a:b MATCHES '(?i)mimikatz']`:              {{"a", "", "mimi", false}},
		`[a:b MATCHES '[0-9]+']`:                    {{"a", "", "", false}},
		"[a:b = 'x'] FOLLOWEDBY [c:d = 'y']":        {{"a", "", "x", true}, {"c", "", "y", true}},
		"[a:b NOT = 'x']":                           {{"a", "", "", false}},
		"[NOT EXISTS a:b]":                          {{"a", "", "", false}},
		"[a:b ISSUBSET '10.0.0.0/8']":               {{"a", "", "", false}},
		"[a:b = '']":                                {{"a", "", "", false}},
		"[a:b = 1.5 OR a:b = true]":                 {{"a", "", "", false}, {"a", "", "", false}},
	} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := p.Prefilters()
		for i := range got {
			if got[i].Text == "" {
				got[i].Whole = false
			}
			got[i].Path = ""
		}
		if text == `[a:b MATCHES '(?i)mimikatz']` && len(got) == 1 && strings.EqualFold(got[0].Text, "mimi") {
			got[0].Text = "mimi"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// Whatever matches holds a clue.
func TestCluesAreNeeded(t *testing.T) {
	letters := []string{"a", "B", "k", "S", "ſ", "K", "é", "e\u0301", "1", "\xff", "\uFFFD", "x"}
	word := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 5).Draw(t, "letters"), "")
	})
	one := rapid.Custom(func(t *rapid.T) string {
		path := rapid.SampledFrom([]string{"o:p", "o:q", "u:p"}).Draw(t, "path")
		text := strings.ToValidUTF8(word.Draw(t, "text"), "")
		switch rapid.IntRange(0, 6).Draw(t, "op") {
		case 0:
			return path + " = '" + text + "'"
		case 1:
			return path + " LIKE '" + text + rapid.SampledFrom([]string{"%", "_", ""}).Draw(t, "wild") + text + "'"
		case 2:
			return path + " MATCHES '" + rapid.SampledFrom([]string{"", "(?i)", "^", "(?i:b|c)+"}).Draw(t, "flag") +
				text + rapid.SampledFrom([]string{"", "?", "+", "*", "|x", "(a|b)"}).Draw(t, "tail") + "'"
		case 3:
			return path + " IN (1, " + strconv.Itoa(rapid.IntRange(-2, 3).Draw(t, "n")) + ")"
		case 4:
			return path + " != '" + text + "'"
		case 5:
			return path + " NOT LIKE '" + text + "%'"
		}
		return "EXISTS " + path
	})
	rapid.Check(t, func(t *rapid.T) {
		src := "[" + one.Draw(t, "one")
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			src += rapid.SampledFrom([]string{" AND ", " OR "}).Draw(t, "join") + one.Draw(t, "next")
		}
		p, err := ParsePattern(src + "]")
		if err != nil || p.Matchable() != nil {
			t.Skip("no pattern")
		}
		value := rapid.OneOf(rapid.Map(word, func(s string) any { return s }),
			rapid.Map(rapid.IntRange(-2, 3), func(n int) any { return n }))
		seen := Observation{}
		for range rapid.IntRange(1, 2).Draw(t, "objects") {
			seen = append(seen,
				map[string]any{"type": rapid.SampledFrom([]string{"o", "u"}).Draw(t, "type"), "p": value.Draw(t, "p"),
					"q": value.Draw(t, "q")})
		}
		ok, err := p.Match(seen)
		if err != nil || !ok {
			return
		}
		for _, c := range p.Prefilters() {
			typ, text := false, c.Text == ""
			for _, o := range seen {
				typ = typ || o["type"] == c.Object
				for _, v := range o {
					s, is := v.(string)
					if n, whole := v.(int); whole {
						s = strconv.Itoa(n)
					}
					text = text || c.Whole && s == c.Text || !c.Whole && is &&
						strings.Contains(asciiLower(norm.NFC.String(s)), asciiLower(c.Text))
				}
			}
			if typ && text {
				return
			}
		}
		t.Fatalf("%s matches %q without any of %+v", src, seen, p.Prefilters())
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.ToValidUTF8(s, "\x00"))
}
