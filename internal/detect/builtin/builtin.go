// Package builtin holds the Sigma rules that come with meneki: for what no
// single event shows. They build on the fields that package principal puts into
// sign-ins, so that they hold for Windows, Linux, VPN, cloud and mail logs
// alike, and follow a person under all names.
package builtin

import (
	"embed"
	"strings"
)

//go:embed meneki-rules/*.yml
var files embed.FS

// Root is the folder in Files that the rules are in.
const Root = "meneki-rules"

// Ours reports whether a rule of this path is one of these.
func Ours(path string) bool { return strings.HasPrefix(path, Root+"/") }

// Files is the rules, as a folder of YAML files.
func Files() embed.FS { return files }
