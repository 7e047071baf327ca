// Package inbox takes what the hub sends to a node, has it armed and has the past
// hunted for it. What leaves a node is in package release, what a hub does with
// indicators in package publish, and what both know of one in package indicator.
package inbox

import (
	"embed"
	"io/fs"
)

//go:embed templates
var files embed.FS

// Templates are the node's pages of indicators. They need those of package indicator.
func Templates() fs.FS { return files }
