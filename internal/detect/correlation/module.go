package correlation

import (
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
)

// Module is the pages of correlations, as a node runs them.
func Module(c PageConfig) role.Module {
	return role.Module{Name: "correlation", Pages: func(site *web.Site) { Pages(site, c) }}
}
