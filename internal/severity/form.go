package severity

import (
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// axisFields is one axis of the form.
type axisFields struct {
	Answer, Sure web.Field
	Ask          bool // this one first
	Means        []Option
}

// fields asks for each axis of a scale; what was assessed last is filled in.
func fields(s *Scale, last Assessment) (out []axisFields, outlook web.Field) {
	before := map[string]Input{}
	for _, in := range last.Inputs {
		before[in.Axis] = in
	}
	for _, a := range s.Axes {
		in := before[a.ID]
		answer := web.Field{
			Name:    "axis." + a.ID,
			Label:   a.Names,
			Kind:    "select",
			Options: []web.Option{{Text: i18n.T("unknown", "不明"), On: in.Value == ""}},
		}
		for _, o := range a.Options {
			answer.Options = append(answer.Options, web.Option{Value: o.ID, Text: o.Names, On: o.ID == in.Value})
		}
		sure := web.Field{Name: "sure." + a.ID, Label: i18n.T("How sure", "確度"), Kind: "select", Options: []web.Option{
			{Value: string(Known), Text: i18n.T("confirmed", "確認済み"), On: in.Confidence != Estimated},
			{Value: string(Estimated), Text: i18n.T("estimated", "推定"), On: in.Confidence == Estimated},
		}}
		out = append(out, axisFields{Answer: answer, Sure: sure, Ask: a.ID == last.Ask, Means: a.Options})
	}
	outlook = web.Field{Name: "outlook", Label: i18n.T("The next 6 hours", "今後 6 時間の見通し"), Kind: "select"}
	for _, o := range []Outlook{Improving, Stable, Worsening} {
		outlook.Options = append(outlook.Options, web.Option{Value: string(o), Text: o.Name(), On: o == last.Outlook})
	}
	return out, outlook
}

// addTo adds the action by which a case is assessed, and what its page shows of it.
func (p *pages) addTo(site *web.Site) {
	site.Templates(Templates())
	site.Action("/cases/{number}/assess", policy.RoleAnalyst, p.assess)
}

// assess writes what a person answered on the lead scale.
func (p *pages) assess(r *web.Request) (string, error) {
	if err := casework.AtHub(r.Viewer); err != nil {
		return "", err
	}
	number := r.PathValue("number")
	c, err := casework.Lookup(r.Context(), p.db, r.Viewer, number)
	if err != nil {
		return "", err
	}
	scale, err := p.Scale(Lead)
	if err != nil {
		return "", err
	}
	var inputs []Input
	for _, a := range scale.Axes {
		in := Input{Axis: a.ID, Confidence: Unknown}
		if v := r.Value("axis." + a.ID); v != "" {
			in.Value, in.Confidence = v, Known
			if r.Value("sure."+a.ID) == string(Estimated) {
				in.Confidence = Estimated
			}
		}
		inputs = append(inputs, in)
	}
	_, err = p.Assess(r.Context(), r.Viewer, c.ID, Lead, inputs, Outlook(r.Value("outlook")))
	if fault.Is(err, fault.Invalid) {
		form := web.FormOf(r)
		form.Wrong("outlook", fault.TextOf(err))
		return "", r.Again("/cases/{number}", form)
	}
	if err != nil {
		return "", err
	}
	r.Flash(
		i18n.T(
			"The assessment is kept. It replaces the one before and cannot be changed; assess again to correct it.",
			"評価を保存しました。以前の評価に代わり、書き換えはできません。訂正するときは再度評価してください。",
		),
	)
	return web.Path("/cases/{0}", number), nil
}
