package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

type book struct {
	ID    string `json:"id" doc:"its number | 番号"`
	Title string `json:"title" minLength:"1" maxLength:"40"`
	TLP   string `json:"tlp" enum:"clear,green,amber"`
}

type fixture struct {
	mux     *http.ServeMux
	api     *API
	log     bytes.Buffer
	answers []Answer
}

// asks is a request and what must come of it.
type asks struct {
	method, path, token, body string
	header                    map[string]string
}

func (f *fixture) do(t *testing.T, q asks) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, r)
	return w
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) fault.Problem {
	t.Helper()
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("Content-Type %q, want a problem; body %s", ct, w.Body)
	}
	var p fault.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if p.Status != w.Code {
		t.Errorf("problem says status %d, the answer has %d", p.Status, w.Code)
	}
	if p.Instance != "urn:meneki:request:"+w.Header().Get(RequestIDHeader) {
		t.Errorf("instance %q does not name request %q", p.Instance, w.Header().Get(RequestIDHeader))
	}
	return p
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{mux: http.NewServeMux()}
	now, _ := clock.Fixed(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	f.api = New(f.mux, Config{
		Version: "1.2.3", Clock: now,
		Log:     slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(a Answer) { f.answers = append(f.answers, a) },
		Auth: func(r *http.Request) (policy.Viewer, error) {
			switch r.Header.Get("Authorization") {
			case "Bearer reader":
				return policy.Viewer{User: "u1", Member: "m1", Role: policy.RoleReader}, nil
			case "Bearer admin":
				return policy.Viewer{User: "u2", Hub: true, Coordinator: true, Role: policy.RoleAdmin}, nil
			case "Bearer nobody":
				return policy.Viewer{}, nil
			case "":
				if c, err := r.Cookie(DefaultCookie); err == nil && c.Value == "s1" {
					return policy.Viewer{User: "u1", Member: "m1", Role: policy.RoleReader}, nil
				}
			}
			return policy.Viewer{}, fault.New(fault.Unauthenticated, i18n.T("no valid token", "有効なトークンがありません"))
		},
	})
	type one struct{ Body book }
	type list struct{ Body Page[book] }
	type getIn struct {
		ID string `path:"id" maxLength:"20"`
	}
	Register(f.api, Op{ID: "get-book", Method: "GET", Path: "/api/v1/books/{id}", Tag: "books",
		Summary: i18n.T("One book", "1冊"), Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *getIn) (*one, error) {
			switch in.ID {
			case "none":
				return nil, fault.Wrap(fault.NotFound, i18n.T("no such book", "その本はありません"),
					errors.New("row 17 missing"))
			case "broken":
				return nil, errors.New("dial tcp 10.0.0.5: secret detail")
			case "panic":
				panic("secret panic")
			}
			return &one{book{ID: in.ID, Title: Viewer(ctx).User, TLP: "clear"}}, nil
		})
	Register(f.api, Op{ID: "add-book", Method: "POST", Path: "/api/v1/books", Tag: "books",
		Summary: i18n.T("Add a book", "本を追加"), Need: policy.RoleAnalyst, Status: 201, MaxBody: 200},
		func(_ context.Context, in *one) (*one, error) { return in, nil })
	Register(f.api, Op{ID: "list-books", Method: "GET", Path: "/api/v1/books", Tag: "books",
		Summary: i18n.T("Books", "本の一覧"), Public: true},
		func(ctx context.Context, in *struct{ Paging }) (*list, error) {
			out := &list{Page[book]{Items: []book{}}}
			if Viewer(ctx) != (policy.Viewer{}) {
				out.Body.Items = []book{{ID: in.After}, {ID: strconv.Itoa(in.Limit)}}
			}
			return out, nil
		})
	return f
}

func TestAnswers(t *testing.T) {
	f := newFixture(t)
	w := f.do(t, asks{method: "GET", path: "/api/v1/books/7", token: "reader"})
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	// No $schema, no escaping, exactly the body.
	if got, want := w.Body.String(), `{"id":"7","title":"u1","tlp":"clear"}`+"\n"; got != want {
		t.Errorf("body %s, want %s", got, want)
	}
	if w.Header().Get(RequestIDHeader) == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
	if diff := cmp.Diff([]Answer{{Operation: "get-book", Method: "GET", Status: 200}}, f.answers); diff != "" {
		t.Error(diff)
	}
	if w := f.do(t, asks{method: "POST", path: "/api/v1/books", token: "admin",
		body: `{"id":"1","title":"x","tlp":"green"}`}); w.Code != 201 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := f.do(t, asks{method: "GET", path: "/api/v1/books/7",
		header: map[string]string{"Cookie": DefaultCookie + "=s1"}}); w.Code != 200 {
		t.Errorf("session: status %d: %s", w.Code, w.Body)
	}
}

func TestProblems(t *testing.T) {
	long := `{"id":"1","title":"` + strings.Repeat("x", 400) + `","tlp":"green"}`
	for name, c := range map[string]struct {
		asks
		status int
		kind   string
		detail string // contained
		errors string // contained in the list of wrong values
	}{
		"no credentials": {asks{method: "GET", path: "/api/v1/books/7"}, 401, "unauthenticated", "no valid token",
			""},
		"zero viewer": {asks{method: "GET", path: "/api/v1/books/7", token: "nobody"}, 401, "unauthenticated", "",
			""},
		"role too low": {asks{method: "POST", path: "/api/v1/books", token: "reader", body: `{}`}, 403, "denied",
			"analyst", ""},
		"wrong token": {asks{method: "GET", path: "/api/v1/books", token: "stolen"}, 401, "unauthenticated", "",
			""},
		"not found": {asks{method: "GET", path: "/api/v1/books/none", token: "reader"}, 404, "not-found",
			"no such book", ""},
		"unclassed error": {asks{method: "GET", path: "/api/v1/books/broken", token: "reader"}, 500, "internal", "",
			""},
		"panic": {asks{method: "GET", path: "/api/v1/books/panic", token: "reader"}, 500, "internal", "",
			""},
		"unknown path": {asks{method: "GET", path: "/api/v1/boks", token: "reader"}, 404, "not-found",
			"no such operation", ""},
		"wrong method": {asks{method: "DELETE", path: "/api/v1/books", token: "reader"}, 405, "unsupported",
			"DELETE", ""},
		"unknown parameter": {asks{method: "GET", path: "/api/v1/books?lmit=5", token: "reader"}, 422, "invalid", "",
			"query.lmit"},
		"limit too great": {asks{method: "GET", path: "/api/v1/books?limit=1001", token: "reader"}, 422, "invalid",
			"", "at most 1000"},
		"limit no number": {asks{method: "GET", path: "/api/v1/books?limit=x", token: "reader"}, 422, "invalid", "",
			"invalid integer"},
		"broken JSON": {asks{method: "POST", path: "/api/v1/books", token: "admin", body: `{"id":`}, 400,
			"invalid", "cannot be read", "body"},
		"empty body": {asks{method: "POST", path: "/api/v1/books", token: "admin"}, 400, "invalid", "", ""},
		"unknown field": {asks{method: "POST", path: "/api/v1/books", token: "admin",
			body: `{"id":"1","title":"x","tlp":"green","x":1}`}, 422, "invalid", "", "unexpected property"},
		"missing field": {asks{method: "POST", path: "/api/v1/books", token: "admin",
			body: `{"id":"1","tlp":"green"}`}, 422, "invalid", "", "title is missing"},
		"not in the enum": {asks{method: "POST", path: "/api/v1/books", token: "admin",
			body: `{"id":"1","title":"x","tlp":"pink"}`}, 422, "invalid", "", "body.tlp"},
		"too large": {asks{method: "POST", path: "/api/v1/books", token: "admin", body: long}, 413, "too-large",
			"200 bytes", ""},
		"wrong media type": {asks{method: "POST", path: "/api/v1/books", token: "admin", body: `a=b`,
			header: map[string]string{
				"Content-Type": "application/x-www-form-urlencoded"}}, 415, "unsupported", "application/json", ""},
		"other site": {asks{method: "POST", path: "/api/v1/books", body: `{}`, header: map[string]string{
			"Cookie": DefaultCookie + "=s1", "Sec-Fetch-Site": "cross-site"}}, 403, "denied", "another site", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			w := f.do(t, c.asks)
			p := problemOf(t, w)
			list, err := json.Marshal(p.Errors)
			if err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || p.Type != "urn:meneki:problem:"+c.kind || !strings.Contains(p.Detail, c.detail) ||
				!strings.Contains(string(list), c.errors) {
				t.Errorf("got %d %s %q %s; want %d %s %q %s", w.Code, p.Type, p.Detail, list, c.status, c.kind,
					c.detail, c.errors)
			}
			if p.Title == "" {
				t.Error("no title")
			}
			if body := w.Body.String(); strings.Contains(body, "secret") || strings.Contains(body, "row 17") {
				t.Errorf("the inner error gets out: %s", body)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got != "") != (c.status == 401) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if got := f.answers[0]; got.Kind != c.kind || got.Status != c.status {
				t.Errorf("observed %+v", got)
			}
			ja := c.asks
			ja.header = map[string]string{"Accept-Language": "fr, ja;q=0.8, en;q=0.1"}
			for k, v := range c.header {
				ja.header[k] = v
			}
			if w := f.do(t, ja); w.Header().Get("Content-Language") != "ja" || problemOf(t, w).Title == p.Title {
				t.Errorf("no Japanese in %s", w.Body)
			}
		})
	}
}

func TestInnerErrorIsLogged(t *testing.T) {
	f := newFixture(t)
	w := f.do(t, asks{method: "GET", path: "/api/v1/books/broken", token: "reader"})
	for _, want := range []string{"secret detail", w.Header().Get(RequestIDHeader), "get-book"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("log lacks %q: %s", want, f.log.String())
		}
	}
}

func TestAllowHeader(t *testing.T) {
	w := newFixture(t).do(t, asks{method: "DELETE", path: "/api/v1/books"})
	if got := w.Header().Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow %q", got)
	}
}

// What stands beside the operations answers errors as they do.
func TestBesideTheOperations(t *testing.T) {
	f := newFixture(t)
	f.api.Handle("GET /figures", func(_ http.ResponseWriter, r *http.Request) error {
		return fault.New(fault.Denied, i18n.T("not for you", "閲覧できません"))
	})
	for _, c := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/figures", 403, ""}, {"POST", "/figures", 405, "GET, HEAD"}, {"POST", "/openapi.json", 405,
			"GET, HEAD"}, {"DELETE", "/openapi.yaml", 405, "GET, HEAD"},
	} {
		w := f.do(t, asks{method: c.method, path: c.path})
		if p := problemOf(t, w); p.Status != c.want || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", c.method, c.path, p.Status, w.Header().Get("Allow"), c.want,
				c.allow)
		}
	}
}

func TestRequestIDOfOuterHandler(t *testing.T) {
	f := newFixture(t)
	w := httptest.NewRecorder()
	w.Header().Set(RequestIDHeader, "outer-1")
	f.mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/books/7", nil))
	if p := problemOf(t, w); p.Instance != "urn:meneki:request:outer-1" {
		t.Errorf("instance %q", p.Instance)
	}
}

func TestPaging(t *testing.T) {
	f := newFixture(t)
	for query, want := range map[string]string{"": "|50", "?limit=1000&after=x%20y": "x y|1000"} {
		w := f.do(t, asks{method: "GET", path: "/api/v1/books" + query, token: "reader"})
		var p Page[book]
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p.Items) != 2 {
			t.Fatal(err, w.Body)
		}
		if got := p.Items[0].ID + "|" + p.Items[1].ID; got != want {
			t.Errorf("%s: after and limit %q, want %q", query, got, want)
		}
	}
	// The public sees nothing, and an empty list is [], never null.
	w := f.do(t, asks{method: "GET", path: "/api/v1/books"})
	if got := w.Body.String(); got != "{\"items\":[]}\n" {
		t.Errorf("body %s", got)
	}
}

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		has, needs policy.Role
		ok         bool
	}{
		{policy.RoleReader, policy.RoleReader, true},
		{policy.RoleReader, policy.RoleAnalyst, false},
		{policy.RoleAdmin, policy.RoleCoordinator, true},
		{policy.RoleNone, policy.RoleReader, false},
		{"owner", policy.RoleReader, false}, // an unknown role has nothing
		{policy.RoleAdmin, "owner", false},  // and nobody has an unknown one
		{policy.RoleNone, policy.RoleNone, true},
	} {
		if err := Need(policy.Viewer{Role: c.has}, c.needs); (err == nil) != c.ok {
			t.Errorf("role %q needing %q: %v", c.has, c.needs, err)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	ok := Op{ID: "a-b", Method: "GET", Path: "/api/v1/x", Summary: i18n.T("x", "あ")}
	for name, change := range map[string]func(*Op){
		"id":      func(o *Op) { o.ID = "Get Book" },
		"path":    func(o *Op) { o.Path = "/x" },
		"summary": func(o *Op) { o.Summary.JA = "" },
		"method":  func(o *Op) { o.Method = "" },
		"role":    func(o *Op) { o.Need = "owner" },
		"public":  func(o *Op) { o.Public, o.Need = true, policy.RoleReader },
	} {
		t.Run(name, func(t *testing.T) {
			op := ok
			change(&op)
			defer func() {
				if recover() == nil {
					t.Error("registered")
				}
			}()
			a := New(http.NewServeMux(), Config{Version: "1"})
			Register(a, op, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
		})
	}
}
