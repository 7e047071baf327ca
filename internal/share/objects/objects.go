// Package objects is what people see of STIX objects and do with them: the list that is
// searched, the page of one object with what is around it, reports, the form that makes a
// report of pasted text, and the same for programs. The objects are in package object; who
// may see one is policy's to say.
package objects

import (
	"context"
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/share/warninglist"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of drafts.
func Migration() store.Migration { return store.Migration{Name: "objects", FS: files} }

// Templates are the pages.
func Templates() fs.FS { return files }

// Members is the members of the community, as a directory of package identity has them.
type Members interface {
	identity.Names
	// Node returns a member's node as policy sees it.
	Node(ctx context.Context, id string) policy.Viewer
	// Active lists the members that have joined and still belong.
	Active(ctx context.Context) ([]identity.Member, error)
}

// Config is what the pages stand on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	// Members is nil at a node, which knows of no other members and where nothing is
	// composed: there objects are only read.
	Members Members
	// Own returns what belongs to the community itself; nil: nothing.
	Own func(ctx context.Context) (exclusion.CommunityAssets, error)
	// Warn returns the entries of warninglists that a value meets; nil: there are no lists.
	Warn func(event.Observable) []warninglist.Hit
	// Notify says that objects changed, to pages that are open; nil: nobody listens.
	Notify func()
}

// pages is the pages and operations.
type pages struct {
	Config
	techniques *attack.List
	site       *web.Site // has the panels of other capabilities; set by addTo
	undos      *web.Once[undo]
}

func newPages(c Config) *pages {
	return &pages{Config: c, techniques: attack.Read(), undos: web.NewOnce[undo](c.DB.Now)}
}

// Module is the objects as a hub or a node shows them.
func Module(c Config) role.Module {
	p := newPages(c)
	m := role.Module{
		Name: "objects",
		Pages: func(site *web.Site) {
			site.Templates(Templates())
			p.addTo(site)
		},
		API:     p.api,
		Nav:     []web.NavItem{p.nav()},
		Finders: []search.Finder{p.finder()},
	}
	if p.hub() {
		m.Migrations = []store.Migration{Migration()}
	}
	return m
}

func (p *pages) nav() web.NavItem {
	return web.NavItem{Key: "objects", Path: "/objects", Text: i18n.T("Objects", "共有情報"), Icon: "share", Letter: "o"}
}

// hub reports whether this is a hub, where objects are made and changed.
func (p *pages) hub() bool { return p.Members != nil }

func (p *pages) notify() {
	if p.Notify != nil {
		p.Notify()
	}
}

// addTo adds the pages. Panels of other capabilities belong to the page "object", which
// draws them in its one slot, "main"; their subject is the id of an object.
func (p *pages) addTo(site *web.Site) {
	p.site = site
	site.Page("/objects", policy.RoleReader, p.list)
	site.Page("/objects/{id}", policy.RoleReader, p.one)
	site.Page("/objects/lookup", policy.RoleReader, p.lookup)
	site.Action("/objects/lookup", policy.RoleReader, p.lookupAction)
	site.Page("/reports", policy.RoleReader, p.reports)
	p.exports(site)
	if !p.hub() {
		return
	}
	site.Action("/objects/{id}/note", policy.RoleAnalyst, p.note)
	site.Action("/objects/{id}/edit", policy.RoleAnalyst, p.edit)
	site.Action("/objects/{id}/marking", policy.RoleAnalyst, p.setMarking)
	site.Action("/objects/{id}/revoke", policy.RoleAnalyst, p.revoke)
	site.Action("/objects/selected", policy.RoleReader, p.selected)
	site.Page("/share/new", policy.RoleAnalyst, p.compose)
	site.Action("/share/new", policy.RoleAnalyst, p.paste)
	site.Page("/share/drafts", policy.RoleAnalyst, p.drafts)
	site.Page("/share/drafts/{id}", policy.RoleAnalyst, p.draft)
	site.Action("/share/drafts/{id}", policy.RoleAnalyst, p.draftAction)
}

func tabs(on string) []web.Tab {
	list := []web.Tab{
		{Text: i18n.T("All objects", "すべて"), Path: "/objects"},
		{Text: i18n.T("Reports", "レポート"), Path: "/reports"},
		{Text: i18n.T("Look up a list", "一括照会"), Path: "/objects/lookup"},
	}
	for i := range list {
		list[i].On = list[i].Path == on
	}
	return list
}

// composes reports whether a viewer may make objects here.
func (p *pages) composes(v policy.Viewer) bool {
	return p.hub() && v.User != "" && (v.Hub || v.Member != "") && v.Role != policy.RoleReader &&
		v.Role != policy.RoleNone
}

// tabsOf are the tabs of a viewer, of which the one at the path on is shown.
func (p *pages) tabsOf(v policy.Viewer, on string) []web.Tab {
	list := tabs(on)
	if p.composes(v) {
		list = append(list,
			web.Tab{Text: i18n.T("Share something", "共有する"), Path: "/share/new", On: on == "/share/new"},
			web.Tab{Text: i18n.T("My drafts", "自分の下書き"), Path: "/share/drafts", On: on == "/share/drafts"})
	}
	return list
}

func denied(why i18n.Text) error { return fault.New(fault.Denied, why) }

func invalid(why i18n.Text) error { return fault.New(fault.Invalid, why) }
