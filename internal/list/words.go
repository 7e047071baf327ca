package list

import (
	"strings"

	"github.com/meneki/meneki/internal/store"
)

// Contains returns the condition that a column whose texts were written by
// store.Fold has every word of what somebody typed.
func Contains(column, typed string) Cond {
	var conds []Cond
	for _, word := range words(typed) {
		conds = append(conds, Where("replace("+column+", ?, '') <> "+column, word))
	}
	return All(conds...)
}

// Holds is Contains for a text in memory, folded or not.
func Holds(text, typed string) bool {
	text = store.Fold(text)
	for _, word := range words(typed) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// maxWords bounds how many words of one search are looked for.
const maxWords = 16

func words(typed string) []string {
	w := strings.Fields(store.Fold(typed))
	return w[:min(len(w), maxWords)]
}
