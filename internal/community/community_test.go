package community

import (
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// newService returns a service whose hub knows the members a and b.
func newService(t *testing.T, db *store.DB, now clock.Clock) *Service {
	t.Helper()
	err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		for id, name := range map[string]string{"a": "Alpha", "b": "Beta"} {
			m := identity.Member{ID: id, Name: name, Sector: "power", Kind: identity.KindOrganisation,
				Realm: event.Live, Invited: noon, Joined: noon}
			if err := store.Insert(tx, "member", []identity.Member{m}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	people := identity.New(db, now)
	return New(Config{DB: db, People: people, Clock: now, Hub: func() Address { return Address{Name: "Hub"} },
		Directory: identity.NewDirectory(people, now, slog.New(slog.DiscardHandler), func() {})})
}

func each(t *testing.T, body func(*testing.T, *Service, *clock.Hand)) {
	t.Helper()
	now, hand := clock.Fixed(noon)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(noon.Sub(now()))
		body(t, newService(t, db, now), hand)
	}, storetest.With(identity.Migration(), Migration()), storetest.Clock(now))
}

func TestHello(t *testing.T) {
	each(t, func(t *testing.T, s *Service, hand *clock.Hand) {
		ctx := t.Context()
		if err := s.SetDomains(ctx, "b", []string{"*.Beta.Example.", " beta2.example"}); err != nil {
			t.Fatal(err)
		}
		nets := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		if err := s.SetNetworks(ctx, nets); err != nil {
			t.Fatal(err)
		}
		w, err := s.Hello(ctx, "a", wire.Hello{Version: strings.Repeat("v", 500), Rules: 3, Indicators: 2,
			Events: 1 << 40, Waiting: 4})
		if err != nil {
			t.Fatal(err)
		}
		want := wire.Welcome{Now: noon, Member: "a", Name: "Alpha", Sector: "power", Hub: "Hub",
			Domains: []string{"beta.example", "beta2.example"}, Networks: nets}
		if diff := cmp.Diff(want, w, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
		hand.Add(time.Minute)
		if _, err := s.Hello(ctx, "a", wire.Hello{Version: "0.2", Rules: 5}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Hello(ctx, "stranger", wire.Hello{}); !fault.Is(err, fault.Denied) {
			t.Errorf("a stranger's hello: %v", err)
		}
		all, err := s.Statuses(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]Status{"a": {Member: "a", At: noon.Add(time.Minute), Version: "0.2", Rules: 5}},
			all); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLongVersionIsBounded(t *testing.T) {
	each(t, func(t *testing.T, s *Service, _ *clock.Hand) {
		if _, err := s.Hello(t.Context(), "a", wire.Hello{Version: strings.Repeat("長", 500)}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Statuses(t.Context())
		if err != nil || len(all["a"].Version) > 110 {
			t.Errorf("version of %d bytes, %v", len(all["a"].Version), err)
		}
	})
}

func TestDomains(t *testing.T) {
	each(t, func(t *testing.T, s *Service, _ *clock.Hand) {
		ctx := t.Context()
		if err := s.SetDomains(ctx, "a", []string{"one.example", "ONE.example", "日本語.example"}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetDomains(ctx, "a", []string{"two.example", "not a domain"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a bad domain: %v", err)
		}
		all, err := s.Domains(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// What was refused changed nothing.
		if diff := cmp.Diff(map[string][]string{"a": {"one.example", "xn--wgv71a119e.example"}}, all); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTokenRoundTrip(t *testing.T) {
	for _, tc := range []struct{ secret, pin string }{{"mnkj_abc", ""}, {"mnkj_abc", "sha256/AbC+/=="},
		{"mnkj_a-b_c", "pin.with.dots"}} {
		secret, pin, err := SplitToken("  " + Token(tc.secret, tc.pin) + "\n")
		if err != nil || secret != tc.secret || pin != tc.pin {
			t.Errorf("%+v came back as %q %q %v", tc, secret, pin, err)
		}
	}
	if _, _, err := SplitToken("mnkj_abc.$$$"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a damaged token: %v", err)
	}
}

func FuzzSplitToken(f *testing.F) {
	f.Add("mnkj_abc")
	f.Add("mnkj_abc.c2hh")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		secret, pin, err := SplitToken(s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		if pin == "" || strings.Contains(secret, ".") || strings.TrimSpace(secret) != secret {
			return
		}
		if a, b, err := SplitToken(Token(secret, pin)); err != nil || a != secret || b != pin {
			t.Fatalf("%q %q became %q %q %v", secret, pin, a, b, err)
		}
	})
}

func TestJoin(t *testing.T) {
	answer := wire.JoinReply{Member: "m1", Name: "みどり市", Sector: "local-government", HubName: "Hub", LeafURL: "tls://x",
		CA: "pem", Account: "A", UserJWT: "jwt"}
	var got wire.JoinRequest
	reply := func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.URL.Path != "/api/v1/join" {
			t.Errorf("%v at %s", err, r.URL.Path)
		}
		switch got.Token {
		case "good":
			_ = json.NewEncoder(w).Encode(answer)
		case "used":
			p := fault.ProblemOf(fault.New(fault.Gone, i18n.T("this invitation was used already",
				"この招待トークンは既に使用されています")).WithHint(i18n.T("ask for another", "再発行を依頼してください")), i18n.EN, "r1")
			w.WriteHeader(p.Status)
			_ = json.NewEncoder(w).Encode(p)
		case "html":
			_, _ = w.Write([]byte("<html>a proxy</html>"))
		case "slow":
			w.WriteHeader(http.StatusBadGateway)
		}
	}
	plain := httptest.NewServer(http.HandlerFunc(reply))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(reply))
	defer secure.Close()
	pinned := func(pin string) *tls.Config {
		if pin != "the-pin" {
			return &tls.Config{} //nolint:gosec // refuses the test's certificate, as it should
		}
		return secure.Client().Transport.(*http.Transport).TLSClientConfig
	}
	p, err := Join(t.Context(), plain.URL+"/", "good", "UPUB", []byte("SEED"), pinned)
	if err != nil {
		t.Fatal(err)
	}
	want := Enrolment{Member: "m1", Name: "みどり市", Sector: "local-government", Hub: plain.URL, HubName: "Hub",
		LeafURL: "tls://x", CA: "pem", Account: "A", UserJWT: "jwt", Seed: "SEED"}
	if diff := cmp.Diff(want, p); diff != "" || got.PublicKey != "UPUB" {
		t.Errorf("%s key %q", diff, got.PublicKey)
	}
	got = wire.JoinRequest{}
	if p, err = Join(t.Context(), secure.URL, Token("good", "the-pin"), "UPUB", nil, pinned); err != nil ||
		p.Pin != "the-pin" || got.Token != "good" {
		t.Errorf("over TLS: %v, pin %q, the hub was sent %q", err, p.Pin, got.Token)
	}
	for _, tc := range []struct {
		name, url, token string
		kind             fault.Kind
		says             string
	}{
		{"no URL", "hub.example", "good", fault.Invalid, "is not the URL of a hub"},
		{"another scheme", "ftp://hub.example", "good", fault.Invalid, "is not the URL of a hub"},
		{"plain HTTP over a network", "http://hub.example:8470", "good", fault.Invalid, "never sent in the clear"},
		{"a used token", plain.URL, "used", fault.Gone, "used already"},
		{"something else answers", plain.URL, "html", fault.Invalid, "does not answer like a meneki hub"},
		{"a proxy in between", plain.URL, "slow", fault.Unavailable, "status 502"},
		{"nobody is there", "http://127.0.0.1:1", "good", fault.Unavailable, "cannot be reached"},
		{"another hub's pin", secure.URL, Token("good", "other"), fault.Unavailable, "cannot be reached"},
		{"a damaged token", plain.URL, "x.%%", fault.Invalid, "damaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Join(t.Context(), tc.url, tc.token, "UPUB", nil, pinned)
			if !fault.Is(err, tc.kind) || !strings.Contains(fault.TextOf(err).EN, tc.says) {
				t.Errorf("%v; want %s and %q", err, tc.kind, tc.says)
			}
			if strings.Contains(fault.TextOf(err).EN, "good") {
				t.Error("the token is in the error")
			}
		})
	}
}

func TestEnrolment(t *testing.T) {
	dir := t.TempDir()
	if _, ok, err := LoadEnrolment(dir); ok || err != nil {
		t.Fatalf("no enrolment: %v %v", ok, err)
	}
	want := Enrolment{Member: "m", Name: "名", Seed: "SU"}
	if err := want.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, ok, err := LoadEnrolment(dir)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseNetworks(t *testing.T) {
	got, err := ParseNetworks([]string{"203.0.113.7/24", "198.51.100.1", "2001:db8::1/32"})
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.1/32"),
		netip.MustParsePrefix("2001:db8::/32")}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"0.0.0.0/0", "::/0", "7.0.0.0/7", "x", "203.0.113.0/33", "fe80::1%eth0",
		strings.Repeat("9", 500)} {
		if _, err := ParseNetworks([]string{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}
