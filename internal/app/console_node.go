package app

import (
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// nodeConsole puts the pages and the API of a node on its port.
func nodeConsole(n *Node) (*console, error) {
	var open *policy.Viewer
	if n.cfg.Open {
		v := n.home()
		v.User, v.Name, v.Role = "demo", "demo", policy.RoleAdmin
		open = &v
	}
	c := newConsole(web.Config{Clock: n.cfg.Clock, Title: i18n.Same("meneki"), Place: i18n.Same(n.Name()), Realm: n.cfg.Realm, Zone: n.cfg.Zone, Lang: n.cfg.Lang,
		Nav: []web.NavItem{navSituation, navFindings, navIndicators, navLeaving, navSettings}}, n.people, !loopback(n.cfg.Listen), open, n.cfg.Log)
	c.site.Templates(detect.Templates())
	found := detect.PageConfig{DB: n.db}
	detect.Pages(c.site, found)
	detect.API(c.api, found)
	return c, nil
}
