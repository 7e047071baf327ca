package svg

import (
	"html/template"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// Matrix shows which techniques were seen, by tactic, in the manner of MITRE
// ATT&CK: a column per tactic, a cell per technique, darker where more was seen.
type Matrix struct {
	Text    i18n.Text
	Note    i18n.Text
	Unit    i18n.Text // "{0} findings"
	Tactics []Tactic
}

// Tactic is one column.
type Tactic struct {
	Name       i18n.Text
	Techniques []Technique
}

// Technique is one cell.
type Technique struct {
	ID, Name string // "T1059.001", "PowerShell"
	Count    int
	Path     string // may be empty
}

// Caption states the finding.
func (m Matrix) Caption() i18n.Text { return m.Text }

// SVG draws the matrix. A page lets it scroll.
func (m Matrix) SVG(l i18n.Lang) template.HTML {
	const cw, ch, gap, head = 132.0, 40.0, 4.0, 30.0
	p := pen{lang: l}
	deepest, most := 1, 0
	for _, t := range m.Tactics {
		deepest = max(deepest, len(t.Techniques))
		for _, c := range t.Techniques {
			most = max(most, c.Count)
		}
	}
	p.sized("matrix", max(float64(len(m.Tactics))*(cw+gap)-gap, cw), head+float64(deepest)*(ch+gap), p.in(m.Text), p.in(m.Note))
	for i, t := range m.Tactics {
		x := float64(i) * (cw + gap)
		p.label(p.in(t.Name), x+2, 18, cw/12.2, "start", "head")
		for k, c := range t.Techniques {
			y := head + float64(k)*(ch+gap)
			done := p.link(c.Path)
			p.tag("g", "class", "l"+strconv.Itoa(heat(c.Count, most)))
			p.text("title", c.ID+" "+c.Name+" "+p.count(m.Unit, c.Count))
			p.leaf("rect", "x", num(x), "y", num(y), "width", num(cw), "height", num(ch), "rx", "5")
			p.label(c.Name, x+8, y+17, (cw-18)/12.6, "start", "name")
			p.label(c.ID, x+8, y+33, 10, "start", "sub")
			if c.Count > 0 {
				p.text("text", group(float64(c.Count)), "class", "count", "x", num(x+cw-8), "y", num(y+33), "text-anchor", "end")
			}
			p.end("g")
			done()
		}
	}
	p.end("svg")
	return p.html()
}

// Table lists the techniques.
func (m Matrix) Table() Table {
	t := Table{Name: m.Text, Columns: []Column{
		{Key: "tactic", Text: i18n.T("Tactic", "戦術")},
		{Key: "id", Text: i18n.T("Id", "番号")},
		{Key: "technique", Text: i18n.T("Technique", "手法")},
		{Key: "count", Text: i18n.T("Count", "件数"), Number: true},
	}}
	for _, x := range m.Tactics {
		for _, c := range x.Techniques {
			t.Rows = append(t.Rows, []any{x.Name, c.ID, c.Name, c.Count})
		}
	}
	return t
}
