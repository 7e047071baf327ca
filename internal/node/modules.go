package node

import (
	"context"
	"path/filepath"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/detect/watchlist/ownlist"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/mispapi"
	"github.com/meneki/meneki/internal/share/objects"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/share/relevance"
	"github.com/meneki/meneki/internal/share/taxii2"
	"github.com/meneki/meneki/internal/situation"
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
		DB: n.db, Past: n.past, Outgoing: n.outgoing, Engine: n.engine, Clock: cfg.Clock, Log: cfg.Log,
		Realm: cfg.Realm,
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
	kept := object.New(n.db)
	n.inbox = inbox.New(inbox.Config{
		DB: n.db, Objects: kept, Outgoing: n.outgoing, Matcher: n.detect, Line: line, Clock: cfg.Clock,
		Skew: n.Skew, Member: n.Member, Own: func() exclusion.CommunityAssets { return *n.own.Load() }, Log: cfg.Log,
		Notify: notify("indicators"),
	})
	rules := rulehealth.PageConfig{DB: n.db, Health: n.health, Clock: cfg.Clock}
	correlations := correlation.PageConfig{DB: n.db, Engine: n.engine, Correlator: n.correlator, Rules: rules}
	rules.Correlation = correlations.View
	// They start in this order: correlations go on from where they stood before anything
	// that the hub sent is armed, and sensors come when everything is.
	list := []role.Module{
		role.Core(),
		situation.NodeModule(situation.NodeConfig{Clock: cfg.Clock, Status: n.status, Rules: n.ruleReport}),
		detect.NodeModule(n.detect, n.past),
		inbox.Module(n.inbox),
		taxii2.Module(taxii2.ModuleConfig{
			DB: n.db, Objects: kept, Title: n.Name, Log: cfg.Log,
			Name: func(context.Context) (string, error) { return n.Member(), nil },
		}),
		relevance.Module(relevance.New(relevance.Config{
			DB: n.db, Source: relevance.Received{Objects: relevance.Objects{Store: object.New(n.db)}}, Home: true,
			Notify: notify("foryou"),
		})),
		objects.Module(objects.Config{DB: n.db, Objects: kept, Notify: notify("objects")}),
		release.Module(release.ModuleConfig{
			DB: n.db, Outgoing: n.outgoing, Line: line, Clock: cfg.Clock, Log: cfg.Log, Notify: notify("outgoing"),
			Groups: func() map[string]string { return n.enrolment.Load().GroupNames },
		}),
		mispapi.Module(mispapi.Config{DB: n.db, Objects: kept, Title: "meneki node", Log: cfg.Log, ReadOnly: true}),
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
