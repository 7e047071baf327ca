package list

import (
	"slices"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Read returns a page of a list that is in the database.
func (s Spec[T]) Read(tx *store.Tx, ask Ask) (Page[T], error) {
	a, err := s.understand(ask)
	if err != nil {
		return Page[T]{}, err
	}
	conds := slices.Clone(s.Where)
	for _, f := range s.Filters {
		if v := a.values[f.Name]; v != "" && f.Where != nil {
			conds = append(conds, f.Where(v))
		}
	}
	a.limit = min(a.limit, DownloadRows)
	p := Page[T]{asked: a}
	if ask.Count {
		var q statement
		q.text("SELECT count(*) FROM " + s.From)
		q.where(s.Scope, conds)
		n, err := run[int64](tx, &q)
		if err != nil {
			return Page[T]{}, err
		}
		p.Total = n[0]
	}
	terms := s.terms(a.sort, a.back)
	if a.after != "" {
		at, err := s.place(a, func(key []any) (T, error) { return s.one(tx, key) })
		if err != nil {
			return Page[T]{}, err
		}
		conds = append(conds, behind(terms, at))
	}
	var q statement
	q.text("SELECT " + s.Select + " FROM " + s.From)
	q.where(s.Scope, conds)
	q.text(" ORDER BY " + order(terms))
	q.cond(Where(" LIMIT ?", a.limit+1))
	if p.Rows, err = run[T](tx, &q); err != nil {
		return Page[T]{}, err
	}
	s.cut(&p)
	return p, nil
}

// Through returns a page of a list that somebody else reads, by an index of their own.
// read is given what the filters are set to, the order, the values of the order's terms at
// the last row of the page before (nil on the first), and how many rows are wanted; it
// returns that many unless there are no more. Filters' Where and Match are not used.
func (s Spec[T]) Through(
	ask Ask, read func(values map[string]string, sort string, back bool, after []any, limit int) ([]T, error),
) (Page[T], error) {
	a, err := s.understand(ask)
	if err != nil {
		return Page[T]{}, err
	}
	a.limit = min(a.limit, DownloadRows)
	p := Page[T]{asked: a}
	var after []any
	if a.after != "" {
		name := a.sort.Name
		if a.back {
			name = "-" + name
		}
		if after, err = decode(a.after, name, s.terms(a.sort, a.back)); err != nil {
			return Page[T]{}, err
		}
	}
	if p.Rows, err = read(a.values, a.sort.Name, a.back, after, a.limit+1); err != nil {
		return Page[T]{}, err
	}
	s.cut(&p)
	return p, nil
}

// one returns the row with a key.
func (s Spec[T]) one(tx *store.Tx, key []any) (row T, err error) {
	conds := slices.Clone(s.Where)
	for i, k := range s.Key {
		conds = append(conds, Where(k.SQL+" = ?", key[i]))
	}
	var q statement
	q.text("SELECT " + s.Select + " FROM " + s.From)
	q.where(s.Scope, conds)
	rows, err := run[T](tx, &q)
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	return rows[0], nil
}

// cut leaves of a page that was read with one row more what it shows.
func (s Spec[T]) cut(p *Page[T]) {
	if len(p.Rows) > p.limit {
		p.Rows = p.Rows[:p.limit]
		p.Next = s.next(p.asked, p.Rows[p.limit-1])
	}
}

// Of returns a page of a list that is in memory as a whole. Filters match by
// Match and terms compare by Of; their SQL is not used.
func (s Spec[T]) Of(all []T, ask Ask) (Page[T], error) {
	a, err := s.understand(ask)
	if err != nil {
		return Page[T]{}, err
	}
	type item struct {
		row T
		at  []any
	}
	if a.file {
		a.limit = max(a.limit, len(all))
	}
	terms := s.terms(a.sort, a.back)
	var kept []item
	for _, row := range all {
		if s.matches(row, a) {
			kept = append(kept, item{row, values(terms, row)})
		}
	}
	compareAt := func(x, y []any) int {
		for i, t := range terms {
			if c := compare(x[i], y[i]); c != 0 {
				if t.Desc {
					return -c
				}
				return c
			}
		}
		return 0
	}
	slices.SortStableFunc(kept, func(x, y item) int { return compareAt(x.at, y.at) })
	p := Page[T]{asked: a, Total: int64(len(kept))}
	if a.after != "" {
		at, err := s.place(a, func(key []any) (row T, err error) {
			for _, row := range all {
				if slices.Equal(values(s.Key, row), key) {
					return row, nil
				}
			}
			return row, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
		})
		if err != nil {
			return Page[T]{}, err
		}
		first := slices.IndexFunc(kept, func(x item) bool { return compareAt(x.at, at) > 0 })
		if first < 0 {
			first = len(kept)
		}
		kept = kept[first:]
	}
	p.Rows = make([]T, 0, min(len(kept), a.limit+1))
	for _, x := range kept[:min(len(kept), a.limit+1)] {
		p.Rows = append(p.Rows, x.row)
	}
	s.cut(&p)
	return p, nil
}

func (s Spec[T]) matches(row T, a asked[T]) bool {
	for _, f := range s.Filters {
		if v := a.values[f.Name]; v != "" && f.Match != nil && !f.Match(row, v) {
			return false
		}
	}
	return true
}

// Body returns a page as the API answers it.
func Body[T, B any](p Page[T], of func(T) B) api.Page[B] {
	out := api.Page[B]{Items: make([]B, 0, len(p.Rows)), Next: p.Next}
	for _, row := range p.Rows {
		out.Items = append(out.Items, of(row))
	}
	return out
}
