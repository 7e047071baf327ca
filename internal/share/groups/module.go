package groups

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is the trust groups at a hub.
func Module(s *Service) role.Module {
	return role.Module{
		Name:       "groups",
		Migrations: []store.Migration{Migration()},
		Consumes:   map[string]queue.Handler{msg.TopicMember: queue.On(s.OnMember)},
		Pages:      s.pages,
		API:        s.api,
		Nav: []web.NavItem{{Key: "groups", Path: "/groups", Text: i18n.T("Groups", "グループ"), Icon: "groups",
			Letter: "t"}},
	}
}
