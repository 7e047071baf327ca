package community

import (
	"net/netip"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// memberData is the dot of members/member.
type memberData struct {
	ID      string
	Name    string
	Facts   []web.Fact
	Node    []web.Fact
	Form    *web.Form
	Domains web.Field
	List    []string // domains, to read
	Place   []web.Field
	Edit    bool // may change the domains
	Keep    bool // may invite again and revoke
	Gone    bool
	Confirm web.Field
	Token   *Invitation // shown once
	Command string
	Joined  bool
	Panels  web.Panels // of other capabilities
}

func (d *pages) memberView(r *web.Request, m identity.Member, form *web.Form) (*web.View, error) {
	ctx := r.Context()
	status, err := d.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	domains, err := d.Domains(ctx)
	if err != nil {
		return nil, err
	}
	online := d.directory.Online(m.ID)
	state := stateBadge(m, online)
	v := &web.View{Template: "members/member", Title: i18n.Same(m.Name), Nav: "members", State: &state,
		Live: []string{"members"}, Realm: m.Realm}
	if r.Viewer.Hub {
		v.Back = &web.Link{Text: i18n.T("Members", "構成員"), Path: "/members"}
	}
	data := memberData{ID: m.ID, Name: m.Name, Form: form, Domains: domainsField(domains[m.ID]), List: domains[m.ID],
		Gone: !m.Revoked.IsZero(), Joined: !m.Joined.IsZero(),
		Edit: mayDomains(r.Viewer, m), Keep: keeps(r.Viewer)}
	data.Facts = []web.Fact{
		{Name: i18n.T("Sector", "分野"), Value: sectorName(m.Sector)},
		{Name: i18n.T("Prefecture", "都道府県"), Value: prefectureName(m.Prefecture)},
		{Name: i18n.T("Invited", "招待"), Value: m.Invited},
		{Name: i18n.T("Joined", "参加"), Value: m.Joined},
	}
	if data.Gone {
		data.Facts = append(data.Facts, web.Fact{Name: i18n.T("Left", "脱退"), Value: m.Revoked})
	}
	data.Facts = append(data.Facts, web.Fact{Name: i18n.Same("ID"), Value: web.Mono(m.ID)})
	if m.PublicKey != "" {
		data.Facts = append(data.Facts, web.Fact{Name: i18n.T("Key of its node", "ノードの鍵"), Value: web.Mono(m.PublicKey),
			Note: i18n.T("made at the node; the secret half never left it", "ノードで生成。秘密鍵はノードの外に出ていません")})
	}
	if st, ok := status[m.ID]; ok {
		data.Node = []web.Fact{
			{Name: i18n.T("Last word", "最終連絡"), Value: st.At},
			{Name: i18n.T("Version", "版"), Value: web.Mono(st.Version)},
			{Name: i18n.T("Own rules", "独自ルール"), Value: st.Rules},
			{Name: i18n.T("Indicators armed", "防御中の指標"), Value: st.Indicators},
			{Name: i18n.T("Events kept there", "ノードに保存中の事象"), Value: st.Events,
				Note: i18n.T("the number only; the events stay there", "件数のみ。事象そのものはノードに留まります")},
			{Name: i18n.T("Waiting for a person there", "先方で確認待ち"), Value: st.Waiting},
		}
	}
	if data.Keep && !data.Gone {
		data.Place = placeFields(m)
		data.Confirm = web.Field{Name: "confirm", Label: i18n.T("Type the organisation's name to confirm",
			"確認のため組織名を入力"), Required: true, Auto: "off", Hint: m.Name}
		if inv, ok := d.once.Take(r.Viewer.User, r.URL.Query().Get("once")); ok && inv.Member == m.ID {
			data.Token, data.Command = &inv, inv.command()
		}
	}
	about := web.Subject{ID: m.ID, Page: web.Path("/members/{0}", m.ID), Viewer: r.Viewer, Request: r}
	if data.Panels, err = d.site.Load(ctx, "member", about); err != nil {
		return nil, err
	}
	v.Next, v.Data = data.Panels.Next(), data
	return v, nil
}

func placeFields(m identity.Member) []web.Field {
	return []web.Field{
		{Name: "name", Label: i18n.T("Name of the organisation", "組織名"), Required: true, Max: 120, Value: m.Name},
		{Name: "sector", Label: i18n.T("Sector", "分野"), Kind: "select", Required: true,
			Options: sectorOptions(m.Sector)},
		{Name: "prefecture", Label: i18n.T("Prefecture", "都道府県"), Kind: "select",
			Options: prefectureOptions(m.Prefecture)},
	}
}

// mayDomains: a member keeps its own domains, and the hub's coordinators all.
func mayDomains(v policy.Viewer, m identity.Member) bool {
	if !m.Revoked.IsZero() {
		return false
	}
	return keeps(v) || v.Member != "" && v.Member == m.ID && identity.AtLeast(v.Role, policy.RoleAnalyst)
}

func (d *pages) inviteAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	inv, err := d.Invite(r.Context(), r.Viewer, identity.NewMember{Name: r.Value("name"), Sector: r.Value("sector"),
		Prefecture: r.Value("prefecture")}, lines(r.Value("domains")))
	if err != nil {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			return "", err
		}
		form := web.FormOf(r)
		if form.Require(inviteFields()...); form.Err() == nil {
			form.Wrong(wrongField(r), fault.TextOf(err))
		}
		v, verr := d.listView(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	r.Flash(i18n.T("{0} is invited. The token below is shown this once.",
		"{0} を招待しました。下のトークンは今回だけ表示されます。").With(inv.Name))
	return web.Path("/members/{0}", inv.Member) + "?once=" + d.once.Put(r.Viewer.User, inv), nil
}

// wrongField guesses, for the eye only, at which field the fault is shown.
func wrongField(r *web.Request) string {
	if _, err := identity.ParseSector(r.Value("sector")); err != nil {
		return "sector"
	}
	if _, err := identity.ParsePrefecture(r.Value("prefecture")); err != nil {
		return "prefecture"
	}
	if len(lines(r.Value("domains"))) > 0 && r.Value("name") != "" {
		return "domains"
	}
	return "name"
}

func (d *pages) reinviteAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	inv, err := d.Reinvite(r.Context(), r.Viewer, r.PathValue("id"))
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("A new token was made; the ones before it no longer work.", "新しいトークンを発行しました。以前の未使用トークンは無効です。"))
	return web.Path("/members/{0}", r.PathValue("id")) + "?once=" + d.once.Put(r.Viewer.User, inv), nil
}

func (d *pages) revokeAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	m, err := d.member(r.Context(), r.Viewer, r.PathValue("id"))
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(r.Value("confirm")) != strings.TrimSpace(m.Name) {
		form := web.FormOf(r)
		form.Wrong("confirm", i18n.T("this is not the organisation's name", "組織名と一致しません"))
		v, err := d.memberView(r, m, form)
		if err != nil {
			return "", err
		}
		return "", web.Again(v, form.Err())
	}
	if err := d.Revoke(r.Context(), r.Viewer, m.ID); err != nil {
		return "", err
	}
	r.Flash(i18n.T("{0} has left the community; its node is cut off.", "{0} を脱退させ、ノードを切断しました。").With(m.Name))
	return web.Path("/members/{0}", m.ID), nil
}

func (d *pages) placeAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	m, err := d.member(r.Context(), r.Viewer, r.PathValue("id"))
	if err != nil {
		return "", err
	}
	if err := d.Place(r.Context(), r.Viewer, m.ID, r.Value("name"), r.Value("sector"),
		r.Value("prefecture")); err != nil {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			return "", err
		}
		form := web.FormOf(r)
		if form.Require(placeFields(m)...); form.Err() == nil {
			form.Wrong(wrongField(r), fault.TextOf(err))
		}
		v, verr := d.memberView(r, m, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	r.Flash(i18n.T("Saved.", "保存しました。"))
	return web.Path("/members/{0}", m.ID), nil
}

func (d *pages) domainsAction(r *web.Request) (string, error) {
	m, err := d.member(r.Context(), r.Viewer, r.PathValue("id"))
	if err != nil {
		return "", err
	}
	if !mayDomains(r.Viewer, m) {
		return "", fault.New(fault.Denied, i18n.T("your role does not allow this", "この操作を行う権限がありません"))
	}
	if err := d.SetDomains(r.Context(), m.ID, lines(r.Value("domains"))); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		form := web.FormOf(r)
		form.Wrong("domains", fault.TextOf(err))
		v, verr := d.memberView(r, m, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	r.Flash(i18n.T("The domains are saved. Nodes take them over within half a minute.",
		"ドメインを保存しました。各ノードには 30 秒以内に反映されます。"))
	return web.Path("/members/{0}", m.ID), nil
}

func (d *pages) networksAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	list, err := ParseNetworks(lines(r.Value("networks")))
	if err != nil {
		form := web.FormOf(r)
		form.Wrong("networks", fault.TextOf(err))
		v, verr := d.listView(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	if err := d.SetNetworks(r.Context(), list); err != nil {
		return "", err
	}
	r.Flash(i18n.T("The networks are saved. Nodes take them over within half a minute.",
		"ネットワークを保存しました。各ノードには 30 秒以内に反映されます。"))
	return "/members#networks", nil
}

// maxNetworks bounds what every node gets with every hello.
const maxNetworks = 2000

// ParseNetworks reads networks as address/length; an address alone is itself.
// One that would take in the whole of the Internet is refused.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	if len(list) > maxNetworks {
		return nil, fault.New(fault.TooLarge, i18n.T("at most {0} networks can be kept",
			"登録できるネットワークは {0} 件までです").With(maxNetworks))
	}
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, aerr := netip.ParseAddr(s)
			if aerr != nil || a.Zone() != "" {
				return nil, fault.Wrap(fault.Invalid,
					i18n.T("{0} is not a network", "{0} はネットワークではありません").With(quoted(s)), err).
					WithHint(i18n.T("write it as 203.0.113.0/24 or 2001:db8::/32",
						"203.0.113.0/24 や 2001:db8::/32 の形で指定してください"))
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if short := p.Addr().Is4() && p.Bits() < 8 || !p.Addr().Is4() && p.Bits() < 16; short {
			return nil, fault.New(fault.Invalid, i18n.T("{0} is too wide to be the community's own",
				"{0} は共同体のネットワークとしては広すぎます").With(p))
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// quoted shows a person's own input back, bounded.
func quoted(s string) string {
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) > 60 {
		r = append(r[:60], '…')
	}
	return "“" + string(r) + "”"
}
