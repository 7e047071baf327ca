package settings

import (
	"net/http"
	"net/url"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/web"
)

// The cookies by which the console remembers a reader's choices.
const (
	cookieLang = "meneki_lang"
	cookieZone = "meneki_zone"
)

// signInData is the dot of settings/sign-in.
type signInData struct {
	Form      *web.Form
	Login     web.Field
	Password  web.Field
	Next      string
	SignedIn  string // the name of who is signed in already
	Open      bool
	ShowError i18n.Text
}

func (d *console) signInView(r *web.Request, form *web.Form, problem i18n.Text) *web.View {
	return &web.View{Template: "settings/sign-in", Title: i18n.T("Sign in", "サインイン"), Plain: true, Data: signInData{
		Form: form, ShowError: problem, Next: local(r.FormValue("next")), SignedIn: r.Viewer.Name, Open: d.Open,
		Login: web.Field{Name: "login", Label: i18n.T("Login name", "ログイン名"), Required: true, Auto: "username",
			Max: 64, Mono: true},
		Password: web.Field{Name: "password", Label: i18n.T("Password", "パスワード"), Kind: "password", Required: true,
			Auto: "current-password", Max: 1024},
	}}
}

func (d *console) signInPage(r *web.Request) (*web.View, error) {
	return d.signInView(r, nil, i18n.Text{}), nil
}

func (d *console) signInAction(r *web.Request) (string, error) {
	// A password is taken as it was typed, with its spaces.
	cookie, s, err := d.People.SignIn(r.Context(), r.Value("login"), r.PostFormValue("password"), from(r.Request))
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Busy) {
		form := web.FormOf(r)
		form.Wrong("password", fault.TextOf(err))
		v := d.signInView(r, form, fault.HintOf(err))
		return "", web.Again(v, err)
	}
	if err != nil {
		return "", err
	}
	d.enter(r, cookie, s)
	return local(r.PostFormValue("next")), nil
}

// enter gives the browser its session, and the person's own language and zone.
func (d *console) enter(r *web.Request, cookie string, s identity.Session) {
	http.SetCookie(r.W, d.People.Cookie(cookie, s.Expires, d.Secure))
	d.remember(r, s.User.Lang, s.User.Zone)
}

func (d *console) remember(r *web.Request, lang i18n.Lang, zone string) {
	for name, value := range map[string]string{cookieLang: string(lang), cookieZone: zone} {
		if value != "" {
			http.SetCookie(r.W, &http.Cookie{Name: name, Value: url.QueryEscape(value), Path: "/",
				MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, Secure: d.Secure})
		}
	}
}

// linkData is the dot of settings/link.
type linkData struct {
	Path     string
	SignedIn string
}

// linkPage is what a sign-in link opens. It uses nothing up: mail scanners and
// previews follow links, and only the button behind it signs in.
func (d *console) linkPage(r *web.Request) (*web.View, error) {
	token := r.PathValue("token")
	if err := d.People.PeekLink(r.Context(), token); err != nil {
		return nil, err
	}
	r.W.Header().Set("Referrer-Policy", "no-referrer")
	return &web.View{Template: "settings/link", Title: i18n.T("Sign in to meneki", "meneki にサインイン"), Plain: true,
		Data: linkData{Path: web.Path("/sign-in/{0}", token), SignedIn: r.Viewer.Name}}, nil
}

func (d *console) linkAction(r *web.Request) (string, error) {
	cookie, s, err := d.People.Redeem(r.Context(), r.PathValue("token"), from(r.Request))
	if err != nil {
		return "", err
	}
	d.enter(r, cookie, s)
	r.Flash(i18n.T("Welcome, {0}. The link is used up. Set a password if you want to come back without one.",
		"{0} さん、ようこそ。リンクは使用済みになりました。次回リンクなしで入る場合は、パスワードを設定してください。").With(s.User.Name))
	return "/settings", nil
}

func (d *console) signOutAction(r *web.Request) (string, error) {
	if err := d.People.SignOut(r.Context(), d.People.CookieOf(r.Request, d.Secure)); err != nil {
		return "", err
	}
	http.SetCookie(r.W, d.People.ClearCookie(d.Secure))
	r.Flash(i18n.T("You are signed out.", "サインアウトしました。"))
	return "/sign-in", nil
}
