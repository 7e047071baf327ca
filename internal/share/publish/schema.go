package publish

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the hub's tables of offers and of what members reported. It
// needs that of package indicator.
func Migration() store.Migration { return store.Migration{Name: "publish", FS: files} }

// Templates are the hub's pages of indicators. They need those of package indicator.
func Templates() fs.FS { return files }
