package publish

import (
	"testing"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/wire"
)

// A hub that was restored from a backup counts lower than its members
// remember. It says so, and they take everything from the first.
func TestRestoredHub(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		h.inCase(t, "f1", "case-1")
		h.must(t, h.offer(t, "power", sharetest.Candidate("c1", "f1", sharetest.Domain("restored.example.net"),
			sharetest.Amber(policy.Community))))
		h.must(t, h.offer(t, "power", sharetest.Candidate("c2", "f1", sharetest.Domain("kept.example.net"),
			sharetest.Amber(policy.Community))))
		for after, want := range map[int64]int{0: 2, 1: 1, 2: 0, 900: 2} {
			a, err := h.Sync(t.Context(), "power", wire.SyncRequest{After: after, Limit: 10})
			h.must(t, err)
			if len(a.Objects) != want || a.Upto != 2 || a.Reset != (after > 2) {
				t.Errorf("after %d: %d objects up to %d, reset %v", after, len(a.Objects), a.Upto, a.Reset)
			}
		}

		// Restored from an older state, it has meanwhile counted beyond what the
		// member remembers: only the name of the count tells.
		a, err := h.Sync(t.Context(), "power", wire.SyncRequest{After: 1, Limit: 10})
		h.must(t, err)
		h.must(t, h.NewDeliveryRun(t.Context()))
		b, err := h.Sync(t.Context(), "power", wire.SyncRequest{After: 1, Limit: 10, Run: a.Run})
		h.must(t, err)
		if !b.Reset || len(b.Objects) != 2 || b.Run == a.Run || b.Run == "" {
			t.Errorf("after the restore: %+v", b)
		}
		c, err := h.Sync(t.Context(), "power", wire.SyncRequest{After: 1, Limit: 10, Run: b.Run})
		h.must(t, err)
		if c.Reset || len(c.Objects) != 1 || c.Run != b.Run {
			t.Errorf("and then: %+v", c)
		}
	})
}
