package svg

import (
	"html/template"
	"math"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/i18n"
)

// Cycle is one way round the cycle, from the first malicious event to the last
// member's hunt: the steps at equal distances, the time of each below, and what
// each step took between them.
type Cycle struct {
	Text  i18n.Text // states the finding: "Immune in 0.39 s: 209 connected members armed"
	Note  i18n.Text // for screen readers; may be empty
	Steps []Step
}

// Step is one step of a cycle.
type Step struct {
	Name   i18n.Text
	At     time.Duration // since the first malicious event; meaningless unless Done
	Done   bool          // false: it has not come yet
	Failed bool          // it will not come
	Detail i18n.Text     // who or what; may be long and hostile
}

// Caption states the finding.
func (c Cycle) Caption() i18n.Text { return c.Text }

// SVG draws the steps twice: along a line for wide screens (class broad) and
// down a line for phones (class tall); the style sheet shows one of them.
func (c Cycle) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	c.Steps = first(c.Steps, maxSteps)
	c.broad(&p)
	c.tall(&p)
	return p.html()
}

const cycleWidth = 1120

func (c Cycle) broad(p *pen) {
	n := len(c.Steps)
	p.start("cycle broad", cycleWidth, 128, p.in(c.Text), p.in(c.Note))
	const left, right, y = 68.0, cycleWidth - 68.0, 54.0
	gap := 0.0
	if n > 1 {
		gap = (right - left) / float64(n-1)
	}
	slow := c.slowest()
	for i := 1; i < n; i++ {
		x0, x1 := left+gap*float64(i-1), left+gap*float64(i)
		class := "ax"
		if !c.Steps[i].Done {
			class = "ax wait"
		} else if i == slow {
			class = "ax slow"
		}
		p.leaf("line", "class", class, "x1", num(x0), "y1", num(y), "x2", num(x1), "y2", num(y))
		if took, ok := c.took(i); ok && n > 1 {
			p.label("+"+Millis(took), (x0+x1)/2, y-9, 8, "middle", delta(i == slow))
		}
	}
	for i, s := range c.Steps {
		x := left + gap*float64(i)
		room := min(gap, 2*left)
		if n == 1 {
			x, room = cycleWidth/2, cycleWidth/2
		}
		p.dot(s, i, n, x, y)
		p.label(p.in(s.Name), x, 24, room/14-0.4, "middle", "st-n")
		p.label(c.when(p, s), x, 80, room/13, "middle", "st-ms")
		p.lines(p.in(s.Detail), x, 100, 16, room/11.5-0.6, 2, "st-d")
	}
	p.end("svg")
}

func (c Cycle) tall(p *pen) {
	const w, row, x = 330.0, 50.0, 14.0
	n := len(c.Steps)
	p.start("cycle tall", w, row*float64(max(n, 1)), p.in(c.Text), p.in(c.Note))
	for i := 1; i < n; i++ {
		class := "ax"
		if !c.Steps[i].Done {
			class = "ax wait"
		}
		p.leaf("line", "class", class, "x1", num(x), "y1", num(row*float64(i-1)+18),
			"x2", num(x), "y2", num(row*float64(i)+18))
	}
	slow := c.slowest()
	for i, s := range c.Steps {
		y := row*float64(i) + 18
		p.dot(s, i, n, x, y)
		p.label(p.in(s.Name), 34, y+5, 9, "start", "st-n")
		p.label(p.in(s.Detail), 34, y+23, 24, "start", "st-d")
		p.label(c.when(p, s), w-4, y+5, 9, "end", "st-ms")
		if took, ok := c.took(i); ok {
			p.label("+"+Millis(took), w-84, y+5, 8, "end", delta(i == slow))
		}
	}
	p.end("svg")
}

func delta(slow bool) string {
	if slow {
		return "st-t slow"
	}
	return "st-t"
}

func (p *pen) dot(s Step, i, n int, x, y float64) {
	class, r := "st", 6.0
	switch {
	case s.Failed:
		class = "st bad"
	case !s.Done:
		class = "st wait"
	case i == 0:
		class, r = "st first", 8
	case i == n-1:
		class, r = "st last", 8
	}
	p.leaf("circle", "class", class, "cx", num(x), "cy", num(y), "r", num(r))
}

func (c Cycle) when(p *pen, s Step) string {
	switch {
	case s.Failed:
		return p.in(i18n.T("did not come", "到達せず"))
	case !s.Done:
		return p.in(i18n.T("waiting", "待機中"))
	}
	return Millis(s.At)
}

// took is the time between step i and the last step before it that came.
func (c Cycle) took(i int) (time.Duration, bool) {
	if !c.Steps[i].Done {
		return 0, false
	}
	for j := i - 1; j >= 0; j-- {
		if c.Steps[j].Done {
			return c.Steps[i].At - c.Steps[j].At, true
		}
	}
	return 0, false
}

// slowest is the step that took longest; -1 if there are fewer than three.
func (c Cycle) slowest() int {
	worst, at, known := time.Duration(-1), -1, 0
	for i := range c.Steps {
		if t, ok := c.took(i); ok {
			known++
			if t > worst {
				worst, at = t, i
			}
		}
	}
	if known < 2 {
		return -1
	}
	return at
}

// Table lists the steps.
func (c Cycle) Table() Table {
	t := Table{Name: c.Text, Columns: []Column{
		{Key: "step", Text: i18n.T("Step", "段階")},
		{Key: "ms", Text: i18n.T("After the first event", "最初の事象から"), Number: true},
		{Key: "took_ms", Text: i18n.T("This step took", "この段階の所要"), Number: true},
		{Key: "detail", Text: i18n.T("Detail", "内容")},
	}}
	for i, s := range c.Steps {
		at, took := any(nil), any(nil)
		if s.Done {
			at = Millis(s.At)
		} else {
			at = i18n.T("not yet", "未到達")
		}
		if d, ok := c.took(i); ok {
			took = "+" + Millis(d)
		}
		t.Rows = append(t.Rows, []any{s.Name, at, took, s.Detail})
	}
	return t
}

// Millis writes a duration the way the console writes all of them: milliseconds
// below ten seconds, then seconds, minutes, hours and days.
func Millis(d time.Duration) string {
	neg := ""
	if d < 0 {
		neg, d = "−", -max(d, -math.MaxInt64)
	}
	switch {
	case d > 0 && d < time.Millisecond:
		return neg + "<1 ms"
	case d < 10*time.Second:
		return neg + group(float64(d.Milliseconds())) + " ms"
	case d < 10*time.Minute:
		return neg + strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 10*time.Hour:
		return neg + group(float64(d/time.Minute)) + " min"
	case d < 10*24*time.Hour:
		return neg + group(float64(d/time.Hour)) + " h"
	}
	return neg + group(float64(d/(24*time.Hour))) + " d"
}
