package svg

import (
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// Columns are stacked bars over time, one part per series, each named at its
// right end instead of in a legend.
type Columns struct {
	Text    i18n.Text
	Note    i18n.Text
	Unit    i18n.Text   // what is counted: "findings per hour"
	Buckets []i18n.Text // label of each bar, oldest first; every few are shown, of many bars the newest
	Series  []Series    // at most six differ in colour; the order is from the bottom
	Open    bool        // the last bar is not complete yet
}

// Series is one part of each bar.
type Series struct {
	Name   i18n.Text
	Values []float64 // by bucket; missing and negative ones are 0
	Tone   Tone
}

// Tone is the colour of a series, by meaning.
type Tone uint8

// The tones. ToneAuto takes the next of the six neutral ones.
const (
	ToneAuto Tone = iota
	ToneSev0
	ToneSev1
	ToneSev2
	ToneSev3
	ToneSev4
)

func (t Tone) class(i int) string {
	if t >= ToneSev0 && t <= ToneSev4 {
		return "v" + strconv.Itoa(int(t-ToneSev0))
	}
	return "c" + strconv.Itoa(i%6)
}

// Caption states the finding.
func (c Columns) Caption() i18n.Text { return c.Text }

func (s Series) at(i int) float64 {
	if i < 0 || i >= len(s.Values) {
		return 0
	}
	return amount(s.Values[i])
}

func (c Columns) total(i int) float64 {
	sum := 0.0
	for _, s := range c.Series {
		sum += s.at(i)
	}
	return sum
}

// SVG draws the bars, wide and for phones.
func (c Columns) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	c = c.bounded()
	c.draw(&p, "columns broad", 720, 240, 112)
	c.draw(&p, "columns tall", 336, 210, 74)
	return p.html()
}

// bounded returns the newest bars and the first series, as many as are drawn.
func (c Columns) bounded() Columns {
	skip := max(len(c.Buckets)-maxBuckets, 0)
	c.Buckets = c.Buckets[skip:]
	series := first(c.Series, maxSeries)
	c.Series = make([]Series, len(series))
	for i, s := range series {
		s.Values = s.Values[min(skip, len(s.Values)):]
		c.Series[i] = s
	}
	return c
}

func (c Columns) draw(p *pen, class string, w, h, names float64) {
	const left, top, bottom = 34.0, 22.0, 24.0
	p.start(class, w, h, p.in(c.Text), p.in(c.Note))
	defer p.end("svg")
	n := len(c.Buckets)
	greatest := 0.0
	for i := range n {
		greatest = max(greatest, c.total(i))
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
	if n == 0 {
		p.label(p.in(i18n.T("nothing yet", "まだありません")), (left+right)/2, h/2, 20, "middle", "none")
		return
	}
	slot := (right - left) / float64(n)
	bar := min(slot*0.76, 44)
	every := max(1, int(math.Ceil(46/slot)))
	for i, label := range c.Buckets {
		x := left + slot*float64(i) + (slot-bar)/2
		p.tag("g", "class", openBar(c.Open && i == n-1))
		p.text("title", c.say(p, i))
		// The whole slot answers the pointer, not only the ink.
		p.leaf("rect", "class", "hit", "x", num(left+slot*float64(i)), "y", num(top),
			"width", num(slot), "height", num(h-top-bottom))
		base := 0.0
		for k, s := range c.Series {
			v := s.at(i)
			if v == 0 {
				continue
			}
			p.leaf("rect", "class", "bar "+s.Tone.class(k), "x", num(x), "y", num(y(base+v)),
				"width", num(bar), "height", num(max(y(base)-y(base+v)-0.8, 0.8)))
			base += v
		}
		p.end("g")
		if (n-1-i)%every == 0 {
			p.label(p.in(label), x+bar/2, h-7, 46/10.5*float64(every), "middle", "tick")
		}
	}
	c.names(p, right+8, names-8, y)
}

func openBar(open bool) string {
	if open {
		return "open"
	}
	return ""
}

func (c Columns) say(p *pen, i int) string {
	s := p.in(c.Buckets[i])
	for _, series := range c.Series {
		s += " · " + p.in(series.Name) + " " + group(series.at(i))
	}
	return s
}

// names writes each series' name beside where it ends, without overlap.
func (c Columns) names(p *pen, x, room float64, y func(float64) float64) {
	type label struct {
		y     float64
		class string
		name  string
	}
	last, base := len(c.Buckets)-1, 0.0
	var labels []label
	for k, s := range c.Series {
		v := s.at(last)
		labels = append(labels, label{y(base + v/2), s.Tone.class(k), p.in(s.Name)})
		base += v
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
			labels[i].y = min(labels[i].y, y(0)-6)
		} else {
			labels[i].y = min(labels[i].y, labels[i-1].y-line)
		}
	}
	for _, m := range labels {
		p.leaf("rect", "class", "key "+m.class, "x", num(x), "y", num(m.y-4.5), "width", "9", "height", "9", "rx", "2")
		p.label(m.name, x+14, m.y+4, (room-14)/12, "start", "name")
	}
}

func seriesKey(i int) string { return "series" + strconv.Itoa(i+1) }

// Table has one row per bar.
func (c Columns) Table() Table {
	t := Table{Name: c.Text, Columns: []Column{{Key: "bucket", Text: i18n.T("From", "時刻")}}}
	for i, s := range c.Series {
		t.Columns = append(t.Columns, Column{Key: seriesKey(i), Text: s.Name, Number: true})
	}
	t.Columns = append(t.Columns, Column{Key: "total", Text: i18n.T("Together", "合計"), Number: true})
	for i, b := range c.Buckets {
		row := []any{b}
		for _, s := range c.Series {
			row = append(row, s.at(i))
		}
		t.Rows = append(t.Rows, append(row, c.total(i)))
	}
	return t
}
