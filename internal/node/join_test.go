package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/wire"
)

// The answer to a node that joins is lost, or the node is killed before it has
// written it down. The same invitation lets it in when it comes again, and no other.
func TestJoinAnswerIsLost(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	h, err := hub.Open(
		t.Context(), hub.Config{Data: filepath.Join(t.TempDir(), "hub"), Listen: "127.0.0.1:0", Open: true, Log: log},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, token, err := h.People().Invite(
		t.Context(), identity.Operator("test"), identity.NewMember{Name: "Power", Sector: "power"},
	)
	if err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(t.TempDir(), "away.log")
	cfg := Config{Data: filepath.Join(t.TempDir(), "node"), Token: token, Share: release.Open(), Open: true, Log: log}
	secret, _, err := community.SplitToken(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	_, public, err := bus.KeepUserKey(filepath.Join(cfg.Data, "join.seed"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(t.Context(), wire.JoinRequest{Token: secret, PublicKey: public}); err != nil {
		t.Fatal(err) // this answer never arrives
	}
	other := cfg
	other.Data = filepath.Join(t.TempDir(), "thief")
	if n, err := Open(t.Context(), other, h); err == nil {
		n.Close()
		t.Fatal("another node got in with the used invitation")
	}
	cfg.Watch = []string{gone}
	if _, err := Open(t.Context(), cfg, h); !fault.Is(err, fault.NotFound) {
		t.Errorf("a path that is not there, at the first start: %v", err)
	}
	cfg.Watch = nil
	n, err := Open(t.Context(), cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if _, err := os.Stat(filepath.Join(cfg.Data, "join.seed")); err == nil {
		t.Error("the seed lies about although the enrolment has it")
	}
	// Started again in the moment of a rotation.
	cfg.Token, cfg.Watch = "", []string{gone}
	if n, err = Open(t.Context(), cfg, h); err != nil {
		t.Fatal(err)
	}
	n.Close()
}
