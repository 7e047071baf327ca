package svg

import (
	"html/template"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Spark is a line as small as a word: the shape of a few values over time, for
// a row of a table.
type Spark struct {
	Text   i18n.Text // what it shows, for screen readers
	Values []float64 // oldest first; negative values count as 0
	Top    float64   // value at the upper edge, so that rows compare; 0 takes the greatest of Values
}

// Caption says what the line shows.
func (s Spark) Caption() i18n.Text { return s.Text }

// SVG draws the line.
func (s Spark) SVG(l i18n.Lang) template.HTML {
	const w, h, pad = 156.0, 30.0, 3.0
	p := pen{lang: l}
	p.start("spark", w, h, p.in(s.Text), "")
	top, values := amount(s.Top), sampled(s.Values, maxPoints)
	for _, v := range values {
		top = max(top, v)
	}
	if n := len(values); n > 0 {
		step := 0.0
		if n > 1 {
			step = (w - 2*pad) / float64(n-1)
		}
		at := func(i int) (x, y float64) {
			y = h - pad
			if top > 0 {
				y -= values[i] / top * (h - 2*pad)
			}
			return pad + float64(i)*step, y
		}
		var line strings.Builder
		for i := range values {
			x, y := at(i)
			if i > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(num(x) + "," + num(y))
		}
		x, y := at(n - 1)
		p.leaf("polygon", "class", "area",
			"points", num(pad)+","+num(h-pad)+" "+line.String()+" "+num(x)+","+num(h-pad))
		p.leaf("polyline", "class", "line", "points", line.String())
		p.leaf("circle", "class", "end", "cx", num(x), "cy", num(y), "r", "2.6")
	}
	p.end("svg")
	return p.html()
}

// Table lists the values, oldest first.
func (s Spark) Table() Table {
	t := Table{Name: s.Text, Columns: []Column{
		{Key: "n", Text: i18n.T("No.", "番号"), Number: true},
		{Key: "value", Text: i18n.T("Value", "値"), Number: true},
	}}
	for i, v := range s.Values {
		t.Rows = append(t.Rows, []any{strconv.Itoa(i + 1), amount(v)})
	}
	return t
}
