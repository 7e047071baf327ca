// Package inbox takes what the hub sends to a node, has it armed and has the past
// hunted for it. What leaves a node is in package release, what a hub does with
// indicators in package publish, and what both know of one in package indicator.
package inbox

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of replies that have one receipt. It needs that of package
// indicator, and the objects.
func Migration() store.Migration { return store.Migration{Name: "inbox", FS: files} }

// Templates are the node's pages of indicators. They need those of package indicator.
func Templates() fs.FS { return files }
