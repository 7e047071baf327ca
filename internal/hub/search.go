package hub

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/web"
)

// findMembers finds members by name, for the hub's people only.
func (h *Hub) findMembers() search.Finder {
	return search.Finder{Name: i18n.T("Members", "構成員"), All: "/members", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) ([]search.Hit, error) {
		if !v.Hub {
			return nil, nil
		}
		members, err := h.list(ctx)
		var out []search.Hit
		for _, m := range members {
			if len(out) < limit && list.Holds(m.Name, q) {
				out = append(out, search.Hit{Path: web.Path("/members/{0}", m.ID), Title: m.Name, Note: sectorOf(m.Sector)})
			}
		}
		return out, err
	}}
}

// sectorOf names a sector; one that is not in the list is told as it is.
func sectorOf(slug string) i18n.Text {
	if s, ok := identity.SectorOf(slug); ok {
		return s.Name
	}
	return i18n.Same(slug)
}
