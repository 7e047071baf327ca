package settings

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

type house struct {
	t      *testing.T
	people *identity.Service
	h      http.Handler
	hand   *clock.Hand
}

// person is a browser with its cookies.
type person struct {
	*house
	jar map[string]string
}

func each(t *testing.T, body func(*testing.T, *house)) {
	t.Helper()
	now, hand := clock.Fixed(noon)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(noon.Sub(now()))
		p := identity.New(db, now)
		auth := func(r *http.Request) (policy.Viewer, error) {
			if b, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
				return p.Authenticate(r.Context(), b)
			}
			v, _, err := p.SessionViewer(r.Context(), p.CookieOf(r, false))
			return v, err
		}
		c := PageConfig{People: p, Clock: now, Version: "9.9.9", Link: func(token string) string {
			return "https://hub.example/sign-in/" + token
		}, Notices: []Notice{{Name: "a/module", Licence: "MIT"}}}
		site := web.New(web.Config{Clock: now, Auth: auth, SignIn: "/sign-in", SignOut: "/sign-out"})
		Pages(site, c)
		mux := http.NewServeMux()
		API(api.New(mux, api.Config{Auth: auth, Version: "test", Clock: now}), c)
		site.Handle("/api/", mux)
		body(t, &house{t, p, site.Handler(), hand})
	}, storetest.With(identity.Migration()), storetest.Clock(now))
}

func (h *house) browser() *person { return &person{h, map[string]string{}} }

func (p *person) do(method, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for k, v := range p.jar {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(p.jar, c.Name)
		} else {
			p.jar[c.Name] = c.Value
		}
	}
	return w
}

func (p *person) get(path string) *httptest.ResponseRecorder {
	return p.do(http.MethodGet, path, "", "")
}
func (p *person) post(path string, form url.Values) *httptest.ResponseRecorder {
	return p.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

// admin signs the first administrator in.
func (h *house) admin() *person {
	h.t.Helper()
	token, created, err := h.people.FirstRun(h.t.Context())
	if err != nil || !created {
		h.t.Fatal(created, err)
	}
	p := h.browser()
	if w := p.post("/sign-in/"+token, nil); w.Code != http.StatusSeeOther {
		h.t.Fatalf("sign in by link: %d %s", w.Code, w.Body)
	}
	return p
}

func TestALinkIsUsedByTheButtonOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token, _, err := h.people.FirstRun(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := h.browser()
		for range 3 { // previews and scanners
			for _, lang := range []string{"ja", "en"} {
				if w := p.get("/sign-in/" + token + "?lang=" + lang); w.Code != http.StatusOK ||
					len(w.Result().Cookies()) > 1 {
					t.Fatalf("the page behind the link: %d", w.Code)
				}
			}
		}
		if w := p.get("/settings"); w.Code == http.StatusOK {
			t.Fatal("looking at the link signed somebody in")
		}
		if w := p.post("/sign-in/"+token, nil); w.Code != http.StatusSeeOther ||
			w.Header().Get("Location") != "/settings" {
			t.Fatalf("the button: %d", w.Code)
		}
		if w := p.get("/settings"); w.Code != http.StatusOK {
			t.Errorf("not signed in: %d", w.Code)
		}
		other := h.browser()
		if w := other.get("/sign-in/" + token); w.Code != http.StatusGone {
			t.Errorf("a used link: %d", w.Code)
		}
		if w := other.post("/sign-in/"+token, nil); w.Code != http.StatusGone {
			t.Errorf("a used link, the button: %d", w.Code)
		}
		if w := other.get("/sign-in/" + identity.PrefixLink + strings.Repeat("x", 43)); w.Code != http.StatusForbidden {
			t.Errorf("a link that never was: %d", w.Code)
		}
	})
}

const password = "correct horse battery staple"

func TestPassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.admin()
		for _, tc := range []struct {
			form url.Values
			code int
		}{
			{url.Values{"password": {"short"}, "again": {"short"}}, http.StatusUnprocessableEntity},
			{url.Values{"password": {password}, "again": {password + "!"}}, http.StatusUnprocessableEntity},
			{url.Values{}, http.StatusUnprocessableEntity},
			{url.Values{"password": {password}, "again": {password}}, http.StatusSeeOther},
			// now the old one is asked for
			{url.Values{"password": {password + "2"}, "again": {password + "2"}}, http.StatusUnprocessableEntity},
			{url.Values{"old": {password}, "password": {password + "2"}, "again": {password + "2"}},
				http.StatusSeeOther},
		} {
			w := p.post("/settings/password", tc.form)
			if w.Code != tc.code {
				t.Errorf("%v: %d, want %d", tc.form, w.Code, tc.code)
			}
			if strings.Contains(w.Body.String(), password) {
				t.Error("a password is sent back")
			}
		}
		if w := p.get("/settings"); w.Code != http.StatusOK {
			t.Errorf("this session ended too: %d", w.Code)
		}
		if w := p.post("/sign-out", nil); w.Code != http.StatusSeeOther {
			t.Errorf("sign out: %d", w.Code)
		}
		if w := p.get("/settings"); w.Code == http.StatusOK {
			t.Error("signed out, and still in")
		}
		if w := p.post("/sign-in", url.Values{"login": {"admin"}, "password": {password}}); w.Code !=
			http.StatusUnprocessableEntity {
			t.Errorf("the old password: %d", w.Code)
		}
		for next, want := range map[string]string{"/cases?q=1": "/cases?q=1", "//evil.example": "/",
			"https://evil.example": "/", "/\\evil.example": "/", "/sign-out": "/", "": "/"} {
			w := h.browser().post("/sign-in", url.Values{"login": {"admin"}, "password": {password + "2"},
				"next": {next}})
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
				t.Errorf("next %q led to %d %q", next, w.Code, w.Header().Get("Location"))
			}
		}
	})
}

func TestPreferencesAndSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.admin()
		if w := p.post("/settings/preferences", url.Values{"name": {`<b>Sato</b>`}, "lang": {"en"},
			"zone": {"Europe/Tallinn"}}); w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		body := p.get("/settings").Body.String()
		if !strings.Contains(body, `<html lang="en"`) || !strings.Contains(body, "EET") ||
			!strings.Contains(body, "&lt;b&gt;Sato") || strings.Contains(body, "<b>Sato") {
			t.Error("the page does not follow the preferences, or shows the name as markup")
		}
		if w := p.post("/settings/preferences", url.Values{"name": {"x"}, "zone": {"Moon/Base"}}); w.Code !=
			http.StatusUnprocessableEntity {
			t.Errorf("a zone that is none: %d", w.Code)
		}
		// A second browser, ended from the first.
		if w := p.post("/settings/password", url.Values{"password": {password}, "again": {password}}); w.Code !=
			http.StatusSeeOther {
			t.Fatal(w.Code)
		}
		q := h.browser()
		q.post("/sign-in", url.Values{"login": {"admin"}, "password": {password}})
		body = p.get("/settings").Body.String()
		if n := strings.Count(body, "/end\""); n != 2 {
			t.Fatalf("%d sessions listed, want 2", n)
		}
		_, after, _ := strings.Cut(body, "this one")
		rest := after[strings.Index(after, "/settings/sessions/")+1:] // own
		if i := strings.Index(rest, "/settings/sessions/"); i >= 0 {
			rest = rest[i:]
		} else {
			rest = body[strings.Index(body, "/settings/sessions/"):]
		}
		if w := p.post(rest[:strings.Index(rest, `"`)], nil); w.Code != http.StatusSeeOther {
			t.Errorf("end the other session: %d", w.Code)
		}
		if w := q.get("/settings"); w.Code == http.StatusOK {
			t.Error("the other browser is still in")
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.admin()
		w := p.post("/settings/tokens", url.Values{"name": {"siem"}, "role": {"reader"}, "days": {"30"}})
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		to := w.Header().Get("Location")
		body := p.get(to).Body.String()
		i := strings.Index(body, identity.PrefixToken)
		if i < 0 {
			t.Fatal("the token is not shown")
		}
		token := body[i : i+len(identity.PrefixToken)+43]
		if strings.Contains(p.get(to).Body.String(), token) {
			t.Error("the token is shown twice")
		}
		ask := func(method, path string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.h.ServeHTTP(w, r)
			return w
		}
		w = ask(http.MethodGet, "/api/v1/me")
		var me Me
		if err := json.Unmarshal(w.Body.Bytes(), &me); err != nil || !me.Machine || me.Role != "reader" ||
			me.User != "" || !me.Hub {
			t.Errorf("%s %v", w.Body, err)
		}
		if w = p.do(http.MethodPost, "/api/v1/tokens", "application/json",
			`{"name":"two","role":"reader"}`); w.Code != http.StatusCreated || !strings.Contains(w.Body.String(),
			identity.PrefixToken) {
			t.Errorf("by session: %d %s", w.Code, w.Body)
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/tokens",
			strings.NewReader(`{"name":"three","role":"reader"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		h.h.ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden {
			t.Errorf("a token makes a token: %d", rec.Code)
		}
		list, err := h.people.Tokens(t.Context(), identity.Operator("test"))
		if err != nil || len(list) != 2 {
			t.Fatal(len(list), err)
		}
		for _, x := range list {
			if w := p.post("/settings/tokens/"+x.ID+"/revoke", nil); w.Code != http.StatusSeeOther {
				t.Errorf("revoke: %d", w.Code)
			}
		}
		if w := ask(http.MethodGet, "/api/v1/me"); w.Code != http.StatusUnauthorized {
			t.Errorf("a revoked token: %d", w.Code)
		}
	})
}

func TestPeopleAndTrail(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.admin()
		w := p.post("/settings/people", url.Values{"name": {"Suzuki"}, "login": {"suzuki"}, "role": {"analyst"}})
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		body := p.get(w.Header().Get("Location")).Body.String()
		i := strings.Index(body, "https://hub.example/sign-in/")
		if i < 0 {
			t.Fatal("the link is not shown")
		}
		link := body[i+len("https://hub.example") : i+len("https://hub.example/sign-in/")+len(identity.PrefixLink)+43]
		q := h.browser()
		if w := q.post(link, nil); w.Code != http.StatusSeeOther {
			t.Fatalf("the new person's link: %d", w.Code)
		}
		for _, path := range []string{"/settings/people", "/settings/audit"} {
			if w := q.get(path); w.Code != http.StatusForbidden {
				t.Errorf("%s for an analyst: %d", path, w.Code)
			}
			for _, lang := range []string{"ja", "en"} {
				if w := p.get(path + "?lang=" + lang); w.Code != http.StatusOK || !strings.Contains(w.Body.String(),
					"uzuki") {
					t.Errorf("%s in %s: %d", path, lang, w.Code)
				}
			}
		}
		if w := p.post("/settings/people", url.Values{"name": {"Again"}, "login": {"suzuki"},
			"role": {"analyst"}}); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("a login that is taken: %d", w.Code)
		}
		users, err := h.people.Users(t.Context(), identity.Operator("test"))
		if err != nil {
			t.Fatal(err)
		}
		var suzuki, admin string
		for _, u := range users {
			if u.Login == "suzuki" {
				suzuki = u.ID
			} else {
				admin = u.ID
			}
		}
		if w := p.post("/settings/people/"+admin+"/disable", nil); w.Code != http.StatusConflict {
			t.Errorf("the last administrator locks everybody out: %d", w.Code)
		}
		if w := p.post("/settings/people/"+suzuki+"/role",
			url.Values{"role": {"reader"}}); w.Code != http.StatusSeeOther {
			t.Errorf("role: %d", w.Code)
		}
		if w := p.post("/settings/people/"+suzuki+"/disable", nil); w.Code != http.StatusSeeOther {
			t.Errorf("disable: %d", w.Code)
		}
		if w := q.get("/settings"); w.Code == http.StatusOK {
			t.Error("a disabled person is still in")
		}
		if w := q.post("/settings/people/"+admin+"/disable", nil); w.Code == http.StatusSeeOther {
			t.Error("a disabled person disables others")
		}
		for _, path := range []string{"/settings/about", "/settings/audit?format=csv", "/sign-in"} {
			if w := p.get(path); w.Code != http.StatusOK {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
}

// An administrator of a member, signed in at the hub, keeps the member's people
// and sees nothing of the house's.
func TestAMembersAdministratorAtTheHub(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		op := identity.Operator("test")
		m, _, err := h.people.Invite(ctx, op, identity.NewMember{Name: "Midori", Sector: "local-government",
			Realm: event.Live})
		if err != nil {
			t.Fatal(err)
		}
		h.admin()
		_, token, err := h.people.AddUser(ctx, op, identity.NewUser{Name: "Midori admin", Login: "midori",
			Role: policy.RoleAdmin, Member: m.ID})
		if err != nil {
			t.Fatal(err)
		}
		p := h.browser()
		p.post("/sign-in/"+token, nil)
		if w := p.get("/settings/audit"); w.Code != http.StatusForbidden {
			t.Errorf("the house's trail: %d", w.Code)
		}
		body := p.get("/settings/people").Body.String()
		if !strings.Contains(body, "Midori admin") || strings.Contains(body, "Administrator") {
			t.Error("the people that a member's administrator sees are not its own")
		}
		if w := p.post("/settings/people", url.Values{"name": {"New"}, "login": {"new"}, "role": {"reader"}}); w.Code !=
			http.StatusSeeOther {
			t.Errorf("add a person of the member: %d %s", w.Code, w.Body)
		}
		u, err := h.people.UserByLogin(ctx, "new")
		if err != nil || u.Member != m.ID {
			t.Errorf("the new person is of %q, %v", u.Member, err)
		}
	})
}

func TestWrongPasswordsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := map[bool]int{}
		for range 8 {
			w := h.browser().post("/sign-in", url.Values{"login": {"nobody"}, "password": {"wrong wrong wrong"}})
			codes[strings.Contains(w.Body.String(), "試行回数が多すぎます")]++
		}
		if codes[true] == 0 {
			t.Errorf("nothing bounds the guesses: %v", codes)
		}
		if _, _, err := h.people.SignIn(t.Context(), "nobody", "x", identity.Client{Address: "192.0.2.1"}); !fault.Is(
			err, fault.Busy,
		) {
			t.Errorf("%v", err)
		}
	})
}
