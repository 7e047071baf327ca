package hunt_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"github.com/meneki/meneki/stix"
)

// counted counts the passes over the past.
type counted struct {
	hunt.History
	queries []history.Query
}

func (c *counted) Search(ctx context.Context, q history.Query, yield func(*event.Event) bool) (history.Stats, error) {
	c.queries = append(c.queries, q)
	return c.History.Search(ctx, q, yield)
}

func (c *counted) SearchMetadata(
	ctx context.Context, q history.Query, yield func(*event.Event, []event.Observable) bool,
) (history.Stats, error) {
	c.queries = append(c.queries, q)
	return c.History.SearchMetadata(ctx, q, yield)
}

// Many patterns and networks hunted for at once come to what each comes to by
// itself, in one pass for those that need one of some values and one for the rest;
// also where the windows together see more events than are kept.
func TestHuntPatterns(t *testing.T) {
	for _, kept := range []int{100_000, 60} {
		nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
			n.MaxSighted = kept
			r := rand.New(rand.NewPCG(uint64(kept), 2))
			var past []*event.Event
			for range 500 {
				at := detecttest.Start.Add(-time.Duration(r.IntN(20_000)) * time.Second)
				var ev *event.Event
				switch r.IntN(3) {
				case 0:
					ev = n.Event(
						"dns_query", at, map[string]any{"QueryName": fmt.Sprintf("h%d.evil.example", r.IntN(10))},
					)
				case 1:
					ev = n.Event(
						"process_creation", at,
						map[string]any{
							"Image":       fmt.Sprintf(`C:\tool%d.exe`, r.IntN(8)),
							"CommandLine": fmt.Sprintf("run -job %d", r.IntN(9)), "ProcessId": "7",
						},
					)
				default:
					ev = n.Event(
						"network_connection", at,
						map[string]any{
							"DestinationIp":   fmt.Sprintf("198.51.100.%d", r.IntN(60)),
							"DestinationPort": int64(r.IntN(5)), "Protocol": "tcp",
						},
					)
				}
				past = append(past, ev)
			}
			if _, err := n.Past.Append(t.Context(), past[:400]); err != nil {
				t.Fatal(err)
			}
			if err := n.Past.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Past.Append(t.Context(), past[400:]); err != nil {
				t.Fatal(err)
			}
			var list []match.Armed
			arm := func(pattern string) {
				a, err := match.Read(detecttest.Indicator(t, pattern, "stix"))
				if err != nil {
					t.Fatal(err)
				}
				a.ID = stix.NewID("indicator")
				list = append(list, a)
			}
			for i := range 8 {
				arm(fmt.Sprintf("[process:command_line LIKE '%%-job %d%%' AND process:name = 'tool%d.exe']", i, i/2))
				arm(
					fmt.Sprintf(
						"[network-traffic:dst_ref.value = '198.51.100.%d' AND network-traffic:dst_port = %d]", i, i%5,
					),
				)
				arm(fmt.Sprintf("[ipv4-addr:value = '198.51.100.%d/30']", 4*i))
				arm(
					fmt.Sprintf(
						"([domain-name:value = 'h%d.evil.example'] FOLLOWEDBY "+
							"[ipv4-addr:value = '198.51.100.%d']) WITHIN 3000 SECONDS",
						i,
						i+10,
					),
				)
				arm(
					fmt.Sprintf(
						"([process:name = 'tool%d.exe'] FOLLOWEDBY [network-traffic:dst_port = %d]) WITHIN 60 SECONDS",
						i, i%5,
					),
				)
			}
			arm("[ipv4-addr:value = '198.51.100.0/30']") // the same as another
			arm("[ipv4-addr:value = '198.51.100.0/24' OR domain-name:value = 'h3.evil.example']")
			arm("[network-traffic:dst_port > 3]")
			arm("[domain-name:value = 'h4.evil.example']")

			c := &counted{History: n.Past}
			n.Searcher.History = c
			var told []int
			got, err := n.HuntAll(t.Context(), list, func(which []int, out []hunt.Result) error {
				if h, ok := n.Progress(); !ok || h.Indicators != len(list) || h.Ready != len(told)+len(which) {
					t.Errorf("%+v after %d and %d", h, len(told), len(which))
				}
				told = append(told, which...)
				if len(out) != len(which) {
					t.Errorf("%d told of %d", len(out), len(which))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(told)
			for i := range list {
				if i >= len(told) || told[i] != i {
					t.Fatalf("told of %v", told)
				}
			}
			passes := 3 // one of values, one of patterns that need values, one of the rest
			if kept < 100 {
				passes += 2 * 8 // and each window
			}
			if len(c.queries) != passes {
				t.Errorf("%d passes over the past, want %d", len(c.queries), passes)
			}
			if len(c.queries[0].Observables) != 1 || len(c.queries[1].Observables) == 0 {
				t.Errorf("the quick passes are %v, %v", c.queries[0].Observables, c.queries[1].Observables)
			}
			n.MaxSighted = 0
			hits := map[bool]int64{}
			for i, a := range list {
				alone, err := n.Hunt(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				alone.Examined = got[i].Examined // more of them in a pass with others
				if d := cmp.Diff(alone, got[i]); d != "" {
					t.Errorf("%d together (-alone +together):\n%s", i, d)
				}
				hits[a.Window != nil] += alone.Hits
			}
			if hits[true] < 20 || hits[false] < 100 {
				t.Errorf("%v hits: what is compared here?", hits)
			}
			n.MaxSighted = kept
		})
	}
}
