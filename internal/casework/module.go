package casework

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is the cases at a hub.
func Module(c PageConfig) role.Module {
	return role.Module{
		Name:       "casework",
		Migrations: []store.Migration{Migration()},
		Consumes: map[string]role.Consumer{
			msg.TopicFinding:   role.On(c.Cases.OnFinding),
			msg.TopicAssessed:  role.On(c.Cases.OnAssessed),
			msg.TopicIndicator: role.On(c.Cases.OnIndicator),
			msg.TopicSighting:  role.On(c.Cases.OnSighting),
		},
		Pages:   func(site *web.Site) { Pages(site, c) },
		API:     func(a *api.API) { API(a, c) },
		Nav:     []web.NavItem{{Key: "cases", Path: "/cases", Text: i18n.T("Cases", "事案"), Icon: "cases", Letter: "c"}},
		Finders: []search.Finder{Finder(c.DB)},
	}
}
