package record_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
)

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
		{
			"not quite our domain", map[string]any{"DestinationHostname": "notpower.example.jp"},
			[]string{"domain-name:notpower.example.jp"},
		},
		{"public domain", map[string]any{"DestinationHostname": "ctldl.windowsupdate.com"}, nil},
		{"local name", map[string]any{"DestinationHostname": "fileserver"}, nil},
		{
			"empty file",
			map[string]any{"Hashes": "SHA256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}, nil,
		},
		{"an address", map[string]any{"DestinationIp": "198.51.100.7"}, []string{"ipv4-addr:198.51.100.7"}},
		{"a domain", map[string]any{"DestinationHostname": "c2.evil.example"}, []string{"domain-name:c2.evil.example"}},
		{
			"a hash, the strongest", map[string]any{"Hashes": "MD5=" + hash[:32] + ",SHA256=" + hash},
			[]string{"SHA-256:" + hash},
		},
		{"the user's own address", map[string]any{"user.email": "Tanaka@city.example.org"}, nil},
		{
			"somebody beside the user",
			map[string]any{"email.to.address": "sato@city.example.org", "email.from.address": "thief@evil.example"},
			[]string{"email-addr:thief@evil.example"},
		},
		{
			"mixed", map[string]any{"DestinationIp": "10.0.0.1", "DestinationHostname": "c2.evil.example"},
			[]string{"domain-name:c2.evil.example"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
				fields := map[string]any{"Initiated": "true", "Image": `C:\Users\x\bad.exe`}
				for k, v := range tt.fields {
					fields[k] = v
				}
				ev := n.Event("network_connection", detecttest.Start, fields)
				ev.User = "tanaka@City.example.org"
				n.Take(t, ev)
				want := tt.want
				if want == nil { // nothing distinctive: the behaviour itself
					want = []string{"sigma:11111111-1111-4111-8111-111111111111"}
				}
				if diff := cmp.Diff(want, n.Queue.Candidates()); diff != "" {
					t.Errorf("offered (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What is common in the member's own past says nothing about the attack.
func TestCommonValues(t *testing.T) {
	hash := strings.Repeat("cd", 32)
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		var before []*event.Event
		for i := range 5 {
			at := detecttest.Start.Add(-time.Duration(i+2) * time.Hour)
			before = append(before,
				n.Event(
					"process_creation", at, map[string]any{"Image": `D:\tools\agent.exe`, "Hashes": "SHA256=" + hash},
				),
				n.Event(
					"network_connection", at,
					map[string]any{
						"Initiated": "true", "Image": `D:\tools\agent.exe`, "DestinationIp": "198.51.100.80",
					},
				))
		}
		n.Take(t, before...)
		n.Take(
			t,
			n.Event(
				"process_creation", detecttest.Start,
				map[string]any{"Image": `D:\x\whoami.exe`, "Hashes": "SHA256=" + hash},
			),
		)
		n.Take(
			t,
			n.Event(
				"network_connection", detecttest.Start,
				map[string]any{"Initiated": "true", "Image": `D:\x\bad.exe`, "DestinationIp": "198.51.100.80"},
			),
		)
		want := []string{"sigma:11111111-1111-4111-8111-111111111111", "sigma:22222222-2222-4222-8222-222222222222"}
		if diff := cmp.Diff(want, n.Queue.Candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		for _, f := range n.Findings(t) {
			if len(f.Observables) != 0 {
				t.Errorf("%s names common values as its own: %+v", f.Rule.Title, f.Observables)
			}
			var verdicts []finding.Verdict
			err := n.DB.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
				verdicts, err = finding.Verdicts(tx, f.ID)
				return err
			})
			if err != nil || len(verdicts) != 2 || !verdicts[0].Offered || verdicts[1].Offered ||
				verdicts[1].Why != finding.ReasonCommon {
				t.Errorf("verdicts: %+v, %v", verdicts, err)
			}
		}
	})
}

// A program of the system is no sign, even if its hash was never seen here.
func TestSystemBinary(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		n.Take(
			t,
			n.Event(
				"process_creation", detecttest.Start,
				map[string]any{
					"Image": `C:\Windows\System32\whoami.exe`, "Company": "Microsoft Corporation",
					"Hashes": "SHA256=" + strings.Repeat("ef", 32),
				},
			),
		)
		if diff := cmp.Diff([]string{"sigma:22222222-2222-4222-8222-222222222222"}, n.Queue.Candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		// Below the level that the policy wants, nothing is offered and nothing judged.
		n.Take(t, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "noise.example.net"}))
		if k := len(n.Queue.Candidates()); k != 1 {
			t.Errorf("%d candidates", k)
		}
	})
}
