package feeds

import (
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// shownPeer is a peer on the page of feeds.
type shownPeer struct {
	Peer
	State web.Badge
	Facts []web.Fact
}

func (p Peer) badge() web.Badge {
	switch {
	case p.Paused:
		return web.Badge{Text: i18n.T("paused", "停止中"), Mood: web.Dim}
	case p.Failures > 0:
		return web.Badge{Text: i18n.T("failing", "送信失敗"), Mood: web.Warn}
	case p.Succeeded.IsZero():
		return web.Badge{Text: i18n.T("not sent yet", "未送信"), Mood: web.Info}
	}
	return web.Badge{Text: i18n.T("in order", "正常"), Mood: web.Good, Icon: "check"}
}

func shownPeers(list []Peer) (out []shownPeer) {
	for _, p := range list {
		x := shownPeer{Peer: p, State: p.badge(), Facts: []web.Fact{
			{Name: i18n.T("Address", "アドレス"), Value: web.Mono(p.Address)},
			{Name: i18n.T("At most", "送信する上限"), Value: p.Most},
			{Name: i18n.T("Types", "型"), Value: p.Types},
			{Name: i18n.T("Sent", "送信済み"), Value: p.Sent},
			{Name: i18n.T("Refused there", "先方の拒否"), Value: p.Refused},
			{Name: i18n.T("Last sent", "最終送信"), Value: ago(p.Succeeded)},
		}}
		if p.Types == "" {
			x.Facts[2].Value = i18n.T("all", "すべて")
		}
		if !p.Error.Zero() {
			x.Facts = append(x.Facts, web.Fact{Name: i18n.T("Failure", "失敗の理由"), Value: p.Error})
		}
		if n := len(p.Notes); n > 0 {
			last := p.Notes[n-1]
			x.Facts = append(x.Facts, web.Fact{Name: i18n.T("Refused last", "直近の拒否"),
				Value: web.Lines{web.Mono(last.ID), last.Why}})
		}
		out = append(out, x)
	}
	return out
}

// peerFields are those of the form for a peer. Their names begin with peer-, for the page has another form.
func peerFields() []web.Field {
	return []web.Field{
		{Name: "peer-name", Label: i18n.T("Name", "名前"), Required: true, Max: maxName, Auto: "off"},
		{Name: "peer-address", Label: i18n.T("Address of its collection", "コレクションのアドレス"), Required: true,
			Max: maxAddress, Mono: true,
			Auto: "off", Hint: "https://hub.example/taxii2/api/collections/ID/"},
		{Name: "peer-most", Label: i18n.T("What may leave", "送信してよい範囲"), Kind: "select", Options: []web.Option{
			{Value: policy.Clear.Slug(), Text: i18n.T("TLP:CLEAR only", "TLP:CLEAR のみ"), On: true},
			{Value: policy.Green.Slug(), Text: i18n.T("TLP:CLEAR and TLP:GREEN", "TLP:CLEAR と TLP:GREEN")}},
			Help: i18n.T("GREEN only to a hub of a community that yours trusts. AMBER and RED never leave by this way.",
				"GREEN は、自共同体が信頼する共同体のハブに限ります。AMBER と RED はこの経路では送りません。")},
		{Name: "peer-types", Label: i18n.T("Types", "型"), Max: 300, Auto: "off", Hint: "indicator, malware, report",
			Help: i18n.T("Empty sends all types.", "空欄ならすべての型を送ります。")},
		{Name: "peer-login", Label: i18n.T("Name to sign in with", "認証の名前"), Max: 200, Auto: "off",
			Help: i18n.T("Empty for a token.", "トークンの場合は空欄。")},
		{Name: "peer-secret", Label: i18n.T("Password or token", "パスワードまたはトークン"), Kind: "password", Max: 2000,
			Auto: "off"},
	}
}

func (s *Service) peerAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	form := web.FormOf(r)
	p := Peer{Name: strings.TrimSpace(form.Get("peer-name")), Address: form.Get("peer-address"),
		Login:  form.Get("peer-login"),
		Secret: r.PostFormValue("peer-secret"), Types: form.Get("peer-types")}
	p.Most, _ = policy.ParseTLP(form.Get("peer-most"))
	p.check(func(field string, t i18n.Text) { form.Wrong("peer-"+field, t) })
	if form.Err() == nil {
		err := s.addPeer(r.Context(), r.Viewer, p)
		if err == nil {
			r.Flash(i18n.T("{0} gets what may leave, from the beginning.", "{0} に、送信してよいものを最初から送ります。").With(p.Name))
			return "/feeds", nil
		}
		if !fault.Is(err, fault.Conflict) {
			return "", err
		}
		form.Wrong("peer-name", fault.TextOf(err))
	}
	v, err := s.listView(r, form)
	if err != nil {
		return "", err
	}
	return "", web.Again(v, form.Err())
}
