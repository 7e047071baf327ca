package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
)

// funcs are the functions of templates. What they return as template.HTML was
// escaped here or in svg; everything else is escaped by html/template.
func (st *stage) funcs() template.FuncMap {
	return template.FuncMap{
		// words
		"t":      st.t,                                                         // t "English" "日本語" args…
		"txt":    st.txt,                                                       // an i18n.Text
		"num":    st.num,                                                       // 12,345
		"ms":     st.ms,                                                        // a duration
		"bytes":  st.size,                                                      // 1.5 MiB
		"defang": func(v any) string { return visible(Defang(fmt.Sprint(v))) }, // hxxp://evil[.]example, as text
		"json":   indented,
		"lang":   func() string { return string(st.r.Lang) },
		// values
		"show":     st.show, // any value, by its type
		"time":     st.time,
		"rel":      st.rel,
		"day":      st.day,
		"due":      st.due,
		"tlp":      st.tlp,
		"sev":      st.sev,
		"level":    st.levelOf,
		"severity": func(n int) string { return svg.SeverityText(n).In(st.r.Lang) },
		"mainlink": st.mainLink,
		"mono":     st.monoOf,
		"value":    st.valueOf,
		"badge":    st.badgeOf,
		// pictures
		"icon":    icon,
		"svg":     st.svg,     // a picture alone
		"picture": st.picture, // a picture with its table behind it
		// components
		"list":     st.list,
		"facts":    func(v any) (template.HTML, error) { return st.partial("ui/facts", v) },
		"timeline": func(v any) (template.HTML, error) { return st.partial("ui/timeline", v) },
		"empty":    func(v any) (template.HTML, error) { return st.partial("ui/empty", v) },
		"tabs":     func(v any) (template.HTML, error) { return st.partial("ui/tabs", v) },
		"field":    st.field,
		"table":    func(v Table) (template.HTML, error) { return st.partial("ui/table", v) },
		// ways
		"url":    st.url, // url "state" "open": this page with its filter changed
		"path":   pathOf, // path "/cases/{0}" .ID
		"asset":  func(name string) string { return st.site.files.path(name) },
		"local":  local,
		"here":   func() string { return st.r.With() },
		"choose": st.choose,
		"panels": st.drawPanels,
		// who asks
		"viewer":   func() policy.Viewer { return st.r.Viewer },
		"may":      func(role string) bool { return rank(st.r.Viewer.Role) >= rank(policy.Role(role)) },
		"role":     func(r policy.Role) string { return RoleText(r).In(st.r.Lang) },
		"now":      func() time.Time { return st.now },
		"zoneName": func() string { return st.r.Zone.String() },
		"zone":     func() string { return zoneWord(st.now.In(st.r.Zone)) },
		"add":      func(a, b int) int { return a + b },
		"seq":      func() string { st.seq++; return "u" + strconv.Itoa(st.seq) },
	}
}

// t returns a text that a template has in both languages.
func (st *stage) t(en, ja string, args ...any) string {
	return fill(i18n.T(en, ja).In(st.r.Lang), st.r.Lang, args)
}

// txt returns an i18n.Text in the reader's language; a string is returned unchanged.
func (st *stage) txt(v any) (string, error) {
	switch v := v.(type) {
	case i18n.Text:
		return visible(v.In(st.r.Lang)), nil
	case *i18n.Text:
		if v == nil {
			return "", nil
		}
		return visible(v.In(st.r.Lang)), nil
	case string:
		return visible(v), nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("txt: takes an i18n.Text, not %T", v)
}

func (st *stage) num(v any) (string, error) {
	switch v := v.(type) {
	case int:
		return number(int64(v)), nil
	case int32:
		return number(int64(v)), nil
	case int64:
		return number(v), nil
	case uint64:
		return float(float64(v)), nil
	case float64:
		return float(v), nil
	}
	return "", fmt.Errorf("num: takes a number, not %T", v)
}

// ms takes a duration, or a number of milliseconds.
func (st *stage) ms(v any) (string, error) {
	switch v := v.(type) {
	case time.Duration:
		return svg.Millis(v), nil
	case int:
		return svg.Millis(time.Duration(v) * time.Millisecond), nil
	case int64:
		return svg.Millis(time.Duration(v) * time.Millisecond), nil
	case float64:
		return svg.Millis(time.Duration(v * float64(time.Millisecond))), nil
	}
	return "", fmt.Errorf("ms: takes a duration, not %T", v)
}

func (st *stage) size(v any) (string, error) {
	switch v := v.(type) {
	case int:
		return size(int64(v)), nil
	case int64:
		return size(v), nil
	case Bytes:
		return size(int64(v)), nil
	}
	return "", fmt.Errorf("bytes: takes a whole number, not %T", v)
}

func (st *stage) sev(v any) (template.HTML, error) {
	switch v := v.(type) {
	case int:
		return svg.Severity(v, st.r.Lang), nil
	case int64:
		return svg.Severity(int(min(max(v, 0), svg.MaxSeverity)), st.r.Lang), nil
	case Sev:
		return svg.Severity(int(v), st.r.Lang), nil
	}
	return "", fmt.Errorf("sev: takes a whole number, not %T", v)
}

func (st *stage) levelOf(v any) template.HTML { return st.level(fmt.Sprint(v)) }
func (st *stage) monoOf(v any) template.HTML  { return st.mono(fmt.Sprint(v)) }
func (st *stage) valueOf(v any) template.HTML { return st.value(fmt.Sprint(v)) }

// badgeOf takes a Badge, or a text and a mood.
func (st *stage) badgeOf(v any, mood ...string) (template.HTML, error) {
	switch b := v.(type) {
	case Badge:
		return st.badge(b)
	case *Badge:
		return st.show(b)
	}
	s, err := st.txt(v)
	if err != nil {
		return "", err
	}
	b := Badge{Text: i18n.Same(s)}
	if len(mood) > 0 {
		b.Mood = Mood(mood[0])
	}
	return st.badge(b)
}

func (st *stage) svg(v any) (template.HTML, error) {
	switch v := v.(type) {
	case svg.Picture:
		return v.SVG(st.r.Lang), nil
	case template.HTML:
		return v, nil
	}
	return "", fmt.Errorf("svg: takes a picture, not %T", v)
}

// figure is the dot of ui/picture.
type figure struct {
	SVG     template.HTML
	Table   Table
	Caption i18n.Text
}

func (st *stage) picture(v svg.Picture) (template.HTML, error) {
	if v == nil {
		return "", errors.New("picture: there is none")
	}
	return st.partial("ui/picture", figure{v.SVG(st.r.Lang), v.Table(), v.Caption()})
}

func (st *stage) url(pairs ...any) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("url: takes pairs of name and value")
	}
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = fmt.Sprint(p)
	}
	return st.r.With(words...), nil
}

// choose is the address of this page with one of the reader's choices changed.
func (st *stage) choose(name, value string) string {
	u := *st.r.URL
	if st.r.Method != "GET" && st.r.Method != "HEAD" {
		return "/?" + url.Values{name: {value}}.Encode()
	}
	q := u.Query()
	for _, k := range []string{"lang", "theme", "format"} {
		q.Del(k)
	}
	q.Set(name, value)
	p := u.EscapedPath()
	if !localPath(p) {
		p = "/"
	}
	return p + "?" + q.Encode()
}

// pathOf fills the holes of a path with escaped segments.
func pathOf(pattern string, parts ...any) (string, error) {
	escaped := make([]any, len(parts))
	for i, p := range parts {
		s := fmt.Sprint(p)
		if s == "." || s == ".." {
			return "", fmt.Errorf("path: %q is no name", s)
		}
		escaped[i] = url.PathEscape(s)
	}
	out := fill(pattern, i18n.EN, escaped)
	if !localPath(out) {
		return "", fmt.Errorf("path: %q leads elsewhere", out)
	}
	return out, nil
}

// local is p if it leads to a page of this site, else the first page.
func local(p string) string {
	if localPath(p) {
		return p
	}
	return "/"
}

// Path fills the holes {0} {1} of a path of this site with escaped segments, for
// handlers that build links. A part that would leave its place makes it "/".
func Path(pattern string, parts ...any) string {
	p, err := pathOf(pattern, parts...)
	if err != nil {
		return "/"
	}
	return p
}

func indented(v any) (string, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	return visible(string(b)), nil
}

// list draws a List. One that is bare shows its count with the sentence of its
// filter, since its title is not on screen.
func (st *stage) list(l List) (template.HTML, error) {
	choices := st.columns(l)
	if l.Filter != nil {
		f := *l.Filter
		if l.Bare && len(l.Rows) > 0 {
			f.Total = l.Count
		}
		if away := st.hidden(); len(away) > 0 {
			f.Keep = append(slices.Clone(f.Keep), Hidden{hideParam, strings.Join(away, ",")})
		}
		l.Filter = &f
	}
	return st.partial("ui/list", listData{st.shown(l), choices})
}
