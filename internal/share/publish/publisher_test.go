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
