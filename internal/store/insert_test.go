package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// Rows that are written together are those that were given, however many, and what
// follows them is done for each.
func TestInsertTogether(t *testing.T) {
	type row struct {
		ID string `db:"id"`
		N  int64  `db:"n"`
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		if err := db.Migrate(ctx, things); err != nil {
			t.Fatal(err)
		}
		want := []row{}
		for _, n := range []int{0, 1, 2, 255, 256, 700} { // 256 rows of two go into one statement
			var rows [][]any
			for i := range n {
				rows = append(rows, []any{fmt.Sprintf("c%05d", i), i})
			}
			err := db.Write(ctx, sys, func(tx *store.Tx) error {
				return tx.InsertTogether(`INSERT INTO counter (id, n)`, rows,
					`ON CONFLICT (id) DO UPDATE SET n = counter.n + 1000`)
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if i < n {
					want[i].N += 1000
				}
			}
			for i := len(want); i < n; i++ {
				want = append(want, row{fmt.Sprintf("c%05d", i), int64(i)})
			}
			var got []row
			err = db.Read(ctx, sys, func(tx *store.Tx) (err error) {
				got, err = store.Query[row](tx, `SELECT id, n FROM counter ORDER BY id`)
				return err
			})
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatalf("after %d rows: %v %s", n, err, diff)
			}
		}
		err := db.Write(ctx, sys, func(tx *store.Tx) error {
			return tx.InsertTogether(`INSERT INTO counter (id, n)`, [][]any{{"new", 1}, {"c00000", 1}}, "")
		})
		if err == nil {
			t.Error("a row that is there already is written again")
		}
	})
}
