package coverage

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
)

// Module is coverage, as a hub or a node runs it.
func Module(c PageConfig) role.Module {
	return role.Module{
		Name:  "coverage",
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{{Key: "coverage", Path: "/coverage", Text: i18n.T("Coverage", "カバレッジ"),
			Icon: "table", Letter: "o"}},
	}
}
