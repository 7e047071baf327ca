package api

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// RequestIDHeader carries the id of a request in its answer. An id that an outer
// handler has put there already is kept, so that one request has one id.
const RequestIDHeader = "X-Request-Id"

// state is what the API knows about the request under way. It is used by the
// request's own goroutine only.
type state struct {
	id        string
	lang      i18n.Lang
	operation string
	kind      string // label of the fault that was answered
}

type stateKey struct{}

func stateOf(ctx context.Context) *state {
	s, _ := ctx.Value(stateKey{}).(*state)
	return s
}

// RequestID is the id of the request that ctx belongs to; empty without one.
func RequestID(ctx context.Context) string {
	if s := stateOf(ctx); s != nil {
		return s.id
	}
	return ""
}

// Lang is the language that the caller asked for with Accept-Language; English
// if it asked for none of ours.
func Lang(ctx context.Context) i18n.Lang {
	if s := stateOf(ctx); s != nil {
		return s.lang
	}
	return i18n.EN
}

// langOf reads Accept-Language (RFC 9110, 12.5.4).
func langOf(header string) i18n.Lang {
	if len(header) > 256 {
		return i18n.EN
	}
	tags, q, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return i18n.EN
	}
	for i, t := range tags {
		base, _ := t.Base()
		if l, ok := i18n.Parse(base.String()); ok && q[i] > 0 {
			return l
		}
	}
	return i18n.EN
}

// router is the mux as huma sees it: every handler is guarded.
type router struct{ a *API }

func (rt router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	rt.a.mux.HandleFunc(pattern, rt.a.guard(pattern, h))
}

func (rt router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.a.mux.ServeHTTP(w, r) }

// Handle puts something that is no operation beside the operations, such as
// figures for a monitor: pattern is a method and a path. What h returns as an
// error is answered as a problem, and so are other methods of the path.
func (a *API) Handle(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	a.beside(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.writeProblem(w, r, err)
		}
	})
}

func (a *API) beside(pattern string, h http.HandlerFunc) {
	router{a}.HandleFunc(pattern, h)
	_, path, _ := strings.Cut(pattern, " ")
	a.mux.HandleFunc(path, a.guard("", a.unknown))
}

// guard returns every request an id, a language and safe headers, and turns a
// panic into a problem.
func (a *API) guard(pattern string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := a.cfg.Clock()
		st := &state{id: w.Header().Get(RequestIDHeader), lang: langOf(r.Header.Get("Accept-Language"))}
		if st.id == "" {
			st.id = clock.NewID()
			w.Header().Set(RequestIDHeader, st.id)
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		r = r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				a.cfg.Log.Error("panic in an operation", "pattern", pattern, "request", st.id, "panic", fmt.Sprint(p),
					"stack", string(debug.Stack()))
				if rec.status == 0 {
					a.writeProblem(rec, r, fault.New(fault.Internal, i18n.Text{}))
				}
			}
			if a.cfg.Observe != nil {
				a.cfg.Observe(Answer{Operation: st.operation, Method: r.Method, Status: rec.code(), Kind: st.kind,
					Took: max(0, a.cfg.Clock().Sub(start))})
			}
		}()
		h(rec, r)
	}
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// SetReadDeadline is what huma looks for to bound the reading of a body.
func (r *recorder) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(r.ResponseWriter).SetReadDeadline(t)
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// unknown answers what no operation is registered for: 405 if the path has other
// methods, 404 otherwise.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allow []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != "" && strings.HasPrefix(pattern, m+" ") {
			allow = append(allow, m)
		} else if m == http.MethodHead && strings.HasPrefix(pattern, "GET ") {
			allow = append(allow, m)
		}
	}
	if len(allow) == 0 {
		a.writeProblem(w, r, fault.New(fault.NotFound, i18n.T("there is no such operation", "その操作はありません")).
			WithHint(i18n.T("the operations are listed at /api/docs", "操作の一覧は /api/docs にあります")))
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	p := a.problem(r.Context(), fault.New(fault.Unsupported,
		i18n.T("this path does not answer {0}", "このパスは {0} に対応していません").With(r.Method)))
	p.Status = http.StatusMethodNotAllowed
	a.write(w, r, p)
}
