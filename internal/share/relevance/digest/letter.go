package digest

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail"
	"github.com/meneki/meneki/internal/web"
)

// Letter is what one digest says.
type Letter struct {
	Lines  []Line
	More   int // others that may be named in a mail
	Closed int // those that may not: stricter than TLP:GREEN
	From   time.Time
	Urgent bool
	upto   time.Time // what came until then is in it
	url    string
}

// Line is one thing in a digest.
type Line struct {
	Title   string // defanged
	Marking string
	Score   int
	Why     []i18n.Text
	Link    string
	Added   time.Time
}

// maxLines is how many things a mail names.
const maxLines = 20

// Empty reports whether there is nothing to say.
func (l Letter) Empty() bool { return len(l.Lines) == 0 && l.Closed == 0 }

// Compose writes what came to a member after a time and matters to it; of urgent ones, those that
// are, whatever their score.
func (s *Service) Compose(ctx context.Context, member string, want Settings, after time.Time,
	urgent bool) (Letter, error) {
	node := s.Nodes.Node(ctx, member)
	person := node
	person.User, person.Role, person.Machine = "any", policy.RoleReader, false
	least := 1
	if urgent {
		least = 0
	}
	got, err := s.Relevance.Ranked(ctx, person, node, after, least)
	if err != nil {
		return Letter{}, err
	}
	out := Letter{From: after, Urgent: urgent}
	if s.URL != nil {
		out.url = strings.TrimSuffix(s.URL(), "/")
	}
	for _, r := range got.Rated {
		if !r.Added.Before(out.upto) { // which may be after the clock, see package object
			out.upto = r.Added.Add(time.Microsecond)
		}
		switch {
		case urgent && !r.Urgent():
		case r.Handling.TLP != policy.Clear && r.Handling.TLP != policy.Green:
			out.Closed++
		case len(out.Lines) == maxLines:
			out.More++
		default:
			line := Line{Title: web.Defang(r.Title), Marking: r.Handling.TLP.String(), Score: r.Points,
				Link: out.url + r.Path(), Added: r.Added}
			for _, x := range r.Reasons {
				line.Why = append(line.Why, x.Text)
			}
			out.Lines = append(out.Lines, line)
		}
	}
	return out, nil
}

// Subject is the heading of the mail.
func (l Letter) Subject() i18n.Text {
	n := len(l.Lines) + l.More + l.Closed
	if l.Urgent {
		return i18n.T("Urgent: {0} {0:thing|things} for your organisation", "【緊急】自組織に関わる情報 {0} 件").With(n)
	}
	return i18n.T("{0} {0:thing matters|things matter} to your organisation", "自組織に関わる情報 {0} 件").With(n)
}

// rest says what the mail does not name.
func (l Letter) rest() (out []i18n.Text) {
	if l.More > 0 {
		out = append(out, i18n.T("{0} more are on the page.", "ほか {0} 件は画面で確認してください。").With(l.More))
	}
	if l.Closed > 0 {
		out = append(out, i18n.T("{0} more are marked more strictly than TLP:GREEN and are not named in a mail.",
			"ほか {0} 件は TLP:GREEN より厳しい取扱いのため、メールには記載しません。").With(l.Closed))
	}
	return append(out, i18n.T("Read all of it: {0}", "一覧：{0}").With(l.url+"/foryou"))
}

// Text is the letter as plain text.
func (l Letter) Text(lang i18n.Lang) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", l.Subject().In(lang))
	for _, x := range l.Lines {
		fmt.Fprintf(&b, "* %s [%s]", oneLine(x.Title), x.Marking)
		if x.Score > 0 {
			fmt.Fprintf(&b, " %d", x.Score)
		}
		b.WriteString("\n")
		for _, w := range x.Why {
			fmt.Fprintf(&b, "  - %s\n", oneLine(w.In(lang)))
		}
		fmt.Fprintf(&b, "  %s\n", x.Link)
	}
	for _, r := range l.rest() {
		fmt.Fprintf(&b, "\n%s\n", r.In(lang))
	}
	return b.String()
}

// oneLine keeps what an attacker chose from making lines of its own.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// page is the letter in HTML, without anything that is fetched from elsewhere.
var page = template.Must(template.New("letter").Parse(`<!doctype html><html lang="{{.Lang}}"><meta charset="utf-8">
<body style="font-family:sans-serif;line-height:1.5;max-width:42rem"><h1 style="font-size:1.2rem">{{.Subject}}</h1>
<ul style="padding-left:1.2rem">{{range .Lines}}<li style="margin-bottom:.8rem"><a href="{{.Link}}">{{.Title}}</a>
<small>{{.Marking}}{{if .Score}} · {{.Score}}{{end}}</small>{{if .Why}}<br><small>{{range $i,
	$w := .Why}}{{if $i}} · {{end}}{{$w}}{{end}}</small>{{end}}</li>{{end}}</ul>
{{range .Rest}}<p>{{.}}</p>{{end}}</body></html>
`))

// HTML is the letter as a page.
func (l Letter) HTML(lang i18n.Lang) string {
	type line struct {
		Title, Marking, Link string
		Score                int
		Why                  []string
	}
	d := struct {
		Lang, Subject string
		Lines         []line
		Rest          []string
	}{Lang: string(lang), Subject: l.Subject().In(lang)}
	for _, x := range l.Lines {
		y := line{Title: x.Title, Marking: x.Marking, Link: x.Link, Score: x.Score}
		for _, w := range x.Why {
			y.Why = append(y.Why, w.In(lang))
		}
		d.Lines = append(d.Lines, y)
	}
	for _, r := range l.rest() {
		d.Rest = append(d.Rest, r.In(lang))
	}
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil { // plain data into a buffer
		return ""
	}
	return b.String()
}

func (l Letter) message(want Settings, now time.Time) mail.Message {
	return mail.Message{ID: clock.NewID(), To: want.Address, Subject: l.Subject().In(want.Lang),
		Text: l.Text(want.Lang),
		HTML: l.HTML(want.Lang), At: now, Urgent: l.Urgent}
}
