package node

import (
	"context"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/detect/watchlist/ownlist"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/web"
)

// compose makes the modules of a node. To add a capability is to add it here. It
// touches neither the database nor the network, which a command beside the node has not.
func (n *Node) compose() ([]role.Module, error) {
	cfg, line := n.cfg, hubLine{n}
	notify := func(topic string) func() { return func() { n.console.Notify(topic) } }
	n.people = identity.New(
		n.db, cfg.Clock, identity.WithCookie("meneki_node_"+cookieName(n.lis)), identity.WithHome(n.home),
	)
	n.outgoing = release.New(n.db, cfg.Share, n.Member, role.Rank)
	n.engine = match.NewEngine(cfg.Clock)
	n.health = rulehealth.New(rulehealth.Config{
		DB: n.db, Engine: n.engine, Outgoing: n.outgoing, Line: line, Clock: cfg.Clock, Log: cfg.Log, Realm: cfg.Realm,
		Member: n.Member, Notify: notify("rules"),
	})
	n.correlator = correlation.New(correlation.Config{
		Dir: filepath.Join(cfg.Data, "people"), Clock: cfg.Clock, Log: cfg.Log,
		Places: cfg.Places, Accounts: cfg.Accounts, AccountsDomain: cfg.AccountsDomain,
	})
	n.detect = detect.New(detect.Config{
		DB: n.db, Past: n.past, Outgoing: n.outgoing, Engine: n.engine, Clock: cfg.Clock, Log: cfg.Log, Realm: cfg.Realm,
		Rules: ruleset.Source{
			Set: cfg.RuleSet, Paths: cfg.Rules, Builtin: cfg.Builtin, Pipelines: cfg.Pipelines,
		},
		Member: n.Member, Assets: func() exclusion.CommunityAssets { return *n.own.Load() }, Skew: n.Skew,
		Health: n.health, Correlator: n.correlator, HuntCores: cfg.HuntCores, Notify: notify("findings"),
	})
	n.watchlist = ownlist.New(ownlist.Config{
		Dir: filepath.Join(cfg.Data, role.WatchlistFolder), Clock: cfg.Clock, Log: cfg.Log,
		Engine: n.engine, Searcher: n.detect.Searcher,
	})
	n.inbox = inbox.New(inbox.Config{
		DB: n.db, Outgoing: n.outgoing, Matcher: n.detect, Line: line, Clock: cfg.Clock, Skew: n.Skew, Log: cfg.Log,
		Notify: notify("indicators"),
	})
	rules := rulehealth.PageConfig{DB: n.db, Health: n.health, Clock: cfg.Clock}
	correlations := correlation.PageConfig{DB: n.db, Engine: n.engine, Correlator: n.correlator, Rules: rules}
	rules.Correlation = correlations.View
	list := []role.Module{
		role.Core(),
		situation.NodeModule(situation.NodeConfig{Clock: cfg.Clock, Status: n.status, Rules: n.ruleReport}),
		detect.NodeModule(n.detect, n.past),
		inbox.Module(n.inbox),
		release.Module(release.ModuleConfig{
			DB: n.db, Outgoing: n.outgoing, Line: line, Clock: cfg.Clock, Log: cfg.Log, Notify: notify("outgoing"),
		}),
		ownlist.Module(n.watchlist, n.Member),
		rulehealth.Module(rules),
		correlation.Module(correlations),
		coverage.Module(coverage.PageConfig{
			DB: n.db, Clock: cfg.Clock, Techniques: attack.Read(), Rules: coverage.LoadedRules(n.health),
		}),
		n.sensing(),
		settings.Module(settings.PageConfig{
			People: n.people, Clock: cfg.Clock, Secure: n.secure(), Node: true, Open: cfg.Open, Version: role.Version,
			Link:    func(token string) string { return role.SignInLink(n.URL(), token) },
			Notices: settings.Notices(),
		}),
	}
	return list, role.Check(list)
}

// hubLine is the node's line to its hub, for what is made before the node is connected.
type hubLine struct{ node *Node }

// Request asks the hub.
func (l hubLine) Request(ctx context.Context, topic string, body []byte) ([]byte, error) {
	return l.node.link.Request(ctx, topic, body)
}

// sensing is what the node's events come in by. It starts when everything is armed.
func (n *Node) sensing() role.Module {
	return role.Module{
		Name: "sensors",
		Gauges: []role.Gauge{
			{Name: "meneki_sensor_unreadable", Help: "Records that sensors could not read, since the start.",
				Read: func(context.Context) float64 { bad, _ := n.sensors.losses(); return float64(bad) }},
			{Name: "meneki_sensor_dropped", Help: "Messages that came faster than they could be kept, since the start.",
				Read: func(context.Context) float64 { _, dropped := n.sensors.losses(); return float64(dropped) }},
		},
		Start: func(ctx context.Context) (err error) {
			if err := n.detect.Refill(ctx); err != nil {
				return err
			}
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
