package hub

import (
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/store"
)

// caseMark reads for severity what it needs of a case.
func caseMark(tx *store.Tx, id string) (severity.CaseMark, error) {
	c, err := casework.Get(tx, id)
	return severity.CaseMark{Handling: c.Handling, Realm: c.Realm, Level: c.Level, Sectors: c.Sectors,
		Tactics: c.Tactics, Members: c.Members}, err
}
