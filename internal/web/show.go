package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
)

// Values that tables, facts and timelines show by their type, so that the same
// kind of thing looks the same on every page. Beside these, show takes string,
// i18n.Text, whole numbers, float64, bool, time.Time, time.Duration, policy.TLP,
// policy.Handling, Link, Badge, svg.Picture and template.HTML; nil is a dash.
type (
	// Mono is exact text: a hash, a rule's name, an id. Too long, it loses its
	// middle on screen and stays whole for copying.
	Mono string
	// Value is what an attacker chose: an address, a domain, a URL. It is
	// defanged on screen and exact in the clipboard.
	Value string
	// Sev is a severity from 0 to 4.
	Sev int
	// Level is the level of a Sigma rule: informational, low, medium, high, critical.
	Level string
	// Due is a deadline, with the time that is left.
	Due time.Time
	// Day is a point in time of which only the date matters.
	Day time.Time
	// Brief is a point in time shown only as how long ago; the rest on hover.
	Brief time.Time
	// Span is from one point in time to another, each shown as Brief shows it.
	Span struct{ From, To time.Time }
	// Bytes is a size.
	Bytes int64
	// Lines are a main line and smaller ones below it.
	Lines []any
	// Run are values on one line, with dots between them.
	Run []any
)

// show draws any value by its type.
func (st *stage) show(v any) (template.HTML, error) {
	switch v := v.(type) {
	case nil:
		return dash, nil
	case template.HTML:
		return v, nil
	case string:
		return textOrDash(v), nil
	case i18n.Text:
		return textOrDash(v.In(st.r.Lang)), nil
	case Mono:
		return st.mono(string(v)), nil
	case Value:
		return st.value(string(v)), nil
	case Sev:
		return svg.Severity(int(v), st.r.Lang), nil
	case Level:
		return st.level(string(v)), nil
	case policy.TLP, policy.Handling, *policy.Handling:
		return st.tlp(v), nil
	case time.Time:
		return st.time(v), nil
	case Brief:
		return st.rel(time.Time(v)), nil
	case Span:
		from := st.rel(v.From)
		if !v.From.Before(v.To) || ago(v.From, st.now) == ago(v.To, st.now) {
			return st.rel(v.To), nil
		}
		return from + template.HTML(` <span class="nowrap">– `) + st.rel(v.To) + template.HTML(`</span>`), nil
	case Day:
		return st.day(time.Time(v)), nil
	case Due:
		return st.due(time.Time(v)), nil
	case time.Duration:
		return template.HTML(`<span class="n">` + esc(svg.Millis(v)) + `</span>`), nil
	case Bytes:
		return template.HTML(`<span class="n">` + size(int64(v)) + `</span>`), nil
	case bool:
		if v {
			return template.HTML(esc(i18n.T("yes", "はい").In(st.r.Lang))), nil
		}
		return template.HTML(esc(i18n.T("no", "いいえ").In(st.r.Lang))), nil
	case int:
		return template.HTML(number(int64(v))), nil
	case int64:
		return template.HTML(number(v)), nil
	case float64:
		return template.HTML(float(v)), nil
	case Badge:
		return st.badge(v)
	case *Badge:
		if v == nil {
			return dash, nil
		}
		return st.badge(*v)
	case Link:
		return st.link(v)
	case *Link:
		if v == nil {
			return dash, nil
		}
		return st.link(*v)
	case Lines:
		return st.lines(v)
	case Run:
		return st.run(v)
	case svg.Picture:
		return v.SVG(st.r.Lang), nil
	case fmt.Stringer:
		return textOrDash(v.String()), nil
	}
	return textOrDash(fmt.Sprint(v)), nil
}

const dash = template.HTML(`<span class="dash">—</span>`)

func esc(s string) string { return template.HTMLEscapeString(s) }

func textOrDash(s string) template.HTML {
	if strings.TrimSpace(s) == "" {
		return dash
	}
	return template.HTML(`<bdi>` + esc(visible(s)) + `</bdi>`)
}

func (st *stage) lines(l Lines) (template.HTML, error) {
	var b strings.Builder
	for i, v := range l {
		if v == nil {
			continue
		}
		in, err := st.show(v)
		if err != nil {
			return "", err
		}
		if i == 0 {
			b.WriteString(`<div class="line">` + string(in) + `</div>`)
		} else {
			b.WriteString(`<div class="sub">` + string(in) + `</div>`)
		}
	}
	return template.HTML(b.String()), nil
}

func (st *stage) run(r Run) (template.HTML, error) {
	const dot = `<span class="sep" aria-hidden="true">・</span>`
	r = slices.DeleteFunc(slices.Clone(r), func(v any) bool { return v == nil || v == "" })
	var b strings.Builder
	for i, v := range r {
		in, err := st.show(v)
		if err != nil {
			return "", err
		}
		part, sep := string(in), ""
		if i < len(r)-1 {
			sep = dot
		}
		if m, exact := v.(Mono); exact && len(m) <= 24 { // else a line could begin with the dot
			part, sep = `<span class="nowrap">`+part+sep+`</span>`, ""
		} else if short(v) {
			part = `<span class="nowrap">` + part + `</span>`
		}
		b.WriteString(part + sep)
	}
	return template.HTML(b.String()), nil
}

// short says that a part of a run is a word or two, which no line breaks.
func short(v any) bool {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case i18n.Text:
		s = v.JA
		if len(v.EN) > len(s) {
			s = v.EN
		}
	default:
		return false
	}
	return svg.Width(s) <= 12
}

func (st *stage) link(l Link) (template.HTML, error) {
	// The copy button comes after the link, not inside it.
	if v, ok := l.Text.(Mono); ok && v != "" && localPath(l.Path) {
		return st.exact(string(v), visible(string(v)), l.Path), nil
	}
	if v, ok := l.Text.(Value); ok && v != "" && localPath(l.Path) {
		return st.exact(string(v), visible(Defang(string(v))), l.Path), nil
	}
	in, err := st.show(l.Text)
	if err != nil || !localPath(l.Path) {
		return in, err
	}
	return template.HTML(`<a href="`+esc(l.Path)+`">`) + st.iconOr(l.Icon) + in + `</a>`, nil
}

// mainLink draws what a row is about, with the link to it around the first line.
func (st *stage) mainLink(path string, v any) (template.HTML, error) {
	if l, ok := v.(Lines); ok && len(l) > 0 {
		return st.lines(append(Lines{Link{Text: l[0], Path: path}}, l[1:]...))
	}
	return st.link(Link{Text: v, Path: path})
}

func (st *stage) badge(b Badge) (template.HTML, error) {
	return template.HTML(`<span class="badge `+esc(string(b.Mood))+`">`) + st.iconOr(b.Icon) +
		template.HTML(esc(b.Text.In(st.r.Lang))+`</span>`), nil
}

func (st *stage) iconOr(name string) template.HTML {
	if name == "" {
		return ""
	}
	return icon(name)
}

// Title is a name that may be a value, not yet defanged: a hash keeps its middle to itself and can
// be copied, other values are defanged.
func Title(s string) any {
	if len(s) >= 32 && strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		return Mono(s)
	}
	return Defang(s)
}

// mono is exact text with its middle left out by the style sheet where there is
// no room, and a copy button.
func (st *stage) mono(s string) template.HTML {
	if s == "" {
		return dash
	}
	return st.exact(s, visible(s), "")
}

func (st *stage) value(s string) template.HTML {
	if s == "" {
		return dash
	}
	return st.exact(s, visible(Defang(s)), "")
}

func (st *stage) exact(s, seen, path string) template.HTML {
	head, tail := seen, ""
	if r := []rune(seen); len(r) > 20 {
		head, tail = string(r[:len(r)-8]), string(r[len(r)-8:])
	}
	copyIt := i18n.T("Copy", "コピー").In(st.r.Lang)
	var b strings.Builder
	b.WriteString(`<span class="mono" title="` + esc(seen) + `">`)
	if path != "" {
		b.WriteString(`<a href="` + esc(path) + `">`)
	}
	b.WriteString(`<bdi class="head">` + esc(head) + `</bdi>`)
	if tail != "" {
		b.WriteString(`<bdi class="tail">` + esc(tail) + `</bdi>`)
	}
	if path != "" {
		b.WriteString(`</a>`)
	}
	b.WriteString(`<button type="button" class="copy" data-copy="` + esc(s) + `" aria-label="` + esc(copyIt) + `">`)
	b.WriteString(string(icon("copy")) + `</button></span>`)
	return template.HTML(b.String())
}

// tlp is a marking: the label in FIRST's colours on black, always with its word.
func (st *stage) tlp(v any) template.HTML {
	t := policy.Red
	switch v := v.(type) {
	case policy.TLP:
		t = v
	case policy.Handling:
		t = v.TLP
	case *policy.Handling:
		if v == nil {
			return ""
		}
		t = v.TLP
	}
	class := strings.TrimSuffix(strings.ToLower(strings.TrimPrefix(t.String(), "TLP:")), "+strict")
	return template.HTML(`<span class="tlp t-` + class + `" title="` + esc(TLPText(t).In(st.r.Lang)) + `">` +
		esc(t.String()) + `</span>`)
}

// TLPText says who may see what is marked with a label (TLP 2.0, FIRST 2022).
func TLPText(t policy.TLP) i18n.Text {
	switch t {
	case policy.Clear:
		return i18n.T("may be published", "公開してよい")
	case policy.Green:
		return i18n.T("for the community", "共同体の中まで")
	case policy.Amber:
		return i18n.T("for the named organisations and whom they must tell", "名宛組織と、知る必要のある関係先まで")
	case policy.AmberStrict:
		return i18n.T("for the named organisations only", "名宛組織の中だけ")
	}
	return i18n.T("for the named persons only", "名宛の個人だけ")
}

// Levels are those of rules and what they find, from the lowest to the highest.
func Levels() []string { return []string{"informational", "low", "medium", "high", "critical"} }

// LevelText returns the word for one of Levels; another text is returned unchanged.
func LevelText(level string) i18n.Text {
	switch level {
	case "informational":
		return i18n.T("informational", "情報")
	case "low":
		return i18n.T("low", "低")
	case "medium":
		return i18n.T("medium", "中")
	case "high":
		return i18n.T("high", "高")
	case "critical":
		return i18n.T("critical", "重大")
	}
	return i18n.Same(level)
}

func (st *stage) level(s string) template.HTML {
	class := strings.ToLower(s)
	t := LevelText(class)
	switch {
	case s == "":
		return dash
	case class == "informational":
		t = i18n.T("info", "情報")
	case !slices.Contains(Levels(), class):
		class, t = "other", i18n.Same(s)
	}
	n := map[string]string{"low": "1", "medium": "2", "high": "3", "critical": "4"}[class]
	if n == "" {
		n = "0"
	}
	// The bars show the level without colour.
	return template.HTML(`<span class="level v` + n + `" title="` + esc(s) +
		`"><svg viewBox="0 0 16 12" aria-hidden="true"><path class="b1" d="M1 8h2.6v4H1z"/><path class="b2" d="M5 5.5h2.6V12H5z"/><path class="b3" d="M9 3h2.6v9H9z"/><path class="b4" d="M13 .5h2.6V12H13z"/></svg>` + esc(t.In(st.r.Lang)) + `</span>`)
}

const stamp = "2006-01-02 15:04"

// time is a point in time in the reader's zone with its name, how long ago
// beside it, and UTC on hover.
func (st *stage) time(t time.Time) template.HTML {
	if t.IsZero() {
		return dash
	}
	in := t.In(st.r.Zone)
	return template.HTML(`<span class="when"><time datetime="` + utc(t) + `" title="` + utcTitle(t) + `">` +
		in.Format(stamp) + ` <small>` + esc(zoneWord(in)) + `</small></time> ` + string(st.agoSpan(t)) + `</span>`)
}

func (st *stage) rel(t time.Time) template.HTML {
	if t.IsZero() {
		return dash
	}
	in := t.In(st.r.Zone)
	return template.HTML(`<time class="ago" data-ago datetime="` + utc(t) + `" title="` + in.Format(stamp) + ` ` +
		esc(zoneWord(in)) + ` / ` + utcTitle(t) + `">` + esc(ago(t, st.now).In(st.r.Lang)) + `</time>`)
}

func (st *stage) day(t time.Time) template.HTML {
	if t.IsZero() {
		return dash
	}
	return template.HTML(`<time datetime="` + utc(t) + `" title="` + utcTitle(t) + `">` +
		t.In(st.r.Zone).Format("2006-01-02") + `</time>`)
}

func (st *stage) agoSpan(t time.Time) template.HTML {
	return template.HTML(`<time class="ago" data-ago datetime="` + utc(t) + `">` + esc(ago(t, st.now).In(st.r.Lang)) +
		`</time>`)
}

// due is a deadline: what is left first, then the time itself. Under an hour it
// is hot.
func (st *stage) due(t time.Time) template.HTML {
	if t.IsZero() {
		return dash
	}
	in := t.In(st.r.Zone)
	class := "due"
	d := t.Sub(st.now)
	if d < time.Hour {
		class += " hot"
	}
	clock := in.Format("15:04")
	if in.Format(time.DateOnly) != st.now.In(st.r.Zone).Format(time.DateOnly) {
		clock = in.Format("01-02 15:04")
	}
	by := i18n.T("by {0} {1}", "{0} {1} まで").With(clock, zoneWord(in)).In(st.r.Lang)
	return template.HTML(`<span class="` + class + `"><time class="left" data-left datetime="` + utc(t) + `" title="` +
		utcTitle(t) + `">` + esc(left(d).In(st.r.Lang)) + `</time> <small>` + esc(by) + `</small></span>`)
}

func utc(t time.Time) string      { return t.UTC().Format(time.RFC3339Nano) }
func utcTitle(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
