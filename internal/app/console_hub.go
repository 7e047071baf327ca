package app

import (
	"context"

	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/incident"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/situation"
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
		Paced: func(v policy.Viewer) bool { return !v.Hub }, // when others are busy is theirs and the hub's
		Nav:   []web.NavItem{navSituation, navFindings, navCases, navIndicators, navMembers, navPooled, navCoverage, navSettings}}, h.people, h.secure(), open, h.cfg.Log)
	cases, err := h.caseView()
	if err != nil {
		return nil, err
	}
	incident.Pages(c.site, cases)
	incident.API(c.api, cases)
	community.Pages(c.site, h.membersView())
	community.API(c.api, h.membersView())
	c.site.Templates(share.Templates())
	shared := share.HubPageConfig{DB: h.db, Office: h.office, MemberName: h.memberName, Members: h.memberDots, CaseNumber: caseNumber, FindingTitle: findingTitle}
	share.HubPages(c.site, shared)
	share.HubAPI(c.api, shared)
	c.site.Templates(detect.Templates())
	found := detect.PageConfig{DB: h.db, Hub: true, MemberName: h.memberName, CaseOf: caseOf}
	detect.Pages(c.site, found)
	detect.API(c.api, found)
	h.ruleConsole(c)
	situation.Pages(c.site, h.situationView())
	situation.API(c.api, h.situationView())
	c.site.Templates(search.Templates())
	search.Pages(c.site, search.PageConfig{Finders: []search.Finder{findIndicators(h.db), findFindings(h.db), findCases(h.db), h.findMembers()}})
	h.figures(c)
	own := settings.PageConfig{People: h.people, Clock: h.cfg.Clock, Secure: h.secure(), Open: h.cfg.Open, Version: Version, Link: func(token string) string { return signInLink(h.URL(), token) }, Notices: notices()}
	settings.Pages(c.site, own)
	settings.API(c.api, own)
	return c, nil
}

// figures adds the hub's numbers for Prometheus.
func (h *Hub) figures(c *console) {
	c.metrics.house = func(v policy.Viewer) bool { return v.Hub }
	c.metrics.gauge("meneki_members_online", "Members whose node is connected.", func(context.Context) float64 { return float64(len(h.members.OnlineMembers())) })
	c.metrics.gauge("meneki_outbox_pending", "Messages that are not published yet, up to 1000.", func(ctx context.Context) float64 {
		rows, err := h.db.Pending(ctx, 1000)
		if err != nil {
			return -1
		}
		return float64(len(rows))
	})
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
