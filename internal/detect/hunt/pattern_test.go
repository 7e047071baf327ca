package hunt_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/wire"
)

// Every form of pattern finds its events, live and in the past, and no others.
func TestPatternsLiveAndPast(t *testing.T) {
	minute := func(k int) time.Time { return detecttest.Start.Add(time.Duration(k) * time.Minute) }
	for _, c := range []struct {
		pattern string
		want    []int // events that a finding has, by their places below
	}{
		{"[ipv4-addr:value = '198.51.100.0/24']", []int{1, 2}},
		{"[ipv4-addr:value ISSUBSET '198.51.100.128/25']", []int{2}},
		{"[network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = 4444]", []int{1}},
		{"[network-traffic:dst_port > 9000]", []int{2}},
		{"[process:command_line LIKE '%MimiKatz%']", []int{0}},
		{"[process:command_line LIKE '%mimikatz%']", nil},
		{"[process:command_line MATCHES '(?i)mimikatz']", []int{0}},
		{"[process:name = 'cmd.exe' AND process:parent_ref.name = 'winword.exe']", []int{0}},
		{
			"[windows-registry-key:key LIKE 'HKEY_LOCAL_MACHINE%Run' AND " +
				"windows-registry-key:values[*].data = 'evil.exe']",
			[]int{3},
		},
		{"[user-account:account_login = 'tanaka' AND user-account:account_login != 'x']", []int{0, 1, 2, 3}},
		{"([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 120 SECONDS", []int{1}},
		{"([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 60 SECONDS", nil},
		{"([ipv4-addr:value = '198.51.100.7'] FOLLOWEDBY [process:name = 'cmd.exe']) WITHIN 1000 SECONDS", nil},
		{"[ipv4-addr:value ISSUBSET '198.51.100.0/24'] REPEATS 2 TIMES WITHIN 600 SECONDS", []int{2}},
		{"([windows-registry-key:key LIKE '%Run'] AND [network-traffic:dst_port = 9999]) WITHIN 600 SECONDS", []int{3}},
	} {
		nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
			list := []*event.Event{
				n.Event(
					"process_creation", minute(0),
					map[string]any{
						"Image": `C:\Windows\cmd.exe`, "ParentImage": `C:\Office\winword.exe`,
						"CommandLine": "cmd /c MimiKatz", "ProcessId": "77",
					},
				),
				n.Event(
					"network_connection", minute(1),
					map[string]any{
						"Image": `C:\x.exe`, "DestinationIp": "198.51.100.7", "DestinationPort": "4444",
						"Protocol": "tcp",
					},
				),
				n.Event(
					"network_connection", minute(2),
					map[string]any{
						"Image": `C:\x.exe`, "DestinationIp": "198.51.100.200", "DestinationPort": int64(9999),
					},
				),
				n.Event(
					"registry_set", minute(3),
					map[string]any{"TargetObject": `HKLM\SOFTWARE\Run\x`, "Details": "evil.exe"},
				),
				n.Event("dns_query", minute(4), map[string]any{"QueryName": "harmless.example"}),
			}
			for _, ev := range list {
				ev.User = `POWER\tanaka`
			}
			list[4].User = ""
			traced := func(past bool) []int {
				var got []int
				for _, f := range n.FindingsByRule(t) {
					if f.Retro == past {
						for i := range list {
							if slices.ContainsFunc(
								n.Traces(t, f.ID), func(tr finding.Trace) bool { return tr.Event == list[i].ID },
							) {
								got = append(got, i)
							}
						}
					}
				}
				return got
			}
			if _, err := n.Past.Append(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			a := n.Arm(t, 1, c.pattern)
			h, err := n.Hunt(t.Context(), a)
			if err != nil || int(h.Hits) != len(c.want) {
				t.Fatalf("%s: hunt: %+v, %v", c.pattern, h, err)
			}
			if diff := cmp.Diff(c.want, traced(true)); diff != "" {
				t.Errorf("%s in the past: %s", c.pattern, diff)
			}
			n.Take(t, list...)
			// The same events live are in a finding already.
			for i := range list {
				again := *list[i]
				again.ID, again.Time = fmt.Sprintf("00000000-0000-4000-9000-%012d", i), again.Time.Add(time.Hour)
				list[i] = &again
			}
			n.Hand.Add(time.Hour)
			n.Take(t, list...)
			if diff := cmp.Diff(c.want, traced(false)); diff != "" {
				t.Errorf("%s live: %s", c.pattern, diff)
			}
			n.Engine.Disarm(a.ID)
			before := len(n.FindingsByRule(t))
			again := *list[0]
			again.ID = "00000000-0000-4000-a000-000000000000"
			if n.Take(t, &again); len(n.FindingsByRule(t)) != before {
				t.Errorf("%s: found after it was disarmed", c.pattern)
			}
		})
	}
}

// A pattern over several events goes on over a restart, and reaches into what was
// before it was armed.
func TestWindowsReachBack(t *testing.T) {
	const pattern = "([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 600 SECONDS"
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		first := n.Event("process_creation", detecttest.Start, map[string]any{"Image": `C:\Windows\cmd.exe`})
		n.Take(t, first)
		a := n.Arm(t, 1, pattern)
		n.Take(
			t,
			n.Event(
				"process_creation", detecttest.Start.Add(-time.Hour), map[string]any{"Image": `C:\Windows\calc.exe`},
			),
		)
		if err := n.Refill(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		n.Hand.Add(time.Minute)
		n.Take(
			t,
			n.Event(
				"network_connection", detecttest.Start.Add(time.Minute),
				map[string]any{"DestinationIp": "198.51.100.7"},
			),
		)
		list := n.FindingsByRule(t)
		if len(list) != 1 || list[0].Retro || list[0].Indicator != a.ID {
			t.Fatalf("across the arming: %+v", list)
		}
		if !slices.Contains(list[0].Matched, wire.FieldValue{Field: "event", Value: first.ID}) {
			t.Errorf("matched: %+v", list[0].Matched)
		}
		// A restart: armed again, filled again, the same is not found twice.
		m := nodetest.Open(t, n.DB, n.Past, n.Clock, n.Hand)
		m.Seq = n.Seq
		m.Arm(t, 1, pattern)
		if err := m.Refill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := m.FindingsByRule(t); len(list) != 1 || list[0].Count != 1 {
			t.Fatalf("after a restart: %+v", list)
		}
		m.Take(
			t,
			m.Event(
				"network_connection", detecttest.Start.Add(2*time.Minute),
				map[string]any{"DestinationIp": "198.51.100.7"},
			),
		)
		if list := m.FindingsByRule(t); len(list) != 1 || list[0].Count != 2 {
			t.Errorf("across a restart: %+v", list)
		}
	})
}
