package publish

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// What a member says of a whole reply holds for each object in it that it may have, but for
// what it says of single ones, and as long as its cursors do.
func TestRangeReceipt(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		for i := range 3 {
			h.must(t, h.offer(t, "power", sharetest.Candidate(fmt.Sprint("c", i), "f1",
				sharetest.Domain(fmt.Sprintf("e%d.example.net", i)), sharetest.Amber(policy.ToSector("energy")))))
		}
		list := h.all(t)
		h.Ask(t, "gas", 100)
		upto := h.Of("gas").Cursor
		say := func(member string, r wire.RangeReceipt) error {
			t.Helper()
			body, err := json.Marshal(r)
			h.must(t, err)
			return h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
				return h.ReceiveRange(tx, member, body)
			})
		}
		armed := wire.RangeReceipt{ID: "a", Upto: upto, State: wire.Armed, At: sharetest.Start,
			Except: []wire.Exception{{Object: list[2].ID, Modified: list[2].Modified, State: wire.Refused,
				Reason: reason.Reason{Text: "not matched"}},
				{Object: "indicator--00000000-0000-4000-8000-000000000000", State: wire.Refused},
				{Object: list[1].ID, State: "delighted"}}}
		h.must(t, say("gas", armed))
		h.must(t, say("gas", armed))  // again
		h.must(t, say("city", armed)) // the cursor is not city's: it says nothing
		state := func(i int) Progress { t.Helper(); return h.progress(t, list[i].ID)["gas"] }
		if a, b := state(0), state(2); a.State != "armed" || !a.Armed.Equal(sharetest.Start) || !a.isArmed() ||
			b.State != "refused" || b.isArmed() || b.Reason == "" {
			t.Errorf("armed: %+v, refused: %+v", a, b)
		}
		if p := h.progress(t, list[0].ID); len(p) != 2 || p["power"].State != "" {
			t.Errorf("the others: %+v", p)
		}
		hunted := wire.RangeReceipt{ID: "h", Upto: upto, State: wire.Hunted, At: sharetest.Start, Searched: 500,
			Hits: []wire.Hits{{Object: list[1].ID, Modified: list[1].Modified, Hits: 3}}}
		h.must(t, say("gas", hunted))
		if a, b, c := state(0), state(1), state(2); a.State != "hunted" || a.Hits != 0 || a.Searched != 500 ||
			b.State != "hunted" || b.Hits != 3 || !b.isArmed() || c.State != "refused" {
			t.Errorf("hunted: %+v, %+v, refused: %+v", a, b, c)
		}
		hunted.Undisclosed, hunted.Hits = true, nil
		h.must(t, say("gas", hunted))
		if a := state(0); a.Hits != hitsUndisclosed {
			t.Errorf("undisclosed: %+v", a)
		}
		// What comes later is not in it, and a new version neither.
		h.must(t, h.offer(t, "power", sharetest.Candidate("late", "f1", sharetest.Domain("late.example.net"),
			sharetest.Amber(policy.ToSector("energy")))))
		owner := policy.Viewer{User: "u", Member: "power", Sector: "energy", Role: policy.RoleAdmin}
		h.must(t, h.SetMarking(t.Context(), owner, list[0].ID, policy.Green, nil))
		for _, i := range h.all(t) {
			if p := h.progress(t, i.ID)["gas"]; (i.Value == "late.example.net" || i.ID == list[0].ID) && p.State != "" {
				t.Errorf("%s: %+v", i.Value, p)
			}
		}
		// In another sector it may have other things: what it said is of another time.
		h.People[1].Sector = "government"
		h.must(t, h.SetMarking(t.Context(), owner, list[1].ID, policy.Clear, nil))
		for id, p := range h.progress(t, list[1].ID) {
			if id == "gas" && p.State == "armed" {
				t.Errorf("after the change: %+v", p)
			}
		}
		bad := armed
		bad.State = wire.Refused
		if err := say("gas", bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("another state: %v", err)
		}
		bad = armed
		bad.Except = make([]wire.Exception, maxExceptions+1)
		if err := say("gas", bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("endless: %v", err)
		}
	})
}
