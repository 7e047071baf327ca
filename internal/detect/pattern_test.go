package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

func patternIndicator(t *testing.T, n int, pattern string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": "indicator", "spec_version": "2.1", "id": fmt.Sprintf("indicator--11111111-1111-4111-8111-%012d", n), "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
		"name": "I", "pattern": pattern, "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (n *node) arm(t *testing.T, number int, pattern string) Armed {
	t.Helper()
	a, err := Read(patternIndicator(t, number, pattern))
	if err == nil {
		err = n.engine.Arm(a)[0]
	}
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	return a
}

// What a pattern asks for decides how it is matched, or why it is not.
func TestReadPattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"[ipv4-addr:value = '192.0.2.1' OR file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427F']": "values 2",
		"[ipv4-addr:value = '192.0.2.0/24' OR ipv6-addr:value ISSUBSET '2001:db8::/32']":          "networks 2",
		"[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR domain-name:value = 'Evil.example']":         "values 1 networks 1",
		"[domain-name:value LIKE '%.evil.example']":                                               "pattern 1",
		"[file:name = 'a.exe' AND file:hashes.'SHA-1' = 'AA']":                                    "invalid",
		"[process:command_line MATCHES 'mimi(katz)?']":                                            "pattern 1",
		"[process:command_line MATCHES 'a(?=b)']":                                                 "cannot be matched in full",
		"[a:b = 'c'] AND [ipv4-addr:value = '192.0.2.1']":                                         "no event tells this",
		"[software:name = 'x']":                                                             "no event tells this",
		"[process:pid = '4']":                                                               "it is never a string",
		"[process:command_line = 4]":                                                        "it is never a number",
		"[network-traffic:src_ref = 'x']":                                                   "it is no value",
		"[url:value ISSUBSET '10.0.0.0/8']":                                                 "it is no address",
		"[domain-name:value LIKE '%.Evil.example']":                                         "it is compared in lower case",
		"[domain-name:value MATCHES '\\\\.Evil\\\\.example$']":                              "it is compared in lower case",
		"[domain-name:value MATCHES '^\\\\W']":                                              "pattern 1",
		"[url:value LIKE 'https://%/Admin.php']":                                            "pattern 1",
		"[windows-registry-key:key LIKE 'HKLM\\\\%']":                                       "in full",
		"[network-traffic:dst_ref.value = '192.0.2.0/24']":                                  "cannot be a value of it",
		"[domain-name:value = 'localhost' AND domain-name:value = 'x']":                     "cannot be a value of it",
		"[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'x']":                      "no bound on the time",
		"([ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'x']) WITHIN 300 SECONDS": "pattern 3",
		"[file:name = 'x'] REPEATS 5 TIMES WITHIN 60 SECONDS":                               "pattern 3",
		"[file:name = 'x'] START t'2026-01-01T00:00:00Z' STOP t'2027-01-01T00:00:00Z'":      "pattern 3",
		"[ipv4-addr:value IN ()]":                                                           "asks for nothing",
		"[ipv4-addr:value = '192.0.2.1'":                                                    "not valid",
	} {
		a, err := Read(patternIndicator(t, 1, pattern))
		got := ""
		switch {
		case err != nil:
			got = fault.TextOf(err).EN
			if k := fault.KindOf(err); k != fault.Unsupported && k != fault.Invalid {
				t.Errorf("%s: %v is of kind %v", pattern, err, k)
			}
		case a.Pattern != nil:
			got = fmt.Sprintf("pattern %d", a.Pattern.Level())
		default:
			if len(a.Values) > 0 {
				got = fmt.Sprintf("values %d ", len(a.Values))
			}
			if len(a.Networks) > 0 {
				got += fmt.Sprintf("networks %d", len(a.Networks))
			}
		}
		if want == "invalid" {
			want = "not valid"
		}
		if got = strings.TrimSpace(got); got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
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
		m.seq = n.seq
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
	one := func(id string) match { return match{ev: &event.Event{ID: id}} }
	s.Enqueue(one("a"), one("b"))
	_, upto := s.unwritten()
	s.Enqueue(one("c"))
	s.flush(upto)
	s.flush(upto) // two settle side by side
	if list, _ := s.unwritten(); len(list) != 1 || list[0].ev.ID != "c" {
		t.Errorf("pending: %v", list)
	}
}

// Many patterns cost an event that meets none of them next to nothing: only those
// whose clues it holds are looked at.
func TestPatternBookNarrows(t *testing.T) {
	var list []*Armed
	for i := range 1000 {
		text := fmt.Sprintf("[process:command_line LIKE '%%payload-%04x%%' AND process:name = 'a%d.exe']", i*7919%65536, i)
		if i%2 == 0 {
			text = fmt.Sprintf("[process:command_line MATCHES 'tool%04x[a-z]+' OR url:value = 'https://h%d.example/']", i*7919%65536, i)
		}
		a, err := Read(patternIndicator(t, i, text))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &a)
	}
	b := newPatternBook(list)
	n := &node{}
	ev := n.event("process_creation", start, map[string]any{"Image": `C:\Windows\System32\cmd.exe`, "CommandLine": `"C:\Program Files\Microsoft Office\winword.exe" https://www.example.com/ tool payload`, "User": "x"})
	if got := b.candidates(seenOf(ev)); len(got) > 20 {
		t.Errorf("%d of 1000 patterns are looked at", len(got))
	}
	hit := n.event("process_creation", start, map[string]any{"Image": `C:\a1.exe`, "CommandLine": "x Payload-1EEF payload-1eef"})
	found := ""
	b.match(hit, func(*Armed) bool { return true }, func(h Hit) { found += h.Indicator })
	if found != list[1].ID {
		t.Errorf("found %q, want %q", found, list[1].ID)
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

func seenOf(ev *event.Event) stix.Observation { return observed.Of(ev) }

func BenchmarkPatterns(b *testing.B) {
	var list []*Armed
	for i := range 1000 {
		a := Armed{ID: fmt.Sprint(i)}
		var err error
		if a, err = a.reads(fmt.Sprintf("[process:command_line LIKE '%%payload-%04x%%' OR url:value = 'https://h%d.example/']", i*7919%65536, i)); err != nil {
			b.Fatal(err)
		}
		list = append(list, &a)
	}
	book := newPatternBook(list)
	ev := (&node{}).event("process_creation", start, map[string]any{"Image": `C:\Windows\System32\cmd.exe`, "CommandLine": `"C:\Program Files\Microsoft Office\winword.exe" https://www.example.com/ tool payload`, "User": "x",
		"ParentImage": `C:\Windows\explorer.exe`, "ParentCommandLine": `C:\Windows\explorer.exe`, "ProcessId": "1", "Hashes": "MD5=d41d8cd98f00b204e9800998ecf8427a", "CurrentDirectory": `C:\`, "IntegrityLevel": "High"})
	b.ReportAllocs()
	for b.Loop() {
		book.match(ev, func(*Armed) bool { return true }, func(Hit) {})
	}
}
