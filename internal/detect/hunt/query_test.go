package hunt_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// A person's look at the past finds each event with what meets it, writes nothing,
// and ends at its bounds.
func TestLook(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		var past []*event.Event
		for i := range 40 {
			past = append(
				past,
				n.Event(
					"network_connection", detecttest.Start.Add(time.Duration(i)*time.Minute),
					map[string]any{
						"DestinationIp": fmt.Sprintf("198.51.100.%d", i), "Image": fmt.Sprintf(`C:\t%d.exe`, i%4),
					},
				),
			)
		}
		if _, err := n.Past.Append(t.Context(), past); err != nil {
			t.Fatal(err)
		}
		value := func(s string) match.Armed {
			return match.Armed{ID: s, Name: s, Values: []event.Observable{{Type: event.IPv4, Value: s}}}
		}
		q := hunt.Query{Armed: []match.Armed{
			value("198.51.100.3"), value("198.51.100.77"),
			{ID: "net", Name: "net", Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/30")}},
			{
				ID: "rule",
				Rule: detecttest.Rules(
					t, detecttest.RuleText(1, "network_connection", `Image|endswith: '\t2.exe'`),
				).Rules[0],
			},
		}}
		search := func(q hunt.Query) (list []string, out hunt.Summary) {
			out, err := n.Search(t.Context(), q, func(ev *event.Event, h match.Hit) bool {
				list = append(list, fmt.Sprintf("%s %s", ev.Fields["DestinationIp"], h.Indicator))
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(list)
			return list, out
		}
		want := []string{
			"198.51.100.3 198.51.100.3", "198.51.100.8 net", "198.51.100.9 net", "198.51.100.10 net",
			"198.51.100.11 net",
		}
		for i := 2; i < 40; i += 4 {
			want = append(want, fmt.Sprintf("198.51.100.%d rule", i))
		}
		slices.Sort(want)
		list, out := search(q)
		if d := cmp.Diff(want, list); d != "" || out != (hunt.Summary{Searched: 40, Hits: int64(len(want))}) {
			t.Errorf("%+v (-want +got):\n%s", out, d)
		}
		if len(n.Findings(t)) != 0 {
			t.Error("it writes findings")
		}
		for _, limit := range []int{1, 2, 12} {
			q.Limit = limit
			if list, out := search(q); len(list) != limit || !out.Stopped {
				t.Errorf("limit %d: %v %+v", limit, list, out)
			}
		}
		q.Limit, q.From, q.To = 0, detecttest.Start.Add(3*time.Minute), detecttest.Start.Add(10*time.Minute)
		if list, _ := search(q); !slices.Equal(
			list, []string{"198.51.100.3 198.51.100.3", "198.51.100.6 rule", "198.51.100.8 net", "198.51.100.9 net"},
		) {
			t.Errorf("within bounds: %v", list)
		}
		// Nothing asked for is nothing, and not everything.
		c := &counted{History: n.Past}
		n.Searcher.History = c
		if list, out := search(
			hunt.Query{Armed: []match.Armed{{ID: "x"}}},
		); len(list) != 0 || out.Hits != 0 || len(c.queries) != 0 {
			t.Errorf("%v %+v", list, out)
		}
		if list, _ := search(hunt.Query{Armed: q.Armed[:1]}); len(list) != 1 || len(c.queries) != 1 || !cmp.Equal(
			c.queries[0].Observables, history.Query{Observables: q.Armed[0].Values}.Observables,
		) {
			t.Errorf("%v, %+v", list, c.queries)
		}
	})
}
