package identity_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
)

const good = "correct horse battery"

func TestPassword(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		u, link := w.user("taro", policy.RoleAnalyst, "")
		cookie, mine, err := w.s.Redeem(ctx, link, identity.Client{})
		w.ok(err)
		v, _, err := w.s.SessionViewer(ctx, cookie)
		w.ok(err)
		for _, bad := range []string{"short", strings.Repeat("ab", 10), "my password is long",
			strings.Repeat("x", 2000)} {
			w.fails(w.s.SetPassword(ctx, v, u.ID, bad, mine.ID), fault.Invalid)
		}
		w.fails(w.s.SetPassword(ctx, policy.Viewer{User: "x", Hub: true, Role: policy.RoleCoordinator}, u.ID, good, ""),
			fault.Denied)
		w.fails(w.s.SetPassword(ctx, policy.Viewer{User: u.ID, Machine: true}, u.ID, good, ""), fault.Denied)
		w.ok(w.s.SetPassword(ctx, v, u.ID, "ＣＯＲＲＥＣＴ horse がぎぐ", mine.ID))
		_, _, err = w.s.SessionViewer(ctx, cookie) // kept
		w.ok(err)
		_, _, err = w.s.SignIn(ctx, " TARO ", "CORRECT horse がぎぐ", identity.Client{Address: "192.0.2.1"})
		w.ok(err)
		w.ok(w.s.SetPassword(ctx, op, u.ID, good, ""))
		_, _, err = w.s.SessionViewer(ctx, cookie) // ended
		w.fails(err, fault.Unauthenticated)

		// A refused sign-in gets the same answer, whatever the reason.
		disabled, _ := w.user("out", policy.RoleReader, "")
		w.ok(w.s.SetPassword(ctx, op, disabled.ID, good, ""))
		w.ok(w.s.Disable(ctx, op, disabled.ID))
		w.user("nopass", policy.RoleReader, "")
		first := ""
		for i, c := range [][2]string{{"taro", "wrong"}, {"nobody", good}, {"nopass", ""}, {"nopass", good},
			{"out", good}, {"", ""}, {strings.Repeat("x", 99), "x"}} {
			_, _, err := w.s.SignIn(ctx, c[0], c[1], identity.Client{Address: "198.51.100.9"})
			w.fails(err, fault.Unauthenticated)
			if first == "" {
				first = err.Error()
			}
			if err.Error() != first {
				w.Errorf("%d: %v is told apart", i, err)
			}
		}
		u, err = w.s.UserByLogin(ctx, "taro")
		w.ok(err)
		if !u.HasPassword {
			w.Error("no password")
		}
		w.ok(w.s.SetPassword(ctx, op, u.ID, "", ""))
		_, _, err = w.s.SignIn(ctx, "taro", good, identity.Client{})
		w.fails(err, fault.Unauthenticated)
		w.ok(w.s.Enable(ctx, op, disabled.ID))
		_, _, err = w.s.SignIn(ctx, "out", good, identity.Client{})
		w.ok(err)
	})
}

func TestSignInIsLimited(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		u, _ := w.user("taro", policy.RoleAnalyst, "")
		w.ok(w.s.SetPassword(ctx, op, u.ID, good, ""))
		here, there := identity.Client{Address: "192.0.2.1"}, identity.Client{Address: "192.0.2.2"}
		for _, login := range []string{"taro", "nobody"} { // a name that is not there is limited like one that is
			for range 5 {
				_, _, err := w.s.SignIn(ctx, login, "wrong", here)
				w.fails(err, fault.Unauthenticated)
			}
			_, _, err := w.s.SignIn(ctx, login, good, here)
			w.fails(err, fault.Busy)
		}
		_, _, err := w.s.SignIn(ctx, "taro", good, there)
		w.ok(err)
		w.now.Add(15 * time.Minute)
		_, _, err = w.s.SignIn(ctx, "taro", good, here)
		w.ok(err)
		for range 20 { // the right password never locks its user out
			_, _, err = w.s.SignIn(ctx, "taro", good, here)
			w.ok(err)
		}
		trail, err := w.s.Trail(ctx, list.Ask{Values: map[string]string{"subject": "pair 192.0.2.1 taro"}})
		w.ok(err)
		if len(trail.Rows) != 1 || trail.Rows[0].Action != "session.limit" {
			w.Errorf("%+v", trail)
		}
	})
}

func TestPHC(t *testing.T) {
	// From test.c of the reference implementation, P-H-C/phc-winner-argon2.
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := identity.Verify(reference, "password"); !ok || err != nil {
		t.Errorf("the reference vector: %v %v", ok, err)
	}
	if ok, err := identity.Verify(identity.Decoy, "password"); ok || err != nil {
		t.Errorf("the decoy: %v %v", ok, err)
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=18$m=64,t=1,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=0,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$!$AAAAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$"} {
		if ok, err := identity.Verify(bad, "x"); ok || err == nil {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
	}
}

func TestTokens(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		m, _ := w.invite("gas", "gas")
		taro, _ := w.user("taro", policy.RoleAnalyst, "")
		hana, _ := w.user("hana", policy.RoleAdmin, m.ID)
		asTaro, asHana := w.s.ViewerOf(taro), w.s.ViewerOf(hana)
		if asHana.Hub || asHana.Member != m.ID || asHana.Sector != "gas" || asTaro.Coordinator || !asTaro.Hub {
			w.Errorf("%+v %+v", asTaro, asHana)
		}
		add := func(actor policy.Viewer, n identity.NewToken, k fault.Kind) (identity.Token, string) {
			w.Helper()
			n.Name = "script"
			tok, secret, err := w.s.AddToken(ctx, actor, n)
			if k != fault.Internal {
				w.fails(err, k)
				return tok, secret
			}
			w.ok(err)
			return tok, secret
		}
		add(asTaro, identity.NewToken{User: taro.ID, Role: policy.RoleAdmin}, fault.Denied)
		add(asTaro, identity.NewToken{User: hana.ID, Role: policy.RoleReader}, fault.Denied)
		add(asTaro, identity.NewToken{User: "none", Role: policy.RoleReader}, fault.Denied)
		add(asHana, identity.NewToken{User: taro.ID, Role: policy.RoleReader}, fault.Denied)
		add(op, identity.NewToken{Role: policy.RoleReader}, fault.Invalid)
		add(op, identity.NewToken{User: taro.ID, Role: "god"}, fault.Invalid)
		add(op, identity.NewToken{User: taro.ID, Role: policy.RoleReader, Life: 9999 * time.Hour * 24}, fault.Invalid)
		mine, secret := add(asTaro, identity.NewToken{User: taro.ID, Role: policy.RoleReader, Life: time.Hour},
			fault.Internal)
		_, machine := add(asHana, identity.NewToken{Member: m.ID, Role: policy.RoleAnalyst}, fault.Internal)
		if !strings.HasPrefix(secret, "mnk_") || len(secret) != 47 {
			w.Errorf("%q", secret)
		}
		v, err := w.s.Authenticate(ctx, secret)
		w.ok(err)
		if want := (policy.Viewer{Name: "script", Hub: true, Role: policy.RoleReader, Machine: true}); v != want {
			w.Errorf("%+v", v)
		}
		v, err = w.s.Authenticate(ctx, machine)
		w.ok(err)
		if want := (policy.Viewer{Name: "script", Member: m.ID, Sector: "gas", Role: policy.RoleAnalyst,
			Machine: true}); v != want {
			w.Errorf("%+v", v)
		}
		for _, bad := range []string{"", "mnk_", "mnk_" + strings.Repeat("A", 43), "mnkj_" + secret[4:], secret + "A"} {
			_, err := w.s.Authenticate(ctx, bad)
			w.fails(err, fault.Unauthenticated)
		}
		for actor, want := range map[policy.Viewer]int{op: 2, asTaro: 1, asHana: 1, {}: 0} {
			if list, err := w.s.Tokens(ctx, actor); len(list) != want || err != nil {
				w.Errorf("%+v sees %d tokens, %v", actor, len(list), err)
			}
		}
		w.fails(w.s.RevokeToken(ctx, asHana, mine.ID), fault.NotFound)
		w.now.Add(time.Hour)
		_, err = w.s.Authenticate(ctx, secret)
		w.fails(err, fault.Unauthenticated)
		mine, secret = add(asTaro, identity.NewToken{User: taro.ID, Role: policy.RoleReader}, fault.Internal)
		w.ok(w.s.RevokeToken(ctx, asTaro, mine.ID))
		_, err = w.s.Authenticate(ctx, secret)
		w.fails(err, fault.Unauthenticated)

		// With the membership, everything of the member's ends.
		link, err := w.s.NewLink(ctx, op, hana.ID)
		w.ok(err)
		cookie, _, err := w.s.Redeem(ctx, link, identity.Client{})
		w.ok(err)
		open, err := w.s.NewLink(ctx, op, hana.ID)
		w.ok(err)
		w.ok(w.s.Revoke(ctx, op, m.ID))
		_, err = w.s.Authenticate(ctx, machine)
		w.fails(err, fault.Unauthenticated)
		_, _, err = w.s.SessionViewer(ctx, cookie)
		w.fails(err, fault.Unauthenticated)
		_, _, err = w.s.Redeem(ctx, open, identity.Client{})
		w.fails(err, fault.Gone)
		hana, err = w.s.User(ctx, hana.ID)
		w.ok(err)
		if v := w.s.ViewerOf(hana); v != (policy.Viewer{}) {
			w.Errorf("a user of a member that left is %+v", v)
		}
	})
}

func TestHouses(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		a, _ := w.invite("a", "gas")
		b, _ := w.invite("b", "oil")
		adminA, _ := w.user("admin-a", policy.RoleAdmin, a.ID)
		asA := w.s.ViewerOf(adminA)
		mate, _, err := w.s.AddUser(ctx, asA,
			identity.NewUser{Name: "Mate", Login: "mate", Role: policy.RoleReader, Member: a.ID})
		w.ok(err)
		for _, member := range []string{b.ID, "", "none"} {
			_, _, err = w.s.AddUser(ctx, asA,
				identity.NewUser{Name: "x", Login: "x-x", Role: policy.RoleReader, Member: member})
			w.fails(err, fault.Denied)
		}
		_, _, err = w.s.AddUser(ctx, asA,
			identity.NewUser{Name: "x", Login: "mate", Role: policy.RoleReader, Member: a.ID})
		w.fails(err, fault.Conflict)
		_, _, err = w.s.AddUser(ctx, asA,
			identity.NewUser{Name: "x", Login: "no spaces", Role: policy.RoleReader, Member: a.ID})
		w.fails(err, fault.Invalid)
		_, _, err = w.s.AddUser(ctx, asA, identity.NewUser{Name: "x", Login: "x-x", Role: "", Member: a.ID})
		w.fails(err, fault.Invalid)
		w.ok(w.s.SetRole(ctx, asA, mate.ID, policy.RoleAnalyst))
		userB, _ := w.user("user-b", policy.RoleReader, b.ID)
		w.fails(w.s.SetRole(ctx, asA, userB.ID, policy.RoleAdmin), fault.Denied)
		w.fails(w.s.SetRole(ctx, asA, "none", policy.RoleAdmin), fault.Denied)
		for actor, want := range map[policy.Viewer]int{op: 3, asA: 2, w.s.ViewerOf(userB): 1} {
			if list, err := w.s.Users(ctx, actor); len(list) != want || err != nil {
				w.Errorf("%s sees %d users, %v", actor.Name, len(list), err)
			}
		}
	})
}

// At a node, the users without a member are the member's own.
func TestNodeHome(t *testing.T) {
	home := identity.WithHome(func() policy.Viewer { return policy.Viewer{Member: "m1", Sector: "gas", Groups: "g1"} })
	each(t, func(w world) {
		token, _, err := w.s.FirstRun(w.Context())
		w.ok(err)
		cookie, _, err := w.s.Redeem(w.Context(), token, identity.Client{})
		w.ok(err)
		v, _, err := w.s.SessionViewer(w.Context(), cookie)
		w.ok(err)
		if v.Hub || v.Coordinator || v.Member != "m1" || v.Sector != "gas" || v.Groups != "g1" {
			w.Errorf("%+v", v)
		}
		_, _, err = w.s.AddUser(w.Context(), v, identity.NewUser{Name: "x", Login: "x-x", Role: policy.RoleReader})
		w.ok(err)
	}, home, identity.WithCookie("meneki-node"))
}

func TestCookie(t *testing.T) {
	s := identity.New(nil, nil, identity.WithCookie("meneki-a"))
	for _, secure := range []bool{true, false} {
		c := s.Cookie("v", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), secure)
		if err := c.Valid(); err != nil || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode ||
			c.Path != "/" || c.Domain != "" || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("%v, %v", c, err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(c)
		if s.CookieOf(r, secure) != "v" || s.CookieOf(r, !secure) != "" {
			t.Error("the cookie is not read back, or the other one is")
		}
		if c := s.ClearCookie(secure); c.MaxAge != -1 || c.Value != "" {
			t.Errorf("%v", c)
		}
	}
}
