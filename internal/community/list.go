package community

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// member is a member as it is listed.
type member struct {
	identity.Member
	status Status
	said   bool // its node has reported a status
	online bool
}

// seen is when the hub last had something from the member.
func (m member) seen() time.Time {
	if m.status.At.After(m.LastSeen) {
		return m.status.At
	}
	return m.LastSeen
}

// members returns the members that v may know.
func (s *Service) members(ctx context.Context, v policy.Viewer) ([]member, error) {
	all, err := s.visible(ctx, v)
	if err != nil {
		return nil, err
	}
	status, err := s.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]member, len(all))
	for i, m := range all {
		st, said := status[m.ID]
		out[i] = member{m, st, said, m.Active() && s.directory.Online(m.ID)}
	}
	return out, nil
}

// memberList describes the list of members. Who may know only one member has
// nothing to narrow.
func memberList(hub bool) list.Spec[member] {
	term := func(of func(member) any, desc bool) list.Term[member] { return list.Term[member]{Of: of, Desc: desc} }
	name := term(func(m member) any { return m.Name }, false)
	state := list.Rank("", func(m member) string { return stateOf(m.Member) }, "joined", "invited", "revoked")
	most := func(key string, of func(member) any) list.Sort[member] {
		return list.Sort[member]{Name: key, Text: i18n.T("highest first", "多い順"), Back: i18n.T("lowest first", "少ない順"),
			By: []list.Term[member]{term(of, true)}}
	}
	rules := func(m member) any { return m.status.Rules }
	indicators := func(m member) any { return m.status.Indicators }
	waiting := func(m member) any { return m.status.Waiting }
	seen := func(m member) any { return m.seen() }
	s := list.Spec[member]{
		Key: []list.Term[member]{term(func(m member) any { return m.ID }, false)},
		Sorts: []list.Sort[member]{
			{Name: "state", Text: i18n.T("joined before invited, by name", "参加済みを先に、名称順"),
				By: []list.Term[member]{state, name}},
			{Name: "name", Text: i18n.T("by name", "名称順"), By: []list.Term[member]{name}},
			{Name: "seen", Text: i18n.T("longest not seen first", "未接続の長い順"),
				Back: i18n.T("last seen first", "最近接続した順"),
				By:   []list.Term[member]{term(seen, false)}},
			most("rules", rules), most("indicators", indicators), most("waiting", waiting),
		},
		Name: "members", Path: "/members", Caption: i18n.T("Members", "構成員"), All: i18n.T("members", "構成員"),
		Columns: []list.Column[member]{
			{Key: "name", Text: i18n.T("Member", "構成員"), Role: web.RoleMain, Sort: "name", Cell: nameCell},
			{Key: "state", Text: i18n.T("State", "状態"), Sort: "state",
				Cell: func(m member) any { return stateBadge(m.Member, m.online) }},
			{Key: "seen", Text: i18n.T("Last seen", "最終接続"), Role: web.RoleTime, Sort: "seen",
				Cell: func(m member) any { return web.Brief(m.seen()) }},
			{Key: "rules", Text: i18n.T("Own rules", "独自ルール"), Role: web.RoleNum, Sort: "rules", Cell: reported(rules)},
			{Key: "indicators", Text: i18n.T("Indicators armed", "防御中の指標"), Role: web.RoleNum, Sort: "indicators",
				Cell: reported(indicators)},
			{Key: "waiting", Text: i18n.T("Waiting there", "先方で確認待ち"), Role: web.RoleNum, Sort: "waiting",
				Cell: reported(waiting)},
			{Key: "version", Text: i18n.T("Version", "版"), Role: web.RoleWide,
				Cell: reported(func(m member) any { return m.status.Version })},
		},
		Row: func(m member) web.Row {
			return web.Row{Key: m.ID, Path: web.Path("/members/{0}", m.ID), Dim: !m.Revoked.IsZero()}
		},
		Empty: &web.Empty{Icon: "members", Text: i18n.T("No members here", "該当する構成員はありません"),
			How: i18n.T("Invite an organisation with the form below: it gets a token and one command to run.",
				"下の欄から組織を招待すると、トークンと実行するコマンドが発行されます。")},
	}
	if hub {
		s.Filters = memberFilters()
	}
	return s
}

func memberFilters() []list.Filter[member] {
	sectors := []list.Option{{Text: i18n.T("all sectors", "すべての分野")}}
	for _, x := range identity.Sectors() {
		sectors = append(sectors, list.Option{Value: x.Slug, Text: x.Name})
	}
	return []list.Filter[member]{
		{Name: "q", Kind: list.Words, Text: i18n.T("Name", "名称"),
			Match: func(m member, typed string) bool { return list.Holds(m.Name, typed) }},
		{Name: "state", Text: i18n.T("State", "状態"), Missing: "belong", Options: []list.Option{
			{Value: "belong", Text: i18n.T("all that belong", "所属中すべて")},
			{Value: "connected", Text: i18n.T("connected", "接続中")},
			{Value: "joined", Text: i18n.T("joined", "参加済み")},
			{Value: "invited", Text: i18n.T("invited", "招待中")},
			{Value: "revoked", Text: i18n.T("left", "脱退")},
			{Value: "all", Text: i18n.T("all, also those that left", "脱退を含むすべて")},
		}, Match: func(m member, state string) bool {
			switch state {
			case "belong":
				return m.Revoked.IsZero()
			case "connected":
				return m.online
			case "all":
				return true
			}
			return stateOf(m.Member) == state
		}},
		{Name: "sector", Text: i18n.T("Sector", "分野"), Options: sectors,
			Match: func(m member, slug string) bool { return m.Sector == slug }},
	}
}

func nameCell(m member) any {
	sub := web.Run{sectorName(m.Sector)}
	if m.Prefecture != "" {
		sub = append(sub, prefectureName(m.Prefecture))
	}
	return web.Lines{m.Name, sub}
}

// reported is a cell that is empty until the member's node has reported a status.
func reported(of func(member) any) func(member) any {
	return func(m member) any {
		if !m.said {
			return nil
		}
		return of(m)
	}
}
