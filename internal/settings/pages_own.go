package settings

import (
	"slices"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// ownData is the dot of settings/own.
type ownData struct {
	Form        *web.Form
	Theme       string // light, dark or auto
	Account     bool   // there is an account behind the viewer
	Facts       []web.Fact
	Preferences []web.Field
	Password    []web.Field
	HasPassword bool
	Sessions    []sessionLine
}

type sessionLine struct {
	ID      string
	Agent   string
	Address string
	Seen    time.Time
	Created time.Time
	Here    bool
}

// zones are offered by name; any other IANA name may be typed through the API.
func zones() []string {
	return []string{"Asia/Tokyo", "UTC", "Asia/Seoul", "Asia/Shanghai", "Asia/Taipei", "Asia/Singapore", "Asia/Kolkata",
		"Australia/Sydney", "Pacific/Auckland",
		"Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Tallinn", "America/New_York", "America/Chicago",
		"America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Pacific/Honolulu"}
}

func (d *console) ownView(r *web.Request, form *web.Form) (*web.View, error) {
	v := &web.View{Template: "settings/own", Title: i18n.T("Settings", "設定"), Nav: "settings",
		Tabs: d.tabs(r.Viewer, "/settings"), Lede: i18n.Same(r.Viewer.Name)}
	data := ownData{Form: form, Theme: r.Theme}
	u, err := d.People.User(r.Context(), r.Viewer.User)
	switch {
	case err == nil && r.Viewer.User != "":
		data.Account = true
	case err != nil && !fault.Is(err, fault.NotFound):
		return nil, err
	default:
		data.Facts = []web.Fact{{Name: i18n.T("You", "利用者"), Value: r.Viewer.Name},
			{Name: i18n.T("Role", "役割"), Value: web.RoleText(r.Viewer.Role)}}
		v.Data = data
		return v, nil
	}
	data.HasPassword = u.HasPassword
	data.Facts = []web.Fact{
		{Name: i18n.T("Login name", "ログイン名"), Value: web.Mono(u.Login)},
		{Name: i18n.T("Role", "役割"), Value: web.RoleText(u.Role), Note: roleMeans(u.Role)},
		{Name: i18n.T("Last sign-in", "前回のサインイン"), Value: u.LastSignIn},
	}
	if u.MemberName != "" {
		data.Facts = append(data.Facts, web.Fact{Name: i18n.T("Organisation", "組織"), Value: u.MemberName})
	}
	data.Preferences = preferenceFields(u)
	data.Password = passwordFields(u)
	_, here, err := d.People.SessionViewer(r.Context(), d.People.CookieOf(r.Request, d.Secure))
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return nil, err
	}
	list, err := d.People.Sessions(r.Context(), r.Viewer, u.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		data.Sessions = append(data.Sessions, sessionLine{s.ID, s.Agent, s.Address, s.Seen, s.Created, s.ID == here.ID})
	}
	v.Data = data
	return v, nil
}

func roleMeans(role policy.Role) i18n.Text {
	switch role {
	case policy.RoleReader:
		return i18n.T("reads what is shared with the organisation", "組織に共有された情報を閲覧")
	case policy.RoleAnalyst:
		return i18n.T("works on cases, judges, decides what leaves", "事案対応・深刻度評価・送信の判断")
	case policy.RoleCoordinator:
		return i18n.T("also keeps members, indicators and markings", "加えて、構成員・指標・取扱いの管理")
	case policy.RoleAdmin:
		return i18n.T("also keeps people and reads the audit trail", "加えて、利用者の管理と監査記録の閲覧")
	}
	return i18n.Text{}
}

func preferenceFields(u identity.User) []web.Field {
	zone := web.Field{Name: "zone", Label: i18n.T("Time zone", "タイムゾーン"), Kind: "select", Value: u.Zone}
	list := zones()
	if !slices.Contains(list, u.Zone) {
		list = append(list, u.Zone)
	}
	for _, z := range list {
		zone.Options = append(zone.Options, web.Option{Value: z, Text: z, On: z == u.Zone})
	}
	return []web.Field{
		{Name: "name", Label: i18n.T("Your name", "お名前"), Required: true, Max: 120, Auto: "name", Value: u.Name},
		{Name: "lang", Label: i18n.T("Language", "言語"), Kind: "select", Value: string(u.Lang),
			Options: []web.Option{{Value: "ja", Text: i18n.Same("日本語"), On: u.Lang == i18n.JA},
				{Value: "en", Text: i18n.Same("English"), On: u.Lang == i18n.EN}}},
		zone,
	}
}

func passwordFields(u identity.User) []web.Field {
	out := []web.Field{
		{Name: "password", Label: i18n.T("New password", "新しいパスワード"), Kind: "password", Auto: "new-password", Max: 1024,
			Help: i18n.T("12 characters or more. A sentence of your own is best; spaces count.",
				"12 文字以上。自分だけの文がおすすめです。空白も使えます。")},
		{Name: "again", Label: i18n.T("Once more", "もう一度"), Kind: "password", Auto: "new-password", Max: 1024},
	}
	if u.HasPassword {
		out = append([]web.Field{{Name: "old", Label: i18n.T("Your password now", "現在のパスワード"), Kind: "password",
			Auto: "current-password", Max: 1024}}, out...)
	}
	return out
}

func (d *console) againOwn(r *web.Request, field string, err error) (string, error) {
	form := web.FormOf(r)
	text := fault.TextOf(err)
	form.Wrong(field, text)
	v, verr := d.ownView(r, form)
	if verr != nil {
		return "", verr
	}
	return "", web.Again(v, err)
}

func (d *console) preferencesAction(r *web.Request) (string, error) {
	lang := i18n.Lang(r.Value("lang"))
	if err := d.People.SetPreferences(r.Context(), r.Viewer, r.Viewer.User, r.Value("name"), lang,
		r.Value("zone")); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		return d.againOwn(r, "name", err)
	}
	d.remember(r, lang, r.Value("zone"))
	r.Flash(i18n.T("Saved.", "保存しました。"))
	return "/settings", nil
}

func (d *console) passwordAction(r *web.Request) (string, error) {
	ctx := r.Context()
	u, err := d.People.User(ctx, r.Viewer.User)
	if err != nil {
		return "", err
	}
	next := r.PostFormValue("password")
	if next == "" {
		return d.againOwn(r, "password", fault.New(fault.Invalid, i18n.T("the password is empty", "パスワードが空です")))
	}
	if next != r.PostFormValue("again") {
		return d.againOwn(r, "again", fault.New(fault.Invalid, i18n.T("the two are not the same", "二つのパスワードが一致しません")))
	}
	if u.HasPassword {
		// Proof that it is the person and not somebody at an unlocked screen. It
		// counts as a sign-in, so guesses are bounded as they are there.
		cookie, _, err := d.People.SignIn(ctx, u.Login, r.PostFormValue("old"), from(r.Request))
		if fault.Is(err, fault.Unauthenticated) {
			return d.againOwn(r, "old", fault.New(fault.Invalid, i18n.T("this is not your password", "現在のパスワードが違います")))
		}
		if err != nil {
			return "", err
		}
		if err := d.People.SignOut(ctx, cookie); err != nil {
			return "", err
		}
	}
	_, here, err := d.People.SessionViewer(ctx, d.People.CookieOf(r.Request, d.Secure))
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return "", err
	}
	if err := d.People.SetPassword(ctx, r.Viewer, u.ID, next, here.ID); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		return d.againOwn(r, "password", err)
	}
	r.Flash(i18n.T("The password is set. Your other sessions have ended.", "パスワードを設定しました。他のセッションは終了しました。"))
	return "/settings", nil
}

func (d *console) endSessionAction(r *web.Request) (string, error) {
	if err := d.People.RevokeSession(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("The session has ended.", "セッションを終了しました。"))
	return "/settings#sessions", nil
}
