package detect

import "github.com/meneki/meneki/internal/store"

// Title returns a finding's title as far as tx may see it.
func Title(tx *store.Tx, id string) string {
	f, err := Get(tx, id)
	if err != nil {
		return ""
	}
	return f.Rule.Title
}
