package publish

import (
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// A member that joins gets every object once, page by page, also one that it may
// have only since it asked for the first page.
func TestJoinInPages(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		save := func(from, to int) {
			t.Helper()
			err := h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
				for i := from; i < to; i++ {
					_, row, err := h.build(sharetest.Candidate("c", "f",
						sharetest.Domain(fmt.Sprintf("h%d.example", i)), policy.Handling{TLP: policy.Green}),
						sharetest.Start)
					if err != nil {
						return err
					}
					if err := row.Save(tx); err != nil {
						return err
					}
				}
				return nil
			})
			h.must(t, err)
		}
		save(0, 250)
		seen := map[string]int{}
		ask := wire.SyncRequest{Limit: 100}
		pages := 0
		for more := true; more; pages++ {
			a, err := h.Sync(t.Context(), "power", ask)
			h.must(t, err)
			for i, o := range a.Objects {
				if seen[o.ID]++; o.Seq != ask.After+int64(i)+1 {
					t.Fatalf("object %d of a page after %d has number %d", i, ask.After, o.Seq)
				}
			}
			if pages == 0 {
				save(250, 260)
			}
			ask.After, ask.Run, more = a.Upto, a.Run, a.More
		}
		if len(seen) != 260 || pages > 4 {
			t.Errorf("%d objects in %d pages, want 260", len(seen), pages)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
	})
}
