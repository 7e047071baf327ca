package severity

import (
	"context"
	"io/fs"
	"slices"
	"strconv"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Templates are the panels of a case's page.
func Templates() fs.FS { return files }

// Users names people.
type Users interface {
	// UserName returns what a user is called; the id of one that is gone.
	UserName(ctx context.Context, id string) string
}

// pages is what the page of a case has of its assessments, and the action to assess it.
type pages struct {
	*Service
	users Users
}

// panelData is the dot of severity/known and severity/case.
type panelData struct {
	Number  string
	Form    *web.Form
	Axes    []axisFields // empty: this viewer does not assess
	Outlook web.Field
	Scale   i18n.Text
	Note    i18n.Text // whose reading of the scale it is
	Ask     i18n.Text // the axis to find out about next
	Action  i18n.Text // who does what now, as the scale says
	History []web.Entry
}

func (p *pages) panel() web.Panel {
	return web.Panel{
		Page:  "case",
		Slots: map[string]string{"known": "severity/known", "aside": "severity/case"},
		Load:  p.load,
	}
}

// load reads the assessments of a case that a viewer may see.
func (p *pages) load(ctx context.Context, about web.Subject) (out web.Part, err error) {
	var c casework.Case
	var list []Assessment
	err = p.db.Read(ctx, store.As(about.Viewer), func(tx *store.Tx) error {
		if c, err = casework.Known(tx, about.ID); err != nil {
			return err
		}
		list, err = ofCase(tx, c.ID)
		return err
	})
	if err != nil {
		return out, err
	}
	scale, err := p.Scale(Lead)
	if err != nil {
		return out, err
	}
	d := panelData{Number: c.Number, Form: about.Sent(), Scale: scale.Names, Note: scale.Note}
	var last Assessment
	if i := slices.IndexFunc(list, func(a Assessment) bool { return a.Scale == Lead }); i >= 0 {
		last = list[i]
		d.Ask, d.Action = scale.axisName(last.Ask), scale.Level(last.Likely).Action
		out.Severity = &web.Severity{Likely: last.Likely, Low: last.Lowest, High: last.Highest,
			Text: scale.Level(last.Likely).Names, Note: last.Outlook.Name()}
		if !d.Ask.Zero() {
			out.Severity.Note = i18n.T("ask this next: {0}", "次に確認：{0}").With(d.Ask)
		}
		out.Ask = d.Ask
	}
	if casework.MayAct(about.Viewer) {
		d.Axes, d.Outlook = fields(scale, last)
	}
	d.History = p.history(ctx, about.Viewer, c, list)
	out.Data = d
	return out, nil
}

// axisName is what an axis is called; nothing if there is no such axis.
func (s *Scale) axisName(id string) i18n.Text {
	a, _ := s.Axis(id)
	return a.Names
}

// history lists assessments as a timeline. A party does not read who assessed and why,
// nor what was assessed before its own part began: that was about others.
func (p *pages) history(ctx context.Context, v policy.Viewer, c casework.Case, list []Assessment) (out []web.Entry) {
	for _, a := range list {
		if !v.Hub && a.At.Before(c.Opened) {
			continue
		}
		e := web.Entry{At: a.At, Icon: "user", Quiet: a.Automatic, Key: "j" + strconv.FormatInt(a.At.UnixMicro(), 36),
			Body: p.answers(a, !v.Hub)}
		text := web.Run{web.Sev(a.Likely), i18n.T("between {0} and {1}", "区間 {0}–{1}").With(a.Lowest, a.Highest)}
		switch {
		case a.Automatic:
			e.Icon = "auto"
			text = append(text, i18n.T("automatic", "自動"))
		case v.Hub:
			e.Who = p.users.UserName(ctx, a.By)
		}
		e.Text = text
		out = append(out, e)
	}
	return out
}

// answers is what was said about each axis.
func (p *pages) answers(a Assessment, party bool) web.Lines {
	scale, err := p.Scale(a.Scale)
	if err != nil { // a scale that is no longer shipped: its figures stand by themselves
		scale = &Scale{ID: a.Scale, Names: i18n.Same(a.Scale)}
	}
	out := web.Lines{scale.Names}
	for _, axis := range scale.Axes {
		for _, in := range a.Inputs {
			if in.Axis != axis.ID {
				continue
			}
			answer := in.Confidence.Name()
			if o, ok := axis.Option(in.Value); ok {
				answer = o.Names
			}
			line := web.Run{i18n.T("{0}: {1}", "{0}: {1}").With(axis.Names, answer)}
			if in.Confidence == Estimated {
				line = append(line, i18n.T("estimated", "推定"))
			}
			if why := in.Reason(); !why.Zero() && !party {
				line = append(line, why)
			}
			out = append(out, line)
		}
	}
	return out
}
