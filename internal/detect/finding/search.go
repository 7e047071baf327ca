package finding

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Finder searches the findings.
func Finder(db *store.DB) search.Finder {
	return search.Finder{Name: i18n.T("Findings", "検知"), All: "/findings", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			list, err := List(tx, Filter{Text: q}, Cursor{}, limit)
			out = out[:0]
			for _, f := range list {
				out = append(out, search.Hit{Path: web.Path("/findings/{0}", f.ID), Title: web.Defang(f.Rule.Title), Note: web.Run{web.Level(f.Rule.Level), f.Host}})
			}
			return err
		})
		return out, err
	}}
}
