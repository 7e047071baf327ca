package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share"
)

// The hub lends its members to the capabilities that ask for them. The list is
// kept for a moment, since every indicator asks; a member that another process
// invited or revoked is seen when it is read again.

const rollAge = 2 * time.Second

func (h *Hub) list(ctx context.Context) ([]identity.Member, error) {
	h.roll.Lock()
	defer h.roll.Unlock()
	if h.roll.list != nil && h.cfg.Clock().Sub(h.roll.at) < rollAge {
		return h.roll.list, nil
	}
	list, err := h.people.Members(ctx)
	if err != nil {
		return nil, err
	}
	h.roll.list, h.roll.at = list, h.cfg.Clock()
	return list, nil
}

func (h *Hub) forgetRoll() {
	h.roll.Lock()
	h.roll.list = nil
	h.roll.Unlock()
}

// Recipients lists the members that have joined and still belong.
func (h *Hub) Recipients(ctx context.Context) ([]share.Recipient, error) {
	list, err := h.list(ctx)
	out := make([]share.Recipient, 0, len(list))
	for _, m := range list {
		if !m.Joined.IsZero() && m.Revoked.IsZero() {
			out = append(out, share.Recipient{ID: m.ID, Sector: m.Sector})
		}
	}
	return out, err
}

// Unfit says which values can never be indicators here: what nodes leave out
// too, such as reserved ranges, and the community's own names and networks.
func (h *Hub) Unfit(ctx context.Context) (func(event.Observable) string, error) {
	domains, networks, err := h.members.Own(ctx)
	own := exclusion.CommunityAssets{Domains: domains, Networks: networks}
	return func(o event.Observable) string { return exclusion.Reason(o, own) }, err
}

// Sector gives a member's sector.
func (h *Hub) Sector(ctx context.Context, member string) string {
	m, _ := h.member(ctx, member)
	return m.Sector
}

func (h *Hub) member(ctx context.Context, id string) (identity.Member, bool) {
	list, err := h.list(ctx)
	if err != nil {
		h.cfg.Log.Warn("could not read the members", slog.Any("err", err))
	}
	for _, m := range list {
		if m.ID == id {
			return m, true
		}
	}
	return identity.Member{}, false
}

// Greet gives a member's name and sector to itself.
func (h *Hub) Greet(ctx context.Context, member string) (name, sector string, err error) {
	m, ok := h.member(ctx, member)
	if !ok || !m.Revoked.IsZero() {
		return "", "", fault.New(fault.Denied, i18n.T("not a member", "構成員ではありません"))
	}
	return m.Name, m.Sector, h.people.Seen(ctx, member, h.cfg.Clock(), true)
}

// watchRoll notices memberships that a command beside the hub has ended.
func (h *Hub) watchRoll(ctx context.Context) error {
	tick := time.NewTicker(rollAge)
	defer tick.Stop()
	cut := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list, err := h.list(ctx)
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
			h.members.SetOnline(m.ID, false)
		}
	}
}
