package inbox

import (
	"context"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is what the hub sent, as a node runs it: objects, and of them the indicators, which
// the node matches and searches its past for.
func Module(b *Inbox) role.Module {
	c := PageConfig{DB: b.DB, Inbox: b}
	return role.Module{
		Name:       "share",
		Migrations: []store.Migration{object.Migration(), indicator.Migration(), Migration()},
		Pages: func(site *web.Site) {
			site.Templates(indicator.Templates())
			site.Templates(Templates())
			Pages(site, c)
		},
		API: func(a *api.API) { API(a, c) },
		Nav: []web.NavItem{indicator.Nav()},
		Tabs: []web.MoreTab{
			{Page: "indicators", Tab: web.Tab{Text: i18n.T("From the hub", "ハブから"), Path: "/indicators"}},
		},
		Finders: []search.Finder{indicator.Finder(b.DB)},
		Start:   b.Start,
		Run:     []func(context.Context) error{b.Run, b.RunHunts},
	}
}
