package taxii2

import (
	"embed"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql
var files embed.FS

// Migration is the table of statuses.
func Migration() store.Migration { return store.Migration{Name: "taxii", FS: files} }
