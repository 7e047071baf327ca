package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// errorData is the dot of the error page.
type errorData struct {
	Status int
	Kind   string
	What   i18n.Text
	Why    i18n.Text
	Now    i18n.Text
	ID     string
	SignIn string
	Again  string // the same page once more, where that may help
}

// refuse answers with an error: a page that says what, why, what now and an id
// to quote, or RFC 9457 for programs. An error without a kind goes to the log only.
func (s *Site) refuse(w http.ResponseWriter, hr *http.Request, r *Request, err error) {
	kind := fault.KindOf(err)
	if kind.Status() >= 500 {
		s.log.Error("request failed", "request", RequestID(hr.Context()), "method", hr.Method, "path", hr.URL.Path,
			"kind", kind.Label(), "error", err.Error())
	} else {
		s.log.Debug("request refused", "request", RequestID(hr.Context()), "method", hr.Method, "path", hr.URL.Path,
			"kind", kind.Label(), "error", err.Error())
	}
	s.refuseLogged(w, hr, r, kind.Status(), err)
}

func (s *Site) refuseStatus(w http.ResponseWriter, hr *http.Request, status int, err error) {
	s.refuseLogged(w, hr, nil, status, err)
}

func (s *Site) refuseLogged(w http.ResponseWriter, hr *http.Request, r *Request, status int, err error) {
	if r == nil {
		r = &Request{Request: hr, W: w, ID: RequestID(hr.Context()), site: s}
		r.Lang, r.Zone, r.Theme = s.prefer(w, hr)
		if v, verr := s.quietViewer(hr); verr == nil {
			r.Viewer = v
		}
	}
	kind := fault.KindOf(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	fault.SetHeaders(h, kind)
	if wantsJSON(hr) {
		p := fault.ProblemOf(err, r.Lang, r.ID)
		p.Status = status
		_ = p.Write(w, hr) // the caller has gone
		return
	}
	signIn := ""
	if kind == fault.Unauthenticated && s.cfg.SignIn != "" {
		signIn = s.cfg.SignIn + "?next=" + url.QueryEscape(nextPath(hr))
		if (hr.Method == http.MethodGet || hr.Method == http.MethodHead) && hr.URL.Path != s.cfg.SignIn &&
			hr.URL.Path != "/live" && hr.Header.Get("X-Meneki-Fragment") == "" {
			http.Redirect(w, hr, signIn, http.StatusSeeOther)
			return
		}
	}
	text := fault.TextOf(err)
	d := errorData{Status: status, Kind: kind.Label(), What: kind.Title(), Why: i18n.Text{EN: DefangText(text.EN),
		JA: DefangText(text.JA)}, Now: fault.HintOf(err), ID: r.ID,
		SignIn: signIn}
	if text == kind.Title() {
		d.Why = i18n.Text{}
	}
	if uri := hr.URL.RequestURI(); status >= 500 && hr.Method == http.MethodGet && localPath(uri) {
		d.Again = uri
	}
	title := kind.Title()
	if title.EN != "" {
		title.EN = strings.ToUpper(title.EN[:1]) + title.EN[1:]
	}
	v := &View{Template: "ui/error", Title: title, Data: d, Plain: r.Viewer.User == "" && r.Viewer.Role == ""}
	var body bytes.Buffer
	if rerr := s.render(&body, r, v, nil, false); rerr != nil {
		s.log.Error("the error page failed", "request", r.ID, "error", rerr.Error())
		http.Error(w, strconv.Itoa(status)+" "+kind.Title().In(r.Lang)+"\n"+r.ID, status)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(r.Lang))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the reader has gone
}

// nextPath is where to go on after signing in.
func nextPath(r *http.Request) string {
	if r.Method != http.MethodGet {
		return cameFrom(r)
	}
	return r.URL.RequestURI()
}

// wantsJSON reports whether a program asks: it names JSON, and HTML not before it.
func wantsJSON(r *http.Request) bool {
	accept := strings.ToLower(r.Header.Get("Accept"))
	j := strings.Index(accept, "json")
	h := strings.Index(accept, "text/html")
	return j >= 0 && (h < 0 || j < h)
}

// quietViewer is viewer for error pages: what is broken there must not break them too.
func (s *Site) quietViewer(hr *http.Request) (v policy.Viewer, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = policy.Viewer{}, fmt.Errorf("auth: panic: %v", p)
		}
	}()
	return s.viewer(hr)
}
