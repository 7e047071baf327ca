package severity

import (
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is the assessments of cases at a hub.
func Module(s *Service, users Users) role.Module {
	p := &pages{s, users}
	return role.Module{
		Name:       "severity",
		Migrations: []store.Migration{Migration()},
		Consumes:   map[string]queue.Handler{msg.TopicCase: queue.On(s.OnCaseChanged)},
		Pages:      p.addTo,
		Panels:     []web.Panel{p.panel()},
	}
}
