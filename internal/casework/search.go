package casework

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Finder searches the cases.
func Finder(db *store.DB) search.Finder {
	find := func(tx *store.Tx, q string, limit int) (out []search.Hit, err error) {
		p, err := List(tx, list.Ask{Values: map[string]string{"q": q, "state": "all"}, Limit: limit})
		for _, c := range p.Rows {
			out = append(out, search.Hit{Path: web.Path("/cases/{0}", c.Number),
				Title: c.Number + " " + web.Defang(c.Title), Note: c.Handling.TLP})
		}
		return out, err
	}
	return search.InStore(db, i18n.T("Cases", "事案"), "/cases", find)
}
