package community

import (
	"context"

	"github.com/meneki/meneki/internal/api"
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
func Module(c PageConfig, d *identity.Directory) role.Module {
	return role.Module{
		Name:       "community",
		Migrations: []store.Migration{Migration()},
		Requests:   map[string]bus.Handler{wire.TopicHello: role.Answer(c.Members.Hello)},
		Pages:      func(site *web.Site) { Pages(site, c) },
		API:        func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{
			{Key: "members", Path: "/members", Text: i18n.T("Members", "構成員"), Icon: "members", Letter: "m"},
		},
		Finders: []search.Finder{finder(d)},
		Gauges: []role.Gauge{{Name: "meneki_members_online", Help: "Members whose node is connected.",
			Read: func(context.Context) float64 { return float64(len(d.OnlineMembers())) }}},
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
