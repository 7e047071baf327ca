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
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/stix"
)

// hub is a publisher with a directory and a wire that the test holds.
type hub struct {
	*Publisher
	db   *store.DB
	hand *clock.Hand
	id   string

	*sharetest.Copies
}

func (h *hub) Name(_ context.Context, id string) string {
	i := slices.IndexFunc(h.People, func(m identity.Member) bool { return m.ID == id })
	if i < 0 {
		return id
	}
	return h.People[i].Name
}

func (h *hub) Node(_ context.Context, id string) policy.Viewer {
	if i := slices.IndexFunc(h.People, func(m identity.Member) bool { return m.ID == id }); i >= 0 {
		return h.People[i].Node()
	}
	return policy.Node(id, "", "")
}

func (h *hub) Sector(_ context.Context, id string) string {
	if i := slices.IndexFunc(h.People, func(m identity.Member) bool { return m.ID == id }); i >= 0 {
		return h.People[i].Sector
	}
	return ""
}

// Own: the community's own name is own.example.
func (h *hub) Own(context.Context) ([]string, []netip.Prefix, error) {
	return []string{"own.example"}, nil, nil
}

func newHub(t *testing.T, db *store.DB, hand *clock.Hand) *hub {
	t.Helper()
	h := &hub{db: db, hand: hand, id: stix.NewID("identity"), Copies: &sharetest.Copies{
		People: []identity.Member{
			{ID: "power", Name: "Denryoku", Sector: "energy"},
			{ID: "gas", Name: "Gasu " + sharetest.Hostile, Sector: "energy"},
			{ID: "city", Name: "Shiyakusho", Sector: "government"},
		}}}
	objects := object.New(db)
	h.Feed = feed.New(feed.Config{DB: db, Objects: objects, Members: h, Push: h, Log: slog.New(slog.DiscardHandler)})
	h.must(t, h.Feed.Start(t.Context()))
	h.Publisher = New(Config{DB: db, Objects: objects, Feed: h.Feed, Members: h, Assets: h,
		Log: slog.New(slog.DiscardHandler), Notify: func() {}})
	h.must(t, h.start(t.Context()))
	h.identity = h.id
	return h
}

func migrations() storetest.Option {
	return storetest.With(object.Migration(), casework.Migration(), finding.Migration(), indicator.Migration(),
		Migration())
}

// eachHub runs a test with a publisher on every engine.
func eachHub(t *testing.T, body func(t *testing.T, h *hub)) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) { body(t, newHub(t, db, hand)) }, migrations(),
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

// got lists who has an indicator that holds.
func (h *hub) got(t *testing.T) []string {
	t.Helper()
	h.Settle(t)
	out := []string{}
	for _, p := range h.People {
		for _, o := range h.Of(p.ID).Holds {
			if so, err := stix.Parse(o.STIX); err == nil && !so.Revoked() {
				out = append(out, p.ID)
				break
			}
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
				if diff := cmp.Diff(tt.want, h.got(t)); diff != "" {
					t.Errorf("pushed to (-want +got):\n%s", diff)
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
		h.Settle(t)
		if n := len(h.Of("city").Came); n != 1 {
			t.Errorf("pushed %d times", n)
		}
		// What travels names neither the member nor the finding nor the case.
		wire, err := json.Marshal(h.Of("city").Came[0])
		h.must(t, err)
		for _, secret := range []string{"power", "f1", "case-1"} {
			if bytes.Contains(wire, []byte(`"`+secret)) {
				t.Errorf("the wire tells %q: %s", secret, wire)
			}
		}
		o, err := stix.Parse(h.Of("city").Came[0].STIX)
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
		if diff := cmp.Diff([]string{"city", "gas", "power"}, h.got(t)); diff != "" {
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
