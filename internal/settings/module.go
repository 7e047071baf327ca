package settings

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
)

// Module is signing in and the settings, at a hub or at a node.
func Module(c PageConfig) role.Module {
	return role.Module{
		Name:  "settings",
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{
			{Key: "settings", Path: "/settings", Text: i18n.T("Settings", "設定"), Icon: "settings", Letter: "e"},
		},
	}
}
