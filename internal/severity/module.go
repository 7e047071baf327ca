package severity

import (
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
)

// Module is the assessments of cases at a hub.
func Module(s *Service) role.Module {
	return role.Module{
		Name:       "severity",
		Migrations: []store.Migration{Migration()},
		Consumes:   map[string]queue.Handler{msg.TopicCase: queue.On(s.OnCaseChanged)},
	}
}
