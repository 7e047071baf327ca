package store

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxGram bounds a stored word, in bytes; longer ones are cut.
const maxGram = 64

// Bigrams cuts text into the pieces it is searched by. Words of an alphabet are
// pieces as they are, in lower case. Japanese and Chinese writing, which puts no
// space between words, is cut into overlapping pairs of characters, and the last
// character of a run is a piece too, so that every character begins one. Full
// and half width, and composed and decomposed letters, are the same (NFKC).
// Each piece comes once, in the order of its first appearance.
func Bigrams(text string) []string {
	out, _ := grams(text, true)
	return out
}

// grams gives the pieces; without tails, those that a text with the same words
// has for sure. Lone holds the single characters that stand alone in text.
func grams(text string, tails bool) (out, lone []string) {
	seen := map[string]bool{}
	add := func(s string) {
		if len(s) > maxGram {
			s = strings.ToValidUTF8(s[:maxGram], "")
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	text = strings.ToLower(norm.NFKC.String(text))
	var run, latin []rune
	flush := func() {
		if len(latin) > 0 {
			add(string(latin))
		}
		for i := 0; i+1 < len(run); i++ {
			add(string(run[i : i+2]))
		}
		if len(run) > 0 && tails {
			add(string(run[len(run)-1:]))
		}
		if len(run) == 1 && !tails {
			lone = append(lone, string(run))
		}
		run, latin = run[:0], latin[:0]
	}
	for _, r := range text {
		switch {
		case unspaced(r):
			if len(latin) > 0 {
				flush()
			}
			run = append(run, r)
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_':
			if len(run) > 0 {
				flush()
			}
			latin = append(latin, r)
		default:
			flush()
		}
	}
	flush()
	return out, lone
}

// unspaced reports whether r is of a writing that does not part words.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー' || r == '々'
}

// Index makes the thing of the given kind and id findable by the texts, and no
// longer by what it was findable by before. No text removes it.
func (tx *Tx) Index(kind, id string, texts ...string) error {
	if _, err := tx.Exec(`DELETE FROM gram WHERE kind = $1 AND id = $2`, kind, id); err != nil {
		return err
	}
	type row struct {
		Kind string `db:"kind"`
		Gram string `db:"gram"`
		ID   string `db:"id"`
	}
	var rows []row
	for _, g := range Bigrams(strings.Join(texts, "\n")) {
		rows = append(rows, row{kind, g, id})
	}
	return Insert(tx, "gram", rows)
}

// Search is the condition that the column idColumn holds the id of a thing of
// this kind whose texts have every word of query; next is the number of the
// first free placeholder. A query without words is true for everything. The
// condition says nothing about who may see the thing: the statement it is put
// into must have its SCOPE.
func Search(kind, query, idColumn string, next int) (sql string, args []any) {
	words, lone := grams(query, false)
	if len(words) > 64 {
		words = words[:64] // enough to find; a longer query only costs
	}
	if len(lone) > 8 {
		lone = lone[:8]
	}
	var conds []string
	arg := func(v any) string {
		args = append(args, v)
		next++
		return "$" + strconv.Itoa(next-1)
	}
	sub := func(cond string) {
		conds = append(conds, idColumn+" IN (SELECT id FROM gram WHERE kind = "+arg(kind)+" AND "+cond+")")
	}
	for _, w := range words {
		sub("gram = " + arg(w))
	}
	for _, c := range lone {
		// every piece that begins with the character
		r, _ := utf8.DecodeRuneInString(c)
		sub("gram >= " + arg(c) + " AND gram < " + arg(string(r+1)))
	}
	if len(conds) == 0 {
		return "1=1", nil
	}
	return "(" + strings.Join(conds, " AND ") + ")", args
}
