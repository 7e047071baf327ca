package release

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of what a node sends.
func Migration() store.Migration {
	return store.Migration{Name: "release", FS: files, Unguarded: map[string]string{
		"outgoing": "the node's own list of what it sends, which only the member itself reads",
	}}
}

// Templates are the pages of what leaves and of the policy.
func Templates() fs.FS { return files }
