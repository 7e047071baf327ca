package hub

import (
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/store"
)

// caseMark lends a case's marking to severity.
func caseMark(tx *store.Tx, id string) (severity.CaseMark, error) {
	c, err := casework.Get(tx, id)
	return severity.CaseMark{Handling: c.Handling, Realm: c.Realm}, err
}
