package casework

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is the cases at a hub.
func Module(c PageConfig) role.Module {
	page := &c
	return role.Module{
		Name:       "casework",
		Migrations: []store.Migration{Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicFinding:   queue.On(c.Cases.OnFinding),
			msg.TopicAssessed:  queue.On(c.Cases.OnAssessed),
			msg.TopicIndicator: queue.On(c.Cases.OnIndicator),
			msg.TopicSighting:  queue.On(c.Cases.OnSighting),
		},
		Pages:   page.Pages,
		API:     page.API,
		Panels:  []web.Panel{page.findingPanel()},
		Nav:     []web.NavItem{{Key: "cases", Path: "/cases", Text: i18n.T("Cases", "事案"), Icon: "cases", Letter: "c"}},
		Finders: []search.Finder{Finder(c.DB)},
	}
}
