package community

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// pages is the members' pages, with what they keep between two requests. The changes
// check the actor themselves; the pages only leave out what would be refused.
type pages struct {
	*Service
	once *web.Once[Invitation]
	site *web.Site // has the panels of other capabilities; set by addTo
}

// addTo adds /members and a page for each member. Panels of other capabilities belong
// to the page "member", which draws them in its one slot, "main".
func (d *pages) addTo(site *web.Site) {
	d.site = site
	site.Templates(Templates())
	site.Page("/members", policy.RoleReader, d.listPage)
	site.Action("/members", policy.RoleCoordinator, d.inviteAction)
	site.Page("/members/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		m, err := d.member(r.Context(), r.Viewer, r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return d.memberView(r, m, nil)
	})
	site.Action("/members/{id}/domains", policy.RoleAnalyst, d.domainsAction)
	site.Action("/members/{id}/place", policy.RoleCoordinator, d.placeAction)
	site.Action("/members/{id}/revoke", policy.RoleCoordinator, d.revokeAction)
	site.Action("/members/{id}/invite", policy.RoleCoordinator, d.reinviteAction)
	site.Action("/members/networks", policy.RoleCoordinator, d.networksAction)
}

// keeps reports whether v keeps the list of members.
func keeps(v policy.Viewer) bool { return v.Hub && identity.AtLeast(v.Role, policy.RoleCoordinator) }

func mustKeep(v policy.Viewer) error {
	if keeps(v) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
}

func noMember() error {
	return fault.New(fault.NotFound, i18n.T("there is no such member, or it is not there for you",
		"構成員が存在しないか、閲覧できません"))
}

// visible gives the members that v may know: the hub's people all, a member's
// only their own.
func (s *Service) visible(ctx context.Context, v policy.Viewer) ([]identity.Member, error) {
	all, err := s.people.Members(ctx)
	if err != nil || v.Hub {
		return all, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(m identity.Member) bool {
		return v.Member == "" || m.ID != v.Member
	}), nil
}

func (s *Service) member(ctx context.Context, v policy.Viewer, id string) (identity.Member, error) {
	list, err := s.visible(ctx, v)
	if err != nil {
		return identity.Member{}, err
	}
	i := slices.IndexFunc(list, func(m identity.Member) bool { return m.ID == id })
	if i < 0 {
		return identity.Member{}, noMember()
	}
	return list[i], nil
}

// stateOf is where a membership stands: invited, joined, revoked.
func stateOf(m identity.Member) string {
	switch {
	case !m.Revoked.IsZero():
		return "revoked"
	case m.Joined.IsZero():
		return "invited"
	}
	return "joined"
}

func stateBadge(m identity.Member, online bool) web.Badge {
	switch stateOf(m) {
	case "revoked":
		return web.Badge{Text: i18n.T("left", "脱退"), Mood: web.Dim}
	case "invited":
		return web.Badge{Text: i18n.T("invited", "招待中"), Mood: web.Info}
	}
	if online {
		return web.Badge{Text: i18n.T("connected", "接続中"), Mood: web.Good, Icon: "check"}
	}
	return web.Badge{Text: i18n.T("not connected", "未接続"), Mood: web.Warn}
}

// listData is the dot of members/list.
type listData struct {
	List     web.List
	Form     *web.Form
	Invite   []web.Field // empty: this viewer does not invite
	Networks []web.Field
}

func (d *pages) listPage(r *web.Request) (*web.View, error) { return d.listView(r, nil) }

func (d *pages) listView(r *web.Request, form *web.Form) (*web.View, error) {
	ctx := r.Context()
	all, err := d.members(ctx, r.Viewer)
	if err != nil {
		return nil, err
	}
	joined, online, invited := 0, 0, 0
	for _, m := range all {
		switch stateOf(m.Member) {
		case "joined":
			joined++
			if m.online {
				online++
			}
		case "invited":
			invited++
		}
	}
	spec := memberList(r.Viewer.Hub)
	p, err := spec.Of(all, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	v := &web.View{Template: "members/list", Title: spec.Caption, Nav: "members", Wide: true, Live: []string{"members"}}
	if r.Viewer.Hub {
		v.Lede = i18n.T("{0} have joined, {1} connected now, {2} invited", "{0} 構成員が参加、うち {1} が接続中。招待中 {2}").With(
			joined, online, invited,
		)
	} else {
		v.Lede = i18n.T("your organisation, as the hub knows it", "ハブに登録されている自組織の情報です")
	}
	data := listData{List: spec.View(r, p), Form: form}
	if keeps(r.Viewer) {
		data.Invite = inviteFields()
		nets, err := d.Networks(ctx)
		if err != nil {
			return nil, err
		}
		data.Networks = networkFields(nets)
	}
	v.Data, v.CSV = data, spec.Table(p)
	return v, nil
}

func sectorName(slug string) i18n.Text {
	if s, ok := identity.SectorOf(slug); ok {
		return s.Name
	}
	return i18n.Same(slug)
}

func prefectureName(code string) i18n.Text {
	p, _ := identity.PrefectureOf(code)
	return p.Name
}

// Fields of the forms.

func sectorOptions(now string) []web.Option {
	out := []web.Option{{Text: i18n.T("choose a sector", "分野を選択"), On: now == ""}}
	for _, s := range identity.Sectors() {
		out = append(out, web.Option{Value: s.Slug, Text: s.Name, On: s.Slug == now})
	}
	return out
}

func prefectureOptions(now string) []web.Option {
	out := []web.Option{{Text: i18n.T("not told", "登録しない"), On: now == ""}}
	for _, p := range identity.Prefectures() {
		out = append(out, web.Option{Value: p.Code, Text: p.Name, On: p.Code == now})
	}
	return out
}

func inviteFields() []web.Field {
	return []web.Field{
		{Name: "name", Label: i18n.T("Name of the organisation", "組織名"), Required: true, Max: 120, Auto: "off"},
		{Name: "sector", Label: i18n.T("Sector", "分野"), Kind: "select", Required: true, Options: sectorOptions("")},
		{Name: "prefecture", Label: i18n.T("Prefecture", "都道府県"), Kind: "select", Options: prefectureOptions(""),
			Help: i18n.T("Only for the map on the situation page.", "状況画面の地図にだけ使います。")},
		domainsField(nil),
	}
}

func domainsField(list []string) web.Field {
	return web.Field{Name: "domains", Label: i18n.T("The organisation's own domains", "組織自身のドメイン"), Kind: "textarea",
		Rows: 3, Mono: true, Value: strings.Join(list, "\n"), Hint: "city.example",
		Help: i18n.T("One a line. Names below them never become indicators, so that nobody blocks a member by mistake.",
			"1 行に 1 つ。これらの配下の名前は指標になりません。構成員を誤って遮断しないためです。")}
}

func networkFields(list []netip.Prefix) []web.Field {
	lines := make([]string, len(list))
	for i, p := range list {
		lines[i] = p.String()
	}
	return []web.Field{{Name: "networks", Label: i18n.T("Networks", "ネットワーク"), Kind: "textarea", Rows: 4, Mono: true,
		Value: strings.Join(lines, "\n"), Hint: "203.0.113.0/24",
		Help: i18n.T("One a line, as address/length. Addresses in them never become indicators. Private and reserved "+
			"ranges never do anyway.", "1 行に 1 つ、アドレス/長さの形で。この範囲のアドレスは指標になりません。プライベートアドレスや予約済みの範囲は、もともと対象外です。")}}
}

// lines splits what was typed into a field of one value a line.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r == '\n' || r == '\r' || r == ',' || r == ' ' || r == '\t' || r == '、'
	})
}
