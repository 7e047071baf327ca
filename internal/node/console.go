package node

import (
	"context"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/web"
)

// nodeConsole puts the pages and the API of a node on its port.
func nodeConsole(n *Node) (*role.Console, error) {
	var open *policy.Viewer
	if n.cfg.Open {
		v := n.home()
		v.User, v.Name, v.Role = "demo", "demo", policy.RoleAdmin
		open = &v
	}
	c := role.NewConsole(web.Config{Clock: n.cfg.Clock, Title: i18n.Same("meneki"), PlaceNow: func() i18n.Text { return i18n.Same(n.Name()) }, Realm: n.cfg.Realm, Zone: n.cfg.Zone, Lang: n.cfg.Lang,
		Nav: []web.NavItem{role.NavSituation, role.NavFindings, role.NavIndicators, role.NavLeaving, role.NavRules, role.NavCoverage, role.NavSettings}}, n.people, !role.Loopback(n.cfg.Listen), open, n.cfg.Log)
	c.Site.Templates(share.Templates())
	desk := share.NodePageConfig{DB: n.db, Gate: n.gate, Changed: func() { c.Notify("leaving") }, Hunts: hunts{n}, FindingTitle: finding.Title, Tabs: indicatorTabs()}
	share.NodePages(c.Site, desk)
	share.NodeAPI(c.API, desk)
	c.Site.Templates(detect.Templates())
	found := finding.PageConfig{DB: n.db}
	finding.Pages(c.Site, found)
	finding.API(c.API, found)
	n.ruleConsole(c)
	n.watchConsole(c)
	situation.NodePages(c.Site, situation.NodeConfig{Clock: n.cfg.Clock, Status: n.status, Rules: n.ruleReport})
	c.Site.Templates(search.Templates())
	search.Pages(c.Site, search.PageConfig{Finders: []search.Finder{share.Finder(n.db), finding.Finder(n.db), n.findListed(), n.findRules()}})
	n.figures(c)
	own := settings.PageConfig{People: n.people, Clock: n.cfg.Clock, Secure: !role.Loopback(n.cfg.Listen), Node: true, Open: n.cfg.Open, Version: role.Version,
		Link: func(token string) string { return role.SignInLink(n.URL(), token) }, Notices: settings.Notices(), More: []web.Tab{{Text: i18n.T("Sharing policy", "共有方針"), Path: "/settings/sharing"}, {Text: i18n.T("Rule counts", "規則の集計"), Path: "/settings/rule-counts"}}}
	settings.Pages(c.Site, own)
	settings.API(c.API, own)
	return c, nil
}

// figures adds the node's numbers for Prometheus.
func (n *Node) figures(c *role.Console) {
	c.Metrics.Gauge("meneki_connected", "1 while the node is connected to its hub.", func(context.Context) float64 {
		if n.link.Connected() {
			return 1
		}
		return 0
	})
	c.Metrics.Gauge("meneki_rules", "Own rules that are matched.", func(context.Context) float64 { r, _ := n.engine.Count(); return float64(r) })
	c.Metrics.Gauge("meneki_indicators_armed", "Indicators that are matched.", func(context.Context) float64 { _, a := n.engine.Count(); return float64(a) })
	c.Metrics.Gauge("meneki_watchlist_entries", "Entries of the node's own watchlist.", func(context.Context) float64 { return float64(n.watch.Entries()) })
	c.Metrics.Gauge("meneki_pattern_left_out", "Observations that patterns over several events had no room or came too late for, and searches given up.", func(context.Context) float64 { return float64(n.engine.LeftOut()) })
	c.Metrics.Gauge("meneki_sensor_unreadable", "Records that sensors could not read, since the start.", func(context.Context) float64 {
		bad, _ := n.sensors.losses()
		return float64(bad)
	})
	c.Metrics.Gauge("meneki_sensor_dropped", "Messages that came faster than they could be kept, since the start.", func(context.Context) float64 {
		_, dropped := n.sensors.losses()
		return float64(dropped)
	})
	c.Metrics.Gauge("meneki_history_events", "Events in the history.", func(context.Context) float64 { return float64(n.past.Totals().Events) })
	c.Metrics.Gauge("meneki_history_bytes", "Bytes of the history on disk.", func(context.Context) float64 { return float64(n.past.Totals().Bytes) })
}
