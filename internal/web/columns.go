package web

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// hideParam is the query value that names the columns a reader does not want:
// "cases.due,cases.next". It is in the address, so a link shows the same view.
const hideParam = "hide"

// columnChoice is one column of a list that may be shown or not.
type columnChoice struct {
	Text i18n.Text
	On   bool
	Path string // of the page with the other choice
}

// listData is the dot of ui/list.
type listData struct {
	List
	Choices []columnChoice
}

// Chosen reports whether a column is hidden, so that the choice of columns is shown open.
func (d listData) Chosen() bool {
	return slices.ContainsFunc(d.Choices, func(c columnChoice) bool { return !c.On })
}

// hidden lists what the address hides, as it is written there.
func (st *stage) hidden() (out []string) {
	for _, s := range strings.Split(st.r.URL.Query().Get(hideParam), ",") {
		if s != "" && len(out) < 50 {
			out = append(out, s)
		}
	}
	return out
}

// shown returns a list without the columns that the reader has put away. What the
// row is and its marking stay. Files have all columns.
func (st *stage) shown(l List) List {
	away := st.hidden()
	drop := func(i int) bool { return l.Columns[i].choosable() && slices.Contains(away, l.ID+"."+l.Columns[i].Key) }
	keep := make([]int, 0, len(l.Columns))
	for i := range l.Columns {
		if !drop(i) {
			keep = append(keep, i)
		}
	}
	if len(keep) == len(l.Columns) {
		return l
	}
	cols := make([]ListColumn, len(keep))
	for j, i := range keep {
		cols[j] = l.Columns[i]
	}
	rows := slices.Clone(l.Rows)
	for r := range rows {
		cells := make([]any, 0, len(keep))
		for _, i := range keep {
			if i < len(rows[r].Cells) {
				cells = append(cells, rows[r].Cells[i])
			}
		}
		rows[r].Cells = cells
	}
	l.Columns, l.Rows = cols, rows
	return l
}

func (c ListColumn) choosable() bool {
	return c.Role != RoleMain && c.Role != RoleMark && c.Key != "" && !c.Text.Zero()
}

// columns are the choices of a list that is worth it: one with a filter, that
// has rows and three columns or more beside what the row is.
func (st *stage) columns(l List) (out []columnChoice) {
	if l.Filter == nil || len(l.Rows) == 0 {
		return nil
	}
	away := st.hidden()
	for _, c := range l.Columns {
		if !c.choosable() {
			continue
		}
		name := l.ID + "." + c.Key
		rest := slices.DeleteFunc(slices.Clone(away), func(s string) bool { return s == name })
		on := len(rest) == len(away)
		if on {
			rest = append(rest, name)
		}
		out = append(out, columnChoice{c.Text, on, st.r.With(hideParam, strings.Join(rest, ","))})
	}
	if len(out) < 3 {
		return nil
	}
	return out
}
