package role

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Nothing is claimed by two modules: one of them would go without a word.
func TestCheck(t *testing.T) {
	none := func(context.Context) error { return nil }
	for claim, m := range map[string]Module{
		"module a":       {Name: "a"},
		"migration m":    {Migrations: []store.Migration{{Name: "m"}}},
		"request hello":  {Requests: map[string]bus.Handler{"hello": nil}},
		"intake finding": {Intake: map[wire.Kind]Intake{"finding": nil}},
		"job prune":      {Jobs: map[string]func(context.Context) error{"prune": none}},
		"gauge g":        {Gauges: []Gauge{{Name: "g"}}},
	} {
		other := m
		if m.Name == "" {
			m.Name, other.Name = "a", "b"
		}
		if err := Check([]Module{m, {Name: "c"}}); err != nil {
			t.Errorf("%s claimed once: %v", claim, err)
		}
		if err := Check([]Module{m, other}); err == nil || !strings.Contains(err.Error(), claim) {
			t.Errorf("%s claimed twice: %v", claim, err)
		}
	}
}

// Modules are loaded before the first starts, start in their order and close in the
// opposite one; the first that fails to start ends it, and each is closed whatever the others say.
func TestStartAndClose(t *testing.T) {
	var did []string
	bad := errors.New("bad")
	note := func(what string, err error) func(context.Context) error {
		return func(context.Context) error { did = append(did, what); return err }
	}
	end := func(what string, err error) func() error {
		return func() error { return note(what, err)(context.Background()) }
	}
	list := []Module{
		{Name: "a", Restored: note("restored a", nil), Start: note("start a", nil), Close: end("close a", bad)},
		{Name: "b", Load: note("load b", nil), Start: note("start b", bad), Close: end("close b", bad)},
		{Name: "c", Start: note("start c", nil)},
	}
	if err := Start(t.Context(), list, true); !errors.Is(err, bad) || !strings.Contains(err.Error(), "start b") {
		t.Errorf("start: %v", err)
	}
	if errs := Close(list); len(errs) != 2 {
		t.Errorf("close: %v", errs)
	}
	if want := []string{"load b", "restored a", "start a", "start b", "close b", "close a"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	did = nil
	list[1].Load = note("load b", bad)
	if err := Start(t.Context(), list, false); !errors.Is(err, bad) || !slices.Equal(did, []string{"load b"}) {
		t.Errorf("load: %v, %q", err, did)
	}
	did = nil
	if err := Start(t.Context(), list[:1], false); err != nil || !slices.Equal(did, []string{"start a"}) {
		t.Errorf("without a restored state: %v, %q", err, did)
	}
}
