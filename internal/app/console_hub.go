package app

import (
	"context"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/incident"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// hubConsole puts the pages and the API of every capability on the hub's port
// and lends each what it needs of the others.
func hubConsole(h *Hub) (*console, error) {
	var open *policy.Viewer
	if h.cfg.Open {
		v := deskViewer()
		open = &v
	}
	c := newConsole(web.Config{Clock: h.cfg.Clock, Title: i18n.Same("meneki"), Place: i18n.Same(h.cfg.Name), Realm: h.cfg.Realm, Zone: h.cfg.Zone, Lang: h.cfg.Lang,
		Nav: []web.NavItem{navSituation, navFindings, navCases, navIndicators, navMembers, navSettings}}, h.people, h.secure(), open, h.cfg.Log)
	c.site.Templates(detect.Templates())
	found := detect.PageConfig{DB: h.db, Hub: true, MemberName: h.memberName, CaseOf: caseOf}
	detect.Pages(c.site, found)
	detect.API(c.api, found)
	return c, nil
}

// memberName gives a member's name, or "" if it is unknown.
func (h *Hub) memberName(ctx context.Context, id string) string {
	m, _ := h.member(ctx, id)
	return m.Name
}

// caseOf gives the case that a finding is in, as far as tx may see it.
func caseOf(tx *store.Tx, finding string) (id, number string, ok bool) {
	c, err := incident.CaseOf(tx, finding)
	return c.ID, c.Number, err == nil
}
