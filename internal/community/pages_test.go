package community

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

const hostile = `Beta <script>alert("x")</script>`

type console struct {
	h    http.Handler
	hand *clock.Hand
	db   *store.DB
	s    *Service

	directory *identity.Directory
	log       []string // what was asked of the bus
	a, b      string   // ids
}

// Admit and Expel are the bus.
func (c *console) Admit(member, _ string) (bus.Grant, error) {
	c.log = append(c.log, "admit "+member)
	return bus.Grant{Account: "ACCOUNT"}, nil
}

func (c *console) Expel(member string) error {
	c.log = append(c.log, "expel "+member)
	return nil
}

func newConsole(t *testing.T, db *store.DB, now clock.Clock, hand *clock.Hand) *console {
	t.Helper()
	people := identity.New(db, now)
	c := &console{db: db, hand: hand, directory: identity.NewDirectory(people, now, slog.New(slog.DiscardHandler),
		func() {})}
	c.s = New(Config{DB: db, People: people, Directory: c.directory, Clock: now, Log: slog.New(slog.DiscardHandler),
		Bus: c, Hub: func() Address { return Address{Name: "Hub", URL: "https://hub.example", Pin: "pin"} },
		Notify: func() {}})
	op := identity.Operator("test")
	for name, id := range map[string]*string{"Alpha Power": &c.a, hostile: &c.b} {
		m, _, err := people.Invite(t.Context(), op, identity.NewMember{Name: name, Sector: "power", Prefecture: "13"})
		if err != nil {
			t.Fatal(err)
		}
		*id = m.ID
	}
	if err := c.s.SetDomains(t.Context(), c.a, []string{"alpha.example"}); err != nil {
		t.Fatal(err)
	}
	c.directory.SetOnline(c.a, true)
	viewers := map[string]policy.Viewer{
		"desk":   {User: "u1", Name: "Desk", Hub: true, Coordinator: true, Role: policy.RoleCoordinator},
		"second": {User: "u9", Name: "Second", Hub: true, Coordinator: true, Role: policy.RoleCoordinator},
		"reader": {User: "u2", Name: "Reader", Hub: true, Role: policy.RoleReader},
		"b":      {User: "u4", Name: "Bob", Member: c.b, Sector: "power", Role: policy.RoleAdmin},
	}
	auth := func(r *http.Request) (policy.Viewer, error) {
		v, ok := viewers[r.Header.Get("X-Viewer")]
		if !ok {
			return v, fault.New(fault.Unauthenticated, i18n.Text{})
		}
		return v, nil
	}
	site := web.New(web.Config{Clock: now, Auth: auth})
	m := Module(c.s)
	site.Templates(
		fstest.MapFS{"templates/panel.html": {Data: []byte(`{{define "test/panel"}}<p>{{show .}}</p>{{end}}`)}},
	)
	site.AddPanels(web.Panel{Page: "member", Slots: map[string]string{"main": "test/panel"},
		Load: func(_ context.Context, about web.Subject) (out web.Part, err error) {
			if about.Viewer.Hub {
				out.Data = "another capability about " + about.ID
			}
			return out, nil
		}})
	m.Pages(site)
	mux := http.NewServeMux()
	m.API(api.New(mux, api.Config{Auth: auth, Version: "test", Clock: now}))
	site.Handle("/api/", mux)
	c.h = site.Handler()
	return c
}

func (c *console) do(method, viewer, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("X-Viewer", viewer)
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w
}

func (c *console) get(viewer, path string) *httptest.ResponseRecorder {
	return c.do(http.MethodGet, viewer, path, "", "")
}

func (c *console) post(viewer, path string, form url.Values) *httptest.ResponseRecorder {
	return c.do(http.MethodPost, viewer, path, "application/x-www-form-urlencoded", form.Encode())
}

func eachConsole(t *testing.T, body func(*testing.T, *console)) {
	t.Helper()
	now, hand := clock.Fixed(noon)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(noon.Sub(now()))
		body(t, newConsole(t, db, now, hand))
	}, storetest.With(identity.Migration(), Migration()), storetest.Clock(now))
}

func TestAMemberSeesItselfOnly(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		for _, path := range []string{"/members", "/members?state=all&q=alpha", "/members?format=json",
			"/members?format=csv", "/members/" + c.b, "/api/v1/members"} {
			w := c.get("b", path)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d", path, w.Code)
			}
			for _, secret := range []string{"Alpha", "alpha.example", c.a, `name="confirm"`, `id="invite"`} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s tells %q", path, secret)
				}
			}
		}
		there, none := c.get("b", "/members/"+c.a), c.get("b", "/members/"+strings.Repeat("0", len(c.a)))
		if there.Code != http.StatusNotFound || there.Body.Len() != none.Body.Len() {
			t.Errorf("another member's page: %d, %d bytes; one that is not there: %d bytes", there.Code,
				there.Body.Len(), none.Body.Len())
		}
		for _, path := range []string{"/members/" + c.a + "/domains", "/members/" + c.a + "/revoke",
			"/members/" + c.b + "/revoke", "/members/" + c.b + "/invite", "/members", "/members/networks"} {
			if w := c.post("b", path, url.Values{"confirm": {hostile}, "name": {"x"},
				"sector": {"power"}}); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
				t.Errorf("POST %s: %d", path, w.Code)
			}
		}
		if w := c.post("b", "/members/"+c.b+"/domains",
			url.Values{"domains": {"beta.example\nwww.beta.example"}}); w.Code != http.StatusSeeOther {
			t.Errorf("a member's own domains: %d", w.Code)
		}
		if len(c.log) > 0 {
			t.Errorf("it happened: %v", c.log)
		}
	})
}

func TestTheHubKeepsTheMembers(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		for _, lang := range []string{"ja", "en"} {
			for _, path := range []string{"/members", "/members/" + c.b} {
				body := c.get("desk", path+"?lang="+lang).Body.String()
				if !strings.Contains(body, "Beta &lt;script&gt;") || strings.Contains(body, "<script>alert") {
					t.Errorf("%s in %s: the hostile name is not shown as text", path, lang)
				}
			}
		}
		if body := c.get("reader", "/members/"+c.a).Body.String(); !strings.Contains(body,
			"another capability about "+c.a) {
			t.Error("the page of a member has not the panel of another capability")
		}
		if body := c.get("reader", "/members").Body.String(); !strings.Contains(body, "Alpha Power") ||
			strings.Contains(body, `id="invite"`) {
			t.Error("a reader at the hub sees the members and invites none")
		}
		if body := c.get("desk", "/members?q=alpha").Body.String(); !strings.Contains(body, "Alpha Power") ||
			strings.Contains(body, "Beta") {
			t.Error("the filter by name does not filter")
		}

		w := c.post("desk", "/members", url.Values{"name": {"Gamma Gas"}, "sector": {"gas"},
			"domains": {"gamma.example"}})
		to := w.Header().Get("Location")
		if w.Code != http.StatusSeeOther || !strings.Contains(to, "?once=") {
			t.Fatalf("invite: %d %s", w.Code, to)
		}
		if strings.Contains(c.get("second", to).Body.String(), identity.PrefixInvite) {
			t.Error("the token is shown to somebody else")
		}
		if body := c.get("desk", to).Body.String(); !strings.Contains(body,
			"meneki node --join https://hub.example --token "+identity.PrefixInvite) {
			t.Error("the token is not shown")
		}
		if strings.Contains(c.get("desk", to).Body.String(), identity.PrefixInvite) {
			t.Error("the token is shown twice")
		}
		to = c.post("desk", "/members/"+c.a+"/invite", nil).Header().Get("Location")
		c.hand.Add(time.Hour)
		if strings.Contains(c.get("desk", to).Body.String(), identity.PrefixInvite) {
			t.Error("the token is shown an hour later")
		}

		if w := c.post("desk", "/members",
			url.Values{"name": {"Gamma Gas"}, "sector": {"nonsense"}}); w.Code != http.StatusUnprocessableEntity ||
			!strings.Contains(w.Body.String(), "Gamma Gas") {
			t.Errorf("a sector that is none: %d", w.Code)
		}
		if w := c.post("desk", "/members/networks", url.Values{"networks": {"0.0.0.0/0"}}); w.Code !=
			http.StatusUnprocessableEntity {
			t.Errorf("the whole Internet: %d", w.Code)
		}
		if w := c.post("desk", "/members/"+c.a+"/revoke",
			url.Values{"confirm": {"Alpha"}}); w.Code != http.StatusUnprocessableEntity || len(c.log) > 0 {
			t.Errorf("revoked without the name: %d %v", w.Code, c.log)
		}
		if w := c.post("desk", "/members/"+c.a+"/revoke",
			url.Values{"confirm": {"Alpha Power"}}); w.Code != http.StatusSeeOther || len(c.log) != 1 {
			t.Errorf("revoke: %d %v", w.Code, c.log)
		}
		if body := c.get("desk", "/members").Body.String(); strings.Contains(body, "Alpha Power") {
			t.Error("one that left is still listed with those that belong")
		}
	})
}

func TestJoinIsBounded(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		ask := func(token string) *httptest.ResponseRecorder {
			_, key, err := bus.NewUserKey()
			if err != nil {
				t.Fatal(err)
			}
			return c.do(http.MethodPost, "", "/api/v1/join", "application/json",
				fmt.Sprintf(`{"token":%q,"public_key":%q}`, token, key))
		}
		invite := func(name string) Invitation {
			inv, err := c.s.Invite(t.Context(), identity.Operator("test"),
				identity.NewMember{Name: name, Sector: "gas"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return inv
		}
		// What a node sends is the part of the token that is for the hub.
		secret := func(inv Invitation) string {
			return strings.TrimSuffix(inv.Token, strings.TrimPrefix(Token("", "pin"), ""))
		}
		good, late := invite("Gamma"), invite("Delta")
		if w := ask(secret(good)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), good.Member) ||
			!slices.Contains(c.log, "admit "+good.Member) {
			t.Fatalf("%d %s %v", w.Code, w.Body, c.log)
		}
		if w := ask(secret(good)); w.Code == http.StatusOK {
			t.Error("a token works twice")
		}
		if w := ask(strings.Repeat("x", 5000)); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("a long body: %d", w.Code)
		}
		codes := map[int]int{}
		for range 40 {
			codes[ask("guess").Code]++
		}
		if codes[http.StatusForbidden] > joinPerSource || codes[http.StatusTooManyRequests] < 40-joinPerSource {
			t.Errorf("answers to 40 guesses: %v", codes)
		}
		if w := ask(secret(late)); w.Code != http.StatusTooManyRequests {
			t.Errorf("a good token among guesses: %d", w.Code)
		}
		c.hand.Add(joinWindow)
		if w := ask(secret(late)); w.Code != http.StatusOK {
			t.Errorf("after a while: %d", w.Code)
		}
	})
}

func TestSourceOf(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.1:555": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1",
		"[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "pipe": "pipe"} {
		if got := sourceOf(in); got != want {
			t.Errorf("%s is counted as %s, want %s", in, got, want)
		}
	}
}
