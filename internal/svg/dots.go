package svg

import (
	"html/template"
	"math"

	"github.com/meneki/meneki/internal/i18n"
)

// Dots shows how far each member is, one mark per member: few members are named,
// many are a field that fills in.
type Dots struct {
	Text    i18n.Text
	Note    i18n.Text
	Members []Dot
}

// Dot is one member.
type Dot struct {
	Name   string
	State  DotState
	Detail i18n.Text // "236 ms", "1 trace on 11-09"
	Path   string    // may be empty
}

// DotState is how far a member is. Each state has a shape of its own.
type DotState uint8

// The states.
const (
	Pending DotState = iota // not reached yet: an empty frame
	Armed                   // a filled square
	Trace                   // armed, and found in its own past: a disc
	Refused                 // cannot or will not: a cross
	Exempt                  // not entitled: a small point
)

// Text is the state in words.
func (s DotState) Text() i18n.Text {
	switch s {
	case Armed:
		return i18n.T("armed", "防御済み")
	case Trace:
		return i18n.T("trace in its past", "過去に痕跡")
	case Refused:
		return i18n.T("refused", "適用不可")
	case Exempt:
		return i18n.T("not addressed", "配布対象外")
	}
	return i18n.T("waiting to connect", "接続待ち")
}

func (s DotState) class() string {
	switch s {
	case Armed:
		return "d-armed"
	case Trace:
		return "d-trace"
	case Refused:
		return "d-refused"
	case Exempt:
		return "d-exempt"
	}
	return "d-pending"
}

// namedUpTo is how many members are shown with their names.
const namedUpTo = 18

// Caption states the finding.
func (d Dots) Caption() i18n.Text { return d.Text }

// SVG draws the members, wide and for phones.
func (d Dots) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	if len(d.Members) <= namedUpTo {
		d.named(&p, "dots broad", 3, 720)
		d.named(&p, "dots tall", 1, 336)
	} else {
		d.field(&p, "dots broad", 720)
		d.field(&p, "dots tall", 336)
	}
	return p.html()
}

func (d Dots) field(p *pen, class string, w float64) {
	const legend = 32.0
	size, gap := 11.0, 3.6
	if len(d.Members) > 600 {
		size, gap = 6.6, 2.2
	}
	cols := int((w + gap) / (size + gap))
	drawn := first(d.Members, maxMembers) // the legend counts all
	rows := int(math.Ceil(float64(len(drawn)) / float64(cols)))
	h := float64(rows) * (size + gap)
	lines := d.legend(p, w, 0, false)
	p.start(class, w, h+legend+18*float64(lines-1), p.in(d.Text), p.in(d.Note))
	for i, m := range drawn {
		x, y := float64(i%cols)*(size+gap), float64(i/cols)*(size+gap)
		done := p.link(m.Path)
		p.mark(m.State, x, y, size, d.say(p, m))
		done()
	}
	d.legend(p, w, h+22, true)
	p.end("svg")
}

// legend names the states that occur with their counts, if draw is set, and
// returns the number of lines that it takes.
func (d Dots) legend(p *pen, w, y float64, draw bool) int {
	x, lines := 0.0, 1
	for _, s := range []DotState{Armed, Trace, Pending, Refused, Exempt} {
		n := 0
		for _, m := range d.Members {
			if m.State == s {
				n++
			}
		}
		if n == 0 {
			continue
		}
		label := p.in(s.Text()) + " " + group(float64(n))
		need := 16 + Width(label)*12.5 + 18
		if x > 0 && x+need > w {
			x = 0
			y += 18
			lines++
		}
		if draw {
			p.mark(s, x, y-10, 11, "")
			p.text("text", label, "class", "name", "x", num(x+16), "y", num(y))
		}
		x += need
	}
	return lines
}

func (d Dots) named(p *pen, class string, cols int, w float64) {
	const th, gap = 50.0, 8.0
	n := len(d.Members)
	rows := max(1, int(math.Ceil(float64(n)/float64(cols))))
	tw := (w - gap*float64(cols-1)) / float64(cols)
	p.start(class, w, float64(rows)*(th+gap)-gap, p.in(d.Text), p.in(d.Note))
	defer p.end("svg")
	if n == 0 {
		p.label(p.in(i18n.T("no members yet", "構成員はまだありません")), w/2, th/2+4, 20, "middle", "none")
	}
	for i, m := range d.Members {
		x, y := float64(i%cols)*(tw+gap), float64(i/cols)*(th+gap)
		done := p.link(m.Path)
		p.tag("g", "class", "member "+m.State.class())
		p.text("title", d.say(p, m))
		p.leaf("rect", "class", "tile", "x", num(x+.5), "y", num(y+.5), "width", num(tw-1), "height", num(th-1), "rx",
			"9")
		p.mark(m.State, x+13, y+12, 13, "")
		p.label(m.Name, x+36, y+22, (tw-44)/13.2, "start", "who")
		sub := p.in(m.State.Text())
		if !m.Detail.Zero() {
			sub += " · " + p.in(m.Detail)
		}
		p.label(sub, x+36, y+40, (tw-44)/11.5, "start", "sub")
		p.end("g")
		done()
	}
}

// mark draws a state's shape into a square with its corner at x, y.
func (p *pen) mark(s DotState, x, y, size float64, title string) {
	p.tag("g", "class", "dot "+s.class())
	if title != "" {
		p.text("title", title)
	}
	half := size / 2
	switch s {
	case Armed:
		p.leaf("rect", "x", num(x), "y", num(y), "width", num(size), "height", num(size), "rx", num(size/4))
	case Trace:
		p.leaf("circle", "cx", num(x+half), "cy", num(y+half), "r", num(half+.4))
	case Refused:
		a, b := num(x+1.5), num(x+size-1.5)
		t, u := num(y+1.5), num(y+size-1.5)
		p.leaf("path", "d", "M"+a+" "+t+"L"+b+" "+u+"M"+b+" "+t+"L"+a+" "+u)
	case Exempt:
		p.leaf("circle", "cx", num(x+half), "cy", num(y+half), "r", num(size/5))
	default:
		p.leaf("rect", "x", num(x+1), "y", num(y+1), "width", num(size-2), "height", num(size-2), "rx", num(size/4))
	}
	p.end("g")
}

func (d Dots) say(p *pen, m Dot) string {
	s := m.Name + " " + p.in(m.State.Text())
	if !m.Detail.Zero() {
		s += " " + p.in(m.Detail)
	}
	return s
}

// Table lists the members.
func (d Dots) Table() Table {
	t := Table{Name: d.Text, Columns: []Column{
		{Key: "member", Text: i18n.T("Member", "構成員")},
		{Key: "state", Text: i18n.T("State", "状態")},
		{Key: "detail", Text: i18n.T("Detail", "内容")},
	}}
	for _, m := range d.Members {
		t.Rows = append(t.Rows, []any{m.Name, m.State.Text(), m.Detail})
	}
	return t
}
