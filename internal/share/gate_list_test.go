package share

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// The most open policy of a member does not let out what a third party's
// marking keeps in, nor ever names the entry.
func TestGateKeepsListed(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		r := Open()
		r.FindingTLP = policy.Clear
		g := openGate(t, db, r)
		for i, tlp := range []policy.TLP{0, policy.Clear, policy.Green, policy.Amber, policy.AmberStrict, policy.Red, 99} {
			f := aFinding("high")
			f.ID = fmt.Sprint("f", i)
			f.List = &event.ListEntry{Source: "a paying list", Type: event.Domain, Value: "evil.example", TLP: tlp}
			give(t, db, g, event.KindFinding, f.ID, "high", f)
		}
		got := onDesk(t, db)
		if len(got) != 2 {
			t.Errorf("%d findings leave, want those of CLEAR and GREEN", len(got))
		}
		for id, want := range map[string]policy.TLP{"finding/f1": policy.Clear, "finding/f2": policy.Green} {
			l := got[id]
			var f event.Finding
			if err := json.Unmarshal([]byte(l.Body), &f); err != nil {
				t.Fatal(err)
			}
			if l.Handling.TLP != want || f.Handling.TLP != want || f.List != nil {
				t.Errorf("%s leaves as %v, %v, list %v", id, l.Handling.TLP, f.Handling.TLP, f.List)
			}
		}
	})
}
