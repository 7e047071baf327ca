package app

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

// console is the pages and the API of a hub or a node, on one port.
type console struct {
	mux     *http.ServeMux
	site    *web.Site
	api     *api.API
	metrics *metrics
}

// newConsole makes a console without pages. cookie reads the session's cookie;
// open is who everybody on this machine is, if nobody needs to sign in.
func newConsole(cfg web.Config, people *identity.Service, secure bool, open *policy.Viewer, log *slog.Logger) *console {
	c := &console{mux: http.NewServeMux(), metrics: newMetrics()}
	auth := func(r *http.Request) (policy.Viewer, error) { return who(r, people, secure, open) }
	cfg.Auth, cfg.Log = auth, log
	cfg.SignIn, cfg.SignOut = "/sign-in", "/sign-out"
	if open != nil {
		cfg.SignOut = ""
	}
	c.api = api.New(c.mux, api.Config{Title: "meneki", Version: Version, Auth: auth, Cookie: people.Cookie("", cfg.Clock(), secure).Name, Clock: cfg.Clock, Log: log, Observe: c.metrics.observe})
	c.api.Handle("GET /metrics", c.metrics.serve(auth))
	c.site = web.New(cfg)
	return c
}

// who tells who sends a request: by an API token, by a session, or, on an open
// console, because the request comes from this machine.
func who(r *http.Request, people *identity.Service, secure bool, open *policy.Viewer) (policy.Viewer, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 11.1: in any case
			return policy.Viewer{}, fault.New(fault.Unauthenticated, i18n.T("only bearer tokens are accepted", "Bearer トークンのみ利用できます"))
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

func (c *console) handler() http.Handler {
	c.mux.Handle("/", c.site.Handler())
	return c.mux
}

// tell makes open pages show what changed.
func (c *console) tell(topic string) {
	if c != nil {
		c.site.Tell(topic)
	}
}

// the places of the rail.
var (
	navSituation  = web.NavItem{Key: "situation", Path: "/", Text: i18n.T("Situation", "状況"), Icon: "situation", Letter: "s"}
	navFindings   = web.NavItem{Key: "findings", Path: "/findings", Text: i18n.T("Findings", "検知"), Icon: "findings", Letter: "f"}
	navCases      = web.NavItem{Key: "cases", Path: "/cases", Text: i18n.T("Cases", "事案"), Icon: "cases", Letter: "c"}
	navIndicators = web.NavItem{Key: "indicators", Path: "/indicators", Text: i18n.T("Indicators", "指標"), Icon: "indicators", Letter: "i"}
	navMembers    = web.NavItem{Key: "members", Path: "/members", Text: i18n.T("Members", "構成員"), Icon: "members", Letter: "m"}
	navLeaving    = web.NavItem{Key: "leaving", Path: "/leaving", Text: i18n.T("Leaving", "送出"), Icon: "share", Letter: "l"}
	navRules      = web.NavItem{Key: "rules", Path: "/rules/care", Text: i18n.T("Rules", "規則"), Icon: "rules", Letter: "r"}
	navPooled     = web.NavItem{Key: "rules", Path: "/rules", Text: i18n.T("Rules", "規則"), Icon: "rules", Letter: "r"}
	navCoverage   = web.NavItem{Key: "coverage", Path: "/coverage", Text: i18n.T("Coverage", "網羅状況"), Icon: "table", Letter: "o"}
	navSettings   = web.NavItem{Key: "settings", Path: "/settings", Text: i18n.T("Settings", "設定"), Icon: "settings", Letter: "e"}
)
