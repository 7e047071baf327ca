package indicator

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Finder searches the indicators.
func Finder(db *store.DB) search.Finder {
	find := func(tx *store.Tx, q string, limit int) (out []search.Hit, err error) {
		p, err := List(tx, list.Ask{Values: map[string]string{"q": q}, Limit: limit})
		for _, o := range p.Rows {
			out = append(
				out,
				search.Hit{Path: web.Path("/indicators/{0}", o.ID), Title: web.Defang(o.Name), Note: o.Handling.TLP},
			)
		}
		return out, err
	}
	return search.InStore(db, i18n.T("Indicators", "指標"), "/indicators", find)
}
