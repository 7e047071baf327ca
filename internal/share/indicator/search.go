package indicator

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Finder searches the indicators.
func Finder(db *store.DB) search.Finder {
	return search.Finder{Name: i18n.T("Indicators", "指標"), All: "/indicators", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			p, err := List(tx, list.Ask{Values: map[string]string{"q": q}, Limit: limit})
			out = out[:0]
			for _, o := range p.Rows {
				out = append(out, search.Hit{Path: web.Path("/indicators/{0}", o.ID), Title: web.Defang(o.Name), Note: o.Handling.TLP})
			}
			return err
		})
		return out, err
	}}
}
