package detect

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

var start = detecttest.Start

// outgoingQueue keeps what was offered; a member that offers from medium upwards.
type outgoingQueue struct {
	offers []msg.Offer
	kept   []string
}

func (q *outgoingQueue) Offer(_ *store.Tx, list ...msg.Offer) error {
	q.offers = append(q.offers, list...)
	return nil
}
func (q *outgoingQueue) Keep(_ *store.Tx, kind wire.Kind, id string, _ policy.TLP) error {
	q.kept = append(q.kept, string(kind)+" "+id)
	return nil
}
func (q *outgoingQueue) Handling(wire.Kind) policy.Handling {
	return policy.Handling{TLP: policy.AmberStrict, Owner: "power"}
}
func (q *outgoingQueue) Wants(level string) bool {
	return sigma.Level(level).Rank() >= sigma.Level("medium").Rank()
}

// Candidates lists what was offered to the others, as "type:value" or "sigma:rule".
func (q *outgoingQueue) candidates() []string {
	out := []string{}
	for _, o := range q.offers {
		if c, ok := o.Body.(wire.Candidate); ok {
			if c.Observable != nil {
				out = append(out, string(c.Observable.Type)+":"+c.Observable.Value)
			} else {
				out = append(out, "sigma:"+c.Rule.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

type node struct {
	*Service
	db    *store.DB
	past  *history.History
	queue *outgoingQueue
	hand  *clock.Hand
	detecttest.Events
}

func open(t *testing.T, db *store.DB, past *history.History, now clock.Clock, hand *clock.Hand) *node {
	t.Helper()
	n := &node{db: db, past: past, queue: &outgoingQueue{}, hand: hand}
	e := match.NewEngine(now)
	e.SetRules(rules(t, rulesText))
	n.Service = New(Config{DB: db, Past: past, Outgoing: n.queue, Engine: e, Clock: now, Log: slog.New(slog.DiscardHandler), Realm: event.Live,
		Member: func() string { return "power" },
		Assets: func() exclusion.CommunityAssets {
			return exclusion.CommunityAssets{Domains: []string{"power.example.jp"}, Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		}})
	return n
}

func eachNode(t *testing.T, body func(t *testing.T, n *node)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		now, hand := clock.Fixed(start)
		db := storetest.Open(t, url, storetest.With(Migrations()...), storetest.Clock(now))
		past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = past.Close() })
		body(t, open(t, db, past, now, hand))
	})
}

func (n *node) event(category string, at time.Time, fields map[string]any) *event.Event {
	return n.Event(category, at, fields)
}

// beacon is a connection that the first rule matches.
func (n *node) beacon(ip string) *event.Event {
	return n.event("network_connection", start, map[string]any{"Initiated": "true", "Image": `C:\Users\x\bad.exe`, "DestinationIp": ip})
}

func (n *node) take(t *testing.T, list ...*event.Event) {
	t.Helper()
	if err := n.Take(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func (n *node) findings(t *testing.T) []finding.Item {
	t.Helper()
	var out list.Page[finding.Item]
	err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = finding.List(tx, list.Ask{Limit: 100})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Rows
}

func TestTake(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		quiet := n.event("process_creation", start, map[string]any{"Image": `C:\Windows\explorer.exe`})
		a, b := n.beacon("198.51.100.7"), n.beacon("198.51.100.7")
		n.take(t, quiet, a)
		n.take(t, a) // a sensor that did not hear the answer gives it again
		list := n.findings(t)
		if len(list) != 1 || list[0].Count != 1 || list[0].Version != 1 {
			t.Fatalf("after a redelivery: %+v", list)
		}
		f := list[0]
		if f.Rule.Title != "Suspicious beacon" || f.Rule.Author != "A. Author" || f.Rule.License != "DRL 1.1" || f.Host != "ws1" || f.User != "tanaka" || f.Member != "power" || f.Retro {
			t.Errorf("finding: %+v", f)
		}
		if !slices.Contains(f.Matched, wire.FieldValue{Field: "Image", Value: `C:\Users\x\bad.exe`}) {
			t.Errorf("matched: %+v", f.Matched)
		}
		if diff := cmp.Diff([]string{"ipv4-addr:198.51.100.7"}, n.queue.candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		// More of the same is the same finding; another host or rule is another.
		b.Time = start.Add(time.Minute)
		n.take(t, b, n.beacon("198.51.100.7"))
		elsewhere := n.beacon("198.51.100.7")
		elsewhere.Host = "ws2"
		n.take(t, elsewhere)
		list = n.findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings, want 2", len(list))
		}
		i := slices.IndexFunc(list, func(i finding.Item) bool { return i.Host == "ws1" })
		if g := list[i]; g.ID != f.ID || g.Count != 3 || g.Version != 2 || !g.First.Equal(start) || !g.Last.Equal(start.Add(time.Minute)) {
			t.Errorf("grown: %+v", g)
		}
		if got := n.queue.candidates(); len(got) != 1 {
			t.Errorf("one value was offered %d times: %v", len(got), got)
		}
		// After an hour without it, it is a new one.
		n.hand.Add(growing + time.Second)
		n.take(t, n.beacon("198.51.100.7"))
		if k := len(n.findings(t)); k != 3 {
			t.Errorf("%d findings after an hour, want 3", k)
		}
		var traces []finding.Trace
		err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			traces, err = finding.Traces(tx, f.ID, 10)
			return err
		})
		if err != nil || len(traces) != 3 || traces[0].Name != "a.json" || traces[0].Record == 0 {
			t.Errorf("traces: %+v, %v", traces, err)
		}
	})
}

// A restart in the middle loses no finding, counts nothing twice and goes on
// with the finding that was open.
func TestTakeAfterRestart(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		a := n.beacon("198.51.100.7")
		n.take(t, a)
		again := open(t, n.db, n.past, n.clock, n.hand)
		again.Seq = 100
		again.take(t, a, again.beacon("198.51.100.7"))
		list := again.findings(t)
		if len(list) != 1 || list[0].Count != 2 || list[0].Version != 2 {
			t.Fatalf("after a restart: %+v", list)
		}
		if got := again.queue.candidates(); len(got) != 0 {
			t.Errorf("offered again: %v", got)
		}
	})
}

// Issue 2, must-have 4: what never becomes an indicator, and what does.
func TestCandidates(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	tests := []struct {
		name   string
		fields map[string]any
		want   []string
	}{
		{"loopback", map[string]any{"DestinationIp": "127.0.0.1"}, nil},
		{"loopback of six", map[string]any{"DestinationIp": "::1"}, nil},
		{"private", map[string]any{"DestinationIp": "10.1.2.3"}, nil},
		{"private too", map[string]any{"DestinationIp": "192.168.4.4"}, nil},
		{"private in six", map[string]any{"DestinationIp": "::ffff:172.16.3.3"}, nil},
		{"unique local", map[string]any{"DestinationIp": "fd00::7"}, nil},
		{"multicast", map[string]any{"DestinationIp": "224.0.0.251"}, nil},
		{"a resolver", map[string]any{"DestinationIp": "8.8.8.8"}, nil},
		{"our network", map[string]any{"DestinationIp": "203.0.113.9"}, nil},
		{"our domain", map[string]any{"DestinationHostname": "mail.power.example.jp"}, nil},
		{"not quite our domain", map[string]any{"DestinationHostname": "notpower.example.jp"}, []string{"domain-name:notpower.example.jp"}},
		{"public domain", map[string]any{"DestinationHostname": "ctldl.windowsupdate.com"}, nil},
		{"local name", map[string]any{"DestinationHostname": "fileserver"}, nil},
		{"empty file", map[string]any{"Hashes": "SHA256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}, nil},
		{"an address", map[string]any{"DestinationIp": "198.51.100.7"}, []string{"ipv4-addr:198.51.100.7"}},
		{"a domain", map[string]any{"DestinationHostname": "c2.evil.example"}, []string{"domain-name:c2.evil.example"}},
		{"a hash, the strongest", map[string]any{"Hashes": "MD5=" + hash[:32] + ",SHA256=" + hash}, []string{"SHA-256:" + hash}},
		{"the user's own address", map[string]any{"user.email": "Tanaka@city.example.org"}, nil},
		{"somebody beside the user", map[string]any{"email.to.address": "sato@city.example.org", "email.from.address": "thief@evil.example"}, []string{"email-addr:thief@evil.example"}},
		{"mixed", map[string]any{"DestinationIp": "10.0.0.1", "DestinationHostname": "c2.evil.example"}, []string{"domain-name:c2.evil.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				fields := map[string]any{"Initiated": "true", "Image": `C:\Users\x\bad.exe`}
				for k, v := range tt.fields {
					fields[k] = v
				}
				ev := n.event("network_connection", start, fields)
				ev.User = "tanaka@City.example.org"
				n.take(t, ev)
				want := tt.want
				if want == nil { // nothing distinctive: the behaviour itself
					want = []string{"sigma:11111111-1111-4111-8111-111111111111"}
				}
				if diff := cmp.Diff(want, n.queue.candidates()); diff != "" {
					t.Errorf("offered (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What is common in the member's own past says nothing about the attack.
func TestCommonValues(t *testing.T) {
	hash := strings.Repeat("cd", 32)
	eachNode(t, func(t *testing.T, n *node) {
		var before []*event.Event
		for i := range 5 {
			at := start.Add(-time.Duration(i+2) * time.Hour)
			before = append(before,
				n.event("process_creation", at, map[string]any{"Image": `D:\tools\agent.exe`, "Hashes": "SHA256=" + hash}),
				n.event("network_connection", at, map[string]any{"Initiated": "true", "Image": `D:\tools\agent.exe`, "DestinationIp": "198.51.100.80"}))
		}
		n.take(t, before...)
		n.take(t, n.event("process_creation", start, map[string]any{"Image": `D:\x\whoami.exe`, "Hashes": "SHA256=" + hash}))
		n.take(t, n.event("network_connection", start, map[string]any{"Initiated": "true", "Image": `D:\x\bad.exe`, "DestinationIp": "198.51.100.80"}))
		want := []string{"sigma:11111111-1111-4111-8111-111111111111", "sigma:22222222-2222-4222-8222-222222222222"}
		if diff := cmp.Diff(want, n.queue.candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		for _, f := range n.findings(t) {
			if len(f.Observables) != 0 {
				t.Errorf("%s names common values as its own: %+v", f.Rule.Title, f.Observables)
			}
			var verdicts []finding.Verdict
			err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
				verdicts, err = finding.Verdicts(tx, f.ID)
				return err
			})
			if err != nil || len(verdicts) != 2 || !verdicts[0].Offered || verdicts[1].Offered || verdicts[1].Why != finding.ReasonCommon {
				t.Errorf("verdicts: %+v, %v", verdicts, err)
			}
		}
	})
}

// A program of the system is no sign, even if its hash was never seen here.
func TestSystemBinary(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.take(t, n.event("process_creation", start, map[string]any{"Image": `C:\Windows\System32\whoami.exe`, "Company": "Microsoft Corporation", "Hashes": "SHA256=" + strings.Repeat("ef", 32)}))
		if diff := cmp.Diff([]string{"sigma:22222222-2222-4222-8222-222222222222"}, n.queue.candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		// Below the level that the policy wants, nothing is offered and nothing judged.
		n.take(t, n.event("dns_query", start, map[string]any{"QueryName": "noise.example.net"}))
		if k := len(n.queue.candidates()); k != 1 {
			t.Errorf("%d candidates", k)
		}
	})
}

// A shared indicator is matched from the moment it is armed, its past is
// hunted, and what both find are told as findings and sightings, not offered on.
func TestArmedAndHunted(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		old := n.event("dns_query", start.Add(-24*time.Hour), map[string]any{"QueryName": "c2.evil.example"})
		n.take(t, old)
		a, err := match.Read(indicator(t, "[domain-name:value = 'c2.evil.example']", "stix"))
		if err != nil {
			t.Fatal(err)
		}
		n.engine.Arm(a)
		got, err := n.Hunt(t.Context(), a)
		if err != nil || got.Hits != 1 || got.Searched != 1 || !got.First.Equal(old.Time) {
			t.Fatalf("hunt: %+v, %v", got, err)
		}
		if _, err := n.Hunt(t.Context(), a); err != nil { // again, after a crash
			t.Fatal(err)
		}
		list := n.findings(t)
		if len(list) != 1 || !list[0].Retro || list[0].Indicator != a.ID || list[0].Count != 1 || list[0].Rule.Level != "high" {
			t.Fatalf("findings of the past: %+v", list)
		}
		n.take(t, n.event("dns_query", start, map[string]any{"QueryName": "c2.evil.example"}))
		list = n.findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings, want one of the past and one live", len(list))
		}
		sightings := 0
		for _, o := range n.queue.offers {
			if o.Body.Kind() == wire.KindSighting {
				sightings++
			}
		}
		if sightings != 2 || len(n.queue.candidates()) != 0 {
			t.Errorf("%d sightings, candidates %v", sightings, n.queue.candidates())
		}
		// Expired or disarmed, it matches no more.
		n.hand.Add(60 * 24 * time.Hour)
		n.take(t, n.event("dns_query", n.clock(), map[string]any{"QueryName": "c2.evil.example"}))
		if k := len(n.findings(t)); k != 2 {
			t.Errorf("%d findings after it expired", k)
		}
	})
}

func TestRead(t *testing.T) {
	for name, raw := range map[string][]byte{
		"two joined":   indicator(t, "[ipv4-addr:value = '198.51.100.1'] FOLLOWEDBY [domain-name:value = 'x.example']", "stix"),
		"software":     indicator(t, "[software:name = 'x']", "stix"),
		"no pattern":   indicator(t, "ipv4-addr", "stix"),
		"snort":        indicator(t, "alert tcp any any", "snort"),
		"broken sigma": indicator(t, "title: x\ndetection: {condition: a and}", "sigma"),
		"no object":    []byte(`{"type":"malware"}`),
		"no JSON":      []byte(`{`),
	} {
		if a, err := match.Read(raw); err == nil {
			t.Errorf("%s is armed as %+v: an indicator that cannot be matched in full is refused", name, a)
		}
	}
	a, err := match.Read(indicator(t, "[ipv4-addr:value = '198.51.100.1' OR domain-name:value = 'X.example']", "stix"))
	if err != nil || len(a.Values) != 2 || a.Values[1].Value != "x.example" {
		t.Errorf("two values: %+v, %v", a, err)
	}
}

var _ Past = (*history.History)(nil)
