package settings

import (
	"runtime/debug"
)

// Notices names the modules that this program was built with.
func Notices() []Notice {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	out := []Notice{{Name: "Go " + info.GoVersion, Licence: "BSD-3-Clause"}}
	for _, d := range info.Deps {
		out = append(out, Notice{Name: d.Path, Note: d.Version})
	}
	return out
}
