package list

import (
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/store"
)

// Cond is a condition in SQL. Each ? stands for one of the arguments, in order.
type Cond struct {
	SQL  string
	Args []any
}

// Where returns a condition.
func Where(sql string, args ...any) Cond { return Cond{sql, args} }

// Never returns the condition that no row meets.
func Never() Cond { return Cond{SQL: "1=0"} }

// In returns the condition that expr is one of values; none of them, none of the rows.
func In[V any](expr string, values []V) Cond {
	if len(values) == 0 {
		return Never()
	}
	c := Cond{SQL: expr + " IN (" + strings.Repeat("?,", len(values)-1) + "?)"}
	for _, v := range values {
		c.Args = append(c.Args, v)
	}
	return c
}

// All returns the condition that all of conds hold.
func All(conds ...Cond) Cond { return join(" AND ", "1=1", conds) }

// Any returns the condition that one of conds holds.
func Any(conds ...Cond) Cond { return join(" OR ", "1=0", conds) }

func join(op, none string, conds []Cond) Cond {
	if len(conds) == 0 {
		return Cond{SQL: none}
	}
	var out Cond
	parts := make([]string, len(conds))
	for i, c := range conds {
		parts[i] = c.SQL
		out.Args = append(out.Args, c.Args...)
	}
	out.SQL = "(" + strings.Join(parts, op) + ")"
	return out
}

// statement is SQL with its arguments, both growing.
type statement struct {
	b    strings.Builder
	args []any
}

func (s *statement) text(sql string) { s.b.WriteString(sql) }

// cond appends a condition with its arguments numbered.
func (s *statement) cond(c Cond) {
	rest := c.SQL
	for _, a := range c.Args {
		before, after, ok := strings.Cut(rest, "?")
		if !ok {
			break
		}
		s.args = append(s.args, a)
		s.text(before + "$" + strconv.Itoa(len(s.args)))
		rest = after
	}
	s.text(rest)
}

// where appends WHERE with all of the conditions.
func (s *statement) where(scope []string, conds []Cond) {
	op := " WHERE "
	for _, alias := range scope {
		s.text(op + "SCOPE(" + alias + ")")
		op = " AND "
	}
	for _, c := range conds {
		s.text(op)
		s.cond(c)
		op = " AND "
	}
}

// run reads the rows of the statement.
func run[T any](tx *store.Tx, s *statement) ([]T, error) {
	return store.Query[T](tx, s.b.String(), s.args...)
}
