package casework

import "github.com/meneki/meneki/internal/store"

// Worst gives the cases that are not closed and that the scope may see, the
// most severe first, and how many there are.
func Worst(tx *store.Tx, limit int) ([]Case, int64, error) {
	n, err := Count(tx, Filter{State: "active"})
	if err != nil {
		return nil, 0, err
	}
	list, err := store.Query[Case](tx, `SELECT `+caseColumns+` FROM incidents c WHERE c.state <> 'closed' AND SCOPE(c) ORDER BY c.severity DESC, c.opened DESC, c.id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, 0, err
	}
	return list, n, narrow(tx, list)
}
