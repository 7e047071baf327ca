package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

func TestMigrate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		v1 := migration("m", "0001_a.sql", "CREATE TABLE a (x BLOB, note TEXT DEFAULT 'a BLOB') -- BLOB\n;")
		v2 := migration("m", "0001_a.sql", "CREATE TABLE a (x BLOB, note TEXT DEFAULT 'a BLOB') -- BLOB\r\n;",
			"0002_b.sql", "syntax error", "0002_b.pg.sql", "CREATE TABLE b (e TEXT DEFAULT 'pg');",
			"0002_b.sqlite.sql", "CREATE TABLE b (e TEXT DEFAULT 'sqlite');")
		for _, m := range []store.Migration{v1, v1, v2, v2} {
			if err := db.Migrate(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		err := db.Write(ctx, sys, func(tx *store.Tx) error {
			if _, err := tx.Exec(`INSERT INTO b DEFAULT VALUES`); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO a (x) VALUES ($1)`, []byte{1}); err != nil {
				return err
			}
			e, err := store.One[string](tx, `SELECT e FROM b`)
			if want := map[store.Engine]string{store.SQLite: "sqlite", store.Postgres: "pg"}[db.Engine()]; e != want {
				t.Errorf("the %s variant ran on %v", e, db.Engine())
			}
			if note, _ := store.One[string](tx, `SELECT note FROM a`); note != "a BLOB" {
				t.Errorf("a string was rewritten: %q", note)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(ctx, v1); !fault.Is(err, fault.Newer) {
			t.Errorf("older program: %v", err)
		}
		edited := migration("m", "0001_a.sql", "CREATE TABLE a (x TEXT);", "0002_b.pg.sql", "x", "0002_b.sqlite.sql",
			"x")
		if err := db.Migrate(ctx, edited); !fault.Is(err, fault.Conflict) ||
			!strings.Contains(fault.TextOf(err).JA, "m/0001_a.sql") {
			t.Errorf("edited file: %v", err)
		}
		broken := migration("n", "0001_x.sql", "CREATE TABLE half (x TEXT); CREATE TABLE half (x TEXT);")
		if err := db.Migrate(ctx, broken); err == nil || !strings.Contains(err.Error(), "n/0001_x.sql") {
			t.Errorf("broken file: %v", err)
		}
		if err := db.Migrate(ctx, migration("n", "0001_x.sql", "CREATE TABLE half (x TEXT);")); err != nil {
			t.Errorf("a migration that failed left something: %v", err)
		}
		for _, bad := range []store.Migration{migration("e"), migration("e", "x.sql", ""),
			migration("e", "0001_a.sql", "", "1_b.sql", "")} {
			if err := db.Migrate(ctx, bad); err == nil {
				t.Errorf("%v: no error", bad.FS)
			}
		}
	})
}

func TestMigrateTogether(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := store.Open(t.Context(), store.Options{URL: url})
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if err := db.Migrate(t.Context(), things); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}
