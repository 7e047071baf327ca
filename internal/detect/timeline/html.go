package timeline

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates assets
var files embed.FS

// page writes a report as one HTML file that needs nothing else: no script runs
// but its own, nothing is loaded. It wants the matches in the order of time. The
// table shows at most maxRows matches, the most severe ones, and says so.
type page struct {
	w     *bufio.Writer
	style Style
	tmpl  *template.Template
	room  [len(Levels)]int64 // rows that are left for each level
	rows  int64
}

const (
	maxRows     = 5_000
	maxReadable = 2_000 // bytes of a value in the report
	maxBrief    = 300
	maxListed   = 400 // hosts and techniques
	bars        = 56
)

// Begin writes all that is above the table.
func (p *page) Begin(r *Result) error {
	if r == nil {
		return fault.New(fault.Internal, i18n.Text{})
	}
	l := p.style.Lang
	var err error
	p.tmpl, err = template.New("").Funcs(template.FuncMap{"t": func(en,
		ja string) string {
		return i18n.T(en, ja).In(l)
	}}).ParseFS(files, "templates/*.html")
	if err != nil {
		return err
	}
	left := int64(maxRows)
	for i, n := range r.Tally.Levels {
		p.room[i] = min(n, left)
		left -= p.room[i]
	}
	return p.tmpl.ExecuteTemplate(p.w, "head", p.head(r))
}

// Write writes a row, if there is room for it.
func (p *page) Write(m *Match) error {
	i := levelIndex(m.Rule.Level)
	if p.room[i] == 0 {
		return nil
	}
	p.room[i]--
	p.rows++
	row := rowView{Level: p.level(i), Host: m.Host, User: m.User, Title: m.Rule.Title, Author: m.Rule.Author,
		Credit: m.Rule.Credit(), File: m.File, Record: m.Record}
	if !m.Time.IsZero() {
		t := m.Time.In(p.style.Zone)
		row.Day, row.Clock = t.Format("2006-01-02"), t.Format("15:04:05.000")
	}
	for _, f := range m.Fields {
		row.Fields = append(row.Fields, pairView{f.Name, web.DefangText(event.Clip(f.Value(), maxReadable))})
		if len(row.Brief) < 4 {
			row.Brief = append(row.Brief, pairView{f.Name, web.DefangText(event.Clip(f.Value(), maxBrief))})
		}
	}
	return p.tmpl.ExecuteTemplate(p.w, "row", row)
}

// End writes what is below the table.
func (p *page) End(r *Result) error {
	if err := p.tmpl.ExecuteTemplate(p.w, "foot", p.foot(r)); err != nil {
		return err
	}
	return p.w.Flush()
}

type pairView struct{ Name, Value string }

type rowView struct {
	Level         levelView
	Day, Clock    string
	Host, User    string
	Title, Author string
	Credit, File  string
	Record        int64
	Brief, Fields []pairView
}

// levelView is a level as a word, a step from 0 to 4, and bars.
type levelView struct {
	Index, Step int
	Name        string
	Mark        template.HTML
	Matches     string
}

var levelNames = [len(Levels)]i18n.Text{
	i18n.T("Critical", "重大"), i18n.T("High", "高"), i18n.T("Medium", "中"), i18n.T("Low", "低"),
	i18n.T("Informational", "情報"), i18n.T("No level", "指定なし"),
}

// barNames fit beside a picture on a phone.
var barNames = [len(Levels)]i18n.Text{
	i18n.T("critical", "重大"), i18n.T("high", "高"), i18n.T("medium", "中"), i18n.T("low", "低"), i18n.T("info", "情報"),
	i18n.T("none", "なし"),
}

func (p *page) level(i int) levelView {
	step := max(0, len(Levels)-2-i)
	return levelView{Index: i, Step: step, Name: levelNames[i].In(p.style.Lang), Mark: marks[step]}
}

// marks distinguish the levels without colour: as many bars as steps.
var marks = func() (out [len(Levels) - 1]template.HTML) {
	for step := range out {
		var b strings.Builder
		b.WriteString(`<svg class="mark" viewBox="0 0 16 12" aria-hidden="true">`)
		for i, d := range [...]string{"M0 9h3v3H0z", "M4.3 6h3v6h-3z", "M8.6 3h3v9h-3z", "M12.9 0h3v12h-3z"} {
			b.WriteString(`<path d="` + d + `"`)
			if i >= step {
				b.WriteString(` class="off"`)
			}
			b.WriteString(`/>`)
		}
		out[step] = template.HTML(b.String() + "</svg>")
	}
	return out
}()

func asset(name string) string {
	b, err := files.ReadFile("assets/" + name)
	if err != nil {
		return "" // it is embedded: a test finds it
	}
	return string(b)
}

// script returns the report's own script, and its hash for the content security policy.
func script() (tag template.HTML, hash string) {
	text := asset("report.js")
	sum := sha256.Sum256([]byte(text))
	return template.HTML("<script>" + text + "</script>"), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// picture draws the matches over time, the most severe on the ground.
func (p *page) picture(t *Tally) (svg.Columns, time.Duration, bool) {
	list, width := t.Times.Buckets(bars, p.style.Zone)
	if len(list) == 0 {
		return svg.Columns{}, 0, false
	}
	c := svg.Columns{Unit: i18n.T("matches", "件")}
	layout := "15:04"
	switch {
	case list[len(list)-1].From.Year() != list[0].From.Year():
		layout = "2006-01"
	case width >= 6*time.Hour:
		layout = "01-02"
	case width < time.Minute:
		layout = "15:04:05"
	}
	peak, most := 0, int64(0)
	for i, b := range list {
		label := i18n.Same(b.From.Format(layout))
		if width == time.Hour && len(list) > 20 {
			label = i18n.T("{0} {1}h", "{0}日{1}時").With(b.From.Day(), b.From.Format("15"))
		}
		c.Buckets = append(c.Buckets, label)
		n := int64(0)
		for _, v := range b.Levels {
			n += v
		}
		if n > most {
			peak, most = i, n
		}
	}
	tones := [...]svg.Tone{svg.ToneSev4, svg.ToneSev3, svg.ToneSev2, svg.ToneSev1, svg.ToneSev0, svg.ToneAuto}
	for i := range Levels {
		if t.Levels[i] == 0 {
			continue
		}
		s := svg.Series{Name: barNames[i], Tone: tones[i]}
		for _, b := range list {
			s.Values = append(s.Values, float64(b.Levels[i]))
		}
		c.Series = append(c.Series, s)
	}
	c.Text = i18n.T("Busiest: {1} {1:match|matches} within {2} from {0}",
		"最多：{0} からの {2} に {1} 件").With(list[peak].From.Format("2006-01-02 15:04:05"), grouped(most), widthText(width))
	return c, width, true
}
