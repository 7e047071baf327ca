package groups

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

// world is a hub with the members Alpha, Beta and Gamma.
type world struct {
	*testing.T
	s      *Service
	db     *store.DB
	people *identity.Service
	hand   *clock.Hand
	ids    map[string]string
}

func each(t *testing.T, body func(w world)) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		people := identity.New(db, now)
		directory := identity.NewDirectory(people, now, slog.New(slog.DiscardHandler), func() {})
		w := world{t, New(db, directory, func() {}), db, people, hand, map[string]string{}}
		for _, name := range []string{"Alpha", "Beta", "Gamma " + sharetest.Hostile} {
			m, token, err := people.Invite(t.Context(), identity.Operator("t"), identity.NewMember{Name: name,
				Sector: "power"})
			w.ok(err)
			key, err := nkeys.CreateUser()
			w.ok(err)
			public, err := key.PublicKey()
			w.ok(err)
			_, err = people.Join(t.Context(), token, public)
			w.ok(err)
			w.ids[strings.Fields(name)[0]] = m.ID
		}
		body(w)
	}, storetest.With(identity.Migration(), Migration()), storetest.Clock(now))
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) fails(err error, k fault.Kind) {
	w.Helper()
	if !fault.Is(err, k) {
		w.Errorf("got %v (%v), want %v", err, fault.KindOf(err), k)
	}
}

// as is a coordinator of a member, as it would come in now.
func (w world) as(name string) policy.Viewer {
	w.Helper()
	m, err := w.people.Member(w.Context(), w.ids[name])
	w.ok(err)
	v := m.Node()
	v.User, v.Name, v.Role, v.Machine = "u-"+name, "Person of "+name, policy.RoleCoordinator, false
	return v
}

func (w world) make(name, admits string) string {
	w.Helper()
	id, err := w.s.Make(w.Context(), w.as("Alpha"), NewGroup{Name: name, Purpose: "電力の早期警戒", Admits: admits})
	w.ok(err)
	return id
}

func (w world) offers(name string) (out []Offer) {
	w.Helper()
	w.ok(w.db.Read(w.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = w.s.Offers(tx, w.as(name))
		return err
	}))
	return out
}

func (w world) sees(v policy.Viewer, id string) bool {
	w.Helper()
	err := w.db.Read(w.Context(), store.As(v), func(tx *store.Tx) error {
		_, err := Get(tx, id)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		w.Fatal(err)
	}
	return err == nil
}

func (w world) invites(id string) (out []string) {
	w.Helper()
	w.ok(w.db.Read(w.Context(), store.System("test"), func(tx *store.Tx) error {
		list, err := Invites(tx, id)
		for _, i := range list {
			out = append(out, i.Name+" "+i.Shown(w.db.Now()))
		}
		return err
	}))
	slices.Sort(out)
	return out
}

func TestLifeOfAGroup(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		id := w.make("  Early\x00 warning ", AdmitsLead)
		h := policy.Handling{TLP: policy.Amber, Owner: w.ids["Alpha"], Audience: policy.Audience{policy.ToGroup(id)}}
		check := func(want ...string) {
			w.Helper()
			for _, name := range []string{"Alpha", "Beta", "Gamma"} {
				in := slices.Contains(want, name)
				if w.sees(w.as(name), id) != in || w.as(name).Groups.Has(id) != in {
					w.Errorf("%s sees the group: %v", name, !in)
				}
				if name != "Alpha" && policy.MaySee(w.as(name), h) != in {
					w.Errorf("%s sees what is addressed to the group: %v", name, !in)
				}
			}
		}
		check("Alpha")
		if !w.sees(sharetest.Desk, id) || w.sees(policy.Viewer{}, id) {
			w.Error("the hub's people do not see the group, or the public does")
		}
		w.ok(w.s.Ask(ctx, w.as("Alpha"), id, " ｂｅｔａ "))
		w.fails(w.s.Ask(ctx, w.as("Alpha"), id, "beta"), fault.Conflict)
		w.fails(w.s.Ask(ctx, w.as("Beta"), id, "Gamma"), fault.NotFound)
		w.fails(w.s.Ask(ctx, w.as("Alpha"), id, " "), fault.Invalid)
		if len(w.offers("Gamma")) != 0 || len(w.offers("Alpha")) != 0 {
			w.Error("an invitation reaches others")
		}
		offers := w.offers("Beta")
		if len(offers) != 1 || offers[0].Lead != w.ids["Alpha"] || offers[0].Name != "Early warning" {
			w.Fatalf("%+v", offers)
		}
		reader := w.as("Beta")
		reader.Role = policy.RoleAnalyst
		_, err := w.s.Answer(ctx, reader, offers[0].ID, true)
		w.fails(err, fault.Denied)
		_, err = w.s.Answer(ctx, w.as("Gamma"), offers[0].ID, true)
		w.fails(err, fault.NotFound)
		group, err := w.s.Answer(ctx, w.as("Beta"), offers[0].ID, true)
		w.ok(err)
		if group != id {
			w.Errorf("entered %s", group)
		}
		check("Alpha", "Beta")
		w.fails(w.s.Ask(ctx, w.as("Beta"), id, "Gamma"), fault.Denied)
		w.fails(w.s.Close(ctx, w.as("Beta"), id), fault.Denied)
		w.fails(w.s.Exclude(ctx, w.as("Beta"), id, w.ids["Alpha"]), fault.Denied)
		w.ok(w.s.Exclude(ctx, w.as("Alpha"), id, w.ids["Beta"]))
		check("Alpha")
		w.fails(w.s.Leave(ctx, w.as("Beta"), id), fault.NotFound)
		w.ok(w.s.Ask(ctx, w.as("Alpha"), id, "Beta"))
		_, err = w.s.Answer(ctx, w.as("Beta"), w.offers("Beta")[0].ID, true)
		w.ok(err)
		// Whoever leads it leaves: the other leads it then, and is the last.
		w.ok(w.s.Leave(ctx, w.as("Alpha"), id))
		check("Beta")
		w.ok(w.s.Leave(ctx, w.as("Beta"), id))
		check()
		if !w.sees(sharetest.Desk, id) {
			w.Error("the hub's people do not see a closed group")
		}
		w.fails(w.s.Ask(ctx, sharetest.Desk, id, "Beta"), fault.Gone)
	})
}

// Who declines, who does not answer and a name that nobody has look the same to the group.
func TestInvitationsTellNothing(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		id := w.make("Group", AdmitsLead)
		for _, name := range []string{"Beta", "Gamma " + sharetest.Hostile, "Nobody K.K."} {
			w.ok(w.s.Ask(ctx, w.as("Alpha"), id, name))
		}
		_, err := w.s.Answer(ctx, w.as("Beta"), w.offers("Beta")[0].ID, false)
		w.ok(err)
		if len(w.offers("Beta")) != 0 || len(w.offers("Gamma")) != 1 {
			w.Error("the invitations are not as they should be")
		}
		for _, i := range w.invites(id) {
			if !strings.HasSuffix(i, " open") {
				w.Error(i)
			}
		}
		w.fails(w.s.Ask(ctx, w.as("Alpha"), id, "Beta"), fault.Conflict)
		w.hand.Add(inviteLife)
		for _, i := range w.invites(id) {
			if !strings.HasSuffix(i, " ended") {
				w.Error(i)
			}
		}
		if len(w.offers("Gamma")) != 0 {
			w.Error("an invitation that ended can be accepted")
		}
	})
}

// Where all let others in, one no is enough, and who leaves is not waited for.
func TestAllAgree(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		id := w.make("Group", AdmitsAll)
		w.ok(w.s.Ask(ctx, w.as("Alpha"), id, "Beta")) // alone in it: nobody else to ask
		_, err := w.s.Answer(ctx, w.as("Beta"), w.offers("Beta")[0].ID, true)
		w.ok(err)
		gamma := "Gamma " + sharetest.Hostile
		find := func() string {
			var out string
			w.ok(w.db.Read(ctx, store.System("test"), func(tx *store.Tx) error {
				list, err := Invites(tx, id)
				for _, i := range list {
					if i.State == stateAsked {
						out = i.ID
					}
				}
				return err
			}))
			return out
		}
		w.ok(w.s.Ask(ctx, w.as("Beta"), id, gamma))
		if len(w.offers("Gamma")) != 0 {
			w.Error("an invitation goes out before all have agreed")
		}
		w.fails(w.s.Vote(ctx, w.as("Gamma"), id, find(), true), fault.NotFound)
		w.ok(w.s.Vote(ctx, w.as("Alpha"), id, find(), false))
		if find() != "" || len(w.offers("Gamma")) != 0 {
			w.Error("a no does not count")
		}
		w.ok(w.s.Ask(ctx, w.as("Beta"), id, gamma))
		w.ok(w.s.Vote(ctx, w.as("Alpha"), id, find(), true))
		if len(w.offers("Gamma")) != 1 {
			w.Error("all have agreed, and nobody is invited")
		}
		w.ok(w.s.Retract(ctx, w.as("Beta"), id, w.offers("Gamma")[0].ID))
		w.ok(w.s.Ask(ctx, w.as("Beta"), id, gamma))
		w.ok(w.s.Leave(ctx, w.as("Alpha"), id))
		if len(w.offers("Gamma")) != 1 {
			w.Error("who left is waited for")
		}
	})
}

// A member that leaves the community is in no group.
func TestMemberGone(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		id := w.make("Group", AdmitsLead)
		w.ok(w.s.Ask(ctx, w.as("Alpha"), id, "Beta"))
		_, err := w.s.Answer(ctx, w.as("Beta"), w.offers("Beta")[0].ID, true)
		w.ok(err)
		tell := func(name string) {
			w.ok(w.db.Write(ctx, store.System("test"), func(tx *store.Tx) error {
				return w.s.OnMember(tx, msg.MemberChanged{Member: w.ids[name]})
			}))
		}
		tell("Alpha")
		if !w.sees(w.as("Alpha"), id) {
			w.Error("a member that is there was taken out")
		}
		w.ok(w.people.Revoke(ctx, identity.Operator("t"), w.ids["Alpha"]))
		tell("Alpha")
		if w.sees(w.as("Alpha"), id) || !w.sees(w.as("Beta"), id) {
			w.Error("the group is not as it should be")
		}
		w.ok(w.s.Ask(ctx, w.as("Beta"), id, "Gamma")) // it leads the group now
	})
}

func TestPages(t *testing.T) {
	each(t, func(w world) {
		h := sharetest.Console(w.T, func(site *web.Site, a *api.API) { w.s.pages(site); w.s.api(a) })
		add := func(name string) {
			sharetest.Viewers[name] = w.as(name)
			w.Cleanup(func() { delete(sharetest.Viewers, name) })
		}
		send := func(as, path string, form url.Values) (int, string) {
			w.Helper()
			for _, name := range []string{"Alpha", "Beta", "Gamma"} {
				add(name)
			}
			return sharetest.Ask(w.T, h, as, http.MethodPost, path, form, "")
		}
		code, body := send("Alpha", "/groups", url.Values{"name": {""}, "admits": {"lead"}})
		if code != http.StatusUnprocessableEntity {
			w.Errorf("%d %s", code, body)
		}
		code, _ = send("Alpha", "/groups", url.Values{"name": {sharetest.Hostile[:60]}, "admits": {"lead"}})
		if code != http.StatusSeeOther {
			w.Fatal(code)
		}
		var list []Group
		w.ok(w.db.Read(w.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			list, err = List(tx)
			return err
		}))
		at := "/groups/" + list[0].ID
		code, _ = send("Alpha", at+"/invite", url.Values{"name": {"Beta"}})
		if code != http.StatusSeeOther {
			w.Error(code)
		}
		send("Nobody", "/groups", nil)
		for as, want := range map[string]int{"Alpha": 200, "Beta": 404, "Gamma": 404, "desk": 200} {
			code, _ := sharetest.Get(w.T, h, as, at)
			if code != want {
				w.Errorf("%s: %d", as, code)
			}
			if want == 200 {
				sharetest.Page(w.T, h, as, at)
			}
			for _, body := range sharetest.Page(w.T, h, as, "/groups") {
				if strings.Contains(body, list[0].ID) != (want == 200) {
					w.Errorf("%s: the list names the group: %v", as, want != 200)
				}
			}
			code, _ = sharetest.Get(w.T, h, as, "/api/v1"+at)
			if code != want {
				w.Errorf("%s: %d from the API", as, code)
			}
		}
		if code, _ := send("Alpha", at+"/close", url.Values{"confirm": {"x"}}); code != http.StatusUnprocessableEntity {
			w.Errorf("closed without its name: %d", code)
		}
	})
}
