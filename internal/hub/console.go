package hub

import (
	"context"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/web"
)

// hubConsole puts the pages and the API of every capability on the hub's port
// and lends each what it needs of the others.
func hubConsole(h *Hub) (*role.Console, error) {
	var open *policy.Viewer
	if h.cfg.Open {
		v := openViewer()
		open = &v
	}
	c := role.NewConsole(web.Config{Clock: h.cfg.Clock, Title: i18n.Same("meneki"), Place: i18n.Same(h.cfg.Name), Realm: h.cfg.Realm, Zone: h.cfg.Zone, Lang: h.cfg.Lang,
		Paced: func(v policy.Viewer) bool { return !v.Hub }, // when others are busy is theirs and the hub's
		Nav:   []web.NavItem{role.NavSituation, role.NavFindings, role.NavCases, role.NavIndicators, role.NavMembers, role.NavPooled, role.NavCoverage, role.NavSettings}}, h.people, h.secure(), open, h.cfg.Log)
	cases, err := h.caseView()
	if err != nil {
		return nil, err
	}
	casework.Pages(c.Site, cases)
	casework.API(c.API, cases)
	community.Pages(c.Site, h.membersView())
	community.API(c.API, h.membersView())
	c.Site.Templates(share.Templates())
	shared := share.HubPageConfig{DB: h.db, Office: h.office, MemberName: h.memberName, Members: h.memberDots, CaseNumber: casework.Number, FindingTitle: finding.Title}
	share.HubPages(c.Site, shared)
	share.HubAPI(c.API, shared)
	c.Site.Templates(detect.Templates())
	found := finding.PageConfig{DB: h.db, Hub: true, MemberName: h.memberName, CaseOf: casework.OfFinding}
	finding.Pages(c.Site, found)
	finding.API(c.API, found)
	h.ruleConsole(c)
	situation.Pages(c.Site, h.situationView())
	situation.API(c.API, h.situationView())
	c.Site.Templates(search.Templates())
	search.Pages(c.Site, search.PageConfig{Finders: []search.Finder{share.Finder(h.db), finding.Finder(h.db), casework.Finder(h.db), h.findMembers()}})
	h.figures(c)
	own := settings.PageConfig{People: h.people, Clock: h.cfg.Clock, Secure: h.secure(), Open: h.cfg.Open, Version: role.Version, Link: func(token string) string { return role.SignInLink(h.URL(), token) }, Notices: settings.Notices()}
	settings.Pages(c.Site, own)
	settings.API(c.API, own)
	return c, nil
}

// figures adds the hub's numbers for Prometheus.
func (h *Hub) figures(c *role.Console) {
	c.Metrics.Readers = func(v policy.Viewer) bool { return v.Hub }
	c.Metrics.Gauge("meneki_members_online", "Members whose node is connected.", func(context.Context) float64 { return float64(len(h.members.OnlineMembers())) })
	backlog := func(name, help string, value func(queue.Backlog) float64) {
		c.Metrics.Gauges(name, help, "consumer", func(ctx context.Context) map[string]float64 {
			list, err := h.queue.Backlogs(ctx)
			if err != nil {
				return nil
			}
			out := make(map[string]float64, len(list))
			for _, b := range list {
				out[b.Consumer] = value(b)
			}
			return out
		})
	}
	backlog("meneki_queue_waiting", "Messages that a consumer has not handled yet.",
		func(b queue.Backlog) float64 { return float64(b.Waiting) })
	backlog("meneki_queue_oldest_seconds", "How long the oldest of them has waited.",
		func(b queue.Backlog) float64 { return b.Age(h.db.Now()).Seconds() })
	backlog("meneki_queue_set_aside", "Messages that a consumer could not handle and that were set aside.",
		func(b queue.Backlog) float64 { return float64(b.Aside) })
}

// memberName gives a member's name, or "" if it is unknown.
func (h *Hub) memberName(ctx context.Context, id string) string {
	m, _ := h.member(ctx, id)
	return m.Name
}
