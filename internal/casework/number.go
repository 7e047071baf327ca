package casework

import "github.com/meneki/meneki/internal/store"

// Number returns a case's number as far as tx may see it.
func Number(tx *store.Tx, id string) string {
	c, err := Get(tx, id)
	if err != nil {
		return ""
	}
	return c.Number
}

// OfFinding gives the case that a finding is in, as far as tx may see it.
func OfFinding(tx *store.Tx, finding string) (id, number string, ok bool) {
	c, err := CaseOf(tx, finding)
	return c.ID, c.Number, err == nil
}
