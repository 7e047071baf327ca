package situation

import (
	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
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
		Consumes: map[string]queue.Handler{
			msg.TopicCase:      queue.On(t.OnCase),
			msg.TopicAssessed:  queue.On(t.OnAssessed),
			msg.TopicIndicator: queue.On(t.OnIndicator),
			msg.TopicReceipt:   queue.On(t.OnReceipt),
			msg.TopicSighting:  queue.On(t.OnSighting),
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
