package finding

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Finder searches the findings.
func Finder(db *store.DB) search.Finder {
	find := func(tx *store.Tx, q string, limit int) (out []search.Hit, err error) {
		p, err := List(tx, list.Ask{Values: map[string]string{"q": q}, Limit: limit})
		for _, f := range p.Rows {
			out = append(out, search.Hit{Path: web.Path("/findings/{0}", f.ID), Title: web.Defang(f.Rule.Title),
				Note: web.Run{web.Level(f.Rule.Level), f.Host}})
		}
		return out, err
	}
	return search.InStore(db, i18n.T("Findings", "検知"), "/findings", find)
}
