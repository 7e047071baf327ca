package store

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Fold returns a text as it is searched: full and half width, composed and
// decomposed letters are the same (NFKC), and so are capitals and small letters.
// What is written into a column that searches look into is folded, and so is
// what they look for.
func Fold(text string) string { return strings.ToLower(norm.NFKC.String(text)) }
