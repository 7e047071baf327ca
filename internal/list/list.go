// Package list is the one way in which meneki lists things: a typed description
// of what a list shows, how it can be narrowed and sorted, and what makes its
// order total. Pages, the API and downloads read the same description, page by
// page and by key, so that a row that comes in meanwhile neither repeats nor
// hides another. The SQL is made here from the description; it runs in the
// caller's transaction, so the store's scope decides what is listed.
package list

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// Spec describes a list of rows of type T. It is a plain value, made for each
// request: what differs by reader, such as the columns and sorts that they may
// have, is decided there.
type Spec[T any] struct {
	// What SQL reads. A list that is in memory has none of these; see Of.
	Select string   // columns, as store.Query reads them into T
	From   string   // tables with their aliases, joins included
	Scope  []string // aliases of the handled tables in From
	Where  []Cond   // what always holds

	Key     []Term[T] // what identifies a row; not null, unique together, never changes
	Sorts   []Sort[T] // the first is the default: the worst, or else the newest, first
	Filters []Filter[T]

	// What a page shows.
	Name    string // id of the list in its page, and of its live region
	Path    string // address of the page
	Caption i18n.Text
	Note    i18n.Text // below the caption
	Card    bool      // one of several cards of its page, so with its caption on screen
	All     i18n.Text // how the filter line's sentence begins: "all findings"
	Columns []Column[T]
	Row     func(T) web.Row // key, path and emphasis; the cells come from Columns
	Empty   *web.Empty      // when there is nothing at all
	NoMatch *web.Empty      // when a filter leaves nothing
	Dense   bool
}

// Column is one column of a list, on screen, in downloads, or both.
type Column[T any] struct {
	Key  string
	Text i18n.Text
	Role web.Role
	Sort string      // name of the Sort that its head chooses; empty: none
	Cell func(T) any // on screen, as web shows it; nil: in downloads only
	Data func(T) any // in downloads, exact; nil: as on screen
	// ScreenOnly leaves the column out of downloads.
	ScreenOnly bool
}

// Data returns a column that only downloads have.
func Data[T any](key string, text i18n.Text, of func(T) any) Column[T] {
	return Column[T]{Key: key, Text: text, Data: of}
}

// Figure is Data for numbers.
func Figure[T any](key string, text i18n.Text, of func(T) any) Column[T] {
	return Column[T]{Key: key, Text: text, Data: of, Role: web.RoleNum}
}

// The sizes of a page on screen, and of a download.
const (
	PageRows     = 50
	DownloadRows = 10_000
)

// Page is one page of a list.
type Page[T any] struct {
	Rows  []T
	Next  string // cursor of the next page; empty on the last
	Total int64  // how many there are on all pages; only if Ask.Count was set
	asked[T]
}
