package object

import (
	"cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Definitions returns the marking definitions of a realm (empty: live) that the scope of tx
// may see. It is to be used while tx runs, and asks for each once.
func Definitions(tx *store.Tx, realm string) marked.Definitions {
	asked := map[string]*stix.Object{}
	return func(id string) *stix.Object {
		if o, ok := asked[id]; ok {
			return o
		}
		asked[id] = nil
		if row, err := Get(tx, cmp.Or(realm, event.Live), id); err == nil {
			asked[id], _ = stix.Parse(row.Body) // what is stored is valid; else it is not known
		}
		return asked[id]
	}
}
