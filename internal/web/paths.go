package web

import (
	"slices"
	"strings"
)

// Paths lists the paths of the pages, for the tests that hold the documents to
// what exists: "/", "/cases", "/cases/{number}". Assets and streams are left out.
func (s *Site) Paths() []string {
	var out []string
	for p := range s.patterns {
		path, ok := strings.CutPrefix(p, "GET ")
		if !ok || strings.HasPrefix(path, "/assets/") || path == "/live" || path == "/favicon.ico" {
			continue
		}
		out = append(out, strings.TrimSuffix(path, "{$}"))
	}
	slices.Sort(out)
	return out
}

// Actions lists the paths of the actions, for the tests that hold who may do
// what to what exists.
func (s *Site) Actions() []string {
	var out []string
	for p := range s.patterns {
		if path, ok := strings.CutPrefix(p, "POST "); ok {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}
