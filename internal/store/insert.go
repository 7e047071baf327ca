package store

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// copyFrom is the number of rows from which PostgreSQL's COPY is worth its set-up.
const copyFrom = 8

// Insert writes rows into table, all columns that T has. It is the fast way for
// many: a prepared statement on SQLite, COPY on PostgreSQL. One row that breaks a
// unique rule fails the whole transaction, as fault.Conflict.
func Insert[T any](tx *Tx, table string, rows []T) error {
	if err := tx.ready("insert into " + table); err != nil || len(rows) == 0 {
		return err
	}
	if !tx.write {
		return tx.fail(fault.New(fault.Internal, i18n.T("a statement that writes was run in a Read", "読み取り専用の処理で書き込みが行われました")))
	}
	p, err := tx.db.planOf(reflect.TypeFor[T]())
	if err == nil && p.scalar {
		err = fmt.Errorf("store: %s is no struct with db tags", reflect.TypeFor[T]())
	}
	if err != nil {
		return tx.fail(err)
	}
	names := make([]string, len(p.cols))
	for i, c := range p.cols {
		names[i] = c.name
	}
	values := func(row *T) ([]any, error) {
		v := reflect.ValueOf(row).Elem()
		out := make([]any, len(p.cols))
		for i, c := range p.cols {
			var err error
			if out[i], err = encode(v.FieldByIndex(c.index), c.json); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.name, err)
			}
		}
		return out, nil
	}
	if tx.db.engine == Postgres && len(rows) >= copyFrom {
		err = tx.copyRows(table, names, len(rows), func(i int) ([]any, error) { return values(&rows[i]) })
	} else {
		err = insertLoop(tx, table, names, rows, values)
	}
	if err != nil {
		return tx.fail(fmt.Errorf("insert into %s: %w", table, err))
	}
	return nil
}

func insertLoop[T any](tx *Tx, table string, names []string, rows []T, values func(*T) ([]any, error)) error {
	marks := make([]string, len(names))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	stmt, err := tx.tx.PrepareContext(tx.ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i := range rows {
		v, err := values(&rows[i])
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(tx.ctx, v...); err != nil {
			return err
		}
	}
	return nil
}

// copyRows speaks COPY on the connection that the transaction is on.
func (tx *Tx) copyRows(table string, names []string, n int, row func(int) ([]any, error)) error {
	return tx.conn.Raw(func(dc any) error {
		_, err := dc.(*stdlib.Conn).Conn().CopyFrom(tx.ctx, pgx.Identifier{table}, names, pgx.CopyFromSlice(n, row))
		return err
	})
}
