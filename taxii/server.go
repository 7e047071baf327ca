package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Config is what a Server is made of.
type Config struct {
	// Base is the path of discovery; API roots are below it. Default: /taxii2/, where
	// clients look for it (section 8.2.1).
	Base string
	// Discovery is the title, description and contact; the rest of it is filled in.
	Discovery Discovery
	Backend   Backend
	// Authenticate returns the context in which the backend is asked for a request. Its
	// error is answered with 401, an *Error with its own status. Nil lets everybody in.
	Authenticate func(*http.Request) (context.Context, error)
	// Challenge is WWW-Authenticate of a 401. Default: Basic.
	Challenge string
	// Key seals the cursors of pages: 32 bytes or more, the same in all processes that
	// serve the same backend.
	Key []byte
	// MaxContent is how many bytes the body of a request may have. Default: 100 MiB.
	MaxContent int64
	// PageSize is how many records a page has at most. Default: 1000.
	PageSize int
	// Failed is told errors that are answered with 500; may be nil.
	Failed func(*http.Request, error)
}

// Server serves TAXII 2.1. It is safe for concurrent use.
type Server struct {
	Config
	key []byte
}

// NewServer returns a server, or says what is wrong with its configuration.
func NewServer(c Config) (*Server, error) {
	if c.Base == "" {
		c.Base = "/taxii2/"
	}
	if !strings.HasPrefix(c.Base, "/") || !strings.HasSuffix(c.Base, "/") {
		return nil, fmt.Errorf("taxii: the base %q does not begin and end with /", c.Base)
	}
	if c.Backend == nil {
		return nil, errors.New("taxii: a server needs a backend")
	}
	if len(c.Key) < 32 {
		return nil, errors.New("taxii: the key must have 32 bytes or more")
	}
	if c.Challenge == "" {
		c.Challenge = `Basic realm="TAXII", charset="UTF-8"`
	}
	if c.MaxContent <= 0 {
		c.MaxContent = 100 << 20
	}
	if c.PageSize <= 0 {
		c.PageSize = 1000
	}
	return &Server{Config: c, key: slices.Clone(c.Key)}, nil
}

// ServeHTTP serves all addresses below Config.Base.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if s.Authenticate != nil {
		var err error
		if ctx, err = s.Authenticate(r); err != nil {
			var e *Error
			if errors.As(err, &e) {
				return e
			}
			return problem(http.StatusUnauthorized, "sign in", "this address needs valid credentials")
		}
	}
	if !acceptable(r.Header.Values("Accept")) {
		return problem(http.StatusNotAcceptable, "not acceptable",
			"the answer is "+MediaType+", which Accept does not allow")
	}
	path, ok := strings.CutPrefix(r.URL.Path, s.Base)
	if !ok && r.URL.Path+"/" == s.Base {
		path, ok = "", true
	}
	if !ok {
		return ErrNotFound
	}
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if parts[0] == "" {
		if len(parts) > 1 {
			return ErrNotFound
		}
		return get(r, func() error { return s.discovery(ctx, w) })
	}
	roots, err := s.Backend.Roots(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(roots, parts[0]) {
		return ErrNotFound
	}
	q := request{Server: s, w: w, r: r, ctx: ctx, root: parts[0]}
	switch rest := parts[1:]; {
	case len(rest) == 0:
		return get(r, q.rootInfo)
	case len(rest) == 2 && rest[0] == "status":
		return get(r, func() error { return q.status(rest[1]) })
	case len(rest) == 1 && rest[0] == "collections":
		return get(r, q.collections)
	case len(rest) >= 2 && rest[0] == "collections":
		return q.inCollection(rest[1], rest[2:])
	}
	return ErrNotFound
}

// request is one request within an API root.
type request struct {
	*Server
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context //nolint:containedctx // lives as long as the request
	root string
	c    Collection
}

func (s *Server) discovery(ctx context.Context, w http.ResponseWriter) error {
	roots, err := s.Backend.Roots(ctx)
	if err != nil {
		return err
	}
	d := s.Discovery
	d.APIRoots, d.Default = nil, ""
	for _, r := range roots {
		d.APIRoots = append(d.APIRoots, s.Base+r+"/")
	}
	if len(roots) > 0 {
		d.Default = d.APIRoots[0]
	}
	return answer(w, http.StatusOK, d)
}

func (q *request) rootInfo() error {
	info, err := q.Backend.Root(q.ctx, q.root)
	if err != nil {
		return err
	}
	info.Versions, info.MaxContentLength = []string{MediaType}, q.MaxContent
	return answer(q.w, http.StatusOK, info)
}

func (q *request) status(id string) error {
	st, err := q.Backend.Status(q.ctx, q.root, id)
	if err != nil {
		return err
	}
	return answer(q.w, http.StatusOK, st)
}

func (q *request) collections() error {
	list, err := q.Backend.Collections(q.ctx, q.root)
	if err != nil {
		return err
	}
	return answer(q.w, http.StatusOK, struct {
		Collections []Collection `json:"collections,omitempty"`
	}{list})
}

// inCollection serves the addresses below a collection, by its id or alias.
func (q *request) inCollection(name string, rest []string) error {
	list, err := q.Backend.Collections(q.ctx, q.root)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(c Collection) bool { return c.ID == name || c.Alias != "" && c.Alias == name })
	if i < 0 {
		return ErrNotFound
	}
	q.c = list[i]
	switch {
	case len(rest) == 0:
		return get(q.r, func() error { return answer(q.w, http.StatusOK, q.c) })
	case len(rest) == 1 && rest[0] == "manifest":
		return get(q.r, q.manifest)
	case len(rest) == 1 && rest[0] == "objects":
		if q.r.Method == http.MethodPost {
			return q.add()
		}
		return get(q.r, q.objects, http.MethodPost)
	case len(rest) == 2 && rest[0] == "objects":
		if q.r.Method == http.MethodDelete {
			return q.delete(rest[1])
		}
		return get(q.r, func() error { return q.object(rest[1]) }, http.MethodDelete)
	case len(rest) == 3 && rest[0] == "objects" && rest[2] == "versions":
		return get(q.r, func() error { return q.versions(rest[1]) })
	}
	return ErrNotFound
}

// get runs fn for GET and HEAD, and names the methods that there are for others.
func get(r *http.Request, fn func() error, others ...string) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return fn()
	}
	return &methodError{strings.Join(append([]string{"GET", "HEAD"}, others...), ", ")}
}

// methodError says which methods an address has.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "taxii: this address has only " + e.allow }

// answer writes a message.
func answer(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	write(w, status, b.Bytes())
	return nil
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked is gone
}

func problem(status int, title, description string) *Error {
	return &Error{Title: title, Description: description, HTTPStatus: strconv.Itoa(status)}
}

func badRequest(description string) *Error {
	return problem(http.StatusBadRequest, "bad request", description)
}

// fail answers with an error message.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	var method *methodError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &method):
		w.Header().Set("Allow", method.allow)
		e = problem(http.StatusMethodNotAllowed, "method not allowed", "this address has only "+method.allow)
	case errors.Is(err, ErrNotFound):
		e = problem(http.StatusNotFound, "not found", "there is no such resource, or you may not know of it")
	case errors.Is(err, ErrForbidden):
		e = problem(http.StatusForbidden, "forbidden", "you may not do this")
	case errors.Is(err, ErrTooMany):
		e = problem(http.StatusTooManyRequests, "too many requests", "wait and try again")
	case errors.Is(err, context.Canceled):
		return
	default:
		if s.Failed != nil {
			s.Failed(r, err)
		}
		e = problem(http.StatusInternalServerError, "internal error", "the server could not do this; its log says why")
	}
	status, convErr := strconv.Atoi(e.HTTPStatus)
	if convErr != nil || status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	e.HTTPStatus = strconv.Itoa(status)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", s.Challenge)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(e.RetryAfter.Seconds()))))
		}
	}
	if answer(w, status, e) != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
