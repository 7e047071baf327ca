package digest

import (
	"context"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// pageData is the dot of digest/page.
type pageData struct {
	Form    *web.Form
	Fields  []web.Field
	Failed  string
	Ready   bool // there is a mail server
	May     bool
	Member  bool
	Subject i18n.Text
	Lines   []Line
	Rest    []i18n.Text
	Admin   bool
	SForm   *web.Form
	SFields []web.Field
}

// preview is how far back the page shows what a digest would say.
const preview = 7 * 24 * time.Hour

func (s *Service) view(r *web.Request, form, server *web.Form) (*web.View, error) {
	v := r.Viewer
	d := pageData{Form: form, SForm: server, Member: v.Member != "", Admin: v.Hub && v.Role == policy.RoleAdmin}
	now, ok, err := s.Server(r.Context())
	if err != nil {
		return nil, err
	}
	d.Ready = ok
	var want Settings
	err = s.DB.Read(r.Context(), store.As(v), func(tx *store.Tx) (err error) {
		want, d.Failed, err = settings(tx, v.Member)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.Member {
		d.May = v.Role != policy.RoleReader && !v.Machine
		d.Fields = fields(want)
		l, err := s.Compose(r.Context(), v.Member, want, s.DB.Now().Add(-preview), false)
		if err != nil {
			return nil, err
		}
		d.Subject, d.Lines, d.Rest = l.Subject(), l.Lines, l.rest()
	}
	if d.Admin {
		d.SFields = serverFields(now)
	}
	h := policy.Handling{TLP: policy.Red, Owner: v.Member}
	if !d.Member {
		h = policy.Handling{TLP: policy.AmberStrict}
	}
	return &web.View{Template: "digest/page", Title: i18n.T("Digest", "ダイジェスト"), Nav: "foryou", Handling: &h,
		Lede: i18n.T("What matters to your organisation, by mail. Urgent things come at once, at any hour.",
			"自組織に関わる情報をメールで受け取ります。緊急の情報は時間帯によらず直ちに届きます。"),
		Back: &web.Link{Text: i18n.T("For you", "自組織向け"), Path: "/foryou"}, Data: d}, nil
}

func fields(s Settings) []web.Field {
	hours := func(now int) (out []web.Option) {
		for h := range 24 {
			out = append(out, web.Option{Value: strconv.Itoa(h), Text: strconv.Itoa(h) + ":00", On: h == now})
		}
		return out
	}
	pick := func(name string, label i18n.Text, value string, options ...web.Option) web.Field {
		return web.Field{Name: name, Label: label, Kind: "select", Required: true, Value: value, Options: options}
	}
	hour := func(name string, label i18n.Text, now int) web.Field {
		return pick(name, label, strconv.Itoa(now), hours(now)...)
	}
	return []web.Field{
		{Name: "address", Label: i18n.T("Mail address; empty: no mail", "メールアドレス（空欄なら送信しない）"), Kind: "email",
			Value: s.Address, Max: 254},
		pick("every", i18n.T("How often", "頻度"), s.Every,
			web.Option{Value: Daily, Text: i18n.T("every day", "毎日")},
			web.Option{Value: Weekly, Text: i18n.T("on Mondays", "毎週月曜日")},
			web.Option{Value: Urgent, Text: i18n.T("only what is urgent", "緊急のみ")}),
		hour("hour", i18n.T("At", "送信時刻"), s.Hour),
		hour("quiet_from", i18n.T("Quiet from", "静かな時間帯の開始"), s.QuietFrom),
		hour("quiet_to", i18n.T("until", "静かな時間帯の終了"), s.QuietTo),
		{Name: "zone", Label: i18n.T("Time zone", "タイムゾーン"), Value: s.Zone, Required: true, Max: 60,
			Hint: "Asia/Tokyo"},
		pick("lang", i18n.T("Language", "言語"), string(s.Lang), web.Option{Value: "ja", Text: i18n.Same("日本語")},
			web.Option{Value: "en", Text: i18n.Same("English")}),
	}
}

func serverFields(s mail.Server) []web.Field {
	if s.Port == 0 {
		s.Port, s.TLS = 587, mail.StartTLS
	}
	return []web.Field{
		{Name: "host", Label: i18n.T("Host", "ホスト"), Value: s.Host, Required: true, Max: 253, Mono: true},
		{Name: "port", Label: i18n.T("Port", "ポート"), Kind: "number", Value: strconv.Itoa(s.Port), Required: true},
		{Name: "tls", Label: i18n.T("Protection", "暗号化"), Kind: "select", Required: true, Value: s.TLS,
			Options: []web.Option{{Value: mail.StartTLS, Text: "STARTTLS"}, {Value: mail.Implicit, Text: "TLS"},
				{Value: mail.None, Text: i18n.T("none (this machine only)", "なし（この端末のみ）")}}},
		{Name: "user", Label: i18n.T("User", "ユーザー名"), Value: s.User, Max: 200, Auto: "off"},
		{Name: "password", Label: i18n.T("Password; empty: as it is", "パスワード（空欄なら変更しない）"), Kind: "password",
			Max: 200, Auto: "new-password"},
		{Name: "from", Label: i18n.T("Sender's address", "差出人のアドレス"), Kind: "email", Value: s.From, Required: true,
			Max: 254},
	}
}

func number(form *web.Form, name string) int {
	n, err := strconv.Atoi(form.Get(name))
	if err != nil {
		return -1
	}
	return n
}

// again shows the page with what is wrong, or passes the error on.
func (s *Service) again(r *web.Request, form *web.Form, server bool, err error) (string, error) {
	if !fault.Is(err, fault.Invalid) {
		return "", err
	}
	mine, theirs := form, (*web.Form)(nil)
	field := "address"
	if server {
		mine, theirs, field = nil, form, "host"
	}
	form.Wrong(field, fault.TextOf(err))
	v, e := s.view(r, mine, theirs)
	if e != nil {
		return "", e
	}
	return "", web.Again(v, err)
}

func (s *Service) pages(site *web.Site) {
	site.Templates(files)
	site.Page("/foryou/digest", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return s.view(r, nil,
			nil)
	})
	site.Action("/foryou/digest", policy.RoleAnalyst, func(r *web.Request) (string, error) {
		f := web.FormOf(r)
		err := s.Set(r.Context(), r.Viewer, Settings{Address: f.Get("address"), Every: f.Get("every"),
			Hour: number(f, "hour"), QuietFrom: number(f, "quiet_from"), QuietTo: number(f, "quiet_to"),
			Zone: f.Get("zone"),
			Lang: i18n.Lang(f.Get("lang"))})
		if err != nil {
			return s.again(r, f, false, err)
		}
		r.Flash(i18n.T("Saved. The next digest has what comes from now on.", "保存しました。次回から反映されます。"))
		return "/foryou/digest", nil
	})
	site.Action("/foryou/digest/server", policy.RoleAdmin, func(r *web.Request) (string, error) {
		f := web.FormOf(r)
		err := s.SetServer(r.Context(), r.Viewer, mail.Server{Host: f.Get("host"), Port: number(f, "port"),
			TLS:  f.Get("tls"),
			User: f.Get("user"), Password: f.Get("password"), From: f.Get("from")})
		if err != nil {
			return s.again(r, f, true, err)
		}
		r.Flash(i18n.T("Saved.", "保存しました。"))
		return "/foryou/digest", nil
	})
}

// Module is the digests of a hub.
func Module(s *Service) role.Module {
	return role.Module{
		Name:       "digest",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		Tabs: []web.MoreTab{{Page: "foryou", Tab: web.Tab{Text: i18n.T("Digest", "ダイジェスト"),
			Path: "/foryou/digest"}}},
		Run: []func(context.Context) error{s.Run},
	}
}
