package digest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/relevance"
	"github.com/meneki/meneki/internal/share/relevance/digest"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail/mailtest"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// post is a hub with a mail server.
type post struct {
	t     *testing.T
	db    *store.DB
	hand  *clock.Hand
	mails *mailtest.Server
	store *object.Store
	rel   *relevance.Service
	s     *digest.Service
	n     int
}

func (p *post) Node(_ context.Context, id string) policy.Viewer { return policy.Node(id, "energy", "") }

func each(t *testing.T, body func(*post)) {
	t.Helper()
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(sharetest.Start.Sub(db.Now()))
		p := &post{t: t, db: db, hand: hand, mails: mailtest.New(t), store: object.New(db)}
		p.rel = relevance.New(relevance.Config{DB: db, Source: relevance.Objects{Store: p.store}, Notify: func() {}})
		p.s = digest.New(digest.Config{DB: db, Relevance: p.rel, Nodes: p, TLS: p.mails.TLS,
			URL: func() string { return "https://hub.example" }, Log: slog.New(slog.DiscardHandler)})
		p.ok(p.s.SetServer(t.Context(), policy.Viewer{Hub: true, Role: policy.RoleAdmin},
			mail.Server{Host: p.mails.Host,
				Port: p.mails.Port, From: "meneki@hub.example", TLS: mail.StartTLS}))
		p.ok(p.rel.SetProfile(t.Context(), sharetest.Viewers["power"],
			relevance.Profile{Products: []string{"FortiGate"}}))
		body(p)
	}, storetest.Clock(now), storetest.With(object.Migration(), relevance.Migration(), digest.Migration()))
}

func (p *post) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) put(name, more string, tlp policy.TLP) {
	p.t.Helper()
	p.n++
	o, err := stix.Parse([]byte(fmt.Sprintf(`{"type":"malware","spec_version":"2.1","is_family":false,
		"id":"malware--%08d-0000-4000-8000-000000000000","created":"2026-11-20T00:00:00Z",
		"modified":"2026-11-20T00:00:00Z","name":%q,"description":"hits FortiGate"%s}`, p.n, name, more)))
	p.ok(err)
	p.ok(p.db.Write(p.t.Context(), store.System("test"), func(tx *store.Tx) error {
		out, err := p.store.Put(tx, []object.Item{{Object: o, Realm: event.Live, Handling: policy.Handling{TLP: tlp,
			Owner: "city", Audience: policy.Audience{policy.Community}}}})
		if err == nil {
			err = out[0].Err
		}
		return err
	}))
}

var wanted = digest.Settings{Address: "soc@power.example", Every: digest.Daily, Hour: 8, QuietFrom: 20, QuietTo: 7,
	Zone: "Asia/Tokyo", Lang: i18n.EN}

// round sends what is due and returns it as it is read.
func (p *post) round() (out []string) {
	p.t.Helper()
	p.ok(p.s.Round(p.t.Context()))
	for _, m := range p.mails.Mails() {
		text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m)))
		if err != nil {
			text = []byte(m)
		}
		out = append(out, string(text))
	}
	return out
}

// A digest comes at its hour of the member's zone, once, and names nothing stricter than GREEN.
func TestDigest(t *testing.T) {
	each(t, func(p *post) { // it begins at 14:00 in Tokyo
		p.ok(p.s.Set(p.t.Context(), sharetest.Viewers["power"], wanted))
		p.put("open <b>thing", "", policy.Green)
		p.put("closed thing", "", policy.Amber)
		p.put("red thing", "", policy.Red)
		if got := p.round(); len(got) != 0 {
			p.t.Errorf("before its hour: %v", got)
		}
		p.hand.Add(18*time.Hour + time.Minute) // 8:01
		got := p.round()
		if len(got) != 1 {
			p.t.Fatalf("%d mails", len(got))
		}
		for _, w := range []string{"soc@power.example", "open <b>thing", "open &lt;b&gt;thing", "product FortiGate",
			"1 more are marked more strictly", "https://hub.example/objects/malware--00000001"} {
			if !strings.Contains(got[0], w) {
				p.t.Errorf("no %q in %s", w, got[0])
			}
		}
		if strings.Contains(got[0], "closed thing") || strings.Contains(got[0], "red thing") {
			p.t.Errorf("it names what it must not: %s", got[0])
		}
		if got := p.round(); len(got) != 0 {
			p.t.Errorf("twice: %v", got)
		}
		p.hand.Add(24 * time.Hour)
		if got := p.round(); len(got) != 0 {
			p.t.Errorf("a mail of nothing: %v", got)
		}
	})
}

// What is urgent comes at night too, at once, and once; a mail that is not taken is tried again.
func TestUrgent(t *testing.T) {
	each(t, func(p *post) {
		p.ok(p.s.Set(p.t.Context(), sharetest.Viewers["power"], wanted))
		p.hand.Add(12 * time.Hour) // 2:00
		p.put("calm thing", "", policy.Green)
		p.put("alarm", `,"labels":["safety"]`, policy.Green)
		p.mails.Refuse(true)
		if got := p.round(); len(got) != 0 {
			p.t.Errorf("%v", got)
		}
		page := sharetest.Page(p.t, p.console(), "power", "/foryou/digest")["en"]
		if !strings.Contains(page, "did not take the mail") {
			p.t.Errorf("that it failed is not said: %.3000s", page)
		}
		p.mails.Refuse(false)
		got := p.round()
		if len(got) != 1 || !strings.Contains(got[0], "alarm") || strings.Contains(got[0], "calm thing") ||
			!strings.Contains(got[0], "Importance: high") {
			p.t.Fatalf("%v", got)
		}
		if got := p.round(); len(got) != 0 {
			p.t.Errorf("twice: %v", got)
		}
	})
}

func TestDue(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	weekly, night, never := wanted, wanted, wanted
	weekly.Every, never.Every = digest.Weekly, digest.Urgent
	night.Hour = 22 // a quiet hour: it comes when those are over
	for _, c := range []struct {
		s         digest.Settings
		now, told string
		want      bool
	}{
		{wanted, "2026-11-25T07:59:00+09:00", "2026-11-24T08:01:00+09:00", false},
		{wanted, "2026-11-25T08:00:00+09:00", "2026-11-24T08:01:00+09:00", true},
		{wanted, "2026-11-25T23:00:00+09:00", "2026-11-24T08:01:00+09:00", false},
		{wanted, "2026-11-26T07:00:00+09:00", "2026-11-24T08:01:00+09:00", true},
		{wanted, "2026-11-25T12:00:00+09:00", "2026-11-25T08:00:00+09:00", false},
		{night, "2026-11-25T22:30:00+09:00", "2026-11-24T23:00:00+09:00", false},
		{night, "2026-11-26T07:00:00+09:00", "2026-11-24T23:00:00+09:00", true},
		{weekly, "2026-11-25T12:00:00+09:00", "2026-11-23T08:00:00+09:00", false}, // the 23rd is a Monday
		{weekly, "2026-11-25T12:00:00+09:00", "2026-11-22T08:00:00+09:00", true},
		{weekly, "2026-11-30T07:30:00+09:00", "2026-11-23T08:00:00+09:00", false},
		{weekly, "2026-11-30T08:30:00+09:00", "2026-11-23T08:00:00+09:00", true},
		{never, "2026-11-25T12:00:00+09:00", "2026-01-01T08:00:00+09:00", false},
	} {
		if got := c.s.Due(at(c.now), at(c.told)); got != c.want {
			t.Errorf("%s at %s, told %s: %v", c.s.Every, c.now, c.told, got)
		}
	}
}

func (p *post) console() http.Handler {
	m := digest.Module(p.s)
	return sharetest.Console(p.t, func(site *web.Site, _ *api.API) { m.Pages(site) })
}

// People set their own digests, and administrators the server, whose password is never shown.
func TestPages(t *testing.T) {
	each(t, func(p *post) {
		t := p.t
		h := p.console()
		p.put(sharetest.Hostile, "", policy.Green)
		form := url.Values{"address": {"soc@power.example"}, "every": {"day"}, "hour": {"8"}, "quiet_from": {"20"},
			"quiet_to": {"7"}, "zone": {"Asia/Tokyo"}, "lang": {"ja"}}
		ask := func(as, path string, form url.Values) (int, string) {
			return sharetest.Ask(t, h, as, http.MethodPost, path, form, "")
		}
		for as, want := range map[string]int{"power": 303, "guest": 403, "desk": 403} {
			if code, _ := ask(as, "/foryou/digest", form); code != want {
				t.Errorf("%s: %d", as, code)
			}
		}
		page := sharetest.Page(t, h, "power", "/foryou/digest")
		if !strings.Contains(page["ja"], "soc@power.example") || !strings.Contains(page["en"], "product FortiGate") {
			t.Errorf("%.3000s", page["en"])
		}
		if page := sharetest.Page(t, h, "gas", "/foryou/digest")["en"]; strings.Contains(page, "soc@power.example") {
			t.Error("gas sees the address of power")
		}
		form.Set("zone", "Nowhere/Land")
		if code, body := ask("power", "/foryou/digest?lang=en", form); code != 422 || !strings.Contains(body,
			"time zone") {
			t.Errorf("%d", code)
		}
		server := url.Values{"host": {"mail.example"}, "port": {"587"}, "tls": {"starttls"}, "from": {"a@hub.example"},
			"user": {"u"}, "password": {"hunter2"}}
		if code, _ := ask("desk", "/foryou/digest/server", server); code != 403 { // a coordinator
			t.Errorf("%d", code)
		}
		if code, _ := ask("power", "/foryou/digest/server", server); code != 403 { // an admin of a member
			t.Errorf("%d", code)
		}
		admin := policy.Viewer{User: "a", Hub: true, Role: policy.RoleAdmin}
		p.ok(p.s.SetServer(t.Context(), admin, mail.Server{Host: "mail.example", Port: 587, TLS: mail.StartTLS,
			User:     "u",
			Password: "hunter2", From: "a@hub.example"}))
		p.ok(p.s.SetServer(t.Context(), admin, mail.Server{Host: "mail.example", Port: 25, TLS: mail.StartTLS,
			User: "u",
			From: "a@hub.example"}))
		if s, ok, err := p.s.Server(t.Context()); err != nil || !ok || s.Password != "hunter2" || s.Port != 25 {
			t.Errorf("%+v %v", s.Port, err)
		}
		for _, as := range []string{"desk", "power", "reader"} {
			body := sharetest.Page(t, h, as, "/foryou/digest")["en"]
			if strings.Contains(body, "hunter2") || strings.Contains(body,
				base64.StdEncoding.EncodeToString([]byte("hunter2"))) {
				t.Errorf("%s is shown the password", as)
			}
		}
		bad := wanted
		bad.Every = "hour"
		if err := p.s.Set(t.Context(), sharetest.Viewers["power"], bad); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}
