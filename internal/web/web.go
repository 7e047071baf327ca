// Package web is the console's shell: it serves pages that capabilities
// describe as data (a View) and draw with their own templates out of shared
// components, in Japanese and English, light and dark, for wall screens and
// phones, readable without JavaScript and live with it.
//
// A capability hands over its templates (Templates), its pages (Page) and its
// actions (Action), and says what changed (Notify). Everything that all pages
// need in the same way is here and only here: who may open it, the security
// headers, errors, language, time zone, the marking's place, downloads of
// tables, live updates.
package web

import (
	"crypto/rand"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"text/template/parse"
	"time"
	_ "time/tzdata" // readers' zones, on machines that have none installed

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Config is what a console needs to know. Only Clock is required.
type Config struct {
	Clock clock.Clock
	Log   *slog.Logger // nil discards
	Title i18n.Text    // behind each page's title: "meneki — hub"
	Place i18n.Text    // who this console belongs to
	// PlaceNow is asked for each page instead of Place, where the name may change.
	PlaceNow func() i18n.Text
	// Realm is the realm that all pages are about; empty or "live" is real work,
	// anything else is an exercise, which every page says. View.Realm overrides it.
	Realm string
	Zone  *time.Location // of readers who chose none; nil is Asia/Tokyo
	Lang  i18n.Lang      // of readers who chose none; empty is ja
	// Auth says who asks. The zero Viewer, or an error of kind Unauthenticated,
	// is the public. It is asked once per request, and now and then for open live
	// streams. nil: everybody is the public.
	Auth    func(*http.Request) (policy.Viewer, error)
	SignIn  string // path that people are sent to, with ?next=; empty: they get an error page
	SignOut string // path of the action that ends the session; empty: no button
	// Search is the path of the page that the search box opens, with ?q=; empty
	// takes /search if there is such a page.
	Search string
	Nav    []NavItem
	// Paced reports who is notified on a fixed beat instead of when something changed,
	// because what changes is others' as well and its rhythm would reveal
	// them. nil: everybody is notified at once.
	Paced func(policy.Viewer) bool
	// MaxLive bounds the open live streams; 0 is 2000.
	MaxLive int
}

// NavItem is a place in the rail on the left.
type NavItem struct {
	Key, Path string
	Text      i18n.Text
	Icon      string      // a name of icon
	Letter    string      // g and then this letter goes there
	Need      policy.Role // who sees it; empty is everybody
}

// Site is a console. Set it up from one goroutine, then call Handler; after
// that, Notify and Close may be called from any.
type Site struct {
	cfg      Config
	log      *slog.Logger
	mux      *http.ServeMux
	patterns map[string]bool
	pages    map[string]served  // by path
	master   *template.Template // parsed, never executed
	defined  map[string]bool    // template names
	used     map[string]bool    // names that another template includes
	panels   []Panel
	tabs     []MoreTab
	files    *assets
	live     *live
	flashKey []byte
	pool     sync.Pool // *stage
	examples []example
	once     sync.Once
	handler  http.Handler
}

// New makes a console without pages. It panics if cfg has no clock or if the
// shell's own templates are broken, which a test would have found.
func New(cfg Config) *Site {
	if cfg.Clock == nil {
		panic("web: Config.Clock is missing")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Zone == nil {
		cfg.Zone = tokyo()
	}
	if cfg.Lang == "" {
		cfg.Lang = i18n.JA
	}
	if cfg.MaxLive == 0 {
		cfg.MaxLive = 2000
	}
	s := &Site{
		cfg: cfg, log: cfg.Log, mux: http.NewServeMux(),
		patterns: map[string]bool{}, pages: map[string]served{}, defined: map[string]bool{}, used: map[string]bool{},
		files: mustAssets(), live: newLive(cfg.MaxLive), flashKey: make([]byte, 32),
	}
	_, _ = rand.Read(s.flashKey) // never fails (crypto/rand)
	s.master = template.New("meneki").Option("missingkey=error").Funcs(s.declare())
	s.Templates(shell)
	s.handle("GET /assets/{version}/{name}", http.HandlerFunc(s.files.serve))
	s.handle("GET /favicon.ico", http.HandlerFunc(s.files.favicon))
	s.handle("GET /live", http.HandlerFunc(s.stream))
	return s
}

func tokyo() *time.Location {
	if z, err := time.LoadLocation("Asia/Tokyo"); err == nil {
		return z
	}
	return time.FixedZone("JST", 9*60*60)
}

// Templates adds templates/*.html of fsys. Each page is a define named after
// its capability, "cases/list"; names beginning with "ui/" are the shell's. It
// panics on a template that does not parse or that is defined twice: templates
// are embedded, so a test that calls New and Templates finds it.
func (s *Site) Templates(fsys fs.FS) {
	paths, err := fs.Glob(fsys, "templates/*.html")
	if err != nil {
		panic("web: " + err.Error())
	}
	for _, path := range paths {
		text, err := fs.ReadFile(fsys, path)
		if err == nil {
			err = s.addTemplate(path, string(text))
		}
		if err != nil {
			panic("web: template " + path + ": " + err.Error())
		}
	}
}

func (s *Site) addTemplate(path, text string) error {
	tree := parse.New(path)
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", set); err != nil {
		return err
	}
	for name, tr := range set {
		if name == path {
			continue // what stands outside of defines
		}
		if s.defined[name] {
			return errors.New(name + " is defined twice")
		}
		s.defined[name] = true
		if tr.Root != nil {
			included(tr.Root, s.used)
		}
	}
	_, err := s.master.New(path).Parse(text)
	return err
}

// included notes the names of the templates that n includes.
func included(n parse.Node, names map[string]bool) {
	list := func(l *parse.ListNode) {
		if l != nil {
			included(l, names)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, in := range n.Nodes {
			included(in, names)
		}
	case *parse.TemplateNode:
		names[n.Name] = true
	case *parse.IfNode:
		list(n.List)
		list(n.ElseList)
	case *parse.RangeNode:
		list(n.List)
		list(n.ElseList)
	case *parse.WithNode:
		list(n.List)
		list(n.ElseList)
	}
}

// exercise reports whether realm is not real work.
func exercise(realm string) bool { return realm != "" && realm != "live" }

// Notify says that something of the topic changed. Open pages whose View.Live has
// the topic fetch their live regions again. It only notes the name, never
// blocks, and many calls within a tenth of a second are one.
func (s *Site) Notify(topic string) { s.live.notify(topic) }

// Close ends the live streams, which a server's shutdown waits for. Pass it to
// http.Server.RegisterOnShutdown.
func (s *Site) Close() { s.live.close() }

// rank orders roles.
func rank(r policy.Role) int {
	for i, role := range policy.Roles() {
		if r == role {
			return i + 1
		}
	}
	return 0
}

// plainPath cuts the method off a pattern.
func plainPath(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return strings.TrimSpace(path)
	}
	return pattern
}
