package share

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

func stateText(s string) i18n.Text {
	switch s {
	case "active":
		return i18n.T("in force", "有効")
	case "withdrawn":
		return i18n.T("withdrawn", "取り下げ")
	case "expired":
		return i18n.T("expired", "期限切れ")
	}
	return i18n.Same(s)
}

// stateOf says whether an indicator is in force.
func stateOf(i Indicator, now time.Time) web.Badge {
	switch {
	case !i.Withdrawn.IsZero():
		return web.Badge{Text: stateText("withdrawn"), Mood: web.Dim}
	case !i.ValidUntil.IsZero() && !now.Before(i.ValidUntil):
		return web.Badge{Text: stateText("expired"), Mood: web.Dim}
	}
	return web.Badge{Text: stateText("active"), Mood: web.Good}
}

// title is the heading of an indicator: the rule's title, or the value defanged.
func title(i Indicator) i18n.Text {
	if i.Kind == "sigma" {
		return i18n.Same(i.called())
	}
	return i18n.Same(web.Defang(i.called()))
}

// called is what an indicator is called, as it was written.
func (i Indicator) called() string {
	if i.Kind == "sigma" {
		return cmp.Or(i.Name, i.Value, i.ID)
	}
	return cmp.Or(i.Value, i.Name, i.ID)
}

// subjectCell is what an indicator matches, in a list.
func subjectCell(i Indicator) any {
	var name any = title(i)
	if i.Kind != "sigma" {
		name = web.Title(i.called())
	}
	return web.Lines{name, web.KindText(i.Kind)}
}

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
		fmt.Fprintf(&b, `<svg class="mini" width="%d" height="8" viewBox="0 0 %d 8" aria-hidden="true" focusable="false">`, c.all*cell, c.all*cell)
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
		b.WriteString(`<svg class="mini" width="96" height="8" viewBox="0 0 96 8" aria-hidden="true" focusable="false"><g class="dot d-pending"><rect x="0.5" y="1" width="95" height="6" rx="3"/></g>`)
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

// tlpOptions are the labels for a choice, from the least strict one on.
func tlpOptions(least, on policy.TLP) []web.Option {
	var out []web.Option
	for t := max(least, policy.Clear); t <= policy.Red; t++ {
		out = append(out, web.Option{Value: t.Slug(), Text: i18n.T("{0}: {1}", "{0}：{1}").With(t.String(), web.TLPText(t)), On: t == on})
	}
	return out
}

// Count is how many are armed, for templates.
func (c ratio) Count() int { return c.armed }
