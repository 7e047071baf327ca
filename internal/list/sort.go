package list

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// Sort is one order of a list. A reader chooses it with ?sort=NAME, and its
// reverse with ?sort=-NAME.
type Sort[T any] struct {
	Name string
	Text i18n.Text // in the filter line's sentence: "worst first"
	Back i18n.Text // the same for the reverse: "least severe first"
	By   []Term[T]
	// KeyOnly makes cursors that hold the row's key alone, and look its place up: for
	// an order in which no row moves, and for one whose terms a reader must not learn.
	KeyOnly bool
}

// Term is an expression that rows are sorted or identified by.
type Term[T any] struct {
	SQL  string      // not null
	Of   func(T) any // its value: whole number, text, bool, float64 or time.Time
	Desc bool
}

// Rank returns the term of a column that holds one of values, which are given from
// the lowest to the highest; others rank below all of them.
func Rank[T any](column string, of func(T) string, values ...string) Term[T] {
	sql := "CASE " + column
	for i, v := range values {
		sql += " WHEN '" + strings.ReplaceAll(v, "'", "''") + "' THEN " + strconv.Itoa(i)
	}
	return Term[T]{SQL: sql + " ELSE -1 END", Of: func(row T) any { return slices.Index(values, of(row)) }}
}

// ByLevel returns the term of a column that holds one of web.Levels, the worst first.
func ByLevel[T any](column string, of func(T) string) Term[T] {
	t := Rank(column, of, web.Levels()...)
	t.Desc = true
	return t
}

// kind is what a term's values are, as they are compared and put into cursors.
type kind uint8

const (
	kindText kind = iota
	kindInt
	kindFloat
	kindBool
)

// plain returns a value as SQL and comparison take it: int64, float64, bool or string.
func plain(v any) any {
	if t, ok := v.(time.Time); ok {
		return clock.Micros(t)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(r.Uint())
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.Bool:
		return r.Bool()
	case reflect.String:
		return r.String()
	}
	panic("list: a term of " + reflect.TypeOf(v).String())
}

func kindOf(v any) kind {
	switch plain(v).(type) {
	case int64:
		return kindInt
	case float64:
		return kindFloat
	case bool:
		return kindBool
	}
	return kindText
}

func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		return cmp.Compare(btoi(a), btoi(b.(bool)))
	case string:
		return strings.Compare(a, b.(string))
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// terms returns the terms of a total order: those of the sort, then the key.
// The key goes the way of the last term before it, so that an order of one
// direction stays one of one direction, which an index can follow.
func (s Spec[T]) terms(sort Sort[T], back bool) []Term[T] {
	out := make([]Term[T], 0, len(sort.By)+len(s.Key))
	out = append(out, sort.By...)
	for _, k := range s.Key {
		if len(sort.By) > 0 {
			k.Desc = sort.By[len(sort.By)-1].Desc
		}
		out = append(out, k)
	}
	for i := range out {
		out[i].Desc = out[i].Desc != back
	}
	return out
}

func values[T any](terms []Term[T], row T) []any {
	out := make([]any, len(terms))
	for i, t := range terms {
		out[i] = plain(t.Of(row))
	}
	return out
}

// order returns the list of ORDER BY.
func order[T any](terms []Term[T]) string {
	parts := make([]string, len(terms))
	for i, t := range terms {
		parts[i] = t.SQL
		if t.Desc {
			parts[i] += " DESC"
		}
	}
	return strings.Join(parts, ", ")
}

// behind returns the condition that a row comes after the one with the values.
func behind[T any](terms []Term[T], at []any) Cond {
	for _, t := range terms {
		if t.Desc != terms[0].Desc {
			return behindMixed(terms, at)
		}
	}
	names := make([]string, len(terms))
	for i, t := range terms {
		names[i] = t.SQL
	}
	marks := strings.Repeat("?, ", len(terms)-1) + "?"
	return Cond{"(" + strings.Join(names, ", ") + ")" + after(terms[0]) + "(" + marks + ")", at}
}

// behindMixed is behind for an order of both directions, which row values cannot say.
func behindMixed[T any](terms []Term[T], at []any) Cond {
	c := Where(terms[0].SQL+after(terms[0])+"?", at[0])
	if len(terms) == 1 {
		return c
	}
	return Any(c, All(Where(terms[0].SQL+" = ?", at[0]), behindMixed(terms[1:], at[1:])))
}

func after[T any](t Term[T]) string {
	if t.Desc {
		return " < "
	}
	return " > "
}
