package publish

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/wire"
)

// ratio is who is armed out of whom, as a row of small marks where they are few
// and a bar where they are many, with the figures beside it.
type ratio struct{ armed, traced, refused, all int }

func (c ratio) html() template.HTML {
	const cell = 9
	var b strings.Builder
	words := fmt.Sprintf(`<span class="n">%d / %d</span>`, c.armed, c.all)
	if c.all == 0 {
		return template.HTML(words)
	}
	if c.all <= 12 {
		fmt.Fprintf(&b,
			`<svg class="mini" width="%d" height="8" viewBox="0 0 %d 8" aria-hidden="true" focusable="false">`,
			c.all*cell, c.all*cell)
		for i := range c.all {
			x := i * cell
			switch {
			case i < c.traced:
				fmt.Fprintf(&b, `<g class="dot d-trace"><circle cx="%d" cy="4" r="3.6"/></g>`, x+4)
			case i < c.armed:
				fmt.Fprintf(&b, `<g class="dot d-armed"><rect x="%d" y="0.5" width="7" height="7" rx="1.8"/></g>`, x)
			case i < c.armed+c.refused:
				fmt.Fprintf(&b, `<g class="dot d-refused"><path d="M%d 1L%d 7M%d 1L%d 7"/></g>`, x+1, x+7, x+7, x+1)
			default:
				fmt.Fprintf(&b, `<g class="dot d-pending"><rect x="%d" y="1" width="6" height="6" rx="1.5"/></g>`, x)
			}
		}
	} else {
		b.WriteString(
			`<svg class="mini" width="96" height="8" viewBox="0 0 96 8" aria-hidden="true" focusable="false"><g class="dot d-pending"><rect x="0.5" y="1" width="95" height="6" rx="3"/></g>`,
		)
		if w := 96 * c.armed / c.all; w > 0 {
			fmt.Fprintf(&b, `<g class="dot d-armed"><rect x="0" y="0.5" width="%d" height="7" rx="3"/></g>`, w)
		}
	}
	b.WriteString(`</svg> ` + words)
	return template.HTML(b.String()) //nolint:gosec // numbers alone
}

// tally counts how far the members are with each indicator.
func tally(list []Progress) map[string]ratio {
	out := map[string]ratio{}
	for _, p := range list {
		c := out[p.Object]
		c.all++
		switch dotState(p) {
		case svg.Trace:
			c.traced++
			c.armed++
		case svg.Armed:
			c.armed++
		case svg.Refused:
			c.refused++
		}
		out[p.Object] = c
	}
	return out
}

func dotState(p Progress) svg.DotState {
	switch wire.State(p.State) {
	case wire.Hunted:
		if p.Hits > 0 {
			return svg.Trace
		}
		return svg.Armed
	case wire.Armed:
		return svg.Armed
	case wire.Refused:
		return svg.Refused
	case wire.Disarmed:
		return svg.Exempt
	}
	return svg.Pending
}

// Count is how many are armed, for templates.
func (c ratio) Count() int { return c.armed }
