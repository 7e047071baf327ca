package aside

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
)

// Module is what consumers of the queue could not handle.
func Module(c PageConfig) role.Module {
	return role.Module{
		Name:  "set-aside",
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Tabs:  []web.MoreTab{Tab()},
	}
}
