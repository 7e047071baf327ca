package history

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// Events are found by their ids wherever they lie, by time; what is not there is
// left out.
func TestNamed(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir()})
	sealed, live := samples(0, 300), samples(300, 320)
	put(t, h, sealed...)
	flush(t, h)
	put(t, h, live...)
	want := []*event.Event{sealed[7], sealed[250], live[3]}
	first, last := want[0].Time, want[0].Time
	for _, ev := range want {
		if ev.Time.Before(first) {
			first = ev.Time
		}
		if ev.Time.After(last) {
			last = ev.Time
		}
	}
	got, err := h.ByIDs(t.Context(), first, last, live[3].ID, "nobody", sealed[250].ID, sealed[7].ID, sealed[7].ID)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Time.Before(got[i-1].Time) {
			t.Error("not by time")
		}
	}
	seen := map[string]bool{}
	for _, ev := range got {
		seen[ev.ID] = true
	}
	for _, ev := range want {
		if !seen[ev.ID] {
			t.Errorf("%s is missing", ev.ID)
		}
	}
	if got, err := h.ByIDs(t.Context(), last.Add(1000*time.Hour), last.Add(1001*time.Hour), sealed[7].ID); err != nil ||
		len(got) != 0 {
		t.Errorf("outside of its time: %v, %v", got, err)
	}
}
