package casework

import (
	"slices"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// What a case's page shows of each at first. A case may hold thousands, and what
// stands below must stay within reach; everything is one link away.
const (
	firstRows    = 25
	firstEntries = 50
)

// makeRoom leaves the gravest findings and the newest entries on the page, with links
// to all of them.
func (d *caseData) makeRoom(r *web.Request) {
	about := web.Subject{Page: web.Path("/cases/{0}", d.Number), Request: r}
	if about.Whole() {
		return
	}
	path := about.WholePath()
	all := func(n int, anchor string) *web.Link {
		return &web.Link{Text: i18n.T("Show all {0}", "全 {0} 件を表示").With(n), Path: path + anchor}
	}
	if len(d.Parts.Rows) > firstRows || len(d.Entries) > firstEntries || d.Panels.Cut() {
		d.Whole = path
	}
	if rows := d.Parts.Rows; len(rows) > firstRows {
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b web.Row) int { return gravity(b) - gravity(a) })
		d.Parts.Rows, d.Parts.All = rows[:firstRows], all(len(rows), "#parts")
		d.Parts.Note = i18n.T("The {0} gravest are shown.", "重要度の高い {0} 件を表示しています。").With(firstRows)
	}
	if n := len(d.Entries); n > firstEntries {
		d.Entries, d.Before = d.Entries[n-firstEntries:], all(n, "#timeline")
	}
}

// gravity is how grave the finding in a row is.
func gravity(r web.Row) int {
	if l, ok := r.Cells[0].(web.Level); ok {
		return levelSeverity(string(l))
	}
	return 0
}
