package list

import (
	"strings"

	"github.com/meneki/meneki/internal/store"
)

// Contains returns the condition that a column whose texts were written by
// store.Fold has every word of what somebody typed.
func Contains(column, typed string) Cond {
	var conds []Cond
	// Not LIKE: what people type holds % and _ as they mean them.
	for _, word := range WordsOf(typed) {
		conds = append(conds, Where("replace("+column+", ?, '') <> "+column, word))
	}
	return All(conds...)
}

// Holds is Contains for a text in memory, folded or not.
func Holds(text, typed string) bool {
	text = store.Fold(text)
	for _, word := range WordsOf(typed) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// maxWords bounds how many words of one search are looked for.
const maxWords = 16

// WordsOf returns what is looked for when somebody types a text, folded.
func WordsOf(typed string) []string {
	w := strings.Fields(store.Fold(typed))
	return w[:min(len(w), maxWords)]
}
