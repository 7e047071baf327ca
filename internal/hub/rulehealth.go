package hub

import (
	"context"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/wire"
)

// ruleConsole puts the community's figures of rules, and coverage, on the hub's port.
func (h *Hub) ruleConsole(c *role.Console) {
	pool.Pages(c.Site, c.API, pool.PageConfig{DB: h.db, Clock: h.cfg.Clock})
	cover := coverage.PageConfig{DB: h.db, Clock: h.cfg.Clock, Techniques: attack.Read(), Hub: true, Rules: coverage.FoundRules}
	coverage.Pages(c.Site, cover)
	coverage.API(c.API, cover)
}

// joined names the members that have joined and still belong.
func (h *Hub) joined(ctx context.Context) ([]string, error) {
	list, err := h.Recipients(ctx)
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out, err
}

// rulePool answers a node that asks for the figures, as its machines may have them.
func (h *Hub) rulePool(ctx context.Context, member string, ask wire.PooledRequest) (wire.Pooled, error) {
	m, _ := h.member(ctx, member)
	return h.pool.Answer(ctx, policy.Viewer{Member: member, Sector: m.Sector, Machine: true}, ask)
}
