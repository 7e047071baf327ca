package identity_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/identity"
)

func TestOnline(t *testing.T) {
	now, _ := clock.Fixed(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	changes := 0
	s := identity.NewDirectory(identity.New(nil, now), now, slog.New(slog.DiscardHandler), func() { changes++ })
	s.SetOnline("b", true)
	s.SetOnline("a", true)
	s.SetOnline("a", true)
	s.SetOnline("c", true)
	s.SetOnline("c", false)
	if diff := cmp.Diff([]string{"a", "b"}, s.OnlineMembers()); diff != "" || changes != 4 || s.Online("c") ||
		!s.Online("a") {
		t.Errorf("%s changed %d times", diff, changes)
	}
}
