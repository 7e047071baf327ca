package hub

import (
	"context"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/settings"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// compose returns the modules of a hub. To add a capability is to add it here. It
// touches neither the database nor the bus, which a command beside the hub has not.
func (h *Hub) compose() ([]role.Module, error) {
	notify := func(topic string) func() { return func() { h.console.Notify(topic) } }
	h.people = identity.New(h.db, h.cfg.Clock, identity.WithCookie("meneki_hub"))
	h.directory = identity.NewDirectory(h.people, h.cfg.Clock, h.cfg.Log, notify("members"))
	h.members = community.New(h.db, h.people, h.directory, h.cfg.Clock, h.cfg.Name)
	h.cases = casework.New(
		casework.Config{
			DB:     h.db,
			People: h.directory,
			Rank:   role.Rank,
			Least:  h.cfg.CaseLevel,
			Notify: notify("cases"),
		},
	)
	h.severity = severity.New(h.db, h.cfg.Clock)
	h.publisher = publish.New(h.db, recipients{h.directory, h.members}, h.bus, h.cfg.Log, notify("indicators"))
	tracker := situation.NewTracker(h.directory.OnlineMembers, notify("situation"))
	h.pool = pool.New(h.db, h.cfg.Clock, h.joined)
	list := []role.Module{
		role.Core(),
		situation.HubModule(tracker, h.situationView(), h.directory.Name),
		h.findings(notify("findings")),
		casework.Module(casework.PageConfig{DB: h.db, Cases: h.cases, Members: h.directory}),
		severity.Module(h.severity, h.people),
		h.indicators(h.publisher),
		community.Module(h.membersView(), h.directory),
		h.rules(),
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

// findings is what members found.
func (h *Hub) findings(notify func()) role.Module {
	c := finding.PageConfig{DB: h.db, Hub: true, MemberName: h.directory.Name, CaseOf: casework.OfFinding}
	return role.Module{
		Name:       "detect",
		Migrations: detect.Migrations(),
		Intake: map[wire.Kind]role.Intake{
			wire.KindFinding: func(tx *store.Tx, member string, body []byte) error {
				tx.AfterCommitOnce(h, notify)
				return finding.Receive(tx, member, body)
			},
		},
		Pages: func(site *web.Site) {
			finding.Pages(site, c)
		},
		API:     func(a *api.API) { finding.API(a, c) },
		Nav:     []web.NavItem{role.NavFindings},
		Finders: []search.Finder{finding.Finder(h.db)},
	}
}

// rules is the community's figures on rules, and coverage.
func (h *Hub) rules() role.Module {
	cover := coverage.PageConfig{
		DB:         h.db,
		Clock:      h.cfg.Clock,
		Techniques: attack.Read(),
		Hub:        true,
		Rules:      coverage.FoundRules,
	}
	figures := pool.PageConfig{DB: h.db, Clock: h.cfg.Clock}
	return role.Module{
		Name:     "rules",
		Requests: map[string]bus.Handler{wire.TopicRuleHealth: role.Answer(h.rulePool)},
		Intake:   map[wire.Kind]role.Intake{wire.KindRuleHealth: h.pool.Receive},
		Pages: func(site *web.Site) {
			pool.Pages(site, figures)
			coverage.Pages(site, cover)
		},
		API: func(a *api.API) {
			pool.API(a, figures)
			coverage.API(a, cover)
		},
		Nav:  []web.NavItem{role.NavPooled, role.NavCoverage},
		Jobs: map[string]func(context.Context) error{"pool-rule-counts": h.pool.Renew},
	}
}

// indicators is what the hub makes of offers and delivers to members.
func (h *Hub) indicators(publisher *publish.Publisher) role.Module {
	c := publish.PageConfig{
		DB:           h.db,
		Publisher:    publisher,
		MemberName:   h.directory.Name,
		Members:      h.memberDots,
		CaseNumber:   casework.Number,
		FindingTitle: finding.Title,
	}
	return role.Module{
		Name:       "share",
		Migrations: []store.Migration{indicator.Migration(), publish.Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicCase:      queue.On(publisher.OnCase),
			msg.TopicCandidate: queue.On(publisher.OnCandidate),
		},
		Requests: map[string]bus.Handler{wire.TopicSync: role.Answer(publisher.Sync)},
		Intake: map[wire.Kind]role.Intake{
			wire.KindCandidate: publisher.ReceiveCandidate,
			wire.KindReceipt:   publisher.ReceiveReceipt,
			wire.KindSighting:  publisher.ReceiveSighting,
		},
		Pages: func(site *web.Site) {
			site.Templates(indicator.Templates())
			site.Templates(publish.Templates())
			publish.Pages(site, c)
		},
		API:      func(a *api.API) { publish.API(a, c) },
		Nav:      []web.NavItem{role.NavIndicators},
		Panels:   c.Panels(),
		Finders:  []search.Finder{indicator.Finder(h.db)},
		Restored: publisher.NewDeliveryRun,
		Start: func(ctx context.Context) error {
			id, ok, err := h.db.Setting(ctx, settingIdentity)
			if err == nil && !ok {
				id = "identity--" + uuid.NewString()
				err = h.db.SetSetting(ctx, settingIdentity, id)
			}
			if err != nil {
				return err
			}
			publisher.SetIdentity(id)
			_, err = publisher.DeliveryRun(ctx)
			return err
		},
	}
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
