package hub

import (
	"context"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/queue/aside"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/share/consent"
	"github.com/meneki/meneki/internal/share/contribution"
	"github.com/meneki/meneki/internal/share/decay/expiry"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/feeds"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/mispapi"
	"github.com/meneki/meneki/internal/share/objects"
	"github.com/meneki/meneki/internal/share/pseudonym"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/share/relevance"
	"github.com/meneki/meneki/internal/share/relevance/digest"
	"github.com/meneki/meneki/internal/share/taxii2"
	"github.com/meneki/meneki/internal/share/warninglist"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/web"
)

// compose returns the modules of a hub. To add a capability is to add it here. It
// touches neither the database nor the bus, which a command beside the hub has not.
func (h *Hub) compose() ([]role.Module, error) {
	notify := func(topic string) func() { return func() { h.console.Notify(topic) } }
	h.people = identity.New(h.db, h.cfg.Clock, identity.WithCookie("meneki_hub"))
	h.directory = identity.NewDirectory(h.people, h.cfg.Clock, h.cfg.Log, notify("members"))
	h.groups = groups.New(h.db, h.directory, notify("groups"))
	members := community.Config{
		GroupNames: h.groups.Names,
		DB:         h.db, People: h.people, Directory: h.directory, Clock: h.cfg.Clock, Log: h.cfg.Log, Hub: h.address,
		Notify: notify("members"),
	}
	if h.bus != nil {
		members.Bus = h.bus
	}
	h.members = community.New(members)
	h.cases = casework.New(
		casework.Config{
			DB:     h.db,
			People: h.directory,
			Least:  h.cfg.CaseLevel,
			Notify: notify("cases"),
		},
	)
	h.severity = severity.New(h.db, h.cfg.Clock)
	kept := object.New(h.db)
	h.objects = kept
	h.feed = feed.New(feed.Config{DB: h.db, Objects: kept, Members: h.directory, Push: h.bus, Log: h.cfg.Log})
	h.publisher = publish.New(publish.Config{
		DB: h.db, Objects: kept, Feed: h.feed, Members: h.directory, Assets: h.members, Log: h.cfg.Log,
		Notify: notify("indicators"), GroupNames: h.groups.Names,
	})
	h.pool = pool.New(h.db, h.cfg.Clock, h.directory.Joined)
	warn := &warninglist.Folder{Path: h.cfg.Warninglists, Log: h.cfg.Log}
	own := func(ctx context.Context) (exclusion.CommunityAssets, error) {
		domains, networks, err := h.members.Own(ctx)
		return exclusion.CommunityAssets{Domains: domains, Networks: networks}, err
	}
	credits := contribution.New(contribution.Config{
		DB: h.db, Members: h.directory, Reached: h.publisher.Reached, Notify: notify("contribution"),
	})
	relevant := relevance.New(relevance.Config{
		DB: h.db, Source: relevance.Objects{Store: kept}, Tier: credits.Tier, Notify: notify("foryou"),
	})
	list := []role.Module{
		role.Core(),
		warninglist.Module(warn),
		situation.HubModule(
			situation.PageConfig{DB: h.db, Clock: h.cfg.Clock, Members: h.directory, Share: h.publisher},
			notify("situation"),
		),
		detect.HubModule(h.db, h.directory, notify("findings")),
		casework.Module(casework.PageConfig{DB: h.db, Cases: h.cases, Members: h.directory}),
		severity.Module(h.severity, h.people),
		mispapi.Module(mispapi.Config{
			DB: h.db, Objects: kept, Title: h.cfg.Name, Log: h.cfg.Log, Name: h.directory.Name, Own: h.assets,
			Warn: warn,
		}),
		feed.Module(h.feed),
		publish.Module(h.publisher),
		expiry.Module(expiry.New(expiry.Config{
			DB: h.db, Setter: h.publisher, Names: h.directory, Log: h.cfg.Log, Notify: notify("indicators"),
		})),
		contribution.Module(credits),
		taxii2.Module(taxii2.ModuleConfig{
			DB: h.db, Objects: kept, Title: func() string { return h.cfg.Name }, Log: h.cfg.Log, Contribute: true,
			Name: func(ctx context.Context) (string, error) {
				name, _, err := h.db.Setting(ctx, indicator.SettingIdentity)
				return name, err
			},
		}),
		relevance.Module(relevant),
		digest.Module(digest.New(digest.Config{
			DB: h.db, Relevance: relevant, Nodes: h.directory, URL: h.URL, Log: h.cfg.Log,
		})),
		objects.Module(objects.Config{DB: h.db, Objects: kept, Members: h.directory, Notify: notify("objects"),
			Own: own, Warn: warn.Find}),
		feeds.Module(feeds.New(feeds.Config{DB: h.db, Objects: kept, Own: own, Warn: warn, Log: h.cfg.Log,
			Notify: notify("feeds")})),
		community.Module(h.members),
		groups.Module(h.groups),
		pseudonym.Module(pseudonym.New(pseudonym.Config{DB: h.db, Objects: kept, Members: h.directory,
			Notify: notify("objects"), Domains: func(ctx context.Context, member string) ([]string, error) {
				all, err := h.members.Domains(ctx)
				return all[member], err
			}})),
		consent.Module(consent.New(consent.Config{DB: h.db, Objects: kept, Indicators: h.publisher,
			Members: h.directory, Notify: notify("consent")})),
		pool.Module(h.pool, h.directory),
		coverage.Module(coverage.PageConfig{
			DB: h.db, Clock: h.cfg.Clock, Techniques: attack.Read(), Hub: true, Rules: coverage.FoundRules,
		}),
		aside.Module(aside.PageConfig{
			DB: h.db, Members: h.directory, Look: func() { h.queue.Look() },
		}),
		settings.Module(
			settings.PageConfig{
				People:  h.people,
				Clock:   h.cfg.Clock,
				Secure:  h.secure(),
				Open:    h.cfg.Open,
				Version: role.Version,
				Link:    func(token string) string { return role.SignInLink(h.URL(), token) },
				Notices: settings.Notices(),
			},
		),
	}
	return list, role.Check(list)
}

// assets is what belongs to the community itself.
func (h *Hub) assets(ctx context.Context) (exclusion.CommunityAssets, error) {
	domains, networks, err := h.members.Own(ctx)
	return exclusion.CommunityAssets{Domains: domains, Networks: networks}, err
}

// newConsole puts the modules on the hub's port.
func (h *Hub) newConsole() *role.Console {
	var open *policy.Viewer
	if h.cfg.Open {
		v := openViewer()
		open = &v
	}
	c := role.NewConsole(
		web.Config{Clock: h.cfg.Clock, Title: i18n.Same("meneki"), Place: i18n.Same(h.cfg.Name), Realm: h.cfg.Realm,
			Zone: h.cfg.Zone, Lang: h.cfg.Lang, Nav: role.Nav(h.modules),
			Paced: func(v policy.Viewer) bool { return !v.Hub }, // when others are busy is theirs and the hub's
		},
		h.people,
		h.secure(),
		open,
		h.cfg.Log,
	)
	c.Metrics.Readers = func(v policy.Viewer) bool { return v.Hub }
	h.backlogs(c)
	c.Mount(h.modules)
	return c
}

// backlogs adds what waits for the capabilities to the figures for Prometheus.
func (h *Hub) backlogs(c *role.Console) {
	add := func(name, help string, value func(queue.Backlog) float64) {
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
	add("meneki_queue_waiting", "Messages that a consumer has not handled yet.",
		func(b queue.Backlog) float64 { return float64(b.Waiting) })
	add("meneki_queue_oldest_seconds", "How long the oldest of them has waited.",
		func(b queue.Backlog) float64 { return b.Age(h.db.Now()).Seconds() })
	add("meneki_queue_set_aside", "Messages that a consumer could not handle and that were set aside.",
		func(b queue.Backlog) float64 { return float64(b.Aside) })
}
