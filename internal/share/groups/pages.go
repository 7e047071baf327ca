package groups

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// pages adds /groups and a page for each group.
func (s *Service) pages(site *web.Site) {
	site.Templates(Templates())
	site.Page("/groups", policy.RoleReader, func(r *web.Request) (*web.View, error) { return s.listView(r, nil) })
	site.Action("/groups", policy.RoleCoordinator, s.makeAction)
	site.Action("/group-invitations/{id}", policy.RoleCoordinator, s.answerAction)
	site.Page("/groups/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) { return s.groupView(r, nil) })
	site.Action("/groups/{id}/invite", policy.RoleCoordinator, s.inviteAction)
	site.Action("/groups/{id}/vote", policy.RoleCoordinator, s.voteAction)
	site.Action("/groups/{id}/exclude", policy.RoleCoordinator, s.excludeAction)
	site.Action("/groups/{id}/leave", policy.RoleCoordinator, s.leaveAction)
	site.Action("/groups/{id}/close", policy.RoleCoordinator, s.closeAction)
}

// party is what an organisation is called; the hub has no id.
func (s *Service) party(ctx context.Context, member string) any {
	if member == "" {
		return i18n.T("the hub", "ハブ")
	}
	return s.directory.Name(ctx, member)
}

// offerData is an invitation to the reader's organisation.
type offerData struct {
	ID, Name, Purpose string
	Lead, By          any
	Until             time.Time
}

// listData is the dot of groups/list.
type listData struct {
	List   web.List
	Offers []offerData
	May    bool // may make groups and answer invitations
	Form   *web.Form
	Fields []web.Field
}

func (s *Service) listView(r *web.Request, form *web.Form) (*web.View, error) {
	d := listData{May: mayDecide(r.Viewer) == nil, Form: form, Fields: makeFields()}
	var groups []Group
	seats := map[string][]Seat{}
	var offers []Offer
	err := s.db.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if groups, err = List(tx); err != nil {
			return err
		}
		for _, g := range groups {
			if seats[g.ID], err = Seats(tx, g.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.db.Read(r.Context(), store.System("groups: invitations by name"), func(tx *store.Tx) (err error) {
			offers, err = s.Offers(tx, r.Viewer)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	for _, o := range offers {
		d.Offers = append(d.Offers, offerData{o.ID, o.Name, o.Purpose, s.party(r.Context(), o.Lead),
			s.party(r.Context(), o.Member), o.Expires})
	}
	d.List = s.list(r.Context(), groups, seats)
	v := &web.View{Template: "groups/list", Title: i18n.T("Trust groups", "信頼グループ"), Nav: "groups",
		Live: []string{"groups"}, CSV: d.List.Table(),
		Lede: i18n.T("What is addressed to a group is for the organisations in it, and for nobody else but the hub",
			"グループ宛ての情報は、参加組織とハブだけが閲覧できます")}
	if len(d.Offers) > 0 {
		v.Next = []web.Next{{Text: i18n.T("Answer {0} {0:invitation|invitations}", "招待 {0} 件に回答").With(len(d.Offers)),
			Path: "/groups#offers", By: d.Offers[0].Until}}
	}
	v.Data = d
	return v, nil
}

func (s *Service) list(ctx context.Context, groups []Group, seats map[string][]Seat) web.List {
	l := web.List{ID: "groups", Caption: i18n.T("Groups", "グループ"), Bare: true, Columns: []web.ListColumn{
		{Key: "name", Text: i18n.T("Group", "グループ"), Role: web.RoleMain},
		{Key: "members", Text: i18n.T("Members", "参加組織"), Role: web.RoleNum},
		{Key: "lead", Text: i18n.T("Led by", "運営")},
		{Key: "made", Text: i18n.T("Made", "作成"), Role: web.RoleTime},
		{Key: "state", Text: i18n.T("State", "状態")},
	}, Count: web.Exactly(int64(len(groups))), Empty: &web.Empty{Icon: "members",
		Text: i18n.T("Your organisation is in no group", "参加中のグループはありません"),
		How: i18n.T("Make one below and invite others by their names, or wait to be invited: invitations appear here.",
			"下の欄で作成して他の組織を招待できます。招待を受けると、この画面に表示されます。")}}
	for _, g := range groups {
		state := web.Badge{Text: i18n.T("open", "活動中"), Mood: web.Good}
		if !g.Closed.IsZero() {
			state = web.Badge{Text: i18n.T("closed", "終了"), Mood: web.Dim}
		}
		l.Rows = append(l.Rows, web.Row{Key: g.ID, Path: web.Path("/groups/{0}", g.ID), Dim: !g.Closed.IsZero(),
			Cells: []any{web.Lines{g.Name, g.Purpose}, len(seats[g.ID]), s.party(ctx, g.Lead()), web.Brief(g.Made),
				state}})
	}
	return l
}

func makeFields() []web.Field {
	return []web.Field{
		{Name: "name", Label: i18n.T("Name of the group", "グループ名"), Required: true, Max: maxName, Auto: "off"},
		{Name: "purpose", Label: i18n.T("What it is for", "目的"), Kind: "textarea", Rows: 2, Max: maxPurpose,
			Help: i18n.T("Who is invited reads this before deciding.", "招待された組織が、参加を判断する前に読みます。")},
		{Name: "admits", Label: i18n.T("Who lets others in", "参加の承認"), Kind: "radio", Required: true,
			Value: AdmitsAll, Options: []web.Option{
				{Value: AdmitsAll, Text: i18n.T("all that are in it: a newcomer reads what was shared before",
					"参加中の全組織（新しい組織は、過去の共有も閲覧できるため）")},
				{Value: AdmitsLead, Text: i18n.T("your organisation alone", "自組織のみ")},
			}},
	}
}

func (s *Service) makeAction(r *web.Request) (string, error) {
	id, err := s.Make(r.Context(), r.Viewer, NewGroup{r.Value("name"), r.Value("purpose"), r.Value("admits")})
	if err != nil {
		return "", s.again(r, err, "name", makeFields(), s.listView)
	}
	r.Flash(i18n.T("The group is there. Invite others now.", "グループを作成しました。続けて招待してください。"))
	return web.Path("/groups/{0}", id), nil
}

// again shows a page again with what is wrong in the form that was sent.
func (s *Service) again(r *web.Request, err error, field string, fields []web.Field,
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

func (s *Service) answerAction(r *web.Request) (string, error) {
	accept := r.Value("answer") == "accept"
	group, err := s.Answer(r.Context(), r.Viewer, r.PathValue("id"), accept)
	if err != nil {
		return "", err
	}
	if !accept {
		r.Flash(i18n.T("Declined. The group is not told.", "辞退しました。グループには通知されません。"))
		return "/groups", nil
	}
	r.Flash(i18n.T("Your organisation is in the group.", "グループに参加しました。"))
	return web.Path("/groups/{0}", group), nil
}

func (s *Service) inviteAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	if err := s.Ask(r.Context(), r.Viewer, id, r.Value("name")); err != nil {
		return "", s.again(r, err, "name", inviteFields(nil), s.groupView)
	}
	r.Flash(i18n.T("Noted. If there is an organisation of this name, it finds the invitation on its page of groups.",
		"受け付けました。この名称の組織があれば、その組織のグループ画面に招待が表示されます。"))
	return web.Path("/groups/{0}", id), nil
}

func (s *Service) voteAction(r *web.Request) (string, error) {
	id, invite := r.PathValue("id"), r.Value("invite")
	var err error
	switch r.Value("vote") {
	case "yes":
		err = s.Vote(r.Context(), r.Viewer, id, invite, true)
	case "no":
		err = s.Vote(r.Context(), r.Viewer, id, invite, false)
	default:
		err = s.Retract(r.Context(), r.Viewer, id, invite)
	}
	return web.Path("/groups/{0}", id), err
}

func (s *Service) excludeAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	if err := s.Exclude(r.Context(), r.Viewer, id, r.Value("member")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("Excluded. It sees nothing of the group any more.", "除外しました。以後、グループの情報は閲覧できません。"))
	return web.Path("/groups/{0}", id), nil
}

func (s *Service) leaveAction(r *web.Request) (string, error) {
	if err := s.Leave(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("Your organisation has left the group. What your nodes had by it they forget.",
		"グループを脱退しました。このグループ経由で受け取った情報は、ノードから削除されます。"))
	return "/groups", nil
}

func (s *Service) closeAction(r *web.Request) (string, error) {
	name := ""
	err := s.db.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		g, err := Get(tx, r.PathValue("id"))
		name = g.Name
		return err
	})
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(r.Value("confirm")) != name {
		form := web.FormOf(r)
		form.Wrong("confirm", i18n.T("this is not the group's name", "グループ名と一致しません"))
		v, err := s.groupView(r, form)
		if err != nil {
			return "", err
		}
		return "", web.Again(v, form.Err())
	}
	if err := s.Close(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("The group is closed.", "グループを終了しました。"))
	return "/groups", nil
}

// inviteFields is the form for an invitation; the hub's people choose among names that they
// know.
func inviteFields(names []string) []web.Field {
	f := web.Field{Name: "name", Label: i18n.T("Name of the organisation, as the hub knows it", "組織名（ハブに登録された名称）"),
		Required: true, Max: 120, Auto: "off",
		Help: i18n.T("You are not told whether there is one of this name, nor whether it declined.",
			"該当する組織の有無や、辞退したかどうかは表示されません。")}
	for _, n := range names {
		f.Offers = append(f.Offers, web.Option{Value: n, Text: n})
	}
	return []web.Field{f}
}

// hubNames are the names of all members, for the hub's people.
func (s *Service) hubNames(ctx context.Context, v policy.Viewer) (out []string, err error) {
	if !v.Hub {
		return nil, nil
	}
	list, err := s.directory.Active(ctx)
	for _, m := range list {
		out = append(out, m.Name)
	}
	return out, err
}
