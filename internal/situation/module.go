package situation

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

func nav() []web.NavItem {
	return []web.NavItem{{Key: "situation", Path: "/", Text: i18n.T("Situation", "状況"), Icon: "situation", Letter: "s"}}
}

// HubModule is the situation as the hub sees it.
func HubModule(t *Tracker, c PageConfig) role.Module {
	return role.Module{
		Name:       "situation",
		Migrations: []store.Migration{Migration()},
		Consumes: map[string]role.Consumer{
			msg.TopicCase:      role.On(t.OnCase),
			msg.TopicAssessed:  role.On(t.OnAssessed),
			msg.TopicIndicator: role.On(t.OnIndicator),
			msg.TopicReceipt:   role.On(t.OnReceipt),
			msg.TopicSighting:  role.On(t.OnSighting),
		},
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Nav:   nav(),
	}
}

// NodeModule is the situation at a node.
func NodeModule(c NodeConfig) role.Module {
	return role.Module{Name: "situation", Pages: func(site *web.Site) { NodePages(site, c) }, Nav: nav()}
}
