package rulehealth

import (
	"context"
	"strings"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/sigma"
)

// Module is the node's own rules and how they do, as the node runs it.
func Module(c PageConfig) role.Module {
	return role.Module{
		Name:  "rules",
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{{Key: "rules", Path: "/rules/health", Text: i18n.T("Rules", "ルール"),
			Icon: "rules", Letter: "r"}},
		Tabs: []web.MoreTab{
			{Page: "settings", Tab: web.Tab{Text: i18n.T("Rule counts", "ルールの集計"), Path: "/settings/rule-counts"}},
		},
		Finders: []search.Finder{finder(c.Health.Engine)},
		Jobs:    c.Health.Maintenance(),
		Load:    c.Health.Load,
		Run:     []func(context.Context) error{c.Health.Run},
	}
}

// finder finds the node's own rules.
func finder(e Engine) search.Finder {
	find := func(_ context.Context, _ policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		add := func(key, title string, level sigma.Level) {
			if len(out) < limit && (list.Holds(title, q) || strings.EqualFold(key, q)) {
				out = append(
					out,
					search.Hit{
						Path:  web.Path("/rules/{0}", key),
						Title: event.Clip(title, 200),
						Note:  web.Level(level),
					},
				)
			}
		}
		set := e.Rules()
		for _, r := range set.Correlations {
			add(r.Key(), r.Title, r.Level)
		}
		for _, r := range set.Rules {
			add(r.Key(), r.Title, r.Level)
		}
		return out, nil
	}
	return search.Finder{Name: i18n.T("Rules", "ルール"), All: "/rules", Find: find}
}
