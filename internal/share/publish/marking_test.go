package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/stix"
)

func TestSetMarking(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		ctx := t.Context()
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.ToSector("energy")))))
		id := h.all(t)[0].ID
		owner := policy.Viewer{User: "u-p", Member: "power", Sector: "energy", Role: policy.RoleCoordinator}
		other := policy.Viewer{User: "u-g", Member: "gas", Sector: "energy", Role: policy.RoleAdmin}
		outsider := policy.Viewer{User: "u-c", Member: "city", Sector: "government", Role: policy.RoleAdmin}

		// The hub may not widen, by label or by audience; another member may do nothing.
		for name, err := range map[string]error{
			"hub widens the label": h.SetMarking(ctx, sharetest.Desk, id, policy.Green, nil),
			"hub names more": h.SetMarking(ctx, sharetest.Desk, id, policy.Amber,
				policy.Audience{policy.ToSector("energy"), policy.Community}),
			"another member, looser":  h.SetMarking(ctx, other, id, policy.Clear, nil),
			"another member stricter": h.SetMarking(ctx, other, id, policy.Red, nil),
			"another member ends it":  h.Withdraw(ctx, other, id),
		} {
			if !fault.Is(err, fault.Denied) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Who may not see it is disclosed that it is not there.
		if err := h.SetMarking(ctx, outsider, id, policy.Red, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("an outsider: %v", err)
		}
		// Its owner may widen it: those who may now have it get it.
		h.must(t, h.SetMarking(ctx, owner, id, policy.Green, nil))
		if diff := cmp.Diff([]string{"city", "gas", "power"}, h.got(t)); diff != "" {
			t.Errorf("after widening, pushed to (-want +got):\n%s", diff)
		}
		last := h.Of("city").Came[0]
		o, err := stix.Parse(last.STIX)
		h.must(t, err)
		if want, _ := stix.TLPMarkingID("TLP:GREEN"); !slices.Equal(o.ObjectMarkingRefs(), []string{want}) {
			t.Errorf("the object is marked %v", o.ObjectMarkingRefs())
		}
		// To RED: everybody drops it, and a node that was away hears of it.
		h.must(t, h.SetMarking(ctx, sharetest.Desk, id, policy.Red, nil))
		if got := h.got(t); len(got) != 0 {
			t.Errorf("RED, and still held by %v", got)
		}
		came := h.Of("city").Came
		if last := came[len(came)-1]; !last.Withdraw || len(last.STIX) != 0 || len(h.Of("city").Holds) != 0 {
			t.Errorf("after RED: %+v", last)
		}
	})
}

func TestWithdraw(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		id := h.all(t)[0].ID
		h.Settle(t)
		h.must(t, h.Withdraw(t.Context(), sharetest.Desk, id))
		if got := h.got(t); len(got) != 0 {
			t.Errorf("still held by %v", got)
		}
		if err := h.Withdraw(t.Context(), sharetest.Desk, id); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice: %v", err)
		}
		if o := h.Of("gas").Came[1]; o.Withdraw || !bytes.Contains(o.STIX, []byte(`"revoked":true`)) {
			t.Errorf("a revoked one: %+v", o)
		}
		if err := h.SetMarking(t.Context(), sharetest.Desk, id, policy.Red, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("marked after that: %v", err)
		}
		// The value may be shared anew.
		h.must(t, h.offer(t, "gas", sharetest.Candidate("c2", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		if n := len(h.all(t)); n != 2 {
			t.Errorf("%d indicators, want a new one", n)
		}
	})
}

// Two hubs that differ in one secret look the same to whoever may not know it.
func TestNonInterference(t *testing.T) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.EachURL(t, func(t *testing.T, url string) {
		a := newHub(t, storetest.Open(t, url, migrations(), storetest.Clock(now)), hand)
		b := newHub(t, storetest.SQLite(t, migrations(), storetest.Clock(now)), hand)
		var rows []indicator.Indicator
		objects := map[string]*stix.Object{}
		for i, label := range []policy.TLP{policy.Green, policy.Amber, policy.Red, policy.AmberStrict, policy.Clear} {
			c := sharetest.Candidate(fmt.Sprint("c", i), "f1", sharetest.Domain(fmt.Sprintf("e%d.example.net", i)),
				policy.Handling{TLP: label, Owner: "power", Audience: policy.Audience{policy.Community}})
			o, row, err := a.build(c, sharetest.Start.Add(time.Duration(i)*time.Second))
			a.must(t, err)
			row.Case = "case-1"
			rows = append(rows, row)
			objects[row.ID] = o
		}
		put := func(h *hub, secret bool) {
			for _, row := range rows {
				if row.Handling.TLP == policy.Red && !secret {
					continue
				}
				h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
					if err := row.Save(tx); err != nil {
						return err
					}
					return h.put(tx, objects[row.ID], row)
				}))
			}
		}
		put(a, true)
		put(b, false)
		answer := func(h *hub, limit int) string {
			h.Members = nil
			h.Ask(t, "city", limit)
			text, err := json.Marshal(h.Of("city").Came)
			h.must(t, err)
			return fmt.Sprint(h.Of("city").Asked, string(text))
		}
		for _, limit := range []int{100, 2, 1} {
			if x, y := answer(a, limit), answer(b, limit); x != y {
				t.Errorf("%d at a time:\n%s\n%s", limit, x, y)
			}
		}
		// Lists and counts too.
		look := func(h *hub, v policy.Viewer) string {
			var out string
			h.must(t, h.db.Read(t.Context(), store.As(v), func(tx *store.Tx) error {
				all, err := indicator.List(tx, list.Ask{Limit: 100})
				h.must(t, err)
				some, err := indicator.List(tx, list.Ask{Values: map[string]string{"q": "example"}, Limit: 1,
					Count: true})
				text, _ := json.Marshal(all.Rows)
				out = fmt.Sprint(some.Total, some.Next, string(text))
				return err
			}))
			return out
		}
		for _, v := range []policy.Viewer{{}, {User: "u", Member: "city", Role: policy.RoleAdmin}, sharetest.Desk} {
			if look(a, v) != look(b, v) {
				t.Errorf("the lists of %+v differ", v)
			}
		}
		if owner := (policy.Viewer{User: "u", Member: "power"}); look(a, owner) == look(b, owner) {
			t.Error("the owner does not see its own: the test shows nothing")
		}
	})
}
