package casework

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/web"
)

// A case of many findings shows the gravest, and leads to all of them.
func TestRoom(t *testing.T) {
	fill := func() caseData {
		d := caseData{Number: "MNK-2026-0001"}
		for i := range 300 {
			level := web.Level("low")
			if i == 299 {
				level = "critical"
			}
			d.Parts.Rows = append(d.Parts.Rows, web.Row{Cells: []any{level}})
			d.Entries = append(d.Entries, web.Entry{Key: strings.Repeat("x", i)})
		}
		return d
	}
	d := fill()
	d.makeRoom(&web.Request{Request: httptest.NewRequest("GET", "/cases/MNK-2026-0001?as=city", nil)})
	if len(d.Parts.Rows) != firstRows || d.Parts.Rows[0].Cells[0] != web.Level("critical") {
		t.Errorf("%d rows, the first %v", len(d.Parts.Rows), d.Parts.Rows[0].Cells)
	}
	if d.Parts.All == nil || d.Parts.All.Path != "/cases/MNK-2026-0001?all=1&as=city#parts" {
		t.Errorf("all: %+v", d.Parts.All)
	}
	if len(d.Entries) != firstEntries || len(d.Entries[0].Key) != 300-firstEntries || d.Before == nil {
		t.Errorf("%d entries", len(d.Entries))
	}
	d = fill()
	d.makeRoom(&web.Request{Request: httptest.NewRequest("POST", "/cases/MNK-2026-0001/note", nil)})
	if d.Before.Path != "/cases/MNK-2026-0001?all=1#timeline" {
		t.Errorf("after a form: %s", d.Before.Path)
	}
	d = fill()
	d.makeRoom(&web.Request{Request: httptest.NewRequest("GET", "/cases/MNK-2026-0001?all=1", nil)})
	if len(d.Parts.Rows) != 300 || len(d.Entries) != 300 || d.Before != nil {
		t.Error("asked for all, and not all are shown")
	}
}
