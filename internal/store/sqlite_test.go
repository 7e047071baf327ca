package store_test

import (
	"testing"

	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// What the promises of durability rest on must hold on every connection.
func TestPragmas(t *testing.T) {
	db := storetest.SQLite(t)
	ask := func(run func(store.Scope, func(*store.Tx) error) error, pragma string, want any) {
		t.Helper()
		err := run(sys, func(tx *store.Tx) (err error) {
			var got any
			switch want.(type) {
			case string:
				got, err = store.One[string](tx, "PRAGMA "+pragma)
			default:
				got, err = store.One[int](tx, "PRAGMA "+pragma)
			}
			if got != want {
				t.Errorf("%s = %v, want %v", pragma, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	write := func(s store.Scope, f func(*store.Tx) error) error { return db.Write(t.Context(), s, f) }
	read := func(s store.Scope, f func(*store.Tx) error) error { return db.Read(t.Context(), s, f) }
	ask(write, "journal_mode", "wal")
	ask(write, "synchronous", 2) // FULL
	ask(write, "foreign_keys", 1)
	ask(write, "busy_timeout", 10000)
	ask(read, "query_only", 1)
	ask(read, "busy_timeout", 10000)
}
