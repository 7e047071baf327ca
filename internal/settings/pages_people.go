package settings

import (
	"runtime"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// peopleData is the dot of settings/people.
type peopleData struct {
	Form   *web.Form
	Fields []web.Field
	People []personLine
	New    *secret // shown once
	Roles  []roleOption
}

type roleOption struct {
	Role policy.Role
	Text i18n.Text
}

type personLine struct {
	identity.User
	State web.Badge
	Off   bool
	Self  bool
}

func (d *console) peopleView(r *web.Request, form *web.Form) (*web.View, error) {
	v := &web.View{
		Template: "settings/people",
		Title:    i18n.T("People", "利用者"),
		Nav:      "settings",
		Tabs:     d.tabs(r.Viewer, "/settings/people"),
		Lede:     i18n.T("Who works in this console, and in which role.", "このコンソールを使う人と、その役割です。"),
	}
	list, err := d.People.Users(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	made, _ := d.once.Take(r.Viewer.User, r.URL.Query().Get("once"))
	data := peopleData{Form: form, New: made, Fields: personFields()}
	for _, x := range policy.Roles() {
		data.Roles = append(data.Roles, roleOption{x, web.RoleText(x)})
	}
	for _, u := range list {
		p := personLine{
			User:  u,
			Self:  u.ID == r.Viewer.User,
			State: web.Badge{Text: i18n.T("may sign in", "利用可"), Mood: web.Good},
		}
		switch {
		case !u.Disabled.IsZero() || !u.MemberRevoked.IsZero():
			p.State, p.Off = web.Badge{Text: i18n.T("disabled", "停止中"), Mood: web.Dim}, true
		case u.LastSignIn.IsZero():
			p.State = web.Badge{Text: i18n.T("has not come yet", "未サインイン"), Mood: web.Info}
		}
		data.People = append(data.People, p)
	}
	v.Data = data
	return v, nil
}

func personFields() []web.Field {
	return []web.Field{
		{Name: "name", Label: i18n.T("Name", "氏名"), Required: true, Max: 120, Auto: "off"},
		{
			Name:     "login",
			Label:    i18n.T("Login name", "ログイン名"),
			Required: true,
			Max:      64,
			Mono:     true,
			Auto:     "off",
			Help:     i18n.T("2 to 64 of a-z, 0-9 and . _ @ + -", "a-z、0-9、. _ @ + - の 2〜64 文字"),
		},
		roleField(),
	}
}

func roleField() web.Field {
	f := web.Field{Name: "role", Label: i18n.T("Role", "役割"), Kind: "select"}
	for _, x := range policy.Roles() {
		f.Options = append(
			f.Options,
			web.Option{
				Value: string(x),
				Text:  i18n.T("{0}: {1}", "{0}: {1}").With(web.RoleText(x), roleMeans(x)),
				On:    x == policy.RoleReader,
			},
		)
	}
	return f
}

func (d *console) link(token string) string {
	if d.Link != nil {
		return d.Link(token)
	}
	return "/sign-in/" + token
}

func (d *console) addPersonAction(r *web.Request) (string, error) {
	member := ""
	if !r.Viewer.Hub && !d.Node {
		member = r.Viewer.Member // a member's administrator adds the member's people
	}
	u, token, err := d.People.AddUser(
		r.Context(),
		r.Viewer,
		identity.NewUser{
			Name:   r.Value("name"),
			Login:  r.Value("login"),
			Role:   policy.Role(r.Value("role")),
			Member: member,
			Lang:   r.Lang,
		},
	)
	if err != nil {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			return "", err
		}
		form := web.FormOf(r)
		if form.Require(personFields()...); form.Err() == nil {
			form.Wrong("login", fault.TextOf(err))
		}
		v, verr := d.peopleView(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	return "/settings/people?once=" + d.once.Put(r.Viewer.User, &secret{u.Name, d.link(token)}), nil
}

func (d *console) newLinkAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	token, err := d.People.NewLink(r.Context(), r.Viewer, id)
	if err != nil {
		return "", err
	}
	u, err := d.People.User(r.Context(), id)
	if err != nil {
		return "", err
	}
	return "/settings/people?once=" + d.once.Put(r.Viewer.User, &secret{u.Name, d.link(token)}), nil
}

func (d *console) roleAction(r *web.Request) (string, error) {
	if err := d.People.SetRole(r.Context(), r.Viewer, r.PathValue("id"), policy.Role(r.Value("role"))); err != nil {
		return "", err
	}
	r.Flash(i18n.T("The role is changed from the person's next request on.", "役割を変更しました。本人の次の操作から有効です。"))
	return "/settings/people", nil
}

func (d *console) disableAction(r *web.Request) (string, error) {
	if err := d.People.Disable(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(
		i18n.T(
			"The person can no longer sign in; sessions, links and tokens have ended.",
			"利用を停止しました。セッション・リンク・トークンも終了しました。",
		),
	)
	return "/settings/people", nil
}

func (d *console) enableAction(r *web.Request) (string, error) {
	if err := d.People.Enable(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(
		i18n.T("The person may sign in again, with a new link or the password.", "利用を再開しました。新しいリンクまたはパスワードでサインインできます。"),
	)
	return "/settings/people", nil
}

// auditPage shows the trail to the house's own administrators only: it names
// everybody.
func (d *console) auditPage(r *web.Request) (*web.View, error) {
	if !d.house(r.Viewer) {
		return nil, fault.New(
			fault.Denied,
			i18n.T("the audit trail is for the administrators of this house", "監査記録は、このハブ・ノードの管理者だけが閲覧できます"),
		)
	}
	names := map[string]string{}
	spec := trail(names)
	p, err := d.People.Trail(r.Context(), spec.Ask(r))
	if err != nil {
		return nil, err
	}
	d.name(r.Context(), p.Rows, names)
	return &web.View{
		Template: "settings/audit",
		Title:    spec.Caption,
		Nav:      "settings",
		Tabs:     d.tabs(r.Viewer, "/settings/audit"),
		Wide:     true,
		Data:     spec.View(r, p),
		CSV:      spec.Table(p),
		Lede:     i18n.T("Who changed what, newest first. Nothing is ever taken out.", "誰が何を変更したか。新しい順。記録は削除されません。"),
	}, nil
}

// trail is the audit trail as the page shows it. Names are of what entries are
// about, by id.
func trail(names map[string]string) list.Spec[identity.Entry] {
	s := identity.TrailList()
	s.Name, s.Path, s.Caption, s.Dense = "audit", "/settings/audit", i18n.T("Audit trail", "監査記録"), true
	s.Columns = []list.Column[identity.Entry]{
		{Key: "id", Text: i18n.T("Id", "番号"), Data: func(e identity.Entry) any { return e.ID }},
		{
			Key:  "at",
			Text: i18n.T("When", "時刻"),
			Role: web.RoleTime,
			Sort: "time",
			Cell: func(e identity.Entry) any { return e.At },
		},
		{Key: "action", Text: i18n.T("What", "操作"), Role: web.RoleMain,
			Cell: func(e identity.Entry) any { return trailText(e.Action) }, Data: func(e identity.Entry) any {
				return e.Action
			}},
		{Key: "actor", Text: i18n.T("Who, by id", "実行者の番号"), Data: func(e identity.Entry) any { return e.Actor }},
		{Key: "actor_name", Text: i18n.T("Who", "実行者"),
			Cell: func(e identity.Entry) any {
				if e.ActorName == "" {
					return i18n.Same(e.Actor)
				}
				return e.ActorName
			}, Data: func(e identity.Entry) any { return e.ActorName }},
		{Key: "subject", Text: i18n.T("About", "対象"),
			Cell: func(e identity.Entry) any {
				switch name := names[e.Subject]; {
				case name != "":
					return web.Lines{name, web.Mono(e.Subject)}
				case e.Subject != "":
					return web.Mono(e.Subject)
				}
				return nil
			}, Data: func(e identity.Entry) any { return e.Subject }},
		{Key: "detail", Text: i18n.T("Detail", "内容"), Role: web.RoleNote,
			Cell: func(e identity.Entry) any { return detailLine(e.Detail) }, Data: func(e identity.Entry) any {
				return string(e.Detail)
			}},
	}
	s.Row = func(e identity.Entry) web.Row { return web.Row{Key: e.ID} }
	s.Empty = &web.Empty{Icon: "rules", Text: i18n.T("Nothing yet", "記録はまだありません"),
		How: i18n.T("Every change to members, people, sessions and tokens is written here, and cannot be taken out.",
			"構成員・利用者・セッション・トークンの変更はすべてここに記録され、削除できません。")}
	return s
}

// aboutData is the dot of settings/about.
type aboutData struct {
	Facts   []web.Fact
	Notices []Notice
}

func (d *console) aboutPage(r *web.Request) (*web.View, error) {
	return &web.View{
		Template: "settings/about",
		Title:    i18n.T("About meneki", "meneki について"),
		Nav:      "settings",
		Tabs:     d.tabs(r.Viewer, "/settings/about"),
		Data: aboutData{
			Facts: []web.Fact{
				{Name: i18n.T("Version", "版"), Value: web.Mono(d.Version)},
				{
					Name:  i18n.T("Built with", "ビルド環境"),
					Value: i18n.Same(runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH),
				},
				{Name: i18n.T("Licence", "ライセンス"), Value: i18n.Same("Apache-2.0")},
				{
					Name:  i18n.T("Operations for programs", "プログラム用の操作一覧"),
					Value: web.Link{Text: i18n.Same("/api/docs"), Path: "/api/docs"},
				},
			}, Notices: d.Notices},
	}, nil
}
