package node

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// list returns the modules of a node. To add a capability is to add it here.
func (n *Node) list() ([]role.Module, error) {
	list := []role.Module{
		role.Core(),
		situation.NodeModule(situation.NodeConfig{Clock: n.cfg.Clock, Status: n.status, Rules: n.ruleReport}),
		n.findings(),
		n.received(),
		n.outgoingMessages(),
		n.watchlist(),
		n.rules(),
		n.sensing(),
		settings.Module(
			settings.PageConfig{People: n.people, Clock: n.cfg.Clock, Secure: n.secure(), Node: true, Open: n.cfg.Open,
				Version: role.Version, Link: func(token string) string { return role.SignInLink(n.URL(), token) }, Notices: settings.Notices()},
		),
	}
	return list, role.Check(list)
}

// findings is what the node itself found, and what it searches for it in its past.
func (n *Node) findings() role.Module {
	c := finding.PageConfig{DB: n.db}
	return role.Module{
		Name:       "detect",
		Migrations: detect.Migrations(),
		Pages: func(site *web.Site) {
			finding.Pages(site, c)
		},
		API:     func(a *api.API) { finding.API(a, c) },
		Nav:     []web.NavItem{role.NavFindings},
		Finders: []search.Finder{finding.Finder(n.db)},
		Gauges: []role.Gauge{
			{Name: "meneki_history_events", Help: "Events in the history.",
				Read: func(context.Context) float64 { return float64(n.past.Totals().Events) }},
			{Name: "meneki_history_bytes", Help: "Bytes of the history on disk.",
				Read: func(context.Context) float64 { return float64(n.past.Totals().Bytes) }},
		},
		Run: []func(context.Context) error{n.correlate, n.refill},
		Close: func() error {
			if n.correlator == nil {
				return nil
			}
			return n.correlator.Save()
		},
	}
}

// received is what the hub sent: indicators, which the node matches and searches its past for.
func (n *Node) received() role.Module {
	c := inbox.PageConfig{DB: n.db, Hunts: hunts{n}, Tabs: indicatorTabs()}
	return role.Module{
		Name:       "share",
		Migrations: []store.Migration{indicator.Migration()},
		Pages: func(site *web.Site) {
			site.Templates(indicator.Templates())
			site.Templates(inbox.Templates())
			inbox.Pages(site, c)
		},
		API:     func(a *api.API) { inbox.API(a, c) },
		Nav:     []web.NavItem{role.NavIndicators},
		Finders: []search.Finder{indicator.Finder(n.db)},
		Gauges: []role.Gauge{{Name: "meneki_indicators_armed", Help: "Indicators that are matched.",
			Read: func(context.Context) float64 { _, a := n.engine.Count(); return float64(a) }}},
		Run: []func(context.Context) error{n.inbox.Run, n.inbox.RunHunts},
	}
}

// keepSent is how long a node keeps what it has sent.
const keepSent = 90 * 24 * time.Hour

// outgoingMessages is what the node sends to its hub.
func (n *Node) outgoingMessages() role.Module {
	notify := func() { n.console.Notify("outgoing") }
	c := release.PageConfig{DB: n.db, Outgoing: n.outgoing, Changed: notify}
	sender := release.NewSender(n.db, n.outgoing, n.link, n.cfg.Log, notify)
	return role.Module{
		Name:       "outgoing",
		Migrations: []store.Migration{release.Migration()},
		Pages: func(site *web.Site) {
			site.Templates(release.Templates())
			release.Pages(site, c)
		},
		API: func(a *api.API) { release.API(a, c) },
		Nav: []web.NavItem{role.NavOutgoing},
		Tabs: []web.MoreTab{
			{Page: "settings", Tab: web.Tab{Text: i18n.T("Sharing policy", "共有方針"), Path: "/settings/sharing"}},
		},
		Jobs: map[string]func(context.Context) error{"prune-sent": func(ctx context.Context) error {
			return release.Prune(ctx, n.db, n.cfg.Clock().Add(-keepSent))
		}},
		Run: []func(context.Context) error{sender.Run},
	}
}

// watchlist is what the member itself watches for.
func (n *Node) watchlist() role.Module {
	c := detect.WatchPageConfig{Desk: ownList{n}, Member: n.Member, Tabs: indicatorTabs()}
	return role.Module{
		Name:    "watchlist",
		Pages:   func(site *web.Site) { detect.WatchPages(site, c) },
		API:     func(a *api.API) { detect.WatchAPI(a, c) },
		Finders: []search.Finder{n.findListed()},
		Gauges: []role.Gauge{{Name: "meneki_watchlist_entries", Help: "Entries of the node's own watchlist.",
			Read: func(context.Context) float64 { return float64(n.watch.Entries()) }}},
		Close: func() error {
			if n.watch != nil {
				n.watch.Close()
			}
			return nil
		},
	}
}

// rules is the node's own rules, how they do, and what they cover.
func (n *Node) rules() role.Module {
	health := rulehealth.PageConfig{DB: n.db, Health: n.health, Clock: n.cfg.Clock}
	correlations := correlation.PageConfig{DB: n.db, Engine: n.engine, Correlator: n.correlator, Rules: health}
	health.Correlation = correlations.View
	cover := coverage.PageConfig{DB: n.db, Clock: n.cfg.Clock, Techniques: attack.Read(), Rules: coverage.LoadedRules(n.health)}
	return role.Module{
		Name: "rules",
		Pages: func(site *web.Site) {
			rulehealth.Pages(site, health)
			correlation.Pages(site, correlations)
			coverage.Pages(site, cover)
		},
		API: func(a *api.API) {
			rulehealth.API(a, health)
			coverage.API(a, cover)
		},
		Nav: []web.NavItem{role.NavRules, role.NavCoverage},
		Tabs: []web.MoreTab{
			{Page: "settings", Tab: web.Tab{Text: i18n.T("Rule counts", "ルールの集計"), Path: "/settings/rule-counts"}},
		},
		Finders: []search.Finder{n.findRules()},
		Jobs:    n.health.Maintenance(),
		Gauges: []role.Gauge{
			{Name: "meneki_rules", Help: "Own rules that are matched.",
				Read: func(context.Context) float64 { r, _ := n.engine.Count(); return float64(r) }},
			{Name: "meneki_pattern_left_out",
				Help: "Observations that patterns over several events had no room or came too late for, and searches given up.",
				Read: func(context.Context) float64 { return float64(n.engine.LeftOut()) }},
		},
		Run: []func(context.Context) error{n.health.Run},
	}
}

// sensing is what the node's events come in by.
func (n *Node) sensing() role.Module {
	return role.Module{
		Name: "sensors",
		Gauges: []role.Gauge{
			{Name: "meneki_sensor_unreadable", Help: "Records that sensors could not read, since the start.",
				Read: func(context.Context) float64 { bad, _ := n.sensors.losses(); return float64(bad) }},
			{Name: "meneki_sensor_dropped", Help: "Messages that came faster than they could be kept, since the start.",
				Read: func(context.Context) float64 { _, dropped := n.sensors.losses(); return float64(dropped) }},
		},
		Start: func(context.Context) (err error) {
			n.sensors, err = openSensors(n)
			return err
		},
		Run: []func(context.Context) error{func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			n.sensors.run(ctx, g)
			return g.Wait()
		}},
		Close: func() error { n.sensors.close(); return nil },
	}
}

// newConsole puts the modules on the node's port.
func (n *Node) newConsole() *role.Console {
	var open *policy.Viewer
	if n.cfg.Open {
		v := n.home()
		v.User, v.Name, v.Role = "demo", "demo", policy.RoleAdmin
		open = &v
	}
	c := role.NewConsole(
		web.Config{
			Clock:    n.cfg.Clock,
			Title:    i18n.Same("meneki"),
			PlaceNow: func() i18n.Text { return i18n.Same(n.Name()) },
			Realm:    n.cfg.Realm,
			Zone:     n.cfg.Zone,
			Lang:     n.cfg.Lang,
			Nav:      role.Nav(n.modules),
		},
		n.people,
		n.secure(),
		open,
		n.cfg.Log,
	)
	c.Metrics.Gauge("meneki_connected", "1 while the node is connected to its hub.", func(context.Context) float64 {
		if n.link.Connected() {
			return 1
		}
		return 0
	})
	c.Mount(n.modules)
	return c
}

// secure reports whether the console speaks HTTPS.
func (n *Node) secure() bool { return !role.Loopback(n.cfg.Listen) }

func (n *Node) closeModules() {
	for _, err := range role.Close(n.modules) {
		n.cfg.Log.Warn("could not close a capability", slog.Any("err", err))
	}
}
