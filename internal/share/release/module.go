package release

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// ModuleConfig is what the module of a node stands on.
type ModuleConfig struct {
	DB       *store.DB
	Outgoing *Outgoing
	Line     Line
	Clock    clock.Clock
	Log      *slog.Logger
	Notify   func() // called after something was decided or sent
	// Groups returns the names of the member's trust groups, by id.
	Groups func() map[string]string
}

// keepSent is how long a node keeps what it has sent.
const keepSent = 90 * 24 * time.Hour

// Module is what leaves a node, as the node runs it.
func Module(c ModuleConfig) role.Module {
	pages := PageConfig{DB: c.DB, Outgoing: c.Outgoing, Changed: c.Notify, Groups: c.Groups}
	return role.Module{
		Name:       "outgoing",
		Migrations: []store.Migration{Migration()},
		Pages: func(site *web.Site) {
			site.Templates(Templates())
			Pages(site, pages)
		},
		API: func(a *api.API) { API(a, pages) },
		Nav: []web.NavItem{{Key: "outgoing", Path: "/outgoing", Text: i18n.T("Outgoing", "外部送信"),
			Icon: "share", Letter: "l"}},
		Tabs: []web.MoreTab{
			{Page: "settings", Tab: web.Tab{Text: i18n.T("Sharing policy", "共有方針"), Path: "/settings/sharing"}},
		},
		Jobs: map[string]func(context.Context) error{"prune-sent": func(ctx context.Context) error {
			return Prune(ctx, c.DB, c.Clock().Add(-keepSent))
		}},
		Load: c.Outgoing.Load,
		Run:  []func(context.Context) error{NewSender(c.DB, c.Outgoing, c.Line, c.Log, c.Notify).Run},
	}
}
