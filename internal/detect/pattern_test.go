package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

func (n *node) arm(t *testing.T, number int, pattern string) match.Armed {
	t.Helper()
	a, err := match.Read(patternIndicator(t, number, pattern))
	if err == nil {
		err = n.engine.Arm(a)[0]
	}
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	return a
}

// Every form of pattern finds its events, live and in the past, and no others.
func TestPatternsLiveAndPast(t *testing.T) {
	minute := func(k int) time.Time { return start.Add(time.Duration(k) * time.Minute) }
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
		{"[windows-registry-key:key LIKE 'HKEY_LOCAL_MACHINE%Run' AND windows-registry-key:values[*].data = 'evil.exe']", []int{3}},
		{"[user-account:account_login = 'tanaka' AND user-account:account_login != 'x']", []int{0, 1, 2, 3}},
		{"([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 120 SECONDS", []int{1}},
		{"([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 60 SECONDS", nil},
		{"([ipv4-addr:value = '198.51.100.7'] FOLLOWEDBY [process:name = 'cmd.exe']) WITHIN 1000 SECONDS", nil},
		{"[ipv4-addr:value ISSUBSET '198.51.100.0/24'] REPEATS 2 TIMES WITHIN 600 SECONDS", []int{2}},
		{"([windows-registry-key:key LIKE '%Run'] AND [network-traffic:dst_port = 9999]) WITHIN 600 SECONDS", []int{3}},
	} {
		eachNode(t, func(t *testing.T, n *node) {
			list := []*event.Event{
				n.event("process_creation", minute(0), map[string]any{"Image": `C:\Windows\cmd.exe`, "ParentImage": `C:\Office\winword.exe`, "CommandLine": "cmd /c MimiKatz", "ProcessId": "77"}),
				n.event("network_connection", minute(1), map[string]any{"Image": `C:\x.exe`, "DestinationIp": "198.51.100.7", "DestinationPort": "4444", "Protocol": "tcp"}),
				n.event("network_connection", minute(2), map[string]any{"Image": `C:\x.exe`, "DestinationIp": "198.51.100.200", "DestinationPort": int64(9999)}),
				n.event("registry_set", minute(3), map[string]any{"TargetObject": `HKLM\SOFTWARE\Run\x`, "Details": "evil.exe"}),
				n.event("dns_query", minute(4), map[string]any{"QueryName": "harmless.example"}),
			}
			for _, ev := range list {
				ev.User = `POWER\tanaka`
			}
			list[4].User = ""
			traced := func(past bool) []int {
				var got []int
				for _, f := range n.all(t) {
					if f.Retro == past {
						for i := range list {
							if slices.ContainsFunc(n.traces(t, f.ID), func(tr finding.Trace) bool { return tr.Event == list[i].ID }) {
								got = append(got, i)
							}
						}
					}
				}
				return got
			}
			if _, err := n.past.Append(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			a := n.arm(t, 1, c.pattern)
			h, err := n.Hunt(t.Context(), a)
			if err != nil || int(h.Hits) != len(c.want) {
				t.Fatalf("%s: hunt: %+v, %v", c.pattern, h, err)
			}
			if diff := cmp.Diff(c.want, traced(true)); diff != "" {
				t.Errorf("%s in the past: %s", c.pattern, diff)
			}
			n.take(t, list...)
			// The same events live are in a finding already.
			for i := range list {
				again := *list[i]
				again.ID, again.Time = fmt.Sprintf("00000000-0000-4000-9000-%012d", i), again.Time.Add(time.Hour)
				list[i] = &again
			}
			n.hand.Add(time.Hour)
			n.take(t, list...)
			if diff := cmp.Diff(c.want, traced(false)); diff != "" {
				t.Errorf("%s live: %s", c.pattern, diff)
			}
			n.engine.Disarm(a.ID)
			before := len(n.all(t))
			again := *list[0]
			again.ID = "00000000-0000-4000-a000-000000000000"
			if n.take(t, &again); len(n.all(t)) != before {
				t.Errorf("%s: found after it was disarmed", c.pattern)
			}
		})
	}
}

// A pattern over several events goes on over a restart, and reaches into what was
// before it was armed.
func TestWindowsReachBack(t *testing.T) {
	const pattern = "([process:name = 'cmd.exe'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']) WITHIN 600 SECONDS"
	eachNode(t, func(t *testing.T, n *node) {
		first := n.event("process_creation", start, map[string]any{"Image": `C:\Windows\cmd.exe`})
		n.take(t, first)
		a := n.arm(t, 1, pattern)
		n.take(t, n.event("process_creation", start.Add(-time.Hour), map[string]any{"Image": `C:\Windows\calc.exe`}))
		if err := n.Refill(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		n.hand.Add(time.Minute)
		n.take(t, n.event("network_connection", start.Add(time.Minute), map[string]any{"DestinationIp": "198.51.100.7"}))
		list := n.all(t)
		if len(list) != 1 || list[0].Retro || list[0].Indicator != a.ID {
			t.Fatalf("across the arming: %+v", list)
		}
		if !slices.Contains(list[0].Matched, wire.FieldValue{Field: "event", Value: first.ID}) {
			t.Errorf("matched: %+v", list[0].Matched)
		}
		// A restart: armed again, filled again, the same is not found twice.
		m := open(t, n.db, n.past, n.clock, n.hand)
		m.Seq = n.Seq
		m.arm(t, 1, pattern)
		if err := m.Refill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := m.all(t); len(list) != 1 || list[0].Count != 1 {
			t.Fatalf("after a restart: %+v", list)
		}
		m.take(t, m.event("network_connection", start.Add(2*time.Minute), map[string]any{"DestinationIp": "198.51.100.7"}))
		if list := m.all(t); len(list) != 1 || list[0].Count != 2 {
			t.Errorf("across a restart: %+v", list)
		}
	})
}

// What could not be written is not lost, though a window makes a hit only once.
func TestWindowHitsStayPending(t *testing.T) {
	s := &Service{}
	one := func(id string) match.Found { return match.Found{Event: &event.Event{ID: id}} }
	s.Enqueue(one("a"), one("b"))
	_, upto := s.unwritten()
	s.Enqueue(one("c"))
	s.flush(upto)
	s.flush(upto) // two settle side by side
	if list, _ := s.unwritten(); len(list) != 1 || list[0].Event.ID != "c" {
		t.Errorf("pending: %v", list)
	}
}

func (n *node) traces(t *testing.T, id string) (list []finding.Trace) {
	t.Helper()
	err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		list, err = finding.Traces(tx, id, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
