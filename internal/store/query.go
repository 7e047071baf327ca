package store

import (
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Query returns the rows of a statement. T is a struct whose fields have db tags,
// or one scalar column. Every column of the result needs a field; a field
// without a column stays zero. Fields convert as follows:
//
//	time.Time                BIGINT microseconds UTC; the zero time is 0
//	bool                     BOOLEAN
//	numbers, named or not    BIGINT, INTEGER, DOUBLE PRECISION; a uint64 keeps its 64 bits
//	string, named or not     TEXT; bytes that are no UTF-8, and NUL, become U+FFFD
//	[]byte                   BLOB (BYTEA on PostgreSQL)
//	policy.TLP               INTEGER
//	policy.Audience          TEXT, as Audience.Column writes it
//	`db:"x,json"`            anything, as JSON in TEXT
//	`db:",handling"`         a policy.Handling, in the columns tlp, owner, audience
//	netip.Addr and the like  TEXT, by encoding.TextMarshaler
//	a pointer                NULL when nil; NULL reads as zero in all others
func Query[T any](tx *Tx, query string, args ...any) ([]T, error) {
	out := []T{}
	for row, err := range Rows[T](tx, query, args...) {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// One returns the first row, or fault.NotFound if there is none; the transaction
// goes on then.
func One[T any](tx *Tx, query string, args ...any) (T, error) {
	for row, err := range Rows[T](tx, query, args...) {
		return row, err
	}
	var none T
	return none, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
}

// Rows is Query one row at a time, for results that need not fit in memory. No
// other statement may run on tx until the loop has ended. An error comes last.
func Rows[T any](tx *Tx, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		fail := func(err error) { yield(zero, tx.fail(err)) }
		if err := tx.ready(query); err != nil {
			yield(zero, err)
			return
		}
		p, err := tx.db.planOf(reflect.TypeFor[T]())
		if err != nil {
			fail(err)
			return
		}
		q, a, err := tx.prepare(query, args)
		if err != nil {
			fail(err)
			return
		}
		rows, err := tx.tx.QueryContext(tx.ctx, q, a...)
		if err != nil {
			fail(fmt.Errorf("query %q: %w", head(query), err))
			return
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			fail(err)
			return
		}
		cols, err := p.match(names, reflect.TypeFor[T]())
		if err != nil {
			fail(fmt.Errorf("query %q: %w", head(query), err))
			return
		}
		vals, ptrs := make([]any, len(names)), make([]any, len(names))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		for rows.Next() {
			if err := rows.Scan(ptrs...); err != nil {
				fail(fmt.Errorf("query %q: %w", head(query), err))
				return
			}
			var row T
			v := reflect.ValueOf(&row).Elem()
			for i, c := range cols {
				if err := decode(vals[i], v.FieldByIndex(c.index), c.json); err != nil {
					fail(fmt.Errorf("query %q: column %s: %w", head(query), names[i], err))
					return
				}
			}
			if p.scalar {
				if err := decode(vals[0], v, false); err != nil {
					fail(fmt.Errorf("query %q: column %s: %w", head(query), names[0], err))
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			fail(fmt.Errorf("query %q: %w", head(query), err))
		}
	}
}

// match finds the field of each column of a result.
func (p *plan) match(names []string, t reflect.Type) ([]column, error) {
	if p.scalar {
		if len(names) != 1 {
			return nil, fmt.Errorf("store: %d columns do not fit one %s", len(names), t)
		}
		return nil, nil
	}
	cols := make([]column, len(names))
	for i, n := range names {
		at, ok := p.byName[strings.ToLower(n)]
		if !ok {
			return nil, fmt.Errorf("store: the column %s has no field in %s", n, t)
		}
		cols[i] = p.cols[at]
	}
	return cols, nil
}

// List makes "($3,$4)" and its arguments out of values, for IN; next is the
// number of the first free placeholder. No values make "(NULL)", which nothing
// is in.
func List[T any](next int, values []T) (sql string, args []any) {
	if len(values) == 0 {
		return "(NULL)", nil
	}
	var b strings.Builder
	for i, v := range values {
		b.WriteByte(",("[btoi(i == 0)])
		b.WriteString("$" + strconv.Itoa(next+i))
		args = append(args, v)
	}
	return b.String() + ")", args
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
