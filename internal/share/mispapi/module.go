// Package mispapi serves a hub's or a node's objects by MISP's REST API, so that PyMISP,
// other clients of MISP and MISP servers that pull work as they are. Whoever asks gets what
// their token's viewer may see, in everything: what may not be seen changes no answer, no
// count and no time of an event. What is added is the token's organisation's.
//
// An event is what one owner gave as a report or a grouping. Indicators that came without
// one, such as those of the cycle, are the events of the days on which they came. See
// docs/design/0015-misp.md.
package mispapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/share/warninglist"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Config is what the API stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Title   string // of the hub or the node: the organisation of events that do not say theirs
	Log     *slog.Logger
	// ReadOnly refuses what would change something: a node serves what it received, and
	// what is added there would reach nobody.
	ReadOnly bool
	// Name returns the name of a member; nil knows none.
	Name func(ctx context.Context, member string) string
	// Own returns what belongs to the community itself, which is no indicator; nil: nothing.
	Own func(context.Context) (exclusion.CommunityAssets, error)
	// Warn is lists of values that say nothing; nil: none.
	Warn *warninglist.Folder
}

// Address is where clients of MISP find the server.
const Address = "/misp/"

// Module serves the API. It has no tables of its own.
func Module(c Config) role.Module {
	s := &service{Config: c}
	return role.Module{Name: "misp", Pages: s.pages}
}

type service struct{ Config }

// maxBody bounds what a client sends.
const maxBody = 48 << 20

// pages serves everything below Address.
func (s *service) pages(site *web.Site) {
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(site, w, r) })
	site.Handle(Address, serve)
	site.Handle(Address[:len(Address)-1], serve)
}

// serve answers one request.
func (s *service) serve(site *web.Site, w http.ResponseWriter, r *http.Request) {
	named := signedIn(r)
	c := &call{s: s, r: r, ctx: r.Context(), path: r.URL.Path}
	who, err := site.Who(w, named, policy.RoleReader)
	if err == nil {
		c.v = who.Viewer
		c.keyed = named.Header.Get("Authorization") != ""
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		var out any
		if out, err = c.answer(); err == nil {
			reply(w, http.StatusOK, out)
			return
		}
	}
	var no *refusal
	if !errors.As(err, &no) {
		no = refusalOf(err)
		if no.status >= 500 {
			s.Log.Error("a request of MISP's API failed", slog.String("path", r.URL.Path), slog.Any("err", err))
		}
	}
	if no.status == http.StatusUnauthorized || no.status == http.StatusForbidden && c.v == (policy.Viewer{}) {
		w.Header().Set("WWW-Authenticate", `Basic realm="MISP: any name, an API token as password", charset="UTF-8"`)
	}
	reply(w, no.status, no.body(r.URL.Path))
}

// signedIn returns the request with the token where meneki looks for it. Clients of MISP
// send it alone in Authorization, or in X-MISP-AUTH; HTTP Basic has it as the password.
func signedIn(r *http.Request) *http.Request {
	token := r.Header.Get("Authorization")
	if _, password, ok := r.BasicAuth(); ok {
		token = password
	}
	if token == "" {
		token = r.Header.Get("X-Misp-Auth")
	}
	if token == "" {
		return r
	}
	token = strings.TrimSpace(token)
	if len(token) > 7 && strings.EqualFold(token[:7], "bearer ") {
		token = token[7:]
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// text is an answer that is no JSON.
type text struct {
	media string
	body  []byte
}

func reply(w http.ResponseWriter, status int, v any) {
	if t, ok := v.(text); ok {
		w.Header().Set("Content-Type", t.media)
		w.WriteHeader(status)
		_, _ = w.Write(t.body)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// refusal is an error in MISP's form.
type refusal struct {
	status  int
	name    string
	message string
	errors  any
}

func (e *refusal) Error() string { return e.name }

func (e *refusal) body(path string) map[string]any {
	m := map[string]any{"saved": false, "name": e.name, "message": e.message, "url": path}
	if e.message == "" {
		m["message"] = e.name
	}
	if m["errors"] = e.errors; e.errors == nil {
		m["errors"] = m["message"]
	}
	return m
}

// refusalOf writes an error of meneki in MISP's form.
func refusalOf(err error) *refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &refusal{status: http.StatusRequestEntityTooLarge, name: "The request is too large."}
	}
	say := fault.TextOf(err).In(i18n.EN)
	switch {
	case fault.Is(err, fault.Unauthenticated):
		return &refusal{status: http.StatusForbidden,
			name: "Authentication failed. Please make sure you pass the API " +
				"key of an API enabled user along in the Authorization header."}
	case fault.Is(err, fault.Denied):
		return denied()
	case fault.Is(err, fault.NotFound):
		return &refusal{status: http.StatusNotFound, name: "Not found."}
	case fault.Is(err, fault.TooLarge):
		return &refusal{status: http.StatusRequestEntityTooLarge, name: say}
	case fault.Is(err, fault.Invalid):
		return invalid(say)
	}
	return &refusal{status: http.StatusInternalServerError, name: "An internal error has occurred."}
}

// denied is what MISP says where an account may not do a thing; PyMISP knows the sentence.
func denied() *refusal {
	return &refusal{status: http.StatusForbidden, name: "You do not have permission to do that.",
		message: "You do not have permission to do that."}
}

func invalid(why string) *refusal {
	return &refusal{status: http.StatusBadRequest, name: why, message: why}
}

func missing(what string) *refusal {
	return &refusal{status: http.StatusNotFound, name: "Invalid " + what}
}

// org is the organisation that events are on the server of.
func (s *service) org() misp.Organisation {
	return misp.Organisation{ID: "1", Name: s.Title, UUID: uuid.NewSHA1(uuid.NameSpaceURL,
		[]byte("misp:"+s.Title)).String()}
}

// own is the viewer's organisation.
func (c *call) own() misp.Organisation {
	if c.v.Member == "" {
		return c.s.org()
	}
	name := "Member"
	if c.s.Name != nil {
		if n := c.s.Name(c.ctx, c.v.Member); n != "" {
			name = n
		}
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("member:"+c.v.Member)).String()
	return misp.Organisation{ID: misp.NumberOf(id), Name: name, UUID: id}
}
