package publish

import (
	"encoding/json"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

func (h *hub) receipt(t *testing.T, member string, r wire.Receipt) error {
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		return h.ReceiveReceipt(tx, member, body)
	})
}

func (h *hub) progress(t *testing.T, id string) map[string]Progress {
	t.Helper()
	out := map[string]Progress{}
	err := h.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
		i, err := indicator.Get(tx, id)
		if err != nil {
			return err
		}
		list, err := h.Progress(tx, h.People, i)
		for _, p := range list {
			out[p.Member] = p
		}
		return err
	})
	h.must(t, err)
	return out
}

func TestReceipts(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.ToSector("energy")))))
		i := h.all(t)[0]
		armed := wire.Receipt{ID: "r1", Object: i.ID, Modified: i.Modified, State: wire.Armed, At: sharetest.Start}
		hunted := wire.Receipt{ID: "r2", Object: i.ID, Modified: i.Modified, State: wire.Hunted, At: sharetest.Start,
			Searched: 100, Hits: 2}

		// A word about what was not delivered is refused alike, whether it exists or not.
		known, unknown := armed, armed
		unknown.Object = stix.NewID("indicator")
		e1, e2 := h.receipt(t, "city", known), h.receipt(t, "city", unknown)
		if !fault.Is(e1, fault.NotFound) || e1.Error() != e2.Error() || fault.TextOf(e1) != fault.TextOf(e2) {
			t.Errorf("undelivered: %v / %v", e1, e2)
		}
		h.must(t, h.receipt(t, "gas", hunted))
		h.must(t, h.receipt(t, "gas", armed)) // late: it only fills in its own time
		h.must(t, h.receipt(t, "gas", armed)) // and again
		p := h.progress(t, i.ID)
		if g := p["gas"]; g.State != "hunted" || g.Armed.IsZero() || g.Searched != 100 || g.Hits != 2 {
			t.Errorf("gas: %+v", g)
		}
		if g, ok := p["power"]; !ok || g.State != "" {
			t.Errorf("power has answered nothing: %+v", g)
		}
		if _, ok := p["city"]; ok {
			t.Error("city was addressed nothing")
		}
		// A member that does not tell what it found is not one that found nothing,
		// until a person there lets the sighting go.
		undisclosed := hunted
		undisclosed.ID, undisclosed.Hits, undisclosed.Undisclosed = "r3", 0, true
		h.must(t, h.receipt(t, "power", undisclosed))
		if g := h.progress(t, i.ID)["power"]; g.State != "hunted" || g.Hits != hitsUndisclosed ||
			disclosed(g.Hits) != nil {
			t.Errorf("undisclosed: %+v", g)
		}
		body, err := json.Marshal(wire.Sighting{ID: "s-past", Indicator: i.ID, Realm: event.Live, Count: 7, Retro: true,
			First: sharetest.Start, Last: sharetest.Start, At: sharetest.Start,
			Handling: policy.Handling{TLP: policy.AmberStrict}})
		h.must(t, err)
		h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return h.ReceiveSighting(tx, "power", body)
		}))
		if p := h.progress(t, i.ID); p["power"].Hits != 7 || p["gas"].Hits != 2 {
			t.Errorf("after the sighting: %+v", p)
		}
		bad := armed
		bad.State = "delighted"
		if err := h.receipt(t, "gas", bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("unknown state: %v", err)
		}
	})
}

func TestSightings(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.ToSector("energy")))))
		id := h.all(t)[0].ID
		say := func(member string, s wire.Sighting) error {
			body, err := json.Marshal(s)
			h.must(t, err)
			return h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
				return h.ReceiveSighting(tx, member, body)
			})
		}
		one := wire.Sighting{ID: "s1", Indicator: id, Realm: event.Live, Count: 3, First: sharetest.Start,
			Last: sharetest.Start, At: sharetest.Start, Handling: policy.Handling{TLP: policy.AmberStrict}}
		h.must(t, say("gas", one))
		if err := say("city", one); !fault.Is(err, fault.NotFound) {
			t.Errorf("city was not given it: %v", err)
		}
		// Nobody overwrites another member's word, and a count never goes back.
		thief := one
		thief.Count = 900
		h.must(t, say("power", thief))
		less := one
		less.Count = 1
		h.must(t, say("gas", less))
		for name, spoil := range map[string]func(*wire.Sighting){"no count": func(s *wire.Sighting) { s.Count = 0 },
			"endless": func(s *wire.Sighting) { s.Count = 1 << 40 }, "no id": func(s *wire.Sighting) { s.ID = "" }} {
			bad := one
			spoil(&bad)
			if err := say("gas", bad); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		see := func(v policy.Viewer) (out []Seen) {
			h.must(t, h.db.Read(t.Context(), store.As(v), func(tx *store.Tx) (err error) {
				out, err = SightingsOf(tx, id)
				return err
			}))
			return out
		}
		if list := see(sharetest.Desk); len(list) != 1 || list[0].Member != "gas" || list[0].Count != 3 {
			t.Errorf("the hub sees %+v", list)
		}
		if list := see(policy.Viewer{User: "u", Member: "power", Sector: "energy"}); len(list) != 0 {
			t.Errorf("another member sees %+v", list)
		}
	})
}

// handle lets a handler handle a message, as the queue does.
func handle[T any](t *testing.T, db *store.DB, h func(*store.Tx, T) error, v T) error {
	t.Helper()
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h(tx, v) })
}
