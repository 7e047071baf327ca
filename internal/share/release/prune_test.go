package release

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// What was sent is forgotten in the end; what waits for a person or for the
// wire never is.
func TestPruneSent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			for i, state := range []string{StateSent, StateHeld, StateFailed, StateReady, StateWaiting} {
				for age, at := range map[string]time.Time{
					"old": sharetest.Start.Add(-24 * time.Hour), "new": sharetest.Start.Add(time.Hour),
				} {
					if _, err := tx.Exec(
						`INSERT INTO outgoing (kind, id, rev, state, level, title, body, at, decided, by_user, sent,
							reason, tlp, owner, audience) VALUES ('finding',$1,1,$2,'','','{}',$3,0,'',0,'',$4,'','')`,
						state+age, state, clock.Micros(at), i%4+1,
					); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err == nil {
			err = Prune(t.Context(), db, sharetest.Start)
		}
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
			for state, want := range map[string]int64{
				StateSent: 1, StateHeld: 1, StateFailed: 1, StateReady: 2, StateWaiting: 2,
			} {
				if n, err := Count(tx, state); err != nil || n != want {
					t.Errorf("%s: %d are left, want %d (%v)", state, n, want, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}, storetest.With(indicator.Migration(), Migration()))
}
