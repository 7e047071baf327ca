// Package community is about who belongs: inviting an organisation, letting its
// node join with a token that works once, knowing which nodes are connected and
// how they are, and what domains and networks are the community's own.
package community

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

//go:embed sql templates
var files embed.FS

// Migration is community's part of the hub's schema.
func Migration() store.Migration { return store.Migration{Name: "community", FS: files} }

// Templates are community's pages.
func Templates() fs.FS { return files }

// Status is the last Hello of a member.
type Status struct {
	Member     string    `db:"member"`
	At         time.Time `db:"at"`
	Version    string    `db:"version"`
	Rules      int64     `db:"rules"`
	Indicators int64     `db:"indicators"`
	Events     int64     `db:"events"`
	Delivered  int64     `db:"delivered"`
	Waiting    int64     `db:"waiting"`
}

// Service keeps the members of a hub: it invites them, lets their nodes join, knows how
// the nodes are, and what is the community's own.
type Service struct {
	db        *store.DB
	people    *identity.Service
	directory *identity.Directory
	clock     clock.Clock
	log       *slog.Logger
	bus       Bus
	hub       func() Address
	notify    func()

	groupNames func(ctx context.Context, groups policy.Groups) (map[string]string, error)
}

// Config is what a Service stands on.
type Config struct {
	DB        *store.DB
	People    *identity.Service
	Directory *identity.Directory
	Clock     clock.Clock
	Log       *slog.Logger
	// Bus lets nodes in and cuts them off; nil beside a running hub, which then does
	// it by itself.
	Bus Bus
	// Hub returns how the members find the hub.
	Hub    func() Address
	Notify func() // called after something changed that a page shows
	// GroupNames returns what trust groups are called, by id; nil where there are none.
	GroupNames func(ctx context.Context, groups policy.Groups) (map[string]string, error)
}

// settingNetworks holds the community's own networks, as JSON.
const settingNetworks = "community.networks"

// New returns a Service.
func New(c Config) *Service {
	return &Service{db: c.DB, people: c.People, directory: c.Directory, clock: c.Clock, log: c.Log, bus: c.Bus,
		hub: c.Hub, notify: c.Notify, groupNames: c.GroupNames}
}

// Hello takes a node's hello and answers it.
func (s *Service) Hello(ctx context.Context, member string, h wire.Hello) (wire.Welcome, error) {
	m, ok := s.directory.Member(ctx, member)
	if !ok || !m.Revoked.IsZero() {
		return wire.Welcome{}, fault.Coded(fault.HubNotMember, nil)
	}
	if err := s.people.Seen(ctx, member, s.clock(), true); err != nil {
		return wire.Welcome{}, err
	}
	w := wire.Welcome{Member: member, Name: m.Name, Sector: m.Sector, Groups: m.Groups, Hub: s.hub().Name}
	err := s.db.Write(ctx, store.System("community: hello"), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO member_status (member, at, version, rules, indicators, events, delivered,
			waiting) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
ON CONFLICT (member) DO UPDATE SET at = excluded.at, version = excluded.version, rules = excluded.rules, indicators =
excluded.indicators, events = excluded.events, delivered = excluded.delivered, waiting = excluded.waiting`,
			member, tx.Now(), event.Clip(h.Version, 100), h.Rules, h.Indicators, h.Events, h.Delivered, h.Waiting)
		if err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return w, err
	}
	if w.Domains, w.Networks, err = s.Own(ctx); err != nil {
		return w, err
	}
	if s.groupNames != nil && w.Groups != "" {
		if w.GroupNames, err = s.groupNames(ctx, w.Groups); err != nil {
			return w, err
		}
	}
	w.Now = s.clock()
	return w, nil
}

// Own gives the domains and networks that belong to the community's members.
func (s *Service) Own(ctx context.Context) (domains []string, networks []netip.Prefix, err error) {
	err = s.db.Read(ctx, store.System("community: own names"), func(tx *store.Tx) (err error) {
		domains, err = store.Query[string](tx, `SELECT DISTINCT domain FROM member_domain ORDER BY domain`)
		return err
	})
	if err == nil {
		networks, err = s.Networks(ctx)
	}
	return domains, networks, err
}

// Statuses gives the last hello of every member, by id.
func (s *Service) Statuses(ctx context.Context) (map[string]Status, error) {
	out := map[string]Status{}
	err := s.db.Read(ctx, store.System("community: statuses"), func(tx *store.Tx) error {
		list, err := store.Query[Status](tx, `SELECT member, at, version, rules, indicators, events, delivered, waiting
			FROM member_status`)
		for _, st := range list {
			out[st.Member] = st
		}
		return err
	})
	return out, err
}

// SetDomains replaces a member's own domains.
func (s *Service) SetDomains(ctx context.Context, member string, domains []string) error {
	return s.db.Write(ctx, store.System("community: domains"), func(tx *store.Tx) error {
		if _, err := tx.Exec(`DELETE FROM member_domain WHERE member = $1`, member); err != nil {
			return err
		}
		for _, d := range domains {
			v, ok := event.Canonical(event.Domain, strings.Trim(strings.TrimPrefix(strings.TrimSpace(d), "*."), "."))
			if !ok {
				return fault.New(fault.Invalid, i18n.T("{0} is not a domain name", "{0} はドメイン名ではありません").With(d))
			}
			if _, err := tx.Exec(`INSERT INTO member_domain (member, domain) VALUES ($1,$2)
				ON CONFLICT (member, domain) DO NOTHING`, member, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// Domains gives the domains of all members, by member.
func (s *Service) Domains(ctx context.Context) (map[string][]string, error) {
	out := map[string][]string{}
	err := s.db.Read(ctx, store.System("community: domains"), func(tx *store.Tx) error {
		list, err := store.Query[domainRow](tx, `SELECT member, domain FROM member_domain ORDER BY member, domain`)
		for _, d := range list {
			out[d.Member] = append(out[d.Member], d.Domain)
		}
		return err
	})
	return out, err
}

type domainRow struct {
	Member string `db:"member"`
	Domain string `db:"domain"`
}

// Networks gives the community's own networks.
func (s *Service) Networks(ctx context.Context) ([]netip.Prefix, error) {
	text, ok, err := s.db.Setting(ctx, settingNetworks)
	if err != nil || !ok {
		return nil, err
	}
	var list []netip.Prefix
	return list, json.Unmarshal([]byte(text), &list)
}

// SetNetworks replaces the community's own networks.
func (s *Service) SetNetworks(ctx context.Context, list []netip.Prefix) error {
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return s.db.SetSetting(ctx, settingNetworks, string(b))
}
