package store

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// copyFrom is the number of rows from which PostgreSQL's COPY is worth its set-up.
const copyFrom = 8

// Insert writes rows into table, all columns that T has. It is the fast way for
// many: several rows a statement on SQLite, COPY on PostgreSQL. One row that breaks a
// unique rule fails the whole transaction, as fault.Conflict.
func Insert[T any](tx *Tx, table string, rows []T) error {
	if err := tx.ready("insert into " + table); err != nil || len(rows) == 0 {
		return err
	}
	if !tx.write {
		return tx.fail(writeInRead())
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
		err = insertSome(tx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+")", rows, values)
	}
	if err != nil {
		return tx.fail(fmt.Errorf("insert into %s: %w", table, err))
	}
	return nil
}

func insertSome[T any](tx *Tx, into string, rows []T, values func(*T) ([]any, error)) error {
	for some := range slices.Chunk(rows, maxTogether) {
		list := make([][]any, len(some))
		for i := range some {
			var err error
			if list[i], err = values(&some[i]); err != nil {
				return err
			}
		}
		if err := tx.InsertTogether(into, list, ""); err != nil {
			return err
		}
	}
	return nil
}

// maxTogether is how many arguments one statement of InsertTogether has at most.
const maxTogether = 512

// InsertTogether writes rows, all of one length, with as few statements as it may:
// into is a statement up to VALUES, then is what follows the rows. Arguments are
// converted as those of Exec.
func (tx *Tx) InsertTogether(into string, rows [][]any, then string) error {
	_, err := tx.insertTogether(into, rows, then)
	return err
}

func (tx *Tx) insertTogether(into string, rows [][]any, then string) (inserted int64, err error) {
	for len(rows) > 0 {
		n := 1 // rows of this statement: a power of two, so that few statements are kept prepared
		for n*2 <= len(rows) && n*2*len(rows[0]) <= maxTogether {
			n *= 2
		}
		q := append(make([]byte, 0, 4<<10), into...)
		q = append(q, " VALUES "...)
		args := make([]any, 0, n*len(rows[0]))
		for i, row := range rows[:n] {
			if i > 0 {
				q = append(q, ',')
			}
			q = append(q, '(')
			for k, v := range row {
				if k > 0 {
					q = append(q, ',')
				}
				args = append(args, v)
				q = strconv.AppendInt(append(q, '$'), int64(len(args)), 10)
			}
			q = append(q, ')')
		}
		some, err := tx.Exec(string(append(append(q, ' '), then...)), args...)
		if err != nil {
			return 0, err
		}
		inserted += some
		rows = rows[n:]
	}
	return inserted, nil
}

// copyRows speaks COPY on the connection that the transaction is on.
func (tx *Tx) copyRows(table string, names []string, n int, row func(int) ([]any, error)) error {
	return tx.conn.Raw(func(dc any) error {
		_, err := dc.(*stdlib.Conn).Conn().CopyFrom(tx.ctx, pgx.Identifier{table}, names, pgx.CopyFromSlice(n, row))
		return err
	})
}
