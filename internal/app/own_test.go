package app

import (
	"cmp"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/situation"
)

// A node that starts while its hub is away knows what belongs to the community.
func TestOwnNamesOutliveARestart(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	h, err := OpenHub(t.Context(), HubConfig{Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Bus: "127.0.0.1:0", Open: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m, token, err := h.people.Invite(t.Context(), identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"})
	if err != nil {
		t.Fatal(err)
	}
	office := netip.MustParsePrefix("203.0.113.0/24")
	if err := cmp.Or(h.members.SetDomains(t.Context(), m.ID, []string{"theirs.example"}), h.members.SetNetworks(t.Context(), []netip.Prefix{office})); err != nil {
		t.Fatal(err)
	}
	cfg := NodeConfig{Data: filepath.Join(t.TempDir(), "node"), Token: token, Share: share.Open(), Open: true, Log: log, OwnDomains: []string{"mine.example"}}
	n, err := OpenNode(t.Context(), cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.Close()
	h.Close()
	cfg.Token = ""
	if n, err = OpenNode(t.Context(), cfg, nil); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := detect.Own{Domains: []string{"mine.example", "theirs.example"}, Networks: []netip.Prefix{office}}
	if diff := gocmp.Diff(want, *n.own.Load(), gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// A node that joins knows at once, before its first hello, what belongs to the
// community.
func TestOwnNamesComeWithTheInvitation(t *testing.T) {
	t.Parallel()
	h, err := OpenHub(t.Context(), HubConfig{Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Open: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m, token, err := h.people.Invite(t.Context(), identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"})
	if err != nil {
		t.Fatal(err)
	}
	office := netip.MustParsePrefix("203.0.113.0/24")
	if err := cmp.Or(h.members.SetDomains(t.Context(), m.ID, []string{"theirs.example"}), h.members.SetNetworks(t.Context(), []netip.Prefix{office})); err != nil {
		t.Fatal(err)
	}
	n, err := OpenNode(t.Context(), NodeConfig{Data: filepath.Join(t.TempDir(), "node"), Token: token, Share: share.Open(), Open: true, Log: h.cfg.Log}, h)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := detect.Own{Domains: []string{"theirs.example"}, Networks: []netip.Prefix{office}}
	if diff := gocmp.Diff(want, *n.own.Load(), gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// An attack that shows no other name than that of another member of the
// community is shared as the behaviour that it is.
func TestDemoSharesBehaviourNotOwnNames(t *testing.T) {
	t.Parallel()
	r := once(t, demoOf(t, "QueryName: www.city.midori.example", "high"))
	if !r.OK || len(r.Indicators) != 1 || r.Indicators[0].Kind != "sigma" {
		t.Errorf("missing %q, indicators %+v", r.Missing, r.Indicators)
	}
}

// What a rule of the lowest level finds stays at the member. The report does not
// say that nothing was found.
func TestDemoSaysWhatStayed(t *testing.T) {
	t.Parallel()
	r := once(t, demoOf(t, "QueryName: www.city.midori.example", "informational"))
	if r.OK || r.Missing != situation.Opened || r.Kept != 1 || len(r.Findings) != 0 {
		t.Errorf("missing %q, kept %d, findings %+v", r.Missing, r.Kept, r.Findings)
	}
}

// demoOf is a demo of one DNS query for www.city.midori.example and one rule.
func demoOf(t *testing.T, selection, level string) DemoConfig {
	t.Helper()
	dir := t.TempDir()
	rule := "title: A name\nid: 5d3b1b7e-6a4f-4b0e-9a55-0c51b8e6f001\nlogsource:\n    product: windows\n    category: dns_query\ndetection:\n    s:\n        " + selection + "\n    condition: s\nlevel: " + level + "\n"
	ev := `{"EventID":22,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"PC1","@timestamp":"2026-11-28T03:00:00.000Z","Image":"C:\\Users\\bob\\x.exe","QueryName":"www.city.midori.example"}` + "\n"
	cfg := DemoConfig{Rules: []string{filepath.Join(dir, "rule.yml")}, Events: []string{filepath.Join(dir, "events.jsonl")}}
	if err := cmp.Or(os.WriteFile(cfg.Rules[0], []byte(rule), 0o600), os.WriteFile(cfg.Events[0], []byte(ev), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cfg
}
