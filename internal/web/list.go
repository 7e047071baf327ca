package web

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

// List is a table of things on screen: sticky head, a filter line that lives in
// the address, keyset paging, and on phones each row as a card. It is a live
// region under its ID: when the page is fetched again, new rows come in marked,
// or wait behind "3 new, show" where a hand is about to click.
type List struct {
	ID      string    // of the element; unique on the page, "cases"
	Caption i18n.Text // what the rows are; shown as the card's title unless Bare
	Note    i18n.Text // below the caption
	All     *Link     // way to the whole list, at the card's right edge
	Count   Count
	Columns []ListColumn
	Rows    []Row
	Filter  *Filter
	Empty   *Empty
	Pager   Pager
	Bare    bool // without its title on screen, where the page is the list
	Dense   bool // lower rows
	Select  *Select
}

// Select lets rows be ticked, by hand or with the key x, and says what can be done with
// them. It is a form of its own below the table: each ticked row's key is a value "id".
type Select struct {
	Path   string // of the action
	Fields []Field
	Do     []Option // buttons, named "do"
}

// Count is how many things there are in all. Zero value: not shown.
type Count struct {
	N     int64
	About bool // an estimate, and said so
	Known bool
}

// Exactly is an exact count.
func Exactly(n int64) Count { return Count{N: n, Known: true} }

// About is an estimated count.
func About(n int64) Count { return Count{N: n, About: true, Known: true} }

// ListColumn is a column of a List.
type ListColumn struct {
	Key  string
	Text i18n.Text
	Role Role
	Sort string // value of ?sort= that its head leads to; empty: it cannot be sorted by
	// Order says that the list is sorted by this column, and which way.
	Order Order
}

// Order is the direction of a sorted column, in the words of ARIA.
type Order string

// The directions.
const (
	Ascending  Order = "ascending"
	Descending Order = "descending"
)

// Role is what a column is for; it decides its width, and its place in the card
// that a row becomes on phones.
type Role string

// The roles of columns.
const (
	RolePlain Role = ""     // below, with its name
	RoleSev   Role = "sev"  // a severity or level: first, narrow
	RoleMain  Role = "main" // what it is: the card's title
	RoleNum   Role = "num"  // a number or deadline: at the right
	RoleMark  Role = "mark" // the marking: below the title
	RoleNote  Role = "note" // a sentence: below everything
	RoleTime  Role = "time" // a time: does not wrap
	RoleWide  Role = "desk" // only where there is room
)

// Row is one line of a List. Cells are values that show takes, one per column.
type Row struct {
	Key   string // stays the same when the page is fetched again
	Path  string // Enter on the row opens it
	Cells []any
	Hot   bool // someone is needed now
	Dim   bool // done, withdrawn
}

// Pager leads to the pages before and after, by key and never by number, so
// that rows that come in meanwhile neither repeat nor hide others. Use
// Request.With("after", key).
type Pager struct{ First, Prev, Next string }

// Filter is the line above a list. It is a GET form, so its state is in the
// address and can be sent as a link.
type Filter struct {
	Path   string // of the page
	Say    any    // the filter as a sentence: "open cases of sector energy, newest first"
	Query  string // free text, name "q"
	Ask    i18n.Text
	Fields []Choice
	Clear  string    // path without filter; empty if there is none
	Total  Count     // shown with the sentence; a bare List shows its own
	Do     i18n.Text // what the button does; empty: it narrows
	Keep   []Hidden
}

// Choice is one thing to choose in a Filter.
type Choice struct {
	Name    string
	Text    i18n.Text
	Options []Option
}

// Option is one of several values.
type Option struct {
	Value string
	Text  any // string or i18n.Text
	On    bool
}

// Table returns the list as data, for View.CSV. Values become plain: what is
// defanged on screen is exact here.
func (l List) Table() *Table {
	t := &Table{Name: l.Caption}
	for _, c := range l.Columns {
		t.Columns = append(t.Columns, svg.Column{Key: c.Key, Text: c.Text, Number: c.Role == RoleNum})
	}
	for _, r := range l.Rows {
		t.Rows = append(t.Rows, r.Cells)
	}
	return t
}
