package pool

import (
	"context"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// Module is the community's figures on rules, at a hub. Their tables are among those
// of package detect.
func Module(p *Pool, members identity.Nodes) role.Module {
	c := PageConfig{DB: p.db, Clock: p.clock}
	// A node is answered as its member's machines may have the figures.
	answer := func(ctx context.Context, member string, ask wire.PooledRequest) (wire.Pooled, error) {
		return p.Answer(ctx, members.Node(ctx, member), ask)
	}
	return role.Module{
		Name:     "rules",
		Requests: map[string]bus.Handler{wire.TopicRuleHealth: role.Answer(answer)},
		Intake:   map[wire.Kind]role.Intake{wire.KindRuleHealth: p.Receive},
		Pages:    func(site *web.Site) { Pages(site, c) },
		API:      func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{{Key: "rules", Path: "/rules", Text: i18n.T("Rules", "ルール"),
			Icon: "rules", Letter: "r"}},
		Jobs: map[string]func(context.Context) error{"pool-rule-counts": p.Renew},
	}
}
