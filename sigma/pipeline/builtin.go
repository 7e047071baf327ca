package pipeline

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

// The built-in pipelines are our own; where their facts are from stands in each.
//
//go:embed builtin/*.yml
var builtin embed.FS

// Builtins lists the names of the built-in pipelines, sorted.
func Builtins() []string {
	entries, _ := fs.ReadDir(builtin, "builtin")
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yml"))
	}
	slices.Sort(out)
	return out
}

// Builtin returns a built-in pipeline by its name.
func Builtin(name string) (*Pipeline, bool) {
	if !slices.Contains(Builtins(), name) {
		return nil, false
	}
	data, err := builtin.ReadFile("builtin/" + name + ".yml")
	if err != nil {
		return nil, false
	}
	p, err := Parse(name, data)
	return p, err == nil
}
