package app

import (
	"runtime/debug"

	"github.com/meneki/meneki/internal/settings"
)

// notices names the modules that this program was built with.
func notices() []settings.Notice {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	out := []settings.Notice{{Name: "Go " + info.GoVersion, Licence: "BSD-3-Clause"}}
	for _, d := range info.Deps {
		out = append(out, settings.Notice{Name: d.Path, Note: d.Version})
	}
	return out
}
