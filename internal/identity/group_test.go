package identity_test

import (
	"log/slog"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Everybody who asks for a member has its trust groups: a person, a person's token, a
// machine's token and the node. They hold from the next request on, and end with it.
func TestGroups(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		m, _ := w.invite("gas", "gas")
		other, _ := w.invite("oil", "oil")
		hana, link := w.user("hana", policy.RoleAdmin, m.ID)
		cookie, _, err := w.s.Redeem(ctx, link, identity.Client{})
		w.ok(err)
		admin := w.s.ViewerOf(hana)
		token := func(n identity.NewToken) string {
			n.Name, n.Role = "script", policy.RoleReader
			_, secret, err := w.s.AddToken(ctx, admin, n)
			w.ok(err)
			return secret
		}
		person, machine := token(identity.NewToken{User: hana.ID}), token(identity.NewToken{Member: m.ID})
		directory := identity.NewDirectory(w.s, clock.System, slog.New(slog.DiscardHandler), func() {})
		now := func() map[string]policy.Groups {
			w.Helper()
			out := map[string]policy.Groups{}
			v, _, err := w.s.SessionViewer(ctx, cookie)
			w.ok(err)
			out["session"] = v.Groups
			for name, secret := range map[string]string{"person": person, "machine": machine} {
				v, err := w.s.Authenticate(ctx, secret)
				w.ok(err)
				out[name] = v.Groups
			}
			directory.Forget()
			out["node"] = directory.Node(ctx, m.ID).Groups
			if g := directory.Node(ctx, other.ID).Groups; g != "" {
				w.Errorf("another member is in %q", g)
			}
			return out
		}
		change := func(f func(*store.Tx, string, string) error, member, group string) error {
			return w.db.Write(ctx, store.System("test"), func(tx *store.Tx) error { return f(tx, member, group) })
		}
		check := func(want policy.Groups) {
			w.Helper()
			for name, got := range now() {
				if got != want {
					w.Errorf("%s: the groups are %q, not %q", name, got, want)
				}
			}
		}
		check("")
		w.ok(change(identity.EnterGroup, m.ID, "g2"))
		w.ok(change(identity.EnterGroup, m.ID, "g1"))
		w.ok(change(identity.EnterGroup, m.ID, "g1"))
		check("g1,g2")
		w.ok(change(identity.LeaveGroup, m.ID, "g2"))
		w.ok(change(identity.LeaveGroup, m.ID, "g2"))
		check("g1")
		w.fails(change(identity.EnterGroup, "none", "g1"), fault.NotFound)
		w.ok(w.s.Revoke(ctx, op, m.ID))
		w.fails(change(identity.EnterGroup, m.ID, "g3"), fault.Gone)
		gone, err := w.s.Member(ctx, m.ID)
		w.ok(err)
		if gone.Groups != "" {
			w.Errorf("a member that left the community is in %q", gone.Groups)
		}
	})
}
