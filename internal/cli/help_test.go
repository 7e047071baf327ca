package cli

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/alecthomas/kong"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
)

// model is the command line, with every command in it.
func model(t testing.TB) *kong.Kong {
	t.Helper()
	k, err := kong.New(&commands{}, kong.Name("meneki"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// nodes gives a command and all below it.
func nodes(n *kong.Node) []*kong.Node {
	out := []*kong.Node{n}
	for _, c := range n.Children {
		out = append(out, nodes(c)...)
	}
	return out
}

// flawed says what is wrong with a text of help: terse, in both languages, each in its own form.
func flawed(x i18n.Text) string {
	japanese := strings.ContainsFunc(x.JA, func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
	})
	switch {
	case x.EN == "":
		return "there is no English"
	case !japanese:
		return "there is no Japanese"
	case !strings.HasSuffix(x.EN, "."):
		return "the English does not end with a full stop"
	case strings.HasSuffix(x.JA, "。") || strings.Contains(x.JA, "です") || strings.Contains(x.JA, "ます") ||
		strings.Contains(x.JA, "ください"):
		return "the Japanese of help is 体言止め, without a full stop at its end"
	}
	return ""
}

// Every command, flag and argument that can be seen says in both languages what
// it is, and names its value in both.
func TestHelpInBothLanguages(t *testing.T) {
	for _, n := range nodes(model(t).Model.Node) {
		if n.Hidden {
			continue
		}
		if n.Type != kong.ApplicationNode {
			if why := flawed(nodeHelp(n)); why != "" {
				t.Errorf("%s: %s", n.FullPath(), why)
			}
		}
		if n.Group != nil || n.Detail != "" {
			t.Errorf("%s: the page of help shows neither groups nor details", n.FullPath())
		}
		values := append([]*kong.Value{}, n.Positional...)
		for _, f := range n.Flags {
			if f.Group != nil {
				t.Errorf("%s --%s: the page of help shows no groups", n.FullPath(), f.Name)
			}
			if !f.Hidden {
				values = append(values, f.Value)
			}
		}
		for _, v := range values {
			at := n.FullPath() + " " + v.ShortSummary()
			if why := flawed(i18n.Text{EN: valueHelp(v).EN, JA: valueHelp(v).JA}); why != "" {
				t.Errorf("%s: %s", at, why)
			}
			if v.Flag != nil && v.IsBool() {
				continue
			}
			if v.Tag.Get("jaholder") == "" {
				t.Errorf("%s: jaholder:\"…\" is missing: what its value is called in Japanese", at)
			}
			if v.Flag != nil && v.Flag.PlaceHolder == "" {
				t.Errorf("%s: placeholder:\"…\" is missing", at)
			}
			if x := valueHelp(v); v.Enum != "" {
				for _, e := range v.EnumSlice() {
					if !strings.Contains(x.EN, e) || !strings.Contains(x.JA, e) {
						t.Errorf("%s: %s is possible, and help does not say so in both languages", at, e)
					}
				}
			}
		}
	}
}

// What help names stands in both languages: no flag, file or value is lost in one.
func TestHelpNamesTheSameThings(t *testing.T) {
	name := regexp.MustCompile(`--[a-z][a-z-]+|\$?[A-Z][A-Z_]{3,}\b|\.[a-z]{2,4}\b|\d+`)
	for _, n := range nodes(model(t).Model.Node) {
		texts := map[string]i18n.Text{n.FullPath(): nodeHelp(n)}
		for _, v := range append(n.Positional, n.Values()...) {
			texts[n.FullPath()+" "+v.ShortSummary()] = valueHelp(v)
		}
		for at, x := range texts {
			for _, w := range name.FindAllString(x.EN, -1) {
				if !strings.Contains(x.JA, w) && w != "PATH" && w != "RECORD" {
					t.Errorf("%s: the Japanese does not name %s", at, w)
				}
			}
			for _, w := range name.FindAllString(x.JA, -1) {
				if !strings.Contains(x.EN, w) && !(w == "2" && strings.Contains(x.EN, "second")) &&
					!(w == "1" || w == "3" || w == "0") {
					t.Errorf("%s: the English does not name %s", at, w)
				}
			}
		}
	}
}

// printed is a page of help.
func printed(t *testing.T, l i18n.Lang, width int, n *kong.Node) string {
	t.Helper()
	var out bytes.Buffer
	page{w: &out, lang: l, width: width, paint: paint(false)}.print(n)
	return out.String()
}

// No line is longer than the screen, and what belongs together stays together.
func TestHelpFitsTheScreen(t *testing.T) {
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		for _, width := range []int{narrowestPage, 40, 62, 80, 100, widestPage} {
			for _, n := range nodes(model(t).Model.Node) {
				text := printed(t, l, width, n)
				for _, line := range strings.Split(text, "\n") {
					if columns(line) > width || strings.TrimRight(line, " ") != line {
						t.Errorf("%s, %s, %d cells: %q", n.FullPath(), l, width, line)
					}
					if first := []rune(strings.TrimLeft(line, " ")); width >= 40 && len(first) > 0 &&
						first[0] > unicode.MaxLatin1 && strings.ContainsRune(neverFirst, first[0]) {
						t.Errorf("%s, %s, %d cells: a line begins with %c: %q", n.FullPath(), l, width, first[0], line)
					}
				}
			}
		}
	}
}

// Texts that stand beside their flags begin in the same cell.
func TestHelpIsAligned(t *testing.T) {
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		for _, n := range nodes(model(t).Model.Node) {
			at := 0
			for _, line := range strings.Split(printed(t, l, 80, n), "\n") {
				if !strings.HasPrefix(line, "      --") && !strings.HasPrefix(line, "  -") {
					continue
				}
				flag := strings.TrimLeft(line, " ")
				left := columns(line) - columns(flag)
				if _, text, ok := strings.Cut(flag, "  "); ok {
					begins := left + columns(flag) - columns(strings.TrimLeft(text, " "))
					if at != 0 && begins != at {
						t.Errorf("%s, %s: a text begins at %d and not at %d: %q", n.FullPath(), l, begins, at, line)
					}
					at = begins
				}
			}
		}
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two three", 7, "one two|three"},
		{"ルールを読み込み、拒否したものを表示", 14, "ルールを|読み込み、|拒否したものを|表示"},
		{"保存するフォルダー", 10, "保存する|フォルダー"},
		{"データの取り込み先を指定", 12, "データの|取り込み先を|指定"},
		{"期限は 24 時間", 8, "期限は|24 時間"},
		{"ハブの URL を指定", 11, "ハブの|URL を指定"},
		{"一覧（CSV、JSON）", 10, "一覧|（CSV、|JSON）"},
		{"フォルダーーー", 10, "フォル|ダーーー"},
		{"abcdefghij", 4, "abcd|efgh|ij"},
	} {
		if got := strings.Join(wrapped(c.text, c.width), "|"); got != c.want {
			t.Errorf("wrapped(%q, %d) = %s, want %s", c.text, c.width, got, c.want)
		}
	}
}

// Whatever the text and the width: nothing is lost, and nothing sticks out.
func TestWrappedKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab. 、（）ルールのをーァア0-")), 0, 60, -1).Draw(t, "text")
		width := rapid.IntRange(0, 30).Draw(t, "width")
		lines := wrapped(text, width)
		for _, l := range lines {
			if columns(l) > max(width, 4) {
				t.Errorf("%q has %d cells", l, columns(l))
			}
		}
		bare := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := bare(strings.Join(lines, "")); got != bare(text) {
			t.Errorf("%q became %q", text, lines)
		}
	})
}

func TestPageWidth(t *testing.T) {
	for columns, want := range map[string]int{"": 80, "40": 40, "80": 80, "120": 120, "500": widestPage,
		"3": narrowestPage, "0": 80, "-1": 80, "wide": 80} {
		t.Setenv("COLUMNS", columns)
		if got := pageWidth(io.Discard); got != want {
			t.Errorf("COLUMNS=%s: %d, want %d", columns, got, want)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	t.Setenv("COLUMNS", "")
	if got := pageWidth(w); got != 80 {
		t.Errorf("a pipe is %d wide", got)
	}
}
