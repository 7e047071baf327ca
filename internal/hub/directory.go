package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/wire"
)

// recipients is the members as share needs them.
type recipients struct {
	*identity.Directory
	members *community.Service
}

// Recipients lists the members that have joined and still belong.
func (r recipients) Recipients(ctx context.Context) ([]publish.Recipient, error) {
	list, err := r.Active(ctx)
	out := make([]publish.Recipient, 0, len(list))
	for _, m := range list {
		out = append(out, publish.Recipient{ID: m.ID, Sector: m.Sector})
	}
	return out, err
}

// ExclusionReason says which values can never be indicators here: what nodes leave out
// too, such as reserved ranges, and the community's own names and networks.
func (r recipients) ExclusionReason(ctx context.Context) (func(event.Observable) string, error) {
	domains, networks, err := r.members.Own(ctx)
	own := exclusion.CommunityAssets{Domains: domains, Networks: networks}
	return func(o event.Observable) string { return exclusion.Reason(o, own) }, err
}

// joined names the members that have joined and still belong.
func (h *Hub) joined(ctx context.Context) ([]string, error) {
	list, err := h.directory.Active(ctx)
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out, err
}

// rulePool answers a node that asks for the figures, as its machines may have them.
func (h *Hub) rulePool(ctx context.Context, member string, ask wire.PooledRequest) (wire.Pooled, error) {
	return h.pool.Answer(ctx, policy.Viewer{Member: member, Sector: h.directory.Sector(ctx, member), Machine: true}, ask)
}

// watchMembers notices memberships that a command beside the hub has ended.
func (h *Hub) watchMembers(ctx context.Context) error {
	tick := time.NewTicker(identity.DirectoryAge)
	defer tick.Stop()
	cut := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list, err := h.directory.Members(ctx)
		if err != nil {
			continue
		}
		for _, m := range list {
			if m.Revoked.IsZero() || cut[m.ID] {
				continue
			}
			if err := h.bus.Expel(m.ID); err != nil && !fault.Is(err, fault.NotFound) {
				h.cfg.Log.Warn("could not cut off a revoked member", slog.String("member", m.ID), slog.Any("err", err))
				continue
			}
			cut[m.ID] = true
			h.directory.SetOnline(m.ID, false)
		}
	}
}
