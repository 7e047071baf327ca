package consent

import (
	"context"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// consentData is the dot of consent/one.
type consentData struct {
	Consent  Consent
	Facts    []web.Fact
	Shown    []web.Fact // what would be seen
	Change   []web.Fact // the marking now, and that is asked for
	Form     *web.Form
	Answer   bool // the reader may
	Fields   []web.Field
	Withdraw bool
	Retract  bool
}

func (t Thing) page() string {
	if t.Path != "" {
		return t.Path
	}
	return web.Path("/objects/{0}", t.ID)
}

func (s *Service) consentView(r *web.Request, form *web.Form) (*web.View, error) {
	ctx := r.Context()
	c, t, err := s.open(ctx, r.Viewer, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	names, err := s.groupNames(ctx, r.Viewer, c.Had.Audience, c.Asks.Audience)
	if err != nil {
		return nil, err
	}
	d := consentData{Consent: c, Form: form}
	state := c.At(s.DB.Now())
	for _, h := range []struct {
		name i18n.Text
		h    policy.Handling
	}{{i18n.T("As it is marked now", "現在の区分"), c.Had}, {i18n.T("As the hub asks for", "依頼された区分"), c.Asks}} {
		n, err := s.Reached(ctx, h.h)
		if err != nil {
			return nil, err
		}
		d.Change = append(d.Change, web.Fact{Name: h.name, Value: marking.Reach(h.h),
			Note: i18n.T("{0}; the nodes of {1} {1:member|members} get it", "{0}。{1} 構成員のノードに配布").With(
				s.parties(ctx, h.h.Audience, names), n)})
	}
	if state == Granted {
		d.Change = append(d.Change, web.Fact{Name: i18n.T("As it was granted", "同意された区分"),
			Value: marking.Reach(c.Gave)})
	}
	d.Facts = []web.Fact{
		{Name: i18n.T("Given by", "提供元"), Value: s.party(ctx, c.Giver())},
		{Name: i18n.T("Asked by", "依頼者"), Value: i18n.T("{0}, of the hub", "{0}（ハブ）").With(c.Person)},
		{Name: i18n.T("Asked", "依頼日時"), Value: c.Made},
		{Name: i18n.T("Answer by", "回答期限"), Value: c.Deadline, Note: i18n.T("no answer is a no",
			"回答がなければ不同意")},
	}
	if !c.Answered.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Answered", "回答"), Value: c.Answered,
			Note: i18n.Same(c.Answerer)})
	}
	if c.Note != "" {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("What was said", "回答の内容"), Value: c.Note})
	}
	d.Shown = shown(t)
	may := mayAnswer(r.Viewer, c) == nil
	if d.Answer = may && state == Asked && t.Body != nil; d.Answer {
		d.Fields = answerFields(c, names)
	}
	d.Withdraw = may && state == Granted
	d.Retract = r.Viewer.Hub && state == Asked
	badge := stateBadge(state)
	v := &web.View{Template: "consent/one", Title: i18n.T("May others see {0}?",
		"「{0}」の共有範囲を広げてよいか").With(t.Title),
		Nav: "consultations", State: &badge, Handling: &policy.Handling{TLP: c.Handling.TLP}, Live: []string{"consent"},
		Lede: web.Link{Text: i18n.T("the object", "対象のオブジェクト"), Path: t.page()}, Data: d,
		Back: &web.Link{Text: i18n.T("Consultations and consent", "相談と同意"), Path: "/consultations"}}
	return v, nil
}

// parties are the parties of an audience in words.
func (s *Service) parties(ctx context.Context, a policy.Audience, groups map[string]string) i18n.Text {
	var out []i18n.Text
	offers := marking.Offers(groups)
	for _, t := range a {
		if i := slices.IndexFunc(offers, func(o web.Option) bool { return o.Value == t }); i >= 0 {
			if text, ok := offers[i].Text.(i18n.Text); ok {
				out = append(out, text)
				continue
			}
		}
		if id, ok := strings.CutPrefix(t, policy.ToMember("")); ok {
			out = append(out, i18n.Same(s.Members.Name(ctx, id)))
			continue
		}
		out = append(out, i18n.Same(t))
	}
	if len(out) == 0 {
		return i18n.T("nobody named", "指定した宛先なし")
	}
	text := out[0]
	for _, t := range out[1:] {
		text = i18n.T("{0}, {1}", "{0}、{1}").With(text, t)
	}
	return text
}

// shown is what of an object others would see: all its properties.
func shown(t Thing) (out []web.Fact) {
	if t.Body == nil {
		return nil
	}
	o, err := stix.Parse(t.Body)
	if err != nil {
		return nil
	}
	for _, name := range o.Properties() {
		raw, ok := o.Raw(name)
		if !ok || len(out) >= 60 {
			continue
		}
		value := event.Clip(o.Text(name), 2000)
		switch name {
		case "name", "value", "pattern", "description", "content", "url":
			value = web.Defang(value)
		default:
			if value == "" {
				value = strings.ReplaceAll(event.Clip(string(raw), 2000), "http", "hxxp")
			}
		}
		out = append(out, web.Fact{Name: i18n.Same(name), Value: value})
	}
	return out
}

func answerFields(c Consent, names map[string]string) []web.Field {
	audience := marking.AudienceField(c.Asks.Audience, names)
	audience.Label = i18n.T("and who may get it then", "その場合の受信者")
	return []web.Field{
		{Name: "answer", Label: i18n.T("Your answer", "回答"), Kind: "radio", Required: true, Options: []web.Option{
			{Value: "yes", Text: i18n.T("Yes, as the hub asks", "依頼どおり同意する")},
			{Value: "changed", Text: i18n.T("Yes, but marked as below", "下の区分であれば同意する")},
			{Value: "no", Text: i18n.T("No", "同意しない")}}},
		{Name: "tlp", Label: i18n.T("Marking, if other than asked", "区分（依頼と異なる場合）"), Kind: "select",
			Options: marking.TLPOptions(policy.Clear, c.Asks.TLP), Value: c.Asks.TLP.Slug()},
		audience,
		{Name: "note", Label: i18n.T("What the hub should know", "ハブへの連絡"), Kind: "textarea", Rows: 2,
			Max: maxText},
	}
}

func (s *Service) answerAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	var err error
	switch r.Value("answer") {
	case "yes":
		err = s.Answer(r.Context(), r.Viewer, id, Answer{Yes: true, Note: r.Value("note")})
	case "changed":
		tlp, _ := policy.ParseTLP(r.Value("tlp"))
		h := policy.Handling{TLP: tlp, Audience: marking.Parties(r.Value("audience"))}
		err = s.Answer(r.Context(), r.Viewer, id, Answer{Yes: true, Note: r.Value("note"), Instead: &h})
	case "no":
		err = s.Answer(r.Context(), r.Viewer, id, Answer{Note: r.Value("note")})
	case "withdraw":
		err = s.Withdraw(r.Context(), r.Viewer, id, r.Value("note"))
	case "retract":
		err = s.Retract(r.Context(), r.Viewer, id)
	default:
		form := web.FormOf(r)
		form.Wrong("answer", i18n.T("choose one of these", "いずれかを選んでください"))
		v, verr := s.consentView(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, form.Err())
	}
	if err != nil {
		return "", again(r, err, "answer", nil, s.consentView)
	}
	r.Flash(i18n.T("Done, and noted for both sides.", "処理しました。双方の記録に残ります。"))
	return web.Path("/consents/{0}", id), nil
}

// panelData is the dot of consent/panel.
type panelData struct {
	Object string
	List   web.List
	Fields []web.Field // empty: the reader does not ask
}

// panel is what was asked about an object, on its page, for its giver and the hub's people.
func (s *Service) panel(ctx context.Context, about web.Subject) (out web.Part, err error) {
	v := about.Viewer
	if !v.Hub && v.Member == "" {
		return out, nil
	}
	var list []Consent
	var t Thing
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if t, err = find(tx, about.ID); err != nil {
			return err
		}
		list, err = Consents(tx, about.ID)
		return err
	})
	if err != nil {
		return out, err
	}
	now := s.DB.Now()
	asks := v.Hub && t.Handling.Owner != "" && v.Role != policy.RoleReader && t.Handling.TLP != policy.Clear &&
		!slices.ContainsFunc(list, func(c Consent) bool { return c.At(now) == Asked })
	if len(list) == 0 && !asks {
		return out, nil
	}
	d := panelData{Object: about.ID, List: s.consentList(ctx, list, map[string]string{about.ID: t.Title})}
	if asks {
		names, err := s.groupNames(ctx, v)
		if err != nil {
			return out, err
		}
		d.Fields = append([]web.Field{
			{Name: "why", Label: i18n.T("Why others should see it", "共有範囲を広げたい理由"), Kind: "textarea",
				Rows:     3,
				Required: true, Max: maxText},
			{Name: "tlp", Label: i18n.T("Marking that is asked for", "依頼する区分"), Kind: "select", Required: true,
				Options: marking.TLPOptions(policy.Clear, t.Handling.TLP), Value: t.Handling.TLP.Slug()},
			marking.AudienceField(t.Handling.Audience, names),
		}, web.Field{Name: "days", Label: i18n.T("Days to answer", "回答までの日数"), Kind: "number",
			Required: true, Value: "3"})
	}
	out.Data = d
	for _, c := range waiting(list, v, now) {
		out.Next = append(out.Next, web.Next{Text: i18n.T("Say whether others may see it", "共有範囲の拡大に回答する"),
			Path: web.Path("/consents/{0}", c.ID), By: c.Deadline})
	}
	return out, nil
}
