package identity_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	lists "github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

var op = identity.Operator("test")

type world struct {
	*testing.T
	db  *store.DB
	s   *identity.Service
	now *clock.Hand
}

// each runs body on each engine in a fresh world.
func each(t *testing.T, body func(w world), opts ...identity.Option) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, url string) {
		c, hand := clock.Fixed(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC))
		db := storetest.Open(t, url, storetest.With(identity.Migration()), storetest.Clock(c))
		s := identity.New(db, c, opts...)
		identity.CheapPasswords(s)
		body(world{t, db, s, hand})
	})
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v (%v)", err, fault.KindOf(err))
	}
}

// fails checks the kind and that both languages say something.
func (w world) fails(err error, k fault.Kind) {
	w.Helper()
	if !fault.Is(err, k) {
		w.Errorf("got %v (%v), want %v", err, fault.KindOf(err), k)
		return
	}
	if x := fault.TextOf(err); x.EN == "" || x.JA == "" {
		w.Errorf("%v says nothing in one language", err)
	}
}

func (w world) invite(name, sector string) (identity.Member, string) {
	w.Helper()
	m, token, err := w.s.Invite(w.Context(), op, identity.NewMember{Name: name, Sector: sector, Prefecture: "東京"})
	w.ok(err)
	return m, token
}

func (w world) user(login string, role policy.Role, member string) (identity.User, string) {
	w.Helper()
	u, link, err := w.s.AddUser(
		w.Context(),
		op,
		identity.NewUser{Name: login, Login: login, Role: role, Member: member},
	)
	w.ok(err)
	return u, link
}

func key(t *testing.T) string {
	k, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := k.PublicKey()
	return pub
}

func TestInviteAndJoin(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		m, token := w.invite("  関東 電力\u200b ", "energy")
		if m.Name != "関東 電力" || m.Sector != "power" || m.Prefecture != "13" || m.Active() ||
			m.Kind != identity.KindOrganisation ||
			m.Realm != "live" {
			w.Errorf("%+v", m)
		}
		_, _, err := w.s.Invite(ctx, op, identity.NewMember{Name: "関東 電力", Sector: "gas"})
		w.fails(err, fault.Conflict)
		_, _, err = w.s.Invite(ctx, op, identity.NewMember{Name: "x", Sector: "magic"})
		w.fails(err, fault.Invalid)
		if !strings.Contains(fault.HintOf(err).EN, "local-government") {
			w.Error("the choices are not listed")
		}
		_, _, err = w.s.Invite(ctx, op, identity.NewMember{Name: " \u200b", Sector: "gas"})
		w.fails(err, fault.Invalid)
		_, _, err = w.s.Invite(
			ctx,
			policy.Viewer{Hub: true, Role: policy.RoleAnalyst},
			identity.NewMember{Name: "x", Sector: "gas"},
		)
		w.fails(err, fault.Denied)
		_, _, err = w.s.Invite(
			ctx,
			policy.Viewer{Member: "m", Role: policy.RoleAdmin},
			identity.NewMember{Name: "x", Sector: "gas"},
		)
		w.fails(err, fault.Denied)

		k1, k2 := key(w.T), key(w.T)
		for _, bad := range []string{"", "mnkj_", "mnkj_" + strings.Repeat("A", 43), token + "x", "mnk_" + token[5:],
			strings.Repeat("x", 1<<20)} {
			_, err := w.s.Join(ctx, bad, k1)
			w.fails(err, fault.Denied)
		}
		_, err = w.s.Join(ctx, token, "not a key")
		w.fails(err, fault.Invalid)
		got, err := w.s.Join(ctx, " "+token+"\n", k1)
		w.ok(err)
		if !got.Active() || got.PublicKey != k1 || got.ID != m.ID {
			w.Errorf("%+v", got)
		}
		w.now.Add(30 * 24 * time.Hour)
		again, err := w.s.Join(ctx, token, k1) // the answer was lost
		w.ok(err)
		if again != got {
			w.Errorf("joined again: %+v, want %+v", again, got)
		}
		_, err = w.s.Join(ctx, token, k2)
		w.fails(err, fault.Gone)

		// Another member cannot take the same key; an expired token does not work.
		m2, token2 := w.invite("市役所", "city")
		_, err = w.s.Join(ctx, token2, k1)
		w.fails(err, fault.Conflict)
		w.now.Add(7 * 24 * time.Hour)
		_, err = w.s.Join(ctx, token2, k2)
		w.fails(err, fault.Gone)
		token3, err := w.s.Reinvite(ctx, op, m2.ID)
		w.ok(err)
		_, err = w.s.Join(ctx, token3, k2)
		w.ok(err)

		// A lost node: the new key takes the place of the old one.
		token4, err := w.s.Reinvite(ctx, op, m.ID)
		w.ok(err)
		token5, err := w.s.Reinvite(ctx, op, m.ID)
		w.ok(err)
		k3 := key(w.T)
		_, err = w.s.Join(ctx, token4, k3)
		w.fails(err, fault.Gone)
		got, err = w.s.Join(ctx, token5, k3)
		w.ok(err)
		if got.PublicKey != k3 || !got.Joined.Equal(again.Joined) {
			w.Errorf("%+v", got)
		}
		_, err = w.s.Join(ctx, token, k1)
		w.fails(err, fault.Gone)

		w.ok(w.s.Rename(ctx, op, m.ID, "関西電力"))
		w.ok(w.s.Place(ctx, op, m.ID, "gas", "27"))
		w.ok(w.s.SetAccount(ctx, m.ID, "ACC"))
		w.fails(w.s.Rename(ctx, op, m.ID, "市役所"), fault.Conflict)
		w.fails(w.s.Rename(ctx, op, "none", "x"), fault.NotFound)
		w.ok(w.s.Revoke(ctx, op, m.ID))
		w.fails(w.s.Revoke(ctx, op, m.ID), fault.Gone)
		_, err = w.s.Join(ctx, token5, k3)
		w.fails(err, fault.Gone)
		list, err := w.s.Members(ctx)
		w.ok(err)
		if len(list) != 2 {
			w.Errorf("%+v", list)
		}
		gone, err := w.s.Member(ctx, m.ID)
		w.ok(err)
		if gone.Active() || gone.Name != "関西電力" || gone.Sector != "gas" || gone.Prefecture != "27" ||
			gone.Account != "ACC" {
			w.Errorf("%+v", gone)
		}
		w.invite("関西電力", "power") // the name is free again
		about := lists.Ask{Values: map[string]string{"subject": m.ID}}
		page, err := w.s.Trail(ctx, about)
		w.ok(err)
		trail := page.Rows
		var actions []string
		for _, e := range trail {
			actions = append(actions, e.Action)
			if b, _ := json.Marshal(e); strings.Contains(string(b), "mnkj_") {
				w.Errorf("a secret is in the trail: %s", b)
			}
		}
		if got, want := strings.Join(actions,
			" "), "member.revoke member.account member.place member.rename member.join member.reinvite "+
			"member.reinvite member.join member.invite"; got != want {
			w.Errorf("trail: %s\nwant:  %s", got, want)
		}
		if trail[len(trail)-1].Actor != "operator" || trail[len(trail)-1].ActorName != "test" {
			w.Errorf("%+v", trail[len(trail)-1])
		}
		about.Limit = 1
		newest, err := w.s.Trail(ctx, about)
		w.ok(err)
		about.Limit, about.After = 2, newest.Next
		older, err := w.s.Trail(ctx, about)
		w.ok(err)
		if len(older.Rows) != 2 || older.Rows[0].ID != trail[1].ID {
			w.Errorf("%+v", older)
		}
	})
}

func TestSeen(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		m, _ := w.invite("a", "gas")
		before := len(storetest.Outbox(w.T, w.db))
		t0 := w.db.Now()
		for i, c := range []struct {
			after  time.Duration
			online bool
			want   time.Duration
		}{{0, true, 0}, {10 * time.Second, true, 0}, {time.Minute, true, time.Minute}, {time.Second, true,
			time.Minute}, {61 * time.Second, false, 61 * time.Second}} {
			w.ok(w.s.Seen(ctx, m.ID, t0.Add(c.after), c.online))
			got, err := w.s.Member(ctx, m.ID)
			w.ok(err)
			if got.Online != c.online || !got.LastSeen.Equal(t0.Add(c.want)) {
				w.Errorf("%d: %v %v", i, got.Online, got.LastSeen.Sub(t0))
			}
		}
		if n := len(storetest.Outbox(w.T, w.db)) - before; n != 2 { // came, went
			w.Errorf("%d messages", n)
		}
		w.ok(w.s.Seen(ctx, m.ID, t0.Add(time.Hour), true))
		w.ok(w.s.AllOffline(ctx))
		if got, _ := w.s.Member(ctx, m.ID); got.Online {
			w.Error("still online")
		}
		w.fails(w.s.Seen(ctx, "none", t0, true), fault.NotFound)
	})
}

func TestFirstRun(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		lost, created, err := w.s.FirstRun(ctx)
		w.ok(err)
		token, again, err := w.s.FirstRun(ctx)
		w.ok(err)
		if !created || !again || lost == token {
			w.Error("no link although there is no user")
		}
		_, _, err = w.s.Redeem(ctx, lost, identity.Client{})
		w.fails(err, fault.Denied)
		w.ok(w.s.PeekLink(ctx, token))
		cookie, session, err := w.s.Redeem(ctx, token, identity.Client{Address: "192.0.2.1", Agent: "a\x00\xff\nb"})
		w.ok(err)
		v, _, err := w.s.SessionViewer(ctx, cookie)
		w.ok(err)
		if want := (policy.Viewer{User: session.User.ID, Name: "Administrator", Hub: true, Coordinator: true,
			Role: policy.RoleAdmin}); v != want {
			w.Errorf("%+v", v)
		}
		_, _, err = w.s.Redeem(ctx, token, identity.Client{})
		w.fails(err, fault.Gone)
		w.fails(w.s.PeekLink(ctx, token), fault.Gone)
		if _, created, err := w.s.FirstRun(ctx); created || err != nil {
			w.Errorf("a second first run: %v", err)
		}
		w.fails(w.s.Disable(ctx, v, v.User), fault.Conflict)
		w.fails(w.s.SetRole(ctx, v, v.User, policy.RoleReader), fault.Conflict)
		w.user("bb", policy.RoleAdmin, "")
		w.ok(w.s.Disable(ctx, v, v.User))
		_, _, err = w.s.SessionViewer(ctx, cookie)
		w.fails(err, fault.Unauthenticated)
	})
	each(t, func(w world) {
		token, _, err := w.s.FirstRun(w.Context())
		w.ok(err)
		w.now.Add(24 * time.Hour)
		_, _, err = w.s.Redeem(w.Context(), token, identity.Client{})
		w.fails(err, fault.Gone)
	})
}

func TestSessions(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		u, link := w.user("taro", policy.RoleAnalyst, "")
		cookie, first, err := w.s.Redeem(ctx, link, identity.Client{Address: "192.0.2.1"})
		w.ok(err)
		link2, err := w.s.NewLink(ctx, op, u.ID)
		w.ok(err)
		link3, err := w.s.NewLink(ctx, op, u.ID)
		w.ok(err)
		_, _, err = w.s.Redeem(ctx, link2, identity.Client{})
		w.fails(err, fault.Gone)
		other, second, err := w.s.Redeem(ctx, link3, identity.Client{})
		w.ok(err)
		for range 3 { // used every 11 hours, it lives on
			w.now.Add(11 * time.Hour)
			_, _, err = w.s.SessionViewer(ctx, cookie)
			w.ok(err)
		}
		_, _, err = w.s.SessionViewer(ctx, other) // unused for 33
		w.fails(err, fault.Unauthenticated)
		list, err := w.s.Sessions(ctx, op, u.ID)
		w.ok(err)
		if len(list) != 1 || list[0].ID != first.ID || list[0].Address != "192.0.2.1" {
			w.Errorf("%+v", list)
		}
		w.fails(
			w.s.RevokeSession(ctx, policy.Viewer{User: "x", Hub: true, Role: policy.RoleAnalyst}, first.ID),
			fault.NotFound,
		)
		for range 20 { // and ends after seven days all the same
			w.now.Add(11 * time.Hour)
			_, _, err = w.s.SessionViewer(ctx, cookie)
		}
		w.fails(err, fault.Unauthenticated)
		w.ok(w.s.Tidy(ctx))
		w.fails(w.s.RevokeSession(ctx, op, second.ID), fault.NotFound)

		link4, err := w.s.NewLink(ctx, op, u.ID)
		w.ok(err)
		cookie, _, err = w.s.Redeem(ctx, link4, identity.Client{})
		w.ok(err)
		w.ok(w.s.SetRole(ctx, op, u.ID, policy.RoleCoordinator))
		v, s, err := w.s.SessionViewer(ctx, cookie)
		w.ok(err)
		if v.Role != policy.RoleCoordinator || !v.Coordinator {
			w.Errorf("a new role does not hold at once: %+v", v)
		}
		w.ok(w.s.SetPreferences(ctx, v, u.ID, "", i18n.EN, "Europe/Berlin"))
		w.fails(w.s.SetPreferences(ctx, v, u.ID, "", "", "Mars/Base"), fault.Invalid)
		w.fails(w.s.SetPreferences(ctx, policy.Viewer{User: "x"}, u.ID, "x", "", ""), fault.Denied)
		w.fails(w.s.SetRole(ctx, v, u.ID, policy.RoleAdmin), fault.Denied)
		_, s, err = w.s.SessionViewer(ctx, cookie)
		w.ok(err)
		if s.User.Lang != i18n.EN || s.User.Location().String() != "Europe/Berlin" || s.User.Name != "taro" {
			w.Errorf("%+v", s.User)
		}
		w.ok(w.s.SignOut(ctx, cookie))
		w.ok(w.s.SignOut(ctx, cookie))
		_, _, err = w.s.SessionViewer(ctx, cookie)
		w.fails(err, fault.Unauthenticated)
		for _, bad := range []string{"", "x", strings.Repeat("A", 43)} {
			_, _, err = w.s.SessionViewer(ctx, bad)
			w.fails(err, fault.Unauthenticated)
		}
	})
}

// The database holds no secret that can be used.
func TestNoSecretIsStored(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		_, invite := w.invite("a", "gas")
		u, link := w.user("taro", policy.RoleAdmin, "")
		cookie, session, err := w.s.Redeem(ctx, link, identity.Client{})
		w.ok(err)
		_, token, err := w.s.AddToken(ctx, op, identity.NewToken{Name: "t", User: u.ID, Role: policy.RoleReader})
		w.ok(err)
		w.ok(w.s.SetPassword(ctx, op, u.ID, "correct horse battery", session.ID))
		secrets := []string{invite, link, cookie, token, "correct horse battery"}
		for _, col := range []string{"hash FROM member_invite", "hash FROM login_link", "hash FROM session",
			"hash FROM api_token", "password FROM user_account", "detail FROM audit"} {
			w.ok(w.db.Read(ctx, store.System("test"), func(tx *store.Tx) error {
				list, err := store.Query[string](tx, "SELECT "+col)
				if len(list) == 0 {
					w.Errorf("%s: nothing", col)
				}
				for _, v := range list {
					for _, s := range secrets {
						if strings.Contains(v, s) || strings.Contains(v, s[5:]) {
							w.Errorf("%s holds a secret", col)
						}
					}
				}
				return err
			}))
		}
	})
}
