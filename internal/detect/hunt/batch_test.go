package hunt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/stix"
)

// ruleText is a rule with an id of its own, or with one that others have too.
// Many indicators hunted for at once come to what each comes to by itself, by the
// reference evaluator and by a plain look at every event.
func TestHuntAll(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		r := rand.New(rand.NewPCG(5, 6))
		var past []*event.Event
		for i := range 700 {
			at := detecttest.Start.Add(-time.Duration(r.IntN(100_000)) * time.Second)
			var ev *event.Event
			switch r.IntN(3) {
			case 0:
				ev = n.Event(
					"dns_query", at,
					map[string]any{
						"QueryName": fmt.Sprintf("h%d.evil.example", r.IntN(40)), "EventID": int64(22),
						"QueryResults": fmt.Sprintf("203.0.113.%d;", r.IntN(30)),
					},
				)
			case 1:
				ev = n.Event(
					"process_creation", at,
					map[string]any{
						"Image": fmt.Sprintf(`C:\tool%d.exe`, r.IntN(20)), "EventID": int64(1),
						"CommandLine": strings.Repeat("x", r.IntN(5)) + " -Enc aGk=", "Odd": []any{nil, "a", int64(i)},
					},
				)
			default:
				ev = n.Event(
					"network_connection", at,
					map[string]any{
						"DestinationIp": fmt.Sprintf("198.51.100.%d", r.IntN(60)), "EventID": "3", "Initiated": "true",
						"Image": nil,
					},
				)
			}
			ev.Host = fmt.Sprintf("ws%d", r.IntN(3))
			past = append(past, ev)
		}
		if _, err := n.Past.Append(t.Context(), past[:500]); err != nil {
			t.Fatal(err)
		}
		if err := n.Past.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Past.Append(t.Context(), past[500:]); err != nil { // not sealed yet
			t.Fatal(err)
		}
		var list []match.Armed
		arm := func(pattern, kind string) {
			a, err := match.Read(detecttest.Indicator(t, pattern, kind))
			if err != nil {
				t.Fatal(err)
			}
			a.ID = stix.NewID("indicator")
			list = append(list, a)
		}
		for i := range 45 {
			arm(fmt.Sprintf("[domain-name:value = 'h%d.evil.example']", i), "stix")
		}
		arm("[domain-name:value = 'h1.evil.example' OR ipv4-addr:value = '203.0.113.4']", "stix")
		arm("[ipv4-addr:value = '198.51.100.0/28']", "stix")
		for i := range 22 {
			arm(detecttest.RuleText(i, "process_creation", fmt.Sprintf(`Image|endswith: '\tool%d.exe'`, i)), "sigma")
		}
		arm(detecttest.RuleText(3, "process_creation", `CommandLine|re: '^x{3,} '`), "sigma") // an id that another has
		arm(detecttest.RuleText(100, "process_creation", `Odd: null`), "sigma")
		arm(detecttest.RuleText(101, "dns_query", `QueryName|startswith: 'h3'`), "sigma")
		arm(detecttest.RuleText(102, "network_connection", `Image: null`), "sigma")
		arm(detecttest.RuleText(102, "network_connection", `Image: null`), "sigma") // the same twice
		arm(detecttest.RuleText(103, "network_connection", `EventID: 3`), "sigma")

		got, err := n.HuntAll(t.Context(), list, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := n.Progress(); ok {
			t.Error("it is still under way")
		}
		found := int64(0)
		for i, a := range list {
			var want hunt.Result
			for _, ev := range past {
				hit := false
				if a.Rule != nil {
					_, hit = a.Rule.Match(ev)
				}
				for _, o := range event.Observables(ev) {
					for _, v := range a.Values {
						hit = hit || o == v
					}
					if len(a.Networks) > 0 && o.Type == event.IPv4 {
						var c int
						if k, _ := fmt.Sscanf(o.Value, "198.51.100.%d", &c); k == 1 && c < 16 {
							hit = true
						}
					}
				}
				if hit {
					countHit(&want, ev.Time)
				}
			}
			want.Searched, want.Examined = int64(len(past)), got[i].Examined
			if got[i].Hits != want.Hits || got[i].Searched != want.Searched || !got[i].First.Equal(want.First) ||
				!got[i].Last.Equal(want.Last) {
				t.Errorf("%d: %+v, want %+v", i, got[i], want)
			}
			found += want.Hits
		}
		sum := int64(0)
		for _, f := range n.Findings(t) {
			if !f.Retro {
				t.Errorf("%+v is not of the past", f)
			}
			sum += int64(f.Count)
		}
		if sum == 0 || sum > found {
			t.Errorf("%d events in findings, %d were found", sum, found)
		}
		// Again, as after a crash: nothing is counted twice.
		if _, err := n.HuntAll(t.Context(), list, nil); err != nil {
			t.Fatal(err)
		}
		again := int64(0)
		for _, f := range n.Findings(t) {
			again += int64(f.Count)
		}
		if again != sum {
			t.Errorf("%d events in findings, %d the first time", again, sum)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.HuntAll(ctx, list, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("ended by a person: %v", err)
		}
		if got, err := n.HuntAll(t.Context(), nil, nil); err != nil || len(got) != 0 {
			t.Errorf("nothing to hunt for: %v %v", got, err)
		}
	})
}

// An indicator that very many events meet fills no memory and no findings, but
// all are counted, and the others get their share.
func TestHuntFlood(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		var past []*event.Event
		for i := range 2000 + 500 {
			past = append(
				past,
				n.Event(
					"dns_query", detecttest.Start.Add(-time.Duration(i)*time.Second),
					map[string]any{"QueryName": "often.example.net"},
				),
			)
		}
		past = append(past, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "seldom.example.net"}))
		if _, err := n.Past.Append(t.Context(), past); err != nil {
			t.Fatal(err)
		}
		var list []match.Armed
		for _, name := range []string{"often", "seldom"} {
			a, err := match.Read(detecttest.Indicator(t, "[domain-name:value = '"+name+".example.net']", "stix"))
			if err != nil {
				t.Fatal(err)
			}
			a.ID = stix.NewID("indicator")
			list = append(list, a)
		}
		got, err := n.HuntAll(t.Context(), list, nil)
		if err != nil || got[0].Hits != 2000+500 || got[1].Hits != 1 {
			t.Fatalf("%+v %v", got, err)
		}
		if got[0].Examined != 2000+1 {
			t.Errorf("%d events were read, to write %d", got[0].Examined, 2000+1)
		}
		if first := detecttest.Start.Add(
			-(2000 + 499) * time.Second,
		); !got[0].First.Equal(first) || !got[0].Last.Equal(detecttest.Start) {
			t.Errorf("from %v to %v", got[0].First, got[0].Last)
		}
		counts := map[string]int{}
		for _, f := range n.Findings(t) {
			counts[f.Indicator] += f.Count
		}
		if counts[list[0].ID] != 2000 || counts[list[1].ID] != 1 {
			t.Errorf("%v", counts)
		}
	})
}

// A value that is everywhere does not keep one that is seldom from being read, nor
// do many that are everywhere together make more than what is written be read.
func TestHuntFloods(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		const kinds = 8
		var past []*event.Event
		for i := range 13_000 {
			past = append(
				past,
				n.Event(
					"dns_query", detecttest.Start.Add(time.Duration(i)*time.Second),
					map[string]any{"QueryName": fmt.Sprintf("n%d.example.net", i%kinds)},
				),
			)
		}
		for from := 0; from < len(past); from += 1000 {
			if _, err := n.Past.Append(t.Context(), past[from:from+1000]); err != nil {
				t.Fatal(err)
			}
		}
		seldom := n.Event(
			"dns_query", detecttest.Start.Add(24*time.Hour),
			map[string]any{"QueryName": "seldom.example.net", "QueryResults": "203.0.113.9;"},
		)
		if _, err := n.Past.Append(t.Context(), []*event.Event{seldom}); err != nil {
			t.Fatal(err)
		}
		var list []match.Armed
		for i := range kinds + 2 {
			pattern := fmt.Sprintf("[domain-name:value = 'n%d.example.net']", i)
			switch i {
			case kinds: // two values of one event
				pattern = "[domain-name:value = 'seldom.example.net' OR ipv4-addr:value = '203.0.113.9']"
			case kinds + 1: // a value of another indicator
				pattern = "[domain-name:value = 'n3.example.net' OR domain-name:value = 'n4.example.net']"
			}
			a, err := match.Read(detecttest.Indicator(t, pattern, "stix"))
			if err != nil {
				t.Fatal(err)
			}
			a.ID = stix.NewID("indicator")
			list = append(list, a)
		}
		got, err := n.HuntAll(t.Context(), list, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range got {
			want := hunt.Result{Searched: int64(len(past)) + 1, Examined: h.Examined}
			for _, ev := range append(past, seldom) {
				for _, o := range event.Observables(ev) {
					if o.Type == event.Domain && slices.Contains(list[i].Values, o) {
						countHit(&want, ev.Time)
					}
				}
			}
			if d := cmp.Diff(want, h); d != "" {
				t.Errorf("%d (-want +got):\n%s", i, d)
			}
		}
		if e := got[0].Examined; e < 8000 || e > 10_000 {
			t.Errorf("%d events were read", e)
		}
		wrote, rare := 0, 0
		for _, f := range n.Findings(t) {
			wrote += f.Count
			if f.Indicator == list[kinds].ID {
				rare += f.Count
			}
		}
		if wrote < 10_000 || wrote > 10_000+10*len(list) || rare != 1 {
			t.Errorf("%d events written, %d of the seldom one", wrote, rare)
		}
	})
}

// countHit adds an event to what a hunt is to come to.
func countHit(h *hunt.Result, at time.Time) {
	h.Hits++
	if h.First.IsZero() || at.Before(h.First) {
		h.First = at
	}
	if at.After(h.Last) {
		h.Last = at
	}
}
