package consent

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is the consultations and consents of a hub.
func Module(s *Service) role.Module {
	slots := map[string]string{"main": "consent/panel"}
	return role.Module{
		Name:       "consent",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		API:        s.api,
		Nav: []web.NavItem{{Key: "consultations", Path: "/consultations", Text: i18n.T("Consult", "相談"), Icon: "note",
			Letter: "a"}},
		Panels: []web.Panel{{Page: "indicator", Slots: slots, Load: s.panel}, {Page: "object", Slots: slots,
			Load: s.panel}},
	}
}
