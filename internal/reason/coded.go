package reason

import (
	"iter"
	"regexp"
	"strings"
	"unicode"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/stix"
)

// ofCodes returns the sentences of the libraries whose tables are by code, for texts
// that are kept in English.
func ofCodes() []entry {
	seen := map[string]bool{}
	for _, e := range shared() {
		seen[e.en] = true
	}
	out := sentences(stix.Reasons(), stixRows, seen)
	return append(out, sentences(evtx.Reasons(), evtxRows, seen)...)
}

var quotedSlot = regexp.MustCompile(`\{([0-9])q\}`)

// sentences returns the rows of a library whose English is not seen yet.
func sentences(formats iter.Seq2[string, string], table rows, seen map[string]bool) (out []entry) {
	for code, en := range formats {
		words := verb.ReplaceAllString(en, "")
		if seen[en] || !strings.ContainsFunc(words, unicode.IsLetter) {
			continue
		}
		seen[en] = true
		ja := quotedSlot.ReplaceAllString(table[code], "{$1}")
		n := 0
		for _, m := range verb.FindAllStringSubmatch(en, -1) {
			if m[1] == "v" { // an argument that is a reason itself
				slot := "{" + string(rune('0'+n))
				ja = strings.ReplaceAll(ja, slot+"}", slot+"~}")
			}
			n++
		}
		out = append(out, entry{en, ja})
	}
	return out
}

// ofLiterals are the literals of patterns as they are named in sentences.
func ofLiterals() []entry {
	return []entry{
		{"a string %s", "文字列 {0}"},
		{"a number %s", "数値 {0}"},
		{"true or false %s", "真偽値 {0}"},
		{"a hex value %s", "16進の値 {0}"},
		{"a binary value %s", "バイナリ値 {0}"},
		{"a timestamp %s", "日時 {0}"},
	}
}
