package svg

import (
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Lines are amounts that change over time, one line per series, each named at its right
// end instead of in a legend.
type Lines struct {
	Text   i18n.Text
	Note   i18n.Text
	Unit   i18n.Text   // what is measured: "points"
	Steps  []i18n.Text // label of each point in time, oldest first; every few are shown
	Series []Series    // at most six differ in colour
	Top    float64     // amount at the upper edge, at least; 0 takes the greatest of the values
	Bound  *Bound      // a level that means something
	Mark   int         // the step that is marked, counted from 1; 0: none
	Marked i18n.Text   // what the mark says: "today"
}

// Bound is a level of an amount with a name, such as a threshold.
type Bound struct {
	Text i18n.Text
	At   float64
}

// Caption states the finding.
func (c Lines) Caption() i18n.Text { return c.Text }

// SVG draws the lines, wide and for phones.
func (c Lines) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	c = c.bounded()
	c.draw(&p, "lines broad", 720, 240, 150)
	c.draw(&p, "lines tall", 336, 220, 92)
	return p.html()
}

// Wide draws the lines once, for a file.
func (c Lines) Wide(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	c = c.bounded()
	c.draw(&p, "lines broad", 760, 300, 170)
	return p.html()
}

// bounded returns as many steps and series as are drawn.
func (c Lines) bounded() Lines {
	c.Steps = first(c.Steps, maxBuckets)
	series := first(c.Series, maxSeries)
	c.Series = make([]Series, len(series))
	for i, s := range series {
		s.Values = first(s.Values, len(c.Steps))
		c.Series[i] = s
	}
	return c
}

func (c Lines) draw(p *pen, class string, w, h, names float64) {
	const left, top, bottom = 38.0, 24.0, 26.0
	p.start(class, w, h, p.in(c.Text), p.in(c.Note))
	defer p.end("svg")
	greatest := amount(c.Top)
	for _, s := range c.Series {
		for i := range s.Values {
			greatest = max(greatest, s.at(i))
		}
	}
	axis := newAxis(greatest)
	right := w - names
	y := func(v float64) float64 { return h - bottom - min(v/axis.top(), 1)*(h-top-bottom) }
	for i := range axis.steps + 1 {
		v, class := axis.step*float64(i), "grid"
		if i == 0 {
			class = "ax"
		}
		p.leaf("line", "class", class, "x1", num(left), "y1", num(y(v)), "x2", num(right), "y2", num(y(v)))
		p.label(group(v), left-6, y(v)+4, 5, "end", "tick")
	}
	p.label(p.in(c.Unit), 2, 11, (w-8)/11, "start", "unit")
	n := len(c.Steps)
	if n == 0 {
		p.label(p.in(i18n.T("nothing yet", "まだありません")), (left+right)/2, h/2, 20, "middle", "none")
		return
	}
	step := (right - left) / float64(max(n-1, 1))
	x := func(i int) float64 { return left + step*float64(i) }
	every := max(1, int(math.Ceil(58/max(step, 1))))
	for i, label := range c.Steps {
		if i%every == 0 && (i == 0 || n-1-i >= every/2 || i == n-1) {
			p.label(p.in(label), x(i), h-8, 5*float64(min(every, 3)), "middle", "tick")
		}
	}
	if c.Bound != nil {
		at := y(amount(c.Bound.At))
		p.leaf("line", "class", "bound", "x1", num(left), "y1", num(at), "x2", num(right), "y2", num(at))
		p.label(p.in(c.Bound.Text), left+4, at-4, (right-left)/12, "start", "tick")
	}
	for k, s := range c.Series {
		var line strings.Builder
		for i := range s.Values {
			if i > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(num(x(i)) + "," + num(y(s.at(i))))
		}
		if len(s.Values) > 0 {
			p.leaf("polyline", "class", "line "+s.Tone.class(k), "points", line.String())
		}
	}
	if c.Mark > 0 && c.Mark <= n {
		at := x(c.Mark - 1)
		p.leaf("line", "class", "mark", "x1", num(at), "y1", num(top-4), "x2", num(at), "y2", num(h-bottom))
		anchor, off := "start", 4.0
		if at > (left+right)/2 {
			anchor, off = "end", -4
		}
		p.label(p.in(c.Marked), at+off, top+6, 14, anchor, "name")
		for k, s := range c.Series {
			if c.Mark <= len(s.Values) {
				p.leaf("circle", "class", "dot "+s.Tone.class(k), "cx", num(at), "cy", num(y(s.at(c.Mark-1))), "r", "4")
			}
		}
	}
	c.names(p, right+8, names-8, h-bottom, y)
}

// names writes each series' name beside where it ends, without overlap.
func (c Lines) names(p *pen, x, room, low float64, y func(float64) float64) {
	type label struct {
		y     float64
		class string
		name  string
	}
	var labels []label
	for k, s := range c.Series {
		labels = append(labels, label{y(s.at(len(s.Values) - 1)), s.Tone.class(k), p.in(s.Name)})
	}
	const line = 17.0
	slices.SortStableFunc(labels, func(a, b label) int {
		if a.y > b.y {
			return -1
		} else if a.y < b.y {
			return 1
		}
		return 0
	})
	for i := range labels {
		if i == 0 {
			labels[i].y = min(labels[i].y, low-4)
		} else {
			labels[i].y = min(labels[i].y, labels[i-1].y-line)
		}
	}
	for _, m := range labels {
		p.leaf("rect", "class", "key "+m.class, "x", num(x), "y", num(m.y-4.5), "width", "9", "height", "9", "rx", "2")
		p.label(m.name, x+14, m.y+4, (room-14)/12, "start", "name")
	}
}

// Table has one row per step.
func (c Lines) Table() Table {
	t := Table{Name: c.Text, Columns: []Column{{Key: "step", Text: i18n.T("When", "時点")}}}
	for i, s := range c.Series {
		t.Columns = append(t.Columns, Column{Key: seriesKey(i), Text: s.Name, Number: true})
	}
	for i, b := range c.Steps {
		row := []any{b}
		for _, s := range c.Series {
			if i >= len(s.Values) {
				row = append(row, nil)
				continue
			}
			row = append(row, math.Round(s.at(i)*10)/10)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
