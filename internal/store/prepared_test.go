package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// Statements are kept over transactions: they must not keep what they were given,
// see old tables, or be run while they are read from.
func TestStatementsAreKept(t *testing.T) {
	db := storetest.SQLite(t)
	sys := store.System("test")
	write := func(fn func(*store.Tx) error) {
		t.Helper()
		if err := db.Write(t.Context(), sys, fn); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(tx *store.Tx, query string, args ...any) error {
		_, err := tx.Exec(query, args...)
		return err
	}
	write(func(tx *store.Tx) error { return exec(tx, `CREATE TABLE kept (a BIGINT, b TEXT)`) })
	for i := range 50 {
		write(func(tx *store.Tx) error {
			return exec(tx, `INSERT INTO kept (a, b) VALUES ($1, $2)`, i, fmt.Sprint("b", i))
		})
	}
	const all = `SELECT a FROM kept ORDER BY a`
	write(func(tx *store.Tx) error {
		// The same statement while its own rows are open, and one that stops half-way.
		n := 0
		for a, err := range store.Rows[int64](tx, all) {
			if err != nil {
				return err
			}
			if n++; n == 3 && a != 2 {
				t.Errorf("row 3 is %d", a)
			}
			if n == 10 {
				break
			}
		}
		list, err := store.Query[int64](tx, all)
		if err != nil || len(list) != 50 {
			t.Errorf("%d rows, %v", len(list), err)
		}
		return nil
	})
	// A column more: kept statements see it.
	type row struct {
		A int64  `db:"a"`
		B string `db:"b"`
		C string `db:"c"`
	}
	const one = `SELECT * FROM kept WHERE a = $1`
	write(func(tx *store.Tx) error {
		_, err := store.Query[struct {
			A int64  `db:"a"`
			B string `db:"b"`
		}](tx, one, 7)
		return err
	})
	write(func(tx *store.Tx) error { return exec(tx, `ALTER TABLE kept ADD COLUMN c TEXT NOT NULL DEFAULT 'new'`) })
	write(func(tx *store.Tx) error {
		got, err := store.Query[row](tx, one, 7)
		if err != nil || len(got) != 1 || got[0] != (row{7, "b7", "new"}) {
			t.Errorf("%v, %v", got, err)
		}
		return nil
	})
	// One that failed works the next time.
	write(func(tx *store.Tx) error { return exec(tx, `CREATE UNIQUE INDEX kept_a ON kept (a)`) })
	const insert = `INSERT INTO kept (a, b) VALUES ($1, $2)`
	if err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return exec(tx, insert, 7, "twice") }); err == nil {
		t.Error("a row that is there twice")
	}
	write(func(tx *store.Tx) error { return exec(tx, insert, 77, "once") })
	// More statements than are kept.
	write(func(tx *store.Tx) error {
		for i := range 1000 {
			n, err := store.One[int64](tx, fmt.Sprintf(`SELECT count(*) + %d FROM kept`, i))
			if err != nil || n != int64(51+i) {
				return fmt.Errorf("statement %d gives %d: %w", i, n, err)
			}
		}
		long := `SELECT count(*) FROM kept WHERE a IN (` + strings.Repeat("1, ", 4000) + `2)`
		n, err := store.One[int64](tx, long)
		if err != nil || n != 2 {
			return fmt.Errorf("a long statement gives %d: %w", n, err)
		}
		return nil
	})
}

func TestInOrder(t *testing.T) {
	for text, want := range map[string]string{
		``:                                      ``,
		`SELECT 1`:                              `SELECT 1`,
		`INSERT INTO t (a, b) VALUES ($1,$2)`:   `INSERT INTO t (a, b) VALUES (?,?)`,
		`UPDATE t SET a = '$1', b = $1 -- $2`:   `UPDATE t SET a = '$1', b = ? -- $2`,
		`UPDATE t SET a = $2 WHERE b = $1`:      `UPDATE t SET a = $2 WHERE b = $1`,
		`SELECT $1 WHERE a = $2 AND b = $1`:     `SELECT $1 WHERE a = $2 AND b = $1`,
		`SELECT $1, $2 LIMIT $3`:                `SELECT ?, ? LIMIT ?`,
		`SELECT a$1 FROM t WHERE "$1" = $1`:     `SELECT a$1 FROM t WHERE "$1" = ?`,
		`SELECT 1 WHERE a IN ($1,$2,$4)`:        `SELECT 1 WHERE a IN ($1,$2,$4)`,
		`SELECT 1 WHERE a = ? AND b IN ($1,$2)`: `SELECT 1 WHERE a = ? AND b IN ($1,$2)`,
	} {
		if got := store.InOrder(text); got != want {
			t.Errorf("%s becomes %s", text, got)
		}
	}
}
