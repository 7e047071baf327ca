package cli

import (
	"strings"
	"unicode"
)

// atom is a part of a text that a line is not broken in.
type atom struct {
	text  string
	blank bool // a blank stands before it, unless it begins a line
}

// wrapped breaks a text into lines of at most width cells. English is broken at
// blanks. Japanese has none, so it is broken where a phrase ends: behind
// punctuation, before an opening bracket, and behind a particle or an ending in
// hiragana. What is longer than a line is cut.
func wrapped(text string, width int) []string { return fill(atoms(text), width) }

// fill puts atoms into lines.
func fill(list []atom, width int) []string {
	width = max(width, 4) // two characters of Japanese
	var out []string
	line := ""
	for _, a := range list {
		text := a.text
		if line != "" && a.blank {
			text = " " + text
		}
		if columns(line)+columns(text) <= width {
			line += text
			continue
		}
		if line != "" {
			out = append(out, line)
		}
		for line = a.text; columns(line) > width; {
			at := cut(line, width)
			out = append(out, strings.TrimRight(line[:at], " "))
			line = line[at:]
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// cut gives where to cut what is too long for a line.
func cut(s string, width int) int {
	at, used, kept := 0, 0, 0
	for i, r := range s {
		if used > 0 && !strings.ContainsRune(neverFirst, r) {
			at = i // here it may be cut
		}
		if used += columns(string(r)); used > width {
			break
		}
		kept = i + len(string(r))
	}
	if at == 0 || at > kept {
		return kept
	}
	return at
}

// atoms takes a text apart where a line may end.
func atoms(text string) []atom {
	var out []atom
	r := []rune(strings.Join(strings.Fields(text), " "))
	begin, blank := 0, false
	for i := 1; i < len(r); i++ {
		switch {
		case r[i] == ' ' && partsAtBlank(r, i):
			out = append(out, atom{string(r[begin:i]), blank})
			begin, blank = i+1, true
		case r[i] != ' ' && i > begin && parts(r, i):
			out = append(out, atom{string(r[begin:i]), blank})
			begin, blank = i, false
		}
	}
	if begin < len(r) {
		out = append(out, atom{string(r[begin:]), blank})
	}
	return out
}

// What does not begin a line, and what does not end one (JIS X 4051).
const (
	neverFirst = ".,:;!?)]}、。，．・：；？！）〕］｝〉》」』】ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々～…"
	neverLast  = "（〔［｛〈《「『【"
)

// particles end a phrase even where they are a single character between kanji;
// any other is the middle of a word there, as in 取り込み.
const particles = "のをにはがとでもへや"

// partsAtBlank reports whether a line may end at the blank r[i]. A particle does
// not leave the word that it follows, and a number not what it counts.
func partsAtBlank(r []rune, i int) bool {
	if i+1 >= len(r) {
		return false
	}
	return !unicode.Is(unicode.Hiragana, r[i+1]) && !(unicode.IsDigit(r[i-1]) && ideograph(r[i+1]))
}

// parts reports whether a line may end between r[i-1] and r[i], where no blank is.
func parts(r []rune, i int) bool {
	a, b := r[i-1], r[i]
	switch {
	case a == ' ' || strings.ContainsRune(neverFirst, b) || strings.ContainsRune(neverLast, a):
		return false
	case strings.ContainsRune("、。，．：；？！）〕］｝〉》」』】", a) || strings.ContainsRune(neverLast, b):
		return true
	case !unicode.Is(unicode.Hiragana, a) || unicode.Is(unicode.Hiragana, b):
		return false
	case i >= 2 && unicode.Is(unicode.Hiragana, r[i-2]):
		return true
	}
	return strings.ContainsRune(particles, a)
}

func ideograph(r rune) bool { return unicode.In(r, unicode.Han, unicode.Katakana) }
