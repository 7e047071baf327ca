package record_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
)

func connection(n *nodetest.Node, ip string) *event.Event {
	return n.Event("network_connection", detecttest.Start,
		map[string]any{"Image": `C:\Windows\System32\svchost.exe`, "DestinationIp": ip})
}

// A hit of the watchlist is a finding that tells value, source and marking.
func TestWatchlistFinding(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		until := detecttest.Start.Add(24 * time.Hour)
		n.Watch(t,
			watchlist.Entry{
				Type: event.IPv4, Value: "198.51.100.0/24", Source: "Feed A", TLP: policy.Green, ValidUntil: until,
			},
			watchlist.Entry{
				Type: event.IPv4, Value: "198.51.100.7", Source: "Feed B", ID: "indicator--1", TLP: policy.Clear,
			},
			watchlist.Entry{Type: watchlist.FileName, Value: "svchost.exe", Source: "Feed C"})
		n.Take(t, connection(n, "198.51.100.7"), connection(n, "198.51.100.9"))
		var got []string
		for _, f := range n.FindingsByRule(t) {
			got = append(
				got,
				fmt.Sprint(
					f.Rule.ID, "|", f.Rule.Title, "|", f.Count, "|", f.Listed.Match, "|", f.Listed.TLP, "|",
					f.Handling.TLP, "|", f.Indicator,
				),
			)
		}
		want := []string{
			"list:Feed A|198.51.100.0/24 (Feed A)|2|network|TLP:GREEN|TLP:AMBER+STRICT|",
			"list:Feed C|svchost.exe (Feed C)|2|exact|TLP:RED|TLP:RED|",
			"list:indicator--1|198.51.100.7 (Feed B)|1|exact|TLP:CLEAR|TLP:AMBER+STRICT|",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		a := n.FindingsByRule(t)[0]
		if !a.Listed.Until.Equal(until) {
			t.Errorf("until %v", a.Listed.Until)
		}
		if want := []event.Observable{
			{Type: event.IPv4, Value: "198.51.100.7"}, {Type: event.IPv4, Value: "198.51.100.9"},
		}; !cmp.Equal(want, a.Observables) {
			t.Errorf("observables %v", a.Observables)
		}
		// Of these only what its source lets pass on was offered, and nothing for the others to match.
		var offered []string
		for _, o := range n.Queue.Offers {
			offered = append(offered, string(o.Body.Kind())+" "+o.Title)
		}
		slices.Sort(offered)
		if want := []string{
			"finding 198.51.100.0/24 (Feed A)", "finding 198.51.100.7 (Feed B)",
		}; !cmp.Equal(want, slices.Compact(offered)) {
			t.Errorf("offered %q", offered)
		}
	})
}

// Whoever gets what leaves the node cannot tell whether a value is on its
// watchlist under a marking that binds: without the entry, and with it but
// nothing else, the same leaves.
func TestWatchlistKeepsItsMarking(t *testing.T) {
	for _, tlp := range []policy.TLP{policy.Amber, policy.AmberStrict, policy.Red, 0} {
		nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
			l := n.Watch(t, watchlist.Entry{Type: event.Domain, Value: "evil.example", Source: "S", TLP: tlp})
			ev := n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "evil.example"})
			n.Take(t, ev)
			if len(n.Queue.Offers) > 0 {
				t.Errorf("%v: %d offers leave", tlp, len(n.Queue.Offers))
			}
			p, err := n.Past.Prevalence(
				t.Context(), event.Observable{Type: event.Domain, Value: "evil.example"},
				detecttest.Start.Add(time.Hour),
			)
			if err != nil || p.Events != 1 {
				t.Errorf("%v: the ordinary past holds %d events: %v", tlp, p.Events, err)
			}
			// The source grows laxer: what was found before stays.
			if err := l.Add(
				t.Context(),
				watchlist.Entry{Type: event.Domain, Value: "evil.example", Source: "S", TLP: policy.Clear},
			); err != nil {
				t.Fatal(err)
			}
			n.Take(t, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "evil.example"}))
			if list := n.FindingsByRule(t); len(list) != 1 || list[0].Count != 2 ||
				list[0].Listed.TLP != tlp.OrRed() ||
				list[0].Handling.TLP < tlp.OrRed() ||
				len(n.Queue.Offers) > 0 {
				t.Errorf("%v: grown: %+v, %d offers", tlp, list, len(n.Queue.Offers))
			}
		})
	}
}

// The source grows stricter: what waits to leave is held back.
func TestWatchlistGrowsStricter(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		l := n.Watch(t, watchlist.Entry{Type: event.Domain, Value: "evil.example", Source: "S", TLP: policy.Green})
		for _, tlp := range []policy.TLP{policy.Green, policy.Amber} {
			if err := l.Add(
				t.Context(), watchlist.Entry{Type: event.Domain, Value: "evil.example", Source: "S", TLP: tlp},
			); err != nil {
				t.Fatal(err)
			}
			n.Take(t, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "evil.example"}))
		}
		list := n.FindingsByRule(t)
		if len(list) != 1 || list[0].Count != 2 || len(n.Queue.Offers) != 1 || !slices.Equal(
			n.Queue.Kept, []string{"finding " + list[0].ID},
		) {
			t.Errorf("%+v, %d offers, held back %v", list, len(n.Queue.Offers), n.Queue.Kept)
		}
	})
}

// A rule finds what is on the watchlist too: its finding leaves as ever, the
// marked value is not what is offered to the others.
func TestReservedValuesAreNoCandidates(t *testing.T) {
	for _, c := range []struct {
		value string
		typ   event.ObservableType
		tlp   policy.TLP
		want  []string
	}{
		{"198.51.100.7", event.IPv4, policy.Green, []string{"ipv4-addr:198.51.100.7"}},
		{"198.51.100.7", event.IPv4, policy.Amber, []string{"sigma:11111111-1111-4111-8111-111111111111"}},
		{"198.51.100.0/24", event.IPv4, policy.Red, []string{"sigma:11111111-1111-4111-8111-111111111111"}},
		{"198.51.100.8", event.IPv4, policy.Red, []string{"ipv4-addr:198.51.100.7"}},
	} {
		nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
			n.Watch(t, watchlist.Entry{Type: c.typ, Value: c.value, Source: "S", TLP: c.tlp})
			n.Take(t, n.Beacon("198.51.100.7"))
			if diff := cmp.Diff(c.want, n.Queue.Candidates()); diff != "" {
				t.Errorf("%s %v: %s", c.value, c.tlp, diff)
			}
		})
	}
}

// Expired entries never match; removed ones match no longer.
func TestWatchlistForgets(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		l := n.Watch(t, watchlist.Entry{
			Type: event.IPv4, Value: "198.51.100.7", Source: "A", ValidUntil: detecttest.Start.Add(time.Hour),
		},
			watchlist.Entry{Type: event.IPv4, Value: "198.51.100.8", Source: "B"})
		n.Hand.Add(time.Hour)
		n.Take(t, connection(n, "198.51.100.7"))
		if list := n.FindingsByRule(t); len(list) != 0 {
			t.Errorf("an expired entry matched: %+v", list)
		}
		n.Take(t, connection(n, "198.51.100.8"))
		if err := l.RemoveSource(t.Context(), "B"); err != nil {
			t.Fatal(err)
		}
		n.Take(t, connection(n, "198.51.100.8"))
		if list := n.FindingsByRule(t); len(list) != 1 || list[0].Count != 1 {
			t.Errorf("a removed entry: %+v", list)
		}
		n.Engine.Watch(nil, nil)
		n.Take(t, connection(n, "198.51.100.8"))
	})
}
