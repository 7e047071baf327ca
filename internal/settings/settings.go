// Package settings is where people sign in and look after themselves: by link or
// by password, their language, time zone and appearance, their sessions and API
// tokens. Administrators keep the people of their house there and read the audit
// trail. It is the same at a hub and at a node. What may be done is decided by
// identity; the pages only leave out what would be refused.
package settings

import (
	"embed"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates
var files embed.FS

// Templates are the pages.
func Templates() fs.FS { return files }

// PageConfig says what the pages and operations stand on.
type PageConfig struct {
	People *identity.Service
	Clock  clock.Clock
	// Secure says that browsers come by TLS, so that cookies may only go that way.
	Secure bool
	// Node says that this is a node: its administrators keep all its people.
	Node bool
	// Open says that nobody needs to sign in here (the demo).
	Open    bool
	Version string
	// Link makes the address of a sign-in link out of its secret.
	Link func(token string) string
	// Notices names what meneki is built with; may be empty.
	Notices []Notice
}

// Notice is a module or a standard that meneki stands on, with its licence.
type Notice struct{ Name, Licence, Note string }

// house reports whether v administers the people of this house: at a hub an
// administrator of the hub's own, not one of a member's.
func (c PageConfig) house(v policy.Viewer) bool {
	return v.Role == policy.RoleAdmin && (v.Hub || c.Node)
}

// console is the pages with what they keep between two requests.
type console struct {
	PageConfig
	site *web.Site
	once *web.Once[*secret]
}

// Pages adds /sign-in, /sign-out and /settings.
func Pages(site *web.Site, c PageConfig) {
	d := &console{c, site, web.NewOnce[*secret](c.Clock)}
	site.Templates(Templates())
	site.Page("/sign-in", policy.RoleNone, d.signInPage)
	site.Action("/sign-in", policy.RoleNone, d.signInAction)
	site.Page("/sign-in/{token}", policy.RoleNone, d.linkPage)
	site.Action("/sign-in/{token}", policy.RoleNone, d.linkAction)
	site.Action("/sign-out", policy.RoleNone, d.signOutAction)

	site.Page("/settings", policy.RoleReader, func(r *web.Request) (*web.View, error) { return d.ownView(r, nil) })
	site.Action("/settings/preferences", policy.RoleReader, d.preferencesAction)
	site.Action("/settings/password", policy.RoleReader, d.passwordAction)
	site.Action("/settings/sessions/{id}/end", policy.RoleReader, d.endSessionAction)
	site.Page("/settings/tokens", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return d.tokensView(r, nil)
	})
	site.Action("/settings/tokens", policy.RoleReader, d.addTokenAction)
	site.Action("/settings/tokens/{id}/revoke", policy.RoleReader, d.revokeTokenAction)
	site.Page("/settings/people", policy.RoleAdmin, func(r *web.Request) (*web.View, error) {
		return d.peopleView(r, nil)
	})
	site.Action("/settings/people", policy.RoleAdmin, d.addPersonAction)
	site.Action("/settings/people/{id}/role", policy.RoleAdmin, d.roleAction)
	site.Action("/settings/people/{id}/link", policy.RoleAdmin, d.newLinkAction)
	site.Action("/settings/people/{id}/disable", policy.RoleAdmin, d.disableAction)
	site.Action("/settings/people/{id}/enable", policy.RoleAdmin, d.enableAction)
	site.Page("/settings/audit", policy.RoleAdmin, d.auditPage)
	site.Page("/settings/about", policy.RoleReader, d.aboutPage)
}

func (d *console) tabs(v policy.Viewer, on string) []web.Tab {
	list := []web.Tab{{Text: i18n.T("You", "あなたの設定"), Path: "/settings"}, {Text: i18n.T("API tokens", "API トークン"),
		Path: "/settings/tokens"}}
	if v.Role == policy.RoleAdmin {
		list = append(list, web.Tab{Text: i18n.T("People", "利用者"), Path: "/settings/people"})
	}
	if d.house(v) {
		list = append(list, web.Tab{Text: i18n.T("Audit trail", "監査記録"), Path: "/settings/audit"})
	}
	list = append(list, d.site.Tabs(v, "settings", on)...)
	list = append(list, web.Tab{Text: i18n.T("About", "meneki について"), Path: "/settings/about"})
	for i := range list {
		list[i].On = list[i].Path == on
	}
	return list
}

// from is where a request comes from, for the session's own record.
func from(r *http.Request) identity.Client {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return identity.Client{Address: host, Agent: r.UserAgent()}
}

// local gives a path of this site, or "/".
func local(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	u, err := url.Parse(p)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "/sign-") {
		return "/"
	}
	return p
}

// secret is a link or a token that is shown once.
type secret struct{ Name, Value string }
