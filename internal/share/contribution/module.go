package contribution

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is what members gave at a hub, and what they earned by that.
func Module(s *Service) role.Module {
	c := pages{s}
	slot := map[string]string{"main": "contribution/panel"}
	return role.Module{
		Name:       "contribution",
		Migrations: []store.Migration{Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicIndicator: queue.On(s.OnIndicator),
			msg.TopicSighting:  queue.On(s.OnSighting),
		},
		Pages: c.addTo,
		API:   c.api,
		Nav: []web.NavItem{{Key: "contribution", Path: "/contribution", Text: i18n.T("Credit", "貢献"),
			Icon: "contribution", Letter: "b"}},
		Panels: []web.Panel{{Page: "indicator", Slots: slot, Load: c.panel}, {Page: "object", Slots: slot,
			Load: c.panel}},
		Jobs: map[string]func(context.Context) error{"renew-contribution": s.Renew},
	}
}
