// Package svg draws meneki's pictures on the server, in one style: thin axes,
// direct labels, colours only by CSS classes (so that light, dark and print are
// the style sheet's matter), a title that states the finding, and a table behind
// each. A picture is plain data; the same data in the same language gives the
// same bytes. Every text may come from an attacker and is escaped here.
package svg

import (
	"html/template"

	"github.com/meneki/meneki/internal/i18n"
)

// Picture is a chart: it is drawn in either language, and read as a table by
// people who cannot or do not want to look at it.
type Picture interface {
	// Caption states the finding as a short sentence; it is shown above the picture.
	Caption() i18n.Text
	// SVG draws it. The markup holds no style and no script, and no colour.
	SVG(l i18n.Lang) template.HTML
	// Table is the same data in rows.
	Table() Table
}

// Table is data in rows, for reading, CSV and JSON.
type Table struct {
	Name    i18n.Text // says what the rows are; also makes the file name of a download
	Columns []Column
	Rows    [][]any // string, i18n.Text, int, int64, float64, bool, time.Time, fmt.Stringer or nil
}

// Column is one column of a Table.
type Column struct {
	Key    string // name in JSON, "time", "count"
	Text   i18n.Text
	Number bool // right-aligned, tabular
}
