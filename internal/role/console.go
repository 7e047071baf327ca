package role

import (
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// Console is the pages and the API of a hub or a node, on one port.
type Console struct {
	Mux     *http.ServeMux
	Site    *web.Site
	API     *api.API
	Metrics *Metrics
}

// NewConsole returns a console without pages. cookie reads the session's cookie;
// open is who everybody on this machine is, if nobody needs to sign in.
func NewConsole(cfg web.Config, people *identity.Service, secure bool, open *policy.Viewer, log *slog.Logger) *Console {
	c := &Console{Mux: http.NewServeMux(), Metrics: newMetrics()}
	auth := func(r *http.Request) (policy.Viewer, error) { return who(r, people, secure, open) }
	cfg.Auth, cfg.Log = auth, log
	cfg.SignIn, cfg.SignOut = "/sign-in", "/sign-out"
	if open != nil {
		cfg.SignOut = ""
	}
	c.API = api.New(c.Mux, api.Config{Title: "meneki", Version: Version, Auth: auth,
		Cookie: people.Cookie("", cfg.Clock(), secure).Name, Clock: cfg.Clock, Log: log, Observe: c.Metrics.observe})
	c.API.Handle("GET /metrics", c.Metrics.Serve(auth))
	c.Site = web.New(cfg)
	return c
}

// who tells who sends a request: by an API token, by a session, or, on an open
// console, because the request comes from this machine.
func who(r *http.Request, people *identity.Service, secure bool, open *policy.Viewer) (policy.Viewer, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 11.1: in any case
			return policy.Viewer{}, fault.New(fault.Unauthenticated, i18n.T("only bearer tokens are accepted",
				"Bearer トークンのみ利用できます"))
		}
		return people.Authenticate(r.Context(), strings.TrimSpace(token))
	}
	if cookie := people.CookieOf(r, secure); cookie != "" {
		v, _, err := people.SessionViewer(r.Context(), cookie)
		if err == nil || open == nil {
			return v, err
		}
	}
	if open != nil && local(r) {
		return *open, nil
	}
	return policy.Viewer{}, fault.New(fault.Unauthenticated, fault.Unauthenticated.Title())
}

// local reports whether a request is for this machine by name as well as by
// address: a page elsewhere that has its own name point here is not.
func local(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Handler serves the pages and the API.
func (c *Console) Handler() http.Handler {
	c.Mux.Handle("/", c.Site.Handler())
	return c.Mux
}

// Notify makes open pages show what changed.
func (c *Console) Notify(topic string) {
	if c != nil {
		c.Site.Notify(topic)
	}
}
