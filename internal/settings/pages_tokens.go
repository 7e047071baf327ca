package settings

import (
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// tokensData is the dot of settings/tokens.
type tokensData struct {
	Form   *web.Form
	Fields []web.Field // empty: the viewer cannot have tokens
	Tokens []tokenLine
	New    *secret // shown once
}

type tokenLine struct {
	identity.Token
	Owner string
	State web.Badge
	Live  bool
}

func (d *console) tokensView(r *web.Request, form *web.Form) (*web.View, error) {
	v := &web.View{Template: "settings/tokens", Title: i18n.T("API tokens", "API トークン"), Nav: "settings",
		Tabs: d.tabs(r.Viewer, "/settings/tokens"),
		Lede: i18n.T("For programs that work on your behalf. What comes by a token never gets what is for "+
			"persons only.", "あなたの代わりに動くプログラム用です。トークンによるアクセスでは、個人限定（TLP:RED）の情報は得られません。")}
	list, err := d.People.Tokens(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	made, _ := d.once.Take(r.Viewer.User, r.URL.Query().Get("once"))
	data := tokensData{Form: form, New: made}
	names := map[string]string{}
	if r.Viewer.Role == policy.RoleAdmin {
		users, err := d.People.Users(r.Context(), r.Viewer)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			names[u.ID] = u.Name
		}
	}
	now := d.Clock()
	for _, t := range list {
		line := tokenLine{Token: t, State: web.Badge{Text: i18n.T("works", "有効"), Mood: web.Good}, Live: true}
		switch {
		case !t.Revoked.IsZero():
			line.State, line.Live = web.Badge{Text: i18n.T("ended", "失効"), Mood: web.Dim}, false
		case !now.Before(t.Expires):
			line.State, line.Live = web.Badge{Text: i18n.T("ran out", "期限切れ"), Mood: web.Dim}, false
		}
		if t.User != r.Viewer.User {
			line.Owner = names[t.User]
			if t.Member != "" {
				line.Owner = t.Member
			}
		}
		data.Tokens = append(data.Tokens, line)
	}
	if r.Viewer.User != "" && !r.Viewer.Machine {
		switch _, err := d.People.User(r.Context(), r.Viewer.User); {
		case err == nil:
			data.Fields = tokenFields(r.Viewer.Role)
		case !fault.Is(err, fault.NotFound): // an open console: whoever comes is somebody without an account
			return nil, err
		}
	}
	v.Data = data
	return v, nil
}

// lives are how long a token may last, in days.
func lives() []int { return []int{30, 90, 365} }

func tokenFields(own policy.Role) []web.Field {
	role := web.Field{Name: "role", Label: i18n.T("Role", "役割"), Kind: "select",
		Help: i18n.T("At most your own. The least that is enough is best.", "自分の役割が上限です。必要最小限にしてください。")}
	for _, x := range policy.Roles() {
		if identity.AtLeast(own, x) {
			role.Options = append(role.Options, web.Option{Value: string(x), Text: web.RoleText(x),
				On: x == policy.RoleReader})
		}
	}
	life := web.Field{Name: "days", Label: i18n.T("Works for", "有効期間"), Kind: "select"}
	for _, n := range lives() {
		life.Options = append(life.Options,
			web.Option{Value: strconv.Itoa(n), Text: i18n.T("{0} days", "{0} 日間").With(n), On: n == 90})
	}
	return []web.Field{{Name: "name", Label: i18n.T("What it is for", "用途"), Required: true, Max: 120, Auto: "off",
		Hint: "siem-export"}, role, life}
}

func (d *console) addTokenAction(r *web.Request) (string, error) {
	days, err := r.Int("days", 90, 1, 730)
	if err != nil {
		return "", err
	}
	t, value, err := d.People.AddToken(r.Context(), r.Viewer, identity.NewToken{Name: r.Value("name"),
		User: r.Viewer.User, Role: policy.Role(r.Value("role")), Life: time.Duration(days) * 24 * time.Hour})
	if err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		form := web.FormOf(r)
		if form.Require(tokenFields(r.Viewer.Role)...); form.Err() == nil {
			form.Wrong("name", fault.TextOf(err))
		}
		v, verr := d.tokensView(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	return "/settings/tokens?once=" + d.once.Put(r.Viewer.User, &secret{t.Name, value}), nil
}

func (d *console) revokeTokenAction(r *web.Request) (string, error) {
	if err := d.People.RevokeToken(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("The token no longer works.", "トークンを失効させました。"))
	return "/settings/tokens", nil
}
