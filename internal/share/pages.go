package share

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// The sizes of a page and of a download.
const (
	pageRows     = 50
	downloadRows = 10_000
)

// mark is the place of the last row of a page in a list by time and id; the
// zero mark is the start.
type mark struct {
	at time.Time
	id string
}

func (m mark) String() string {
	if m.id == "" {
		return ""
	}
	return fmt.Sprintf("%d-%s", clock.Micros(m.at), m.id)
}

// parseMark reads what String wrote; anything else is the start.
func parseMark(s string) mark {
	us, id, ok := strings.Cut(s, "-")
	var n int64
	if _, err := fmt.Sscanf(us, "%d", &n); err != nil || !ok {
		return mark{}
	}
	return mark{clock.FromMicros(n), id}
}

// filterOf reads a filter out of the address.
func filterOf(get func(string) string) Filter {
	f := Filter{Text: get("q"), Kind: get("kind"), Case: get("case")}
	switch s := get("state"); s {
	case "active", "withdrawn", "expired":
		f.State = s
	}
	return f
}

func (f Filter) zero() bool {
	return f.Text == "" && f.Kind == "" && f.Case == "" && f.State == "" && len(f.IDs) == 0
}

// kinds of indicators, in the order in which they are offered for choice. An
// indicator's kind may also be another STIX type.
var kinds = []string{string(event.IPv4), string(event.IPv6), string(event.Domain), string(event.URL), string(event.Email), string(event.SHA256), string(event.SHA1), string(event.MD5), "sigma"}

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

// filterLine is the line above a list of indicators.
func filterLine(f Filter) *web.Filter {
	out := &web.Filter{Path: "/indicators", Query: f.Text, Ask: i18n.T("Value, rule or id", "値・規則・番号"), Say: sayFilter(f)}
	if !f.zero() {
		out.Clear = "/indicators"
	}
	kind := web.Choice{Name: "kind", Text: i18n.T("Kind", "種類"), Options: []web.Option{{Text: i18n.T("any", "すべて"), On: f.Kind == ""}}}
	for _, k := range kinds {
		kind.Options = append(kind.Options, web.Option{Value: k, Text: web.KindText(k), On: f.Kind == k})
	}
	state := web.Choice{Name: "state", Text: i18n.T("State", "状態"), Options: []web.Option{{Text: i18n.T("any", "すべて"), On: f.State == ""}}}
	for _, s := range []string{"active", "expired", "withdrawn"} {
		state.Options = append(state.Options, web.Option{Value: s, Text: stateText(s), On: f.State == s})
	}
	out.Fields = []web.Choice{kind, state}
	if f.Case != "" {
		out.Keep = []web.Hidden{{Name: "case", Value: f.Case}}
	}
	return out
}

func sayFilter(f Filter) i18n.Text {
	what := i18n.T("all indicators", "すべての指標")
	add := func(t i18n.Text) { what = i18n.Text{EN: what.EN + ", " + t.EN, JA: what.JA + "、" + t.JA} }
	if f.State != "" {
		add(stateText(f.State))
	}
	if f.Kind != "" {
		add(web.KindText(f.Kind))
	}
	if f.Case != "" {
		add(i18n.T("of one case", "一つの事案のもの"))
	}
	if f.Text != "" {
		add(i18n.T("with “{0}”", "「{0}」を含む").With(f.Text))
	}
	add(i18n.T("newest first", "新しい順"))
	return what
}

// found are the rows of one page of indicators.
type found struct {
	list  []Indicator
	total int64
	next  string
	first string
}

// find reads one page of indicators, and calls more in the same transaction.
func find(ctx context.Context, db *store.DB, r *web.Request, f Filter, more func(*store.Tx, []Indicator) error) (found, error) {
	at := parseMark(r.Value("after"))
	limit := pageRows
	if r.Download() {
		at, limit = mark{}, downloadRows
	}
	var out found
	err := db.Read(ctx, store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if out.list, err = List(tx, f, at.at, at.id, limit+1); err != nil {
			return err
		}
		if len(out.list) > limit {
			out.list = out.list[:limit]
			last := out.list[limit-1]
			out.next = r.With("after", mark{last.Made, last.ID}.String())
		}
		if out.total, err = Count(tx, f); err != nil {
			return err
		}
		return more(tx, out.list)
	})
	if at.id != "" {
		out.first = r.With("after", "")
	}
	return out, err
}

// emptyIndicators is what a list without rows says.
func emptyIndicators(f Filter, none i18n.Text) *web.Empty {
	if !f.zero() {
		return &web.Empty{Icon: "indicators", Text: i18n.T("Nothing matches this filter", "条件に合う指標はありません"),
			How: i18n.T("Widen the filter, or clear it to see everything.", "条件を広げるか、解除してください。"), Do: &web.Link{Text: i18n.T("Show all indicators", "すべての指標を表示"), Path: "/indicators"}}
	}
	return &web.Empty{Icon: "indicators", Text: i18n.T("No indicators yet", "指標はまだありません"), How: none}
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
