package community

import (
	"context"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// Module is the members at a hub.
func Module(s *Service) role.Module {
	p := &pages{Service: s, once: web.NewOnce[Invitation](s.clock)}
	return role.Module{
		Name:       "community",
		Migrations: []store.Migration{Migration()},
		Requests:   map[string]bus.Handler{wire.TopicHello: role.Answer(s.Hello)},
		Pages:      p.addTo,
		API:        s.api,
		Nav: []web.NavItem{
			{Key: "members", Path: "/members", Text: i18n.T("Members", "構成員"), Icon: "members", Letter: "m"},
		},
		Finders: []search.Finder{finder(s.directory)},
		Gauges: []role.Gauge{{Name: "meneki_members_online", Help: "Members whose node is connected.",
			Read: func(context.Context) float64 { return float64(len(s.directory.OnlineMembers())) }}},
		Run: []func(context.Context) error{s.watch},
	}
}

// finder finds members by name, for the hub's people only.
func finder(d *identity.Directory) search.Finder {
	find := func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		if !v.Hub {
			return nil, nil
		}
		members, err := d.Members(ctx)
		for _, m := range members {
			if len(out) < limit && list.Holds(m.Name, q) {
				out = append(
					out,
					search.Hit{Path: web.Path("/members/{0}", m.ID), Title: m.Name, Note: sectorName(m.Sector)},
				)
			}
		}
		return out, err
	}
	return search.Finder{Name: i18n.T("Members", "構成員"), All: "/members", Find: find}
}
