package feeds

import (
	"embed"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql
var tables embed.FS

// Migration is the tables of the sources.
func Migration() store.Migration { return store.Migration{Name: "feeds", FS: tables} }
