package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// hub is a publisher with a directory and a wire that the test holds.
type hub struct {
	*Publisher
	db   *store.DB
	hand *clock.Hand
	id   string

	mu     sync.Mutex
	people []identity.Member
	pushed map[string][]wire.Object // by member
}

func (h *hub) Active(context.Context) ([]identity.Member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.people), nil
}

func (h *hub) Name(_ context.Context, id string) string {
	i := slices.IndexFunc(h.people, func(m identity.Member) bool { return m.ID == id })
	if i < 0 {
		return id
	}
	return h.people[i].Name
}

func (h *hub) Sector(context.Context, string) string { return "" }

// Own: the community's own name is own.example.
func (h *hub) Own(context.Context) ([]string, []netip.Prefix, error) {
	return []string{"own.example"}, nil, nil
}

func (h *hub) Push(member, topic string, body []byte) error {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil || topic != wire.TopicObject {
		return fmt.Errorf("pushed %q on %s: %v", body, topic, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushed[member] = append(h.pushed[member], o)
	return nil
}

func newHub(db *store.DB, hand *clock.Hand) *hub {
	h := &hub{db: db, hand: hand, pushed: map[string][]wire.Object{}, id: stix.NewID("identity"),
		people: []identity.Member{
			{ID: "power", Name: "Denryoku", Sector: "energy"},
			{ID: "gas", Name: "Gasu " + sharetest.Hostile, Sector: "energy"},
			{ID: "city", Name: "Shiyakusho", Sector: "government"},
		}}
	h.Publisher = New(Config{DB: db, Members: h, Assets: h, Push: h, Log: slog.New(slog.DiscardHandler),
		Notify: func() {}})
	h.identity = h.id
	// random else, and hubs are compared
	if err := db.SetSetting(context.Background(), settingRun, "count"); err != nil {
		panic(err)
	}
	return h
}

// eachHub runs a test with a publisher on every engine.
func eachHub(t *testing.T, body func(t *testing.T, h *hub)) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) { body(t, newHub(db, hand)) },
		storetest.With(casework.Migration(), finding.Migration(), indicator.Migration(), Migration()),
		storetest.Clock(now))
}

func (h *hub) offer(t *testing.T, member string, c msg.Candidate) error {
	t.Helper()
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	err = h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		return h.ReceiveCandidate(tx, member, body)
	})
	if err != nil {
		return err
	}
	c.Member = member
	return handle(t, h.db, h.OnCandidate, c)
}

func (h *hub) inCase(t *testing.T, finding, id string) {
	t.Helper()
	if err := handle(t, h.db, h.OnCase, msg.CaseChanged{Case: id, Finding: finding}); err != nil {
		t.Fatal(err)
	}
}

func (h *hub) all(t *testing.T) []indicator.Indicator {
	t.Helper()
	var out []indicator.Indicator
	err := h.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		p, err := indicator.List(tx, list.Ask{Limit: 100})
		out = p.Rows
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// got lists who was pushed an object, and not disclosed to drop it since.
func (h *hub) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []string{}
	for m, list := range h.pushed {
		if len(list) > 0 && !list[len(list)-1].Withdraw {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

func (h *hub) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Who gets an indicator is decided by its label and audience, for every label.
func TestEntitlement(t *testing.T) {
	all := []string{"city", "gas", "power"}
	tests := []struct {
		h    policy.Handling
		want []string
	}{
		{policy.Handling{TLP: policy.Clear}, all},
		{policy.Handling{TLP: policy.Green}, all},
		{sharetest.Amber(policy.Community), all},
		{sharetest.Amber(), []string{"power"}}, // its owner, who has it anyway
		{sharetest.Amber(policy.ToSector("energy")), []string{"gas", "power"}},
		{sharetest.Amber(policy.ToMember("city")), []string{"city", "power"}},
		{policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.Community}}, all},
		{policy.Handling{TLP: policy.AmberStrict}, []string{"power"}},
		{policy.Handling{TLP: policy.Red, Audience: policy.Audience{policy.Community, policy.ToMember("city"),
			policy.Coordinators}}, []string{}},
		{policy.Handling{TLP: 0, Audience: policy.Audience{policy.Community}}, []string{}},
		{policy.Handling{TLP: 17, Audience: policy.Audience{policy.Community}}, []string{}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %s", tt.h.TLP, tt.h.Audience), func(t *testing.T) {
			eachHub(t, func(t *testing.T, h *hub) {
				h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil), tt.h)))
				h.inCase(t, "f1", "case-1")
				if diff := cmp.Diff(tt.want, h.got()); diff != "" {
					t.Errorf("pushed to (-want +got):\n%s", diff)
				}
				for _, p := range h.people {
					a, err := h.Sync(t.Context(), p.ID, wire.SyncRequest{Limit: 10})
					h.must(t, err)
					if has := len(a.Objects) == 1; has != slices.Contains(tt.want, p.ID) {
						t.Errorf("a sync of %s has %d objects", p.ID, len(a.Objects))
					}
				}
			})
		})
	}
}

func TestIssue(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		// An offer that comes before its case waits for it.
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		if n := len(h.all(t)); n != 0 {
			t.Fatalf("%d indicators without a case", n)
		}
		h.inCase(t, "f1", "case-1")
		h.inCase(t, "f1", "case-1") // the bus may deliver again
		list := h.all(t)
		if len(list) != 1 || list[0].Value != sharetest.Evil || list[0].Case != "case-1" || list[0].Confidence != 75 ||
			list[0].Handling.Owner != "power" {
			t.Fatalf("indicators: %+v", list)
		}
		if n := len(h.pushed["city"]); n != 1 {
			t.Errorf("pushed %d times", n)
		}
		// What travels names neither the member nor the finding nor the case.
		wire, err := json.Marshal(h.pushed["city"][0])
		h.must(t, err)
		for _, secret := range []string{"power", "f1", "case-1"} {
			if bytes.Contains(wire, []byte(`"`+secret)) {
				t.Errorf("the wire tells %q: %s", secret, wire)
			}
		}
		o, err := stix.Parse(h.pushed["city"][0].STIX)
		h.must(t, err)
		if p := text(o, "pattern"); p != "[domain-name:value = '"+sharetest.Evil+"']" {
			t.Errorf("pattern %s", p)
		}
		if d := text(o, "description"); !strings.Contains(d, "A. Author") || !strings.Contains(d, "DRL 1.1") {
			t.Errorf("no credit in %q", d)
		}

		// The same value of another member is the same indicator; one after its case is used at once.
		h.inCase(t, "f2", "case-1")
		h.must(t, h.offer(t, "gas", sharetest.Candidate("c2", "f2", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		if n := len(h.all(t)); n != 1 {
			t.Errorf("%d indicators of one value", n)
		}
		// Another value is another one, and a rule too.
		h.must(t, h.offer(t, "gas", sharetest.Candidate("c3", "f2", sharetest.Domain("other.example.net"),
			sharetest.Amber(policy.Community))))
		rule := sharetest.Candidate("c4", "f2", nil, sharetest.Amber(policy.Community))
		rule.Sigma = "title: Beacon\nid: rule-1\nlogsource: {product: windows}\n" +
			"detection:\n  s: {Image: x}\n  condition: s\n"
		h.must(t, h.offer(t, "gas", rule))
		if n := len(h.all(t)); n != 3 {
			t.Errorf("%d indicators, want 3", n)
		}
		// In an exercise the same value is another matter.
		drill := sharetest.Candidate("c5", "f2", sharetest.Domain(sharetest.Evil), sharetest.Amber(policy.Community))
		drill.Realm = "drill-1"
		h.must(t, h.offer(t, "gas", drill))
		if n := len(h.all(t)); n != 4 {
			t.Errorf("%d indicators, want 4", n)
		}
	})
}

// A stricter indicator of the same value, which the offering member may know
// nothing of, neither swallows its offer nor shows.
func TestStricterTwin(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.inCase(t, "f2", "case-2")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			policy.Handling{TLP: policy.Red})))
		h.must(t, h.offer(t, "gas", sharetest.Candidate("c2", "f2", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		if diff := cmp.Diff([]string{"city", "gas", "power"}, h.got()); diff != "" {
			t.Errorf("pushed to (-want +got):\n%s", diff)
		}
		h.must(t, h.offer(t, "city", sharetest.Candidate("c3", "f2", sharetest.Domain(sharetest.Evil),
			policy.Handling{TLP: policy.Red})))
		if n := len(h.all(t)); n != 2 {
			t.Errorf("%d indicators: a wider one does for a stricter offer", n)
		}
	})
}

func TestRefusedOffers(t *testing.T) {
	good := sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil), sharetest.Amber())
	tests := map[string]func(c *msg.Candidate){
		"no id":        func(c *msg.Candidate) { c.ID = "" },
		"long id":      func(c *msg.Candidate) { c.ID = strings.Repeat("x", 101) },
		"no finding":   func(c *msg.Candidate) { c.Finding = "" },
		"both":         func(c *msg.Candidate) { c.Sigma = "title: x" },
		"neither":      func(c *msg.Candidate) { c.Observable = nil },
		"no rule":      func(c *msg.Candidate) { c.Rule.ID = "" },
		"bad value":    func(c *msg.Candidate) { c.Observable = sharetest.Domain("not a domain' OR 1=1") },
		"unknown type": func(c *msg.Candidate) { c.Observable = &event.Observable{Type: "mutex", Value: "x"} },
		"endless rule": func(c *msg.Candidate) { c.Observable, c.Sigma = nil, strings.Repeat("x", 1<<20+1) },
		"wrong address": func(c *msg.Candidate) {
			c.Observable = &event.Observable{Type: event.IPv4, Value: "300.1.1.1"}
		},
		"hash too short": func(c *msg.Candidate) {
			c.Observable = &event.Observable{Type: event.SHA256, Value: "abcd"}
		},
	}
	eachHub(t, func(t *testing.T, h *hub) {
		for name, spoil := range tests {
			c := good
			spoil(&c)
			if err := h.offer(t, "power", c); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return h.ReceiveCandidate(tx, "power", []byte("{"))
		})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("broken JSON: %v", err)
		}
		// Whose it says it is, is not believed.
		liar := good
		liar.Member, liar.Handling.Owner = "city", "city"
		h.must(t, h.offer(t, "power", liar))
		h.inCase(t, "f1", "case-1")
		if list := h.all(t); len(list) != 1 || list[0].Handling.Owner != "power" {
			t.Errorf("owner: %+v", list)
		}
	})
}

// A member that comes later gets what was shared before.
func TestBackfill(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		for i := range 5 {
			h.must(t, h.offer(t, "power", sharetest.Candidate(fmt.Sprint("c", i), "f1",
				sharetest.Domain(fmt.Sprintf("e%d.example.net", i)), sharetest.Amber(policy.Community))))
		}
		h.must(t, h.offer(t, "power", sharetest.Candidate("sector", "f1", sharetest.Domain("energy-only.example.net"),
			sharetest.Amber(policy.ToSector("energy")))))
		h.people = append(h.people, identity.Member{ID: "school", Sector: "education"})
		var got []wire.Object
		ask := wire.SyncRequest{Limit: 2}
		for range 10 {
			a, err := h.Sync(t.Context(), "school", ask)
			h.must(t, err)
			got, ask.After = append(got, a.Objects...), a.Upto
			if !a.More {
				break
			}
		}
		if len(got) != 5 {
			t.Fatalf("%d objects, want the 5 that it may get", len(got))
		}
		for i, o := range got {
			if o.Seq != int64(i+1) {
				t.Errorf("object %d has number %d: numbers have no gaps", i, o.Seq)
			}
		}
		if _, err := h.Sync(t.Context(), "stranger", wire.SyncRequest{}); !fault.Is(err, fault.Denied) {
			t.Errorf("a stranger: %v", err)
		}
		// What has run out is not sent to who comes later still.
		h.hand.Add(91 * 24 * time.Hour)
		defer h.hand.Add(-91 * 24 * time.Hour)
		h.people = append(h.people, identity.Member{ID: "late", Sector: "education"})
		a, err := h.Sync(t.Context(), "late", wire.SyncRequest{Limit: 100})
		h.must(t, err)
		if len(a.Objects) != 0 {
			t.Errorf("sent %d that have expired", len(a.Objects))
		}
	})
}

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
		if diff := cmp.Diff([]string{"city", "gas", "power"}, h.got()); diff != "" {
			t.Errorf("after widening, pushed to (-want +got):\n%s", diff)
		}
		last := h.pushed["city"][0]
		o, err := stix.Parse(last.STIX)
		h.must(t, err)
		if want, _ := stix.TLPMarkingID("TLP:GREEN"); !slices.Equal(o.ObjectMarkingRefs(), []string{want}) {
			t.Errorf("the object is marked %v", o.ObjectMarkingRefs())
		}
		// To RED: everybody drops it, and a node that was away hears of it.
		h.must(t, h.SetMarking(ctx, sharetest.Desk, id, policy.Red, nil))
		if got := h.got(); len(got) != 0 {
			t.Errorf("RED, and still held by %v", got)
		}
		a, err := h.Sync(ctx, "city", wire.SyncRequest{Limit: 10})
		h.must(t, err)
		if len(a.Objects) != 1 || !a.Objects[0].Withdraw || len(a.Objects[0].STIX) != 0 {
			t.Errorf("sync after RED: %+v", a)
		}
	})
}

func TestWithdraw(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil),
			sharetest.Amber(policy.Community))))
		id := h.all(t)[0].ID
		h.must(t, h.Withdraw(t.Context(), sharetest.Desk, id))
		if got := h.got(); len(got) != 0 {
			t.Errorf("still held by %v", got)
		}
		if err := h.Withdraw(t.Context(), sharetest.Desk, id); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice: %v", err)
		}
		a, err := h.Sync(t.Context(), "gas", wire.SyncRequest{Limit: 10})
		h.must(t, err)
		if len(a.Objects) != 1 || !a.Objects[0].Withdraw {
			t.Errorf("sync: %+v", a)
		}
		// A member that comes later hears nothing of it.
		h.people = append(h.people, identity.Member{ID: "school", Sector: "education"})
		a, err = h.Sync(t.Context(), "school", wire.SyncRequest{Limit: 10})
		h.must(t, err)
		if len(a.Objects) != 0 || a.Upto != 0 {
			t.Errorf("a later member: %+v", a)
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
		a := newHub(storetest.Open(t, url, storetest.With(casework.Migration(), finding.Migration(),
			indicator.Migration(), Migration()), storetest.Clock(now)), hand)
		b := newHub(storetest.SQLite(t, storetest.With(casework.Migration(), finding.Migration(), indicator.Migration(),
			Migration()), storetest.Clock(now)), hand)
		var rows []indicator.Indicator
		for i, label := range []policy.TLP{policy.Green, policy.Amber, policy.Red, policy.AmberStrict, policy.Clear} {
			c := sharetest.Candidate(fmt.Sprint("c", i), "f1", sharetest.Domain(fmt.Sprintf("e%d.example.net", i)),
				policy.Handling{TLP: label, Owner: "power", Audience: policy.Audience{policy.Community}})
			_, row, err := a.build(c, sharetest.Start.Add(time.Duration(i)*time.Second))
			a.must(t, err)
			row.Case = "case-1"
			rows = append(rows, row)
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
					_, err := h.deliver(tx, row, h.people)
					return err
				}))
			}
		}
		put(a, true)
		put(b, false)
		answer := func(h *hub, ask wire.SyncRequest) string {
			got, err := h.Sync(t.Context(), "city", ask)
			h.must(t, err)
			text, err := json.Marshal(got)
			h.must(t, err)
			return string(text)
		}
		for _, ask := range []wire.SyncRequest{{Limit: 100}, {Limit: 2}, {After: 2, Limit: 1}, {After: 4, Limit: 5},
			{After: 99, Limit: 5}} {
			if x, y := answer(a, ask), answer(b, ask); x != y {
				t.Errorf("%+v:\n%s\n%s", ask, x, y)
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
