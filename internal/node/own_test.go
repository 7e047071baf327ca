package node

import (
	"cmp"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share/release"
)

// A node that starts while its hub is away knows what belongs to the community.
func TestOwnNamesOutliveARestart(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	h, err := hub.Open(
		t.Context(),
		hub.Config{
			Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Bus: "127.0.0.1:0", Open: true, Log: log,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m, token, err := h.People().Invite(
		t.Context(), identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"},
	)
	if err != nil {
		t.Fatal(err)
	}
	office := netip.MustParsePrefix("203.0.113.0/24")
	if err := cmp.Or(
		h.Members().SetDomains(t.Context(), m.ID, []string{"theirs.example"}),
		h.Members().SetNetworks(t.Context(), []netip.Prefix{office}),
	); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Data: filepath.Join(t.TempDir(), "node"), Token: token, Share: release.Open(), Open: true, Log: log,
		OwnDomains: []string{"mine.example"},
	}
	n, err := Open(t.Context(), cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.Close()
	h.Close()
	cfg.Token = ""
	if n, err = Open(t.Context(), cfg, nil); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := exclusion.CommunityAssets{
		Domains: []string{"mine.example", "theirs.example"}, Networks: []netip.Prefix{office},
	}
	if diff := gocmp.Diff(
		want, *n.own.Load(), gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	); diff != "" {
		t.Error(diff)
	}
}

// A node that joins knows at once, before its first hello, what belongs to the
// community.
func TestOwnNamesComeWithTheInvitation(t *testing.T) {
	t.Parallel()
	h, err := hub.Open(
		t.Context(),
		hub.Config{
			Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Open: true,
			Log: slog.New(slog.DiscardHandler),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m, token, err := h.People().Invite(
		t.Context(), identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"},
	)
	if err != nil {
		t.Fatal(err)
	}
	office := netip.MustParsePrefix("203.0.113.0/24")
	if err := cmp.Or(
		h.Members().SetDomains(t.Context(), m.ID, []string{"theirs.example"}),
		h.Members().SetNetworks(t.Context(), []netip.Prefix{office}),
	); err != nil {
		t.Fatal(err)
	}
	n, err := Open(
		t.Context(),
		Config{Data: filepath.Join(t.TempDir(), "node"), Token: token, Share: release.Open(), Open: true, Log: h.Log()},
		h,
	)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := exclusion.CommunityAssets{Domains: []string{"theirs.example"}, Networks: []netip.Prefix{office}}
	if diff := gocmp.Diff(
		want, *n.own.Load(), gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	); diff != "" {
		t.Error(diff)
	}
}
