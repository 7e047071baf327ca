// Package share carries what one member learnt to the others. At a node, the
// Gate holds the member's policy on what leaves and the Inbox takes what the
// hub sends, arms it and has the past hunted for it. At the hub, the Office
// makes indicators out of what members offer, decides with policy who may have
// them, delivers them, and keeps who is armed and who has seen what.
package share

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is share's part of the schema, at the hub and at a node.
func Migration() store.Migration {
	return store.Migration{Name: "share", FS: files, Unguarded: map[string]string{
		"leaving": "the node's own list of what it sends, which only the member itself reads",
	}}
}

// Templates are share's pages.
func Templates() fs.FS { return files }
