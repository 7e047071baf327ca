// Package samples holds meneki's own sample rules and recorded events: what the
// demo plays, and what tests and measurements start from.
package samples

import (
	"embed"
	"io/fs"

	"github.com/meneki/meneki/sigma"
)

//go:embed rules events
var files embed.FS

// Files returns the samples: Sigma rules in rules, recorded events in events.
func Files() fs.FS { return files }

// Rules returns the sample rules.
func Rules() (*sigma.Set, error) { return sigma.Load(files, "rules") }
