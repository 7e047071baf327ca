package node

import (
	"context"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/sigma"
)

// findRules finds the node's own rules.
func (n *Node) findRules() search.Finder {
	return search.Finder{Name: i18n.T("Rules", "ルール"), All: "/rules", Find: func(_ context.Context, _ policy.Viewer, q string, limit int) ([]search.Hit, error) {
		var out []search.Hit
		set := n.engine.Rules()
		add := func(key, title string, level sigma.Level) {
			if len(out) < limit && (list.Holds(title, q) || strings.EqualFold(key, q)) {
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
