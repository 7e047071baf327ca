package hub

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// caseView lends the case pages what they show of severity, share and situation.
func (h *Hub) caseView() (casework.PageConfig, error) {
	scale, err := h.judge.Scale(severity.Lead)
	if err != nil {
		return casework.PageConfig{}, err
	}
	return casework.PageConfig{DB: h.db, Cases: h.cases, Clock: h.cfg.Clock, Name: h.directory.Name, Sector: h.directory.Sector, Judgements: h.judgements, Scale: scaleOf(scale),
		Judge: h.judgeCase, Indicators: h.caseIndicators}, nil
}

func scaleOf(s *severity.Scale) casework.Scale {
	out := casework.Scale{ID: s.ID, Name: s.Names, Note: s.Note}
	for _, a := range s.Axes {
		x := casework.Axis{ID: a.ID, Name: a.Names}
		for _, o := range a.Options {
			x.Options = append(x.Options, casework.AxisOption{ID: o.ID, Name: o.Names, Means: o.Means})
		}
		out.Axes = append(out.Axes, x)
	}
	for _, o := range []severity.Outlook{severity.Improving, severity.Stable, severity.Worsening} {
		out.Outlooks = append(out.Outlooks, casework.AxisOption{ID: string(o), Name: o.Name()})
	}
	return out
}

func (h *Hub) judgeCase(ctx context.Context, v policy.Viewer, caseID string, inputs []casework.AxisInput, outlook string) error {
	list := make([]severity.Input, 0, len(inputs))
	for _, in := range inputs {
		list = append(list, severity.Input{Axis: in.Axis, Confidence: severity.Confidence(in.Confidence), Value: in.Value})
	}
	_, err := h.judge.Judge(ctx, v, caseID, severity.Lead, list, severity.Outlook(outlook))
	return err
}

func (h *Hub) judgements(ctx context.Context, v policy.Viewer, caseID string) ([]casework.Judgement, error) {
	list, err := h.judge.OfCase(ctx, store.As(v), caseID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b severity.Assessment) int { return b.At.Compare(a.At) })
	out := make([]casework.Judgement, 0, len(list))
	for _, a := range list {
		scale, err := h.judge.Scale(a.Scale)
		if err != nil { // a scale that is no longer shipped: its figures stand by themselves
			scale = &severity.Scale{ID: a.Scale, Names: i18n.Same(a.Scale)}
		}
		out = append(out, h.judgement(ctx, a, scale))
	}
	return out, nil
}

func (h *Hub) judgement(ctx context.Context, a severity.Assessment, scale *severity.Scale) casework.Judgement {
	j := casework.Judgement{Scale: a.Scale, ScaleName: scale.Names, Likely: a.Likely, Lowest: a.Lowest, Highest: a.Highest, Outlook: a.Outlook.Name(), OutlookID: string(a.Outlook),
		Automatic: a.Automatic, At: a.At}
	if !a.Automatic {
		j.By = h.userName(ctx, a.By)
	}
	for _, l := range scale.Levels {
		if l.Level == a.Likely {
			j.Level, j.Action = l.Names, l.Action
		}
	}
	for _, axis := range scale.Axes {
		if axis.ID == a.Ask {
			j.Ask = axis.Names
		}
		for _, in := range a.Inputs {
			if in.Axis == axis.ID {
				j.Inputs = append(j.Inputs, judgedAxis(axis, in))
			}
		}
	}
	return j
}

func judgedAxis(axis severity.Axis, in severity.Input) casework.JudgedAxis {
	out := casework.JudgedAxis{AxisInput: casework.AxisInput{Axis: in.Axis, Confidence: string(in.Confidence), Value: in.Value}, Name: axis.Names, Answer: in.Confidence.Name(), Why: in.Reason()}
	for _, o := range axis.Options {
		if o.ID == in.Value {
			out.Answer = o.Names
		}
	}
	return out
}

// userName gives a person's name, or the id of one that is gone.
func (h *Hub) userName(ctx context.Context, id string) string {
	u, err := h.people.User(ctx, id)
	if err != nil {
		if !fault.Is(err, fault.NotFound) {
			h.cfg.Log.Warn("could not read a user", "err", err)
		}
		return id
	}
	return u.Name
}

// caseIndicators lists what came out of a case. How far members are is for the
// hub's people.
func (h *Hub) caseIndicators(ctx context.Context, v policy.Viewer, caseID string) (out []casework.IndicatorLine, err error) {
	err = h.db.Read(ctx, store.As(v), func(tx *store.Tx) error {
		out = out[:0]
		p, err := indicator.List(tx, list.Ask{Values: map[string]string{"case": caseID}, Limit: 200})
		if err != nil {
			return err
		}
		for _, o := range p.Rows {
			l := casework.IndicatorLine{ID: o.ID, Name: o.Name, Kind: o.Kind, Value: o.Value, Finding: o.Finding, Made: o.Made, Until: o.ValidUntil, Withdrawn: !o.Withdrawn.IsZero(), Handling: o.Handling}
			if v.Hub {
				if err := reach(tx, &l); err != nil {
					return err
				}
			}
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

// reach counts how far an indicator has come.
func reach(tx *store.Tx, l *casework.IndicatorLine) error {
	prog, err := publish.ProgressOf(tx, l.ID)
	if err != nil {
		return err
	}
	l.Entitled = len(prog)
	for _, p := range prog {
		if !p.Armed.IsZero() && p.State != string(wire.Disarmed) {
			l.Armed++
		}
		if !p.Hunted.IsZero() {
			l.Hunted++
		}
	}
	seen, err := publish.SightingsOf(tx, l.ID)
	l.Sightings = len(seen)
	return err
}
