package release

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// The most open policy of a member does not let out what a third party's
// marking keeps in, nor ever names the entry.
func TestOutgoingKeepsListed(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		r := Open()
		r.FindingTLP = policy.Clear
		g := openQueue(t, db, r)
		for i, tlp := range []policy.TLP{
			0, policy.Clear, policy.Green, policy.Amber, policy.AmberStrict, policy.Red, 99,
		} {
			f := sharetest.Finding("high")
			f.ID = fmt.Sprint("f", i)
			give(t, db, g, f.ID, "high", f, tlp)
		}
		got := queued(t, db)
		if len(got) != 2 {
			t.Errorf("%d findings leave, want those of CLEAR and GREEN", len(got))
		}
		for id, want := range map[string]policy.TLP{"finding/f1": policy.Clear, "finding/f2": policy.Green} {
			l := got[id]
			var f wire.Finding
			if err := json.Unmarshal([]byte(l.Body), &f); err != nil {
				t.Fatal(err)
			}
			if l.Handling.TLP != want || f.Handling.TLP != want {
				t.Errorf("%s leaves as %v, %v", id, l.Handling.TLP, f.Handling.TLP)
			}
		}
	})
}

// Nobody at the member widens what a third party marked, not even for a moment.
func TestOutgoingListedFloor(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		r := Manual()
		r.FindingTLP = policy.Clear
		g := openQueue(t, db, r)
		offer := func(id string, tlp policy.TLP) {
			t.Helper()
			f := sharetest.Finding("high")
			f.ID = id
			give(t, db, g, f.ID, "high", f, tlp)
		}
		check := func(id string, want policy.TLP) {
			t.Helper()
			l := queued(t, db)["finding/"+id]
			var f wire.Finding
			if err := json.Unmarshal([]byte(l.Body), &f); err != nil || l.Handling.TLP != want ||
				f.Handling.TLP != want {
				t.Errorf(
					"%s: marked %v, in the message %v, want %v (%v)", id, l.Handling.TLP, f.Handling.TLP, want, err,
				)
			}
		}
		offer("f1", policy.Green)
		offer("f2", policy.Clear)
		for _, tlp := range []policy.TLP{policy.Clear, policy.Amber, policy.Green} {
			err := g.Decide(t.Context(), wire.KindFinding, "f1", true, &tlp, "Sato")
			if (tlp == policy.Clear) != fault.Is(err, fault.Denied) || tlp != policy.Clear && err != nil {
				t.Errorf("%v: %v", tlp, err)
			}
		}
		check("f1", policy.Green)
		// A person let it go as CLEAR; then the list says GREEN, and it grows.
		loose := policy.Clear
		if err := g.Decide(t.Context(), wire.KindFinding, "f2", true, &loose, "Sato"); err != nil {
			t.Error(err)
		}
		offer("f2", policy.Green)
		check("f2", policy.Green)
		// The list says now that it stays: what waits is held back, for good.
		offer("f3", policy.Green)
		offer("f3", policy.Amber)
		green := policy.Green
		for _, tlp := range []*policy.TLP{nil, &green} {
			if err := g.Decide(t.Context(), wire.KindFinding, "f3", true, tlp, "Sato"); !fault.Is(err, fault.Denied) {
				t.Errorf("what stays is let go: %v", err)
			}
		}
		if l := queued(t, db)["finding/f3"]; l.State != StateHeld {
			t.Errorf("what stays is %s", l.State)
		}
		offer("f2", policy.Clear) // once bound, it stays so
		if err := g.Decide(t.Context(), wire.KindFinding, "f2", true, &loose, "Sato"); !fault.Is(err, fault.Denied) {
			t.Error(err)
		}
		check("f2", policy.Green)
	})
}
