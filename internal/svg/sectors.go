package svg

import (
	"html/template"
	"math"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// Sectors is a grid of tiles, one per sector, for communities without geography:
// name, severity, count and the last hours as a line.
type Sectors struct {
	Text  i18n.Text
	Note  i18n.Text
	Unit  i18n.Text // "{0} findings"
	Tiles []Sector
}

// Sector is one tile.
type Sector struct {
	Name   i18n.Text
	Sub    i18n.Text // "12 members"
	Count  int
	Sev    int       // 0 to 4; negative: not judged
	Values []float64 // oldest first; may be nil
	Path   string    // may be empty
}

// Caption states the finding.
func (s Sectors) Caption() i18n.Text { return s.Text }

// SVG draws the tiles, wide and for phones.
func (s Sectors) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	s.Tiles = first(s.Tiles, maxTiles)
	s.draw(&p, "sectors broad", 4, 720)
	s.draw(&p, "sectors tall", 2, 336)
	return p.html()
}

func (s Sectors) draw(p *pen, class string, cols int, w float64) {
	const gap, th = 8.0, 88.0
	rows := max(1, int(math.Ceil(float64(len(s.Tiles))/float64(cols))))
	tw := (w - gap*float64(cols-1)) / float64(cols)
	p.start(class, w, float64(rows)*(th+gap)-gap, p.in(s.Text), p.in(s.Note))
	defer p.end("svg")
	most, top := 0, 0.0
	for _, t := range s.Tiles {
		most = max(most, t.Count)
		for _, v := range t.Values {
			top = max(top, amount(v))
		}
	}
	if len(s.Tiles) == 0 {
		p.label(p.in(i18n.T("no sectors yet", "分野はまだありません")), w/2, th/2, 20, "middle", "none")
	}
	for i, t := range s.Tiles {
		x, y := float64(i%cols)*(tw+gap), float64(i/cols)*(th+gap)
		done := p.link(t.Path)
		p.tag("g", "class", "sector")
		p.text("title", p.in(t.Name)+" "+p.count(s.Unit, t.Count))
		p.leaf("rect", "class", "tile", "x", num(x+.5), "y", num(y+.5), "width", num(tw-1), "height", num(th-1), "rx",
			"9")
		p.label(p.in(t.Name), x+12, y+23, (tw-60)/13.5, "start", "name")
		if t.Sev >= 0 {
			n := clampSeverity(t.Sev)
			p.tag("g", "class", "glyph v"+strconv.Itoa(n),
				"transform", "translate("+num(x+tw-38)+" "+num(y+11)+") scale(.82)")
			p.shape(n)
			p.end("g")
			p.text("text", strconv.Itoa(n), "class", "sevn v"+strconv.Itoa(n),
				"x", num(x+tw-12), "y", num(y+23), "text-anchor", "end")
		}
		p.text("text", group(float64(t.Count)), "class", "count", "x", num(x+12), "y", num(y+55))
		p.label(p.in(t.Sub), x+12, y+76, (tw-24)/11.5, "start", "sub")
		if values := sampled(t.Values, maxPoints); len(values) > 1 && top > 0 {
			line := ""
			for k, v := range values {
				line += num(x+tw*0.44+float64(k)*(tw*0.56-14)/float64(len(values)-1)) + "," + num(y+57-v/top*24) + " "
			}
			p.leaf("polyline", "class", "line", "points", line[:len(line)-1])
		}
		p.end("g")
		done()
	}
}

// Table lists the sectors.
func (s Sectors) Table() Table {
	t := Table{Name: s.Text, Columns: []Column{
		{Key: "sector", Text: i18n.T("Sector", "分野")},
		{Key: "severity", Text: i18n.T("Severity", "深刻度"), Number: true},
		{Key: "count", Text: i18n.T("Count", "件数"), Number: true},
		{Key: "note", Text: i18n.T("Note", "備考")},
	}}
	for _, x := range s.Tiles {
		sev := any(nil)
		if x.Sev >= 0 {
			sev = clampSeverity(x.Sev)
		}
		t.Rows = append(t.Rows, []any{x.Name, sev, x.Count, x.Sub})
	}
	return t
}
