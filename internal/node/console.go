package node

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/web"
)

// newConsole puts the modules on the node's port.
func (n *Node) newConsole() *role.Console {
	var open *policy.Viewer
	if n.cfg.Open {
		v := n.home()
		v.User, v.Name, v.Role = "demo", "demo", policy.RoleAdmin
		open = &v
	}
	c := role.NewConsole(
		web.Config{
			Clock:    n.cfg.Clock,
			Title:    i18n.Same("meneki"),
			PlaceNow: func() i18n.Text { return i18n.Same(n.Name()) },
			Realm:    n.cfg.Realm,
			Zone:     n.cfg.Zone,
			Lang:     n.cfg.Lang,
			Nav:      role.Nav(n.modules),
		},
		n.people,
		n.secure(),
		open,
		n.cfg.Log,
	)
	c.Metrics.Gauge("meneki_connected", "1 while the node is connected to its hub.", func(context.Context) float64 {
		if n.link.Connected() {
			return 1
		}
		return 0
	})
	c.Mount(n.modules)
	return c
}

// secure reports whether the console speaks HTTPS.
func (n *Node) secure() bool { return !role.Loopback(n.cfg.Listen) }
