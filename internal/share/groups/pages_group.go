package groups

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// seatData is a member of a group on its page.
type seatData struct {
	ID      string
	Name    any
	Since   any
	Lead    bool
	Exclude bool // the reader may take it out
}

// inviteData is an invitation on the group's page.
type inviteData struct {
	ID, Name string
	By       any
	State    web.Badge
	Agreed   i18n.Text
	Vote     bool // the reader's organisation is asked
	Retract  bool
	Until    any
}

// groupData is the dot of groups/group.
type groupData struct {
	Group   Group
	Facts   []web.Fact
	Seats   []seatData
	Invites []inviteData
	Log     []web.Entry
	Form    *web.Form
	Invite  []web.Field // empty: this reader does not invite
	Leave   bool
	Close   *web.Field
	Open    bool
}

func (s *Service) groupView(r *web.Request, form *web.Form) (*web.View, error) {
	ctx, d := r.Context(), groupData{Form: form}
	var seats []Seat
	var invites []Invite
	var log []Entry
	err := s.db.Read(ctx, store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if d.Group, err = Get(tx, r.PathValue("id")); err != nil {
			return err
		}
		if seats, err = Seats(tx, d.Group.ID); err != nil {
			return err
		}
		if invites, err = Invites(tx, d.Group.ID); err != nil {
			return err
		}
		log, err = History(tx, d.Group.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	g := d.Group
	d.Open = g.Closed.IsZero()
	leads, in := d.Open && g.leads(r.Viewer), d.Open && g.in(r.Viewer)
	for _, m := range seats {
		d.Seats = append(d.Seats, seatData{ID: m.Member, Name: s.party(ctx, m.Member), Since: m.Since,
			Lead: m.Member == g.Lead(), Exclude: leads && m.Member != r.Viewer.Member})
	}
	d.Invites = s.invites(ctx, r.Viewer, g, invites, len(seats), leads, in)
	for _, e := range log {
		d.Log = append(d.Log, s.entry(ctx, e))
	}
	if leads || in && g.Admits == AdmitsAll {
		names, err := s.hubNames(ctx, r.Viewer)
		if err != nil {
			return nil, err
		}
		d.Invite = inviteFields(names)
	}
	d.Leave = in
	if leads || d.Open && r.Viewer.Coordinator {
		d.Close = &web.Field{Name: "confirm", Label: i18n.T("Type the group's name to confirm", "確認のためグループ名を入力"),
			Required: true, Auto: "off", Hint: g.Name}
	}
	admits := i18n.T("{0} alone", "{0} のみ").With(s.party(ctx, g.Lead()))
	if g.Admits == AdmitsAll {
		admits = i18n.T("all that are in it", "参加中の全組織")
	}
	d.Facts = []web.Fact{
		{Name: i18n.T("Led by", "運営"), Value: s.party(ctx, g.Lead())},
		{Name: i18n.T("Who lets others in", "参加の承認"), Value: admits},
		{Name: i18n.T("Made", "作成"), Value: g.Made},
		{Name: i18n.T("In an audience", "受信者としての指定"), Value: web.Mono(policy.ToGroup(g.ID)),
			Note: i18n.T("for the API and for a node's policy", "API とノードのポリシーで使います")},
	}
	state := web.Badge{Text: i18n.T("open", "活動中"), Mood: web.Good}
	if !d.Open {
		state = web.Badge{Text: i18n.T("closed", "終了"), Mood: web.Dim}
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Closed", "終了"), Value: g.Closed})
	}
	v := &web.View{Template: "groups/group", Title: i18n.Same(g.Name), Nav: "groups", State: &state,
		Handling: &policy.Handling{TLP: g.Handling.TLP}, Live: []string{"groups"},
		Back: &web.Link{Text: i18n.T("Trust groups", "信頼グループ"), Path: "/groups"}, Lede: g.Purpose, Data: d,
		CSV: d.table()}
	return v, nil
}

// table is who is in the group, for downloads.
func (d groupData) table() *web.Table {
	t := &web.Table{Name: i18n.T("Members of the group", "グループの参加組織"), Columns: []web.Column{
		{Key: "id", Text: i18n.Same("ID")}, {Key: "name", Text: i18n.T("Member", "構成員")},
		{Key: "since", Text: i18n.T("Since", "参加")}, {Key: "lead", Text: i18n.T("Led by", "運営")}}}
	for _, s := range d.Seats {
		t.Rows = append(t.Rows, []any{s.ID, s.Name, s.Since, s.Lead})
	}
	return t
}

func (s *Service) invites(ctx context.Context, v policy.Viewer, g Group, list []Invite, seats int,
	leads, in bool) (out []inviteData) {
	now := s.db.Now()
	for _, i := range list {
		d := inviteData{ID: i.ID, Name: i.Name, By: s.party(ctx, i.Member), Until: i.Expires}
		state := i.Shown(now)
		pending := state == stateAsked || state == stateOpen
		d.Retract = pending && (leads || in && i.Member == v.Member)
		switch state {
		case stateAsked:
			d.State = web.Badge{Text: i18n.T("waits for the group", "グループの承認待ち"), Mood: web.Warn}
			d.Agreed = i18n.T("{0} of {1} agree", "{1} 組織中 {0} 組織が承認").With(len(i.Agreed.List()), seats)
			d.Vote = in && !i.Agreed.Has(v.Member)
		case stateOpen:
			d.State = web.Badge{Text: i18n.T("no answer yet", "未回答"), Mood: web.Info}
		case stateAccepted:
			d.State = web.Badge{Text: i18n.T("accepted", "参加済み"), Mood: web.Good}
		case stateRefused:
			d.State = web.Badge{Text: i18n.T("the group did not agree", "承認されず"), Mood: web.Dim}
		default:
			d.State = web.Badge{Text: i18n.T("ended", "終了"), Mood: web.Dim}
		}
		out = append(out, d)
	}
	return out
}

// acts are what can happen in a group, {0} being a member or a name.
var acts = map[string]struct {
	text i18n.Text
	icon string
}{
	"made":      {i18n.T("made the group", "がグループを作成"), "plus"},
	"invited":   {i18n.T("invited {0}", "が {0} を招待"), "out"},
	"agreed":    {i18n.T("agreed to let {0} in", "が {0} の参加を承認"), "check"},
	"refused":   {i18n.T("did not agree to let {0} in", "が {0} の参加を承認せず"), "x"},
	"retracted": {i18n.T("took the invitation of {0} back", "が {0} への招待を取消し"), "x"},
	"entered":   {i18n.T("came in", "が参加"), "check"},
	"left":      {i18n.T("{0} left", "{0} が脱退"), "out"},
	"excluded":  {i18n.T("took {0} out", "が {0} を除外"), "x"},
	"closed":    {i18n.T("closed the group", "がグループを終了"), "lock"},
}

func (s *Service) entry(ctx context.Context, e Entry) web.Entry {
	about := e.About
	if e.Act == "left" || e.Act == "excluded" || e.Act == "entered" {
		about = s.directory.Name(ctx, e.About)
	}
	who := i18n.T("the hub", "ハブ").EN
	if e.Member != "" {
		who = s.directory.Name(ctx, e.Member)
	}
	a := acts[e.Act]
	if e.Act == "left" {
		who = ""
	}
	return web.Entry{At: e.At, Icon: a.icon, Who: who, Text: a.text.With(about), Key: e.ID}
}
