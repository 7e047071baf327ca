package svg

import (
	"html/template"
	"strconv"
	"strings"

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
	const cw, ch, gap, head = 132.0, 54.0, 4.0, 30.0
	p := pen{lang: l}
	m.Tactics = first(m.Tactics, maxTactics)
	deepest, most := 1, 0
	for _, t := range m.Tactics {
		deepest = max(deepest, len(first(t.Techniques, maxTechniques)))
		for _, c := range t.Techniques {
			most = max(most, c.Count)
		}
	}
	w, h := max(float64(len(m.Tactics))*(cw+gap)-gap, cw), head+float64(deepest)*(ch+gap)
	p.sized("matrix", w, h, p.in(m.Text), p.in(m.Note))
	for i, t := range m.Tactics {
		x := float64(i) * (cw + gap)
		p.label(p.in(t.Name), x+2, 18, (cw-6)/14.4, "start", "head")
		for k, c := range first(t.Techniques, maxTechniques) {
			y := head + float64(k)*(ch+gap)
			done := p.link(c.Path)
			p.tag("g", "class", "l"+strconv.Itoa(heat(c.Count, most)))
			p.text("title", c.ID+" "+c.Name+" "+p.count(m.Unit, c.Count))
			p.leaf("rect", "x", num(x), "y", num(y), "width", num(cw), "height", num(ch), "rx", "5")
			p.tag("text", "class", "name")
			parts, whole := byWord(c.Name, (cw-14)/12)
			for i, part := range parts {
				p.text("tspan", part, "x", num(x+8), "y", num(y+16+14*float64(i)))
			}
			if !whole {
				p.text("title", c.Name)
			}
			p.end("text")
			p.label(c.ID, x+8, y+47, 10, "start", "sub")
			if c.Count > 0 {
				p.text("text", group(float64(c.Count)), "class", "count",
					"x", num(x+cw-8), "y", num(y+47), "text-anchor", "end")
			}
			p.end("g")
			done()
		}
	}
	p.end("svg")
	return p.html()
}

// byWord breaks a name into at most two lines, between words only: ATT&CK's names
// are English in either language. whole is false if something was cut.
func byWord(s string, em float64) (lines []string, whole bool) {
	if s = strings.TrimSpace(s); Width(s) <= em {
		return []string{s}, true
	}
	at := 0
	for i, r := range s {
		if (r == ' ' || r == '/') && Width(s[:i+1]) <= em {
			at = i + 1
		}
	}
	if at == 0 {
		return []string{Cut(s, em)}, false
	}
	rest := strings.TrimSpace(s[at:])
	short := Cut(rest, em)
	return []string{strings.TrimSpace(s[:at]), short}, short == rest
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
