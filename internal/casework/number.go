package casework

import (
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
)

// Number returns a case's number, or "" if tx may not see the case.
func Number(tx *store.Tx, id string) (string, error) {
	c, err := Get(tx, id)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return c.Number, err
}
