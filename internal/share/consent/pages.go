package consent

import (
	"context"
	"strconv"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// pages adds /consultations and /consents.
func (s *Service) pages(site *web.Site) {
	site.Templates(Templates())
	site.Page("/consultations", policy.RoleReader, func(r *web.Request) (*web.View,
		error) {
		return s.listView(r, nil)
	})
	site.Action("/consultations", policy.RoleAnalyst, s.consultAction)
	site.Page("/consultations/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return s.consultView(r, nil)
	})
	site.Action("/consultations/{id}", policy.RoleAnalyst, s.sayAction)
	site.Page("/consents/{id}", policy.RoleReader, func(r *web.Request) (*web.View,
		error) {
		return s.consentView(r, nil)
	})
	site.Action("/consents", policy.RoleAnalyst, s.askAction)
	site.Action("/consents/{id}", policy.RoleAnalyst, s.answerAction)
}

// party is what the other side is called to the reader.
func (s *Service) party(ctx context.Context, member string) any {
	if member == "" {
		return i18n.T("the hub", "ハブ")
	}
	return s.Members.Name(ctx, member)
}

func stateBadge(st State) web.Badge {
	switch st {
	case Asked:
		return web.Badge{Text: i18n.T("waits for an answer", "回答待ち"), Mood: web.Warn}
	case Granted:
		return web.Badge{Text: i18n.T("agreed", "同意"), Mood: web.Good, Icon: "check"}
	case Refused:
		return web.Badge{Text: i18n.T("not agreed", "不同意"), Mood: web.Dim}
	case Lapsed:
		return web.Badge{Text: i18n.T("no answer, which is a no", "期限内に回答なし（不同意）"), Mood: web.Dim}
	case Withdrawn:
		return web.Badge{Text: i18n.T("agreed, then withdrawn", "同意を撤回"), Mood: web.Dim}
	case Retracted:
		return web.Badge{Text: i18n.T("not asked any more", "依頼を取消し"), Mood: web.Dim}
	}
	return web.Badge{Text: i18n.Same(string(st))}
}

// listData is the dot of consent/list.
type listData struct {
	Consents web.List
	List     web.List
	Form     *web.Form
	Fields   []web.Field // empty: the reader asks nothing
}

func (s *Service) listView(r *web.Request, form *web.Form) (*web.View, error) {
	var asked []Consent
	var list []Consultation
	titles := map[string]string{}
	err := s.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if asked, err = Consents(tx, ""); err != nil {
			return err
		}
		for _, c := range asked {
			if t, err := find(tx, c.Object); err == nil {
				titles[c.Object] = t.Title
			} else if !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		list, err = Consultations(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.DB.Now()
	d := listData{Form: form, Consents: s.consentList(r.Context(), asked, titles),
		List: s.consultList(r.Context(), list)}
	v := &web.View{Template: "consent/list", Title: i18n.T("Consultations and consent", "相談と同意"),
		Nav:  "consultations",
		Live: []string{"consent"}, Tools: []web.Link{{Text: i18n.T("Give without your name", "名を伏せて提供する"),
			Path: "/pseudonym", Icon: "lock"}}, CSV: d.Consents.Table(),
		Lede: i18n.T("Between a member and the hub alone. Nobody but the giver lets others see what it gave",
			"構成員とハブの間だけのやり取りです。共有範囲を広げられるのは、提供元だけです")}
	if w := waiting(asked, r.Viewer, now); len(w) > 0 && r.Viewer.Member != "" {
		last := w[len(w)-1]
		v.Next = []web.Next{{Text: i18n.T("Answer the hub about {0} {0:object|objects}", "ハブからの依頼 {0} 件に回答").
			With(len(w)), Path: web.Path("/consents/{0}", last.ID), By: last.Deadline,
			Note: i18n.T("no answer is a no", "回答がなければ不同意")}}
	}
	if r.Viewer.Member != "" && identity.AtLeast(r.Viewer.Role, policy.RoleAnalyst) {
		d.Fields = consultFields()
	}
	v.Data = d
	return v, nil
}

func (s *Service) consentList(ctx context.Context, asked []Consent, titles map[string]string) web.List {
	l := web.List{ID: "consents", Caption: i18n.T("May others see it?", "共有範囲の拡大の依頼"), Dense: true,
		Count: web.Exactly(int64(len(asked))), Columns: []web.ListColumn{
			{Key: "object", Text: i18n.T("Object", "オブジェクト"), Role: web.RoleMain},
			{Key: "asked", Text: i18n.T("Asked for", "依頼する区分")},
			{Key: "giver", Text: i18n.T("Giver", "提供元")},
			{Key: "state", Text: i18n.T("State", "状態")},
			{Key: "deadline", Text: i18n.T("Answer by", "回答期限"), Role: web.RoleTime},
		}, Empty: &web.Empty{Icon: "lock", Text: i18n.T("Nothing was asked", "依頼はありません"),
			How: i18n.T("When the hub wants others to see what a member gave, it asks here first.",
				"提供された情報をほかの組織に広げたいとき、ハブはまずここで提供元に依頼します。")}}
	now := s.DB.Now()
	for _, c := range asked {
		title := titles[c.Object]
		if title == "" {
			title = c.Object
		}
		l.Rows = append(l.Rows, web.Row{Key: c.ID, Path: web.Path("/consents/{0}", c.ID), Dim: c.At(now) != Asked,
			Cells: []any{title, c.Asks.TLP.String(), s.party(ctx, c.Giver()), stateBadge(c.At(now)),
				web.Brief(c.Deadline)}})
	}
	return l
}

func (s *Service) consultList(ctx context.Context, list []Consultation) web.List {
	l := web.List{ID: "consultations", Caption: i18n.T("Consultations", "相談"), Dense: true,
		Count: web.Exactly(int64(len(list))), Columns: []web.ListColumn{
			{Key: "title", Text: i18n.T("Subject", "件名"), Role: web.RoleMain},
			{Key: "member", Text: i18n.T("Member", "構成員")},
			{Key: "made", Text: i18n.T("Asked", "受付"), Role: web.RoleTime},
			{Key: "state", Text: i18n.T("State", "状態")},
		}, Empty: &web.Empty{Icon: "note", Text: i18n.T("No consultation yet", "相談はまだありません"),
			How: i18n.T("A member asks the hub's analysts, who alone read it, and gets their answer here.",
				"構成員がハブの分析担当者だけに相談し、回答をここで受け取ります。")}}
	for _, c := range list {
		state := web.Badge{Text: i18n.T("open", "対応中"), Mood: web.Info}
		if !c.Closed.IsZero() {
			state = web.Badge{Text: i18n.T("closed", "終了"), Mood: web.Dim}
		}
		l.Rows = append(l.Rows, web.Row{Key: c.ID, Path: web.Path("/consultations/{0}", c.ID), Dim: !c.Closed.IsZero(),
			Cells: []any{c.Title, s.party(ctx, c.Handling.Owner), web.Brief(c.Made), state}})
	}
	return l
}

func consultFields() []web.Field {
	return []web.Field{
		{Name: "title", Label: i18n.T("Subject", "件名"), Required: true, Max: 200, Auto: "off"},
		{Name: "text", Label: i18n.T("What you see, and what you want to know", "状況と、知りたいこと"),
			Kind: "textarea", Rows: 6,
			Required: true, Max: maxText},
		{Name: "object", Label: i18n.T("Id of an object that it is about", "関係するオブジェクトの ID"),
			Mono: true, Max: 200,
			Auto: "off", Help: i18n.T("May stay empty.", "空欄でもかまいません。")},
	}
}

// again shows a page again with what is wrong in the form that was sent.
func again(r *web.Request, err error, field string, fields []web.Field,
	view func(*web.Request, *web.Form) (*web.View, error)) error {
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.TooLarge) {
		return err
	}
	form := web.FormOf(r)
	if form.Require(fields...); form.Err() == nil {
		form.Wrong(field, fault.TextOf(err))
	}
	v, verr := view(r, form)
	if verr != nil {
		return verr
	}
	return web.Again(v, err)
}

func (s *Service) consultAction(r *web.Request) (string, error) {
	id, err := s.Consult(r.Context(), r.Viewer, r.Value("title"), r.Value("text"), r.Value("object"))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Invalid, fault.TextOf(err))
		return "", again(r, err, "object", consultFields(), s.listView)
	}
	if err != nil {
		return "", again(r, err, "text", consultFields(), s.listView)
	}
	r.Flash(i18n.T("Asked. Only the hub's people read it.", "相談を送りました。閲覧できるのはハブの担当者だけです。"))
	return web.Path("/consultations/{0}", id), nil
}

// consultData is the dot of consent/consultation.
type consultData struct {
	Consultation Consultation
	Facts        []web.Fact
	Words        []web.Entry
	Form         *web.Form
	Fields       []web.Field
}

func (s *Service) consultView(r *web.Request, form *web.Form) (*web.View, error) {
	d := consultData{Form: form}
	var words []Word
	var t *Thing
	err := s.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if d.Consultation, words, err = Consulted(tx, r.PathValue("id")); err != nil {
			return err
		}
		if d.Consultation.Object == "" {
			return nil
		}
		found, err := find(tx, d.Consultation.Object)
		if err == nil {
			t = &found
		} else if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c := d.Consultation
	d.Words = append(d.Words, web.Entry{At: c.Made, Icon: "note", Who: s.Members.Name(r.Context(), c.Handling.Owner),
		Text: c.Person, Body: c.Text, Key: c.ID})
	for _, w := range words {
		who := i18n.T("the hub", "ハブ").In(r.Lang)
		if w.Member != "" {
			who = s.Members.Name(r.Context(), w.Member)
		}
		d.Words = append(d.Words, web.Entry{At: w.At, Icon: "note", Who: who, Text: w.Person, Body: w.Text, Key: w.ID})
	}
	d.Facts = []web.Fact{{Name: i18n.T("Asked by", "相談元"), Value: s.party(r.Context(), c.Handling.Owner)},
		{Name: i18n.T("Asked", "受付"), Value: c.Made}}
	if t != nil {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("About", "対象"), Value: web.Link{Text: t.Title,
			Path: t.page()}})
	}
	state := web.Badge{Text: i18n.T("open", "対応中"), Mood: web.Info}
	if !c.Closed.IsZero() {
		state = web.Badge{Text: i18n.T("closed", "終了"), Mood: web.Dim}
	} else if identity.AtLeast(r.Viewer.Role, policy.RoleAnalyst) {
		d.Fields = sayFields()
	}
	return &web.View{Template: "consent/consultation", Title: i18n.Same(c.Title), Nav: "consultations", State: &state,
		Handling: &policy.Handling{TLP: c.Handling.TLP}, Live: []string{"consent"}, Data: d,
		Back: &web.Link{Text: i18n.T("Consultations and consent", "相談と同意"), Path: "/consultations"}}, nil
}

func sayFields() []web.Field {
	return []web.Field{
		{Name: "text", Label: i18n.T("Answer or add", "回答・追記"), Kind: "textarea", Rows: 4, Required: true,
			Max: maxText},
		{Name: "last", Label: i18n.T("This closes the consultation", "この相談を終了する"), Kind: "check", Value: ""},
	}
}

func (s *Service) sayAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	if err := s.Say(r.Context(), r.Viewer, id, r.Value("text"), r.Value("last") != ""); err != nil {
		return "", again(r, err, "text", sayFields(), s.consultView)
	}
	return web.Path("/consultations/{0}", id), nil
}

func (s *Service) askAction(r *web.Request) (string, error) {
	tlp, _ := policy.ParseTLP(r.Value("tlp"))
	days, err := strconv.Atoi(r.Value("days"))
	if err != nil {
		days = 0
	}
	id, err := s.Ask(r.Context(), r.Viewer, Request{Object: r.Value("object"), Why: r.Value("why"), TLP: tlp,
		Audience: marking.Parties(r.Value("audience")), Days: days})
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("The giver is asked. Nobody sees more until it says yes.",
		"提供元に依頼しました。同意があるまで、共有範囲は変わりません。"))
	return web.Path("/consents/{0}", id), nil
}
