package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
)

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
