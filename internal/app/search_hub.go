package app

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/incident"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/sigma"
)

// finders lend search what a hub or a node can be searched for.
func findFindings(db *store.DB) search.Finder {
	return search.Finder{Name: i18n.T("Findings", "検知"), All: "/findings", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			list, err := detect.List(tx, detect.Filter{Text: q}, detect.Cursor{}, limit)
			out = out[:0]
			for _, f := range list {
				out = append(out, search.Hit{Path: web.Path("/findings/{0}", f.ID), Title: web.Defang(f.Rule.Title), Note: web.Run{web.Level(f.Rule.Level), f.Host}})
			}
			return err
		})
		return out, err
	}}
}

func findIndicators(db *store.DB) search.Finder {
	return search.Finder{Name: i18n.T("Indicators", "指標"), All: "/indicators", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			list, err := share.List(tx, share.Filter{Text: q}, time.Time{}, "", limit)
			out = out[:0]
			for _, o := range list {
				out = append(out, search.Hit{Path: web.Path("/indicators/{0}", o.ID), Title: web.Defang(o.Name), Note: o.Handling.TLP})
			}
			return err
		})
		return out, err
	}}
}

func findCases(db *store.DB) search.Finder {
	return search.Finder{Name: i18n.T("Cases", "事案"), All: "/cases", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			p, err := incident.List(tx, list.Ask{Values: map[string]string{"q": q, "state": "all"}, Limit: limit})
			out = out[:0]
			for _, c := range p.Rows {
				out = append(out, search.Hit{Path: web.Path("/cases/{0}", c.Number), Title: c.Number + " " + web.Defang(c.Title), Note: c.Handling.TLP})
			}
			return err
		})
		return out, err
	}}
}

// findMembers finds members by name, for the hub's people only.
func (h *Hub) findMembers() search.Finder {
	return search.Finder{Name: i18n.T("Members", "構成員"), All: "/members", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) ([]search.Hit, error) {
		if !v.Hub {
			return nil, nil
		}
		list, err := h.list(ctx)
		var out []search.Hit
		for _, m := range list {
			if len(out) < limit && strings.Contains(strings.ToLower(m.Name), strings.ToLower(q)) {
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

// findRules finds the node's own rules.
func (n *Node) findRules() search.Finder {
	return search.Finder{Name: i18n.T("Rules", "規則"), All: "/rules", Find: func(_ context.Context, _ policy.Viewer, q string, limit int) ([]search.Hit, error) {
		var out []search.Hit
		set, low := n.engine.Rules(), strings.ToLower(q)
		add := func(key, title string, level sigma.Level) {
			if len(out) < limit && (strings.Contains(strings.ToLower(title), low) || strings.EqualFold(key, q)) {
				out = append(out, search.Hit{Path: web.Path("/rules/{0}", key), Title: event.Clip(title, 200), Note: web.Level(level)})
			}
		}
		for _, r := range set.Correlations {
			add(r.Key(), r.Title, r.Level)
		}
		for _, r := range set.Rules {
			add(r.Key(), r.Title, r.Level)
		}
		return out, nil
	}}
}
