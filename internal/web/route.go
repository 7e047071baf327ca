package web

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// maxForm bounds what an action is sent, with the files in it.
const maxForm = 4 << 20

// Page serves GET (and HEAD) of a path for viewers of at least the role need;
// RoleNone serves the public too. "/" is the first page alone. The handler
// returns what to show, or an error, which becomes an error page.
func (s *Site) Page(pattern string, need policy.Role, h func(*Request) (*View, error)) {
	path := plainPath(pattern)
	s.pages[path] = served{need, h}
	if path == "/" {
		path = "/{$}"
	}
	s.handle("GET "+path, http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := s.request(w, hr, need)
		if err != nil {
			s.refuse(w, hr, r, err)
			return
		}
		v, err := h(r)
		if err != nil {
			s.refuse(w, hr, r, err)
			return
		}
		s.show(r, v)
	}))
}

// Action serves POST of a path for viewers of at least the role need. The
// handler returns the path to go on with; empty goes back to where the reader
// was. A request from another site never arrives here. To show a form again
// with what is wrong in it, return Again.
func (s *Site) Action(pattern string, need policy.Role, h func(*Request) (redirect string, err error)) {
	s.handle("POST "+plainPath(pattern), http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := s.request(w, hr, need)
		if err == nil {
			hr.Body = http.MaxBytesReader(w, hr.Body, maxForm)
			err = parseForm(hr)
		}
		if err != nil {
			s.refuse(w, hr, r, err)
			return
		}
		to, err := h(r)
		if again, ok := errors.AsType[*again](err); ok {
			if again.err != nil {
				again.view.Status = fault.Invalid.Status()
			}
			s.show(r, again.view)
			return
		}
		if file, ok := errors.AsType[*answer](err); ok {
			err = file.write(w)
			if err == nil {
				return
			}
		}
		if err != nil {
			s.refuse(w, hr, r, err)
			return
		}
		s.writeFlash(r)
		if to == "" {
			to = cameFrom(hr)
		}
		if !localPath(to) {
			to = "/"
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, hr, to, http.StatusSeeOther)
	}))
}

func parseForm(r *http.Request) error {
	err := r.ParseForm()
	if kind, _, e := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && e == nil &&
		kind == "multipart/form-data" {
		err = r.ParseMultipartForm(maxForm) // in memory as a whole
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Wrap(fault.TooLarge, i18n.T("the form is larger than 4 MB", "送信内容が 4 MB を超えています"), err)
	}
	return fault.Wrap(fault.Invalid, i18n.T("the form cannot be read", "送信内容を読み取れません"), err)
}

// cameFrom is the page that the reader was on, if it is one of ours.
func cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	return u.RequestURI()
}

// served is a page that was added.
type served struct {
	need    policy.Role
	handler func(*Request) (*View, error)
}

// again shows a page instead of going on.
type again struct {
	view *View
	err  error
}

func (a *again) Error() string { return fmt.Sprint("web: show a page again: ", a.err) }
func (a *again) Unwrap() error { return a.err }

// Show makes an action show v instead of going on: an answer that has no address of its
// own, as what it depends on was too long for one.
func Show(v *View) error { return &again{view: v} }

// answer is written instead of a page.
type answer struct {
	write func(http.ResponseWriter) error
}

func (a *answer) Error() string { return "web: answer with a file" }

// Answer makes an action answer with what write writes: a file to keep.
func Answer(write func(http.ResponseWriter) error) error { return &answer{write} }

// Again makes an action show v, with status 422, instead of going on: the same
// form with what was typed and what is wrong with it.
func Again(v *View, err error) error { return &again{v, err} }

// Again makes an action show the page of a pattern, with status 422, instead of going
// on: the page that the form is on, which may be another capability's. Its handler and
// its panels find the form in Request.Sent. The pattern's wildcards are the action's.
func (r *Request) Again(pattern string, form *Form) error {
	p, ok := r.site.pages[plainPath(pattern)]
	if !ok {
		return fmt.Errorf("web: there is no page %s to show again", pattern)
	}
	if p.need != policy.RoleNone && rank(r.Viewer.Role) < rank(p.need) {
		return fault.New(fault.Denied, fault.Denied.Title())
	}
	r.Sent = form
	v, err := p.handler(r)
	if err != nil {
		return err
	}
	return Again(v, form.Err())
}

// Handle serves a pattern of http.ServeMux as it is. It has the security
// headers, the cross-origin check and a request id; who may call it is its own
// matter (Site.Who helps).
func (s *Site) Handle(pattern string, h http.Handler) { s.handle(pattern, h) }

func (s *Site) handle(pattern string, h http.Handler) {
	s.patterns[pattern] = true
	s.mux.Handle(pattern, h)
}

// Who makes a Request of a raw one and checks the role, for handlers that were
// given to Handle.
func (s *Site) Who(w http.ResponseWriter, hr *http.Request, need policy.Role) (*Request, error) {
	return s.request(w, hr, need)
}

// Refuse answers with err as every page does: an error page, or a problem for programs.
func (s *Site) Refuse(w http.ResponseWriter, hr *http.Request, err error) {
	s.refuse(w, hr, nil, err)
}

// request finds out who asks and whether they may. The Request is never nil.
func (s *Site) request(w http.ResponseWriter, hr *http.Request, need policy.Role) (*Request, error) {
	r := &Request{Request: hr, W: w, ID: RequestID(hr.Context()), site: s}
	r.Lang, r.Zone, r.Theme = s.prefer(w, hr)
	v, err := s.viewer(hr)
	if err != nil {
		return r, err
	}
	r.Viewer = v
	switch {
	case need == policy.RoleNone:
		return r, nil
	case v == policy.Viewer{}:
		return r, fault.New(fault.Unauthenticated, i18n.T("sign in to see this", "閲覧にはサインインが必要です"))
	case rank(v.Role) < rank(need) || rank(need) == 0:
		return r, fault.New(fault.Denied, i18n.T("your role does not allow this", "この操作を行う権限がありません")).
			WithHint(i18n.T("ask an administrator of your organisation for the role “{0}”",
				"組織の管理者に「{0}」の役割を依頼してください").With(RoleText(need)))
	}
	return r, nil
}

func (s *Site) viewer(hr *http.Request) (policy.Viewer, error) {
	if s.cfg.Auth == nil {
		return policy.Viewer{}, nil
	}
	v, err := s.cfg.Auth(hr)
	if fault.Is(err, fault.Unauthenticated) {
		return policy.Viewer{}, nil
	}
	return v, err
}

// RoleText is a role in words.
func RoleText(r policy.Role) i18n.Text {
	switch r {
	case policy.RoleReader:
		return i18n.T("reader", "閲覧")
	case policy.RoleAnalyst:
		return i18n.T("analyst", "分析")
	case policy.RoleCoordinator:
		return i18n.T("coordinator", "調整")
	case policy.RoleAdmin:
		return i18n.T("administrator", "管理")
	}
	return i18n.T("visitor", "訪問者")
}

// Handler is the whole console. Call it after everything was added.
func (s *Site) Handler() http.Handler {
	s.once.Do(func() {
		if s.cfg.Search == "" && s.patterns["GET /search"] {
			s.cfg.Search = "/search"
		}
		if !s.patterns["/"] {
			s.mux.Handle("/", http.HandlerFunc(s.nothing))
		}
		origin := http.NewCrossOriginProtection()
		origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.refuse(w, r, nil, fault.New(fault.Denied, i18n.T("the request came from another site and was refused",
				"別のサイトからの要求のため、拒否しました")).
				WithHint(i18n.T("open this console itself and do it there", "このコンソールを直接開いて操作してください")))
		}))
		s.handler = s.guard(origin.Handler(s.mux))
	})
	return s.handler
}

// nothing answers what no pattern matches.
func (s *Site) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, p := s.mux.Handler(probe); p != "/" && p != "" && m != r.Method {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.refuseStatus(w, r, http.StatusMethodNotAllowed,
			fault.New(fault.Unsupported,
				i18n.T("this address does not take {0}", "このアドレスは {0} に対応していません").With(r.Method)))
		return
	}
	s.refuse(w, r, nil, fault.New(fault.NotFound, i18n.T("there is no such page, or it is not there for you",
		"ページが存在しないか、閲覧できません")).
		WithHint(i18n.T("check the address, or go back to the first page", "アドレスを確認するか、最初のページに戻ってください")))
}

// show answers with a view.
func (s *Site) show(r *Request, v *View) {
	if v == nil {
		s.refuse(r.W, r.Request, r, errors.New("web: a handler returned neither a view nor an error"))
		return
	}
	if v.CSV != nil && r.Download() {
		if err := writeTable(r, v); err != nil {
			s.refuse(r.W, r.Request, r, err)
		}
		return
	}
	h := r.W.Header()
	fragment := r.Header.Get("X-Meneki-Fragment") != ""
	var flashes []flash
	if !fragment {
		flashes = s.readFlash(r.W, r.Request)
	}
	var body bytes.Buffer
	if err := s.render(&body, r, v, flashes, fragment); err != nil {
		s.refuse(r.W, r.Request, r, err)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Accept-Language, X-Meneki-Fragment")
	h.Set("Content-Language", string(r.Lang))
	status := v.Status
	if status == 0 {
		status = http.StatusOK
	}
	r.W.WriteHeader(status)
	_, _ = r.W.Write(body.Bytes()) // the reader has gone
}
