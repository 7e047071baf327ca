package publish

import (
	"context"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// indicatorData is the dot of indicators/one.
type indicatorData struct {
	Indicator indicator.Indicator
	Facts     []web.Fact
	What      indicator.What
	Hub       bool
	Dots      svg.Dots  // at the hub, for its people
	Progress  web.List  // the same as a table
	Armed     ratio     // for members: how many are armed
	Mine      *Progress // a member's own
	Seen      web.List
	MayMark   bool
	MayEnd    bool
	Mark      *web.Form
	MarkField web.Field
	Audience  *web.Field // for who gave it
	End       *web.Form
	EndField  web.Field
	Panels    web.Panels // of other capabilities
}

func (c pages) one(r *web.Request) (*web.View, error) { return c.view(r, nil, nil) }

// view is the page of one indicator, with forms that were sent and were wrong.
func (c pages) view(r *web.Request, mark, end *web.Form) (*web.View, error) {
	d := indicatorData{Hub: seers(r.Viewer), Mark: mark, End: end}
	var i indicator.Indicator
	var number, found string
	var progress []Progress
	var seen []Seen
	people, err := c.members.Active(r.Context())
	if err != nil {
		return nil, err
	}
	err = c.db.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if i, err = indicator.Get(tx, r.PathValue("id")); err != nil {
			return err
		}
		if i.Case != "" {
			if number, err = casework.Number(tx, i.Case); err != nil {
				return err
			}
		}
		if i.Finding != "" {
			found = finding.Title(tx, i.Finding)
		}
		if progress, err = c.Progress(tx, people, i); err != nil {
			return err
		}
		seen, err = SightingsOf(tx, i.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	about := web.Subject{ID: i.ID, Page: web.Path("/indicators/{0}", i.ID), Viewer: r.Viewer, Request: r}
	if d.Panels, err = c.site.Load(r.Context(), "indicator", about); err != nil {
		return nil, err
	}
	now := c.db.Now()
	d.Indicator, d.What = i, i.What()
	d.Facts = append(i.Facts(now), c.origin(r, i, number, found)...)
	d.Armed = tally(progress)[i.ID]
	owner := r.Viewer.Member != "" && r.Viewer.Member == i.Handling.Owner
	if d.Hub {
		d.Dots, d.Progress = c.dots(r.Context(), i, people, progress), c.progressList(r.Context(), progress)
	} else {
		for _, p := range progress {
			if p.Member == r.Viewer.Member {
				d.Mine = &p
			}
		}
		seen = slices.DeleteFunc(seen, func(s Seen) bool { return s.Member != r.Viewer.Member })
	}
	d.Seen = c.seenList(r.Context(), seen, d.Hub)
	coordinator := r.Viewer.Role == policy.RoleCoordinator || r.Viewer.Role == policy.RoleAdmin
	d.MayMark = i.Withdrawn.IsZero() && coordinator && (r.Viewer.Coordinator || owner)
	d.MayEnd = d.MayMark
	d.MarkField = markField(i.Handling.TLP, owner)
	if owner && d.MayMark {
		names, err := c.groupNames(r.Context(), r.Viewer.Groups)
		if err != nil {
			return nil, err
		}
		f := marking.AudienceField(i.Handling.Audience, names)
		d.Audience = &f
	}
	d.EndField = web.Field{Name: "confirm", Label: i18n.T("Type “withdraw” to confirm", "確認のため「取り下げ」と入力"),
		Required: true, Auto: "off", Max: 20}
	state := i.Validity(now)
	v := &web.View{Template: "indicators/one", Title: i.Title(), Nav: "indicators", Handling: &i.Handling,
		State: &state, Live: []string{"indicators"},
		Back: &web.Link{Text: i18n.T("Indicators", "指標"), Path: "/indicators"},
		Lede: web.Run{web.KindText(i.Kind), web.Level(i.Level)}, Next: d.Panels.Next(), Data: d}
	if i.Realm != event.Live {
		v.Realm = i.Realm
	}
	if d.Hub {
		v.CSV = d.Progress.Table()
	}
	return v, nil
}

// origin is where an indicator came from, as far as the viewer may know it.
func (c pages) origin(r *web.Request, i indicator.Indicator, number, found string) []web.Fact {
	var out []web.Fact
	if number != "" {
		out = append(out, web.Fact{Name: i18n.T("Case", "事案"),
			Value: web.Link{Text: number, Path: web.Path("/cases/{0}", i.Case)}})
	}
	out = append(out, web.Fact{Name: i18n.T("Made", "作成"), Value: i.Made})
	owner := r.Viewer.Member != "" && r.Viewer.Member == i.Handling.Owner
	if !seers(r.Viewer) && !owner {
		return out
	}
	if i.Handling.Owner != "" {
		out = append(out, web.Fact{Name: i18n.T("Came from", "提供元"),
			Value: web.Link{Text: c.members.Name(r.Context(), i.Handling.Owner),
				Path: web.Path("/members/{0}", i.Handling.Owner)},
			Note: i18n.T("not disclosed to the other members", "ほかの構成員には示されません")})
	}
	if i.Finding != "" {
		out = append(out, web.Fact{Name: i18n.T("Finding", "元の検知"), Value: indicator.FindingLink(i.Finding, found)})
	}
	return append(out, web.Fact{Name: i18n.T("Who may get it", "受信者の範囲"), Value: web.Lines{web.TLPText(i.Handling.TLP),
		c.audience(r.Context(), i.Handling.Audience)}})
}

// audience is an audience in words.
func (c pages) audience(ctx context.Context, a policy.Audience) any {
	var out web.Run
	for _, t := range a {
		switch kind, name, _ := strings.Cut(t, ":"); kind {
		case policy.Community:
			out = append(out, i18n.T("the whole community", "共同体全体"))
		case policy.Coordinators:
			out = append(out, i18n.T("the hub's coordinators", "ハブの調整担当"))
		case "sector":
			out = append(out, i18n.T("sector {0}", "分野 {0}").With(name))
		case "member":
			out = append(out, c.members.Name(ctx, name))
		default:
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// dots draws who is armed: everyone who is a member, and who was one.
func (c pages) dots(
	ctx context.Context, i indicator.Indicator, members []identity.Member, progress []Progress,
) svg.Dots {
	by := map[string]Progress{}
	for _, p := range progress {
		by[p.Member] = p
	}
	var d svg.Dots
	add := func(id, name string) {
		dot := svg.Dot{Name: name, State: svg.Exempt, Path: web.Path("/members/{0}", id)}
		if p, ok := by[id]; ok {
			dot.State, dot.Detail = dotState(p), dotDetail(p)
			delete(by, id)
		}
		d.Members = append(d.Members, dot)
	}
	for _, m := range members {
		add(m.ID, m.Name)
	}
	for _, p := range progress {
		if _, left := by[p.Member]; left {
			add(p.Member, c.members.Name(ctx, p.Member))
		}
	}
	n := tally(progress)[i.ID]
	switch {
	case n.all == 0:
		d.Text = i18n.T("No member may get it", "配布できる構成員はありません")
	case n.traced > 0:
		d.Text = i18n.T("{0} of {1} {1:member|members} armed, {2} with traces in the past",
			"{1} 構成員のうち {0} が防御済み、{2} で過去に痕跡").With(n.armed, n.all, n.traced)
	default:
		d.Text = i18n.T("{0} of {1} {1:member|members} armed", "{1} 構成員のうち {0} が防御済み").With(n.armed, n.all)
	}
	return d
}

// disclosed is how often a past matched; nothing if the member does not say.
func disclosed(hits int64) any {
	if hits == hitsUndisclosed {
		return nil
	}
	return hits
}

// clipped cuts a text in each language.
func clipped(t i18n.Text, n int) i18n.Text {
	return i18n.Text{EN: event.Clip(t.EN, n), JA: event.Clip(t.JA, n)}
}

func dotDetail(p Progress) i18n.Text {
	switch {
	case wire.State(p.State) == wire.Refused:
		return clipped(reason.Read(p.Reason).Say(), 120)
	case p.Hits == 1:
		return i18n.T("1 trace", "痕跡 1 件")
	case p.Hits > 1:
		return i18n.T("{0} traces", "痕跡 {0} 件").With(p.Hits)
	case !p.Armed.IsZero() && !p.Armed.Before(p.Sent):
		return i18n.T("after {0}", "{0} 後").With(svg.Millis(p.Armed.Sub(p.Sent)))
	}
	return i18n.Text{}
}

func progressText(p Progress) web.Badge {
	switch wire.State(p.State) {
	case wire.Hunted:
		if p.Hits > 0 {
			return web.Badge{Text: svg.Trace.Text(), Mood: web.Warn, Icon: "hunt"}
		}
		return web.Badge{Text: i18n.T("armed, past searched", "防御済み・過去も調査済み"), Mood: web.Good}
	case wire.Armed:
		return web.Badge{Text: svg.Armed.Text(), Mood: web.Good}
	case wire.Refused:
		return web.Badge{Text: svg.Refused.Text(), Mood: web.Warn}
	case wire.Disarmed:
		return web.Badge{Text: i18n.T("disarmed", "解除済み"), Mood: web.Dim}
	}
	return web.Badge{Text: svg.Pending.Text(), Mood: web.Calm}
}

func (c pages) progressList(ctx context.Context, progress []Progress) web.List {
	l := web.List{ID: "progress", Caption: i18n.T("Member by member", "構成員ごとの状況"),
		Count: web.Exactly(int64(len(progress))), Dense: true, Columns: []web.ListColumn{
			{Key: "member", Text: i18n.T("Member", "構成員"), Role: web.RoleMain},
			{Key: "state", Text: i18n.T("State", "状態")},
			{Key: "sent", Text: i18n.T("Sent", "配布"), Role: web.RoleTime},
			{Key: "armed", Text: i18n.T("Armed", "防御済み"), Role: web.RoleTime},
			{Key: "hunted", Text: i18n.T("Past searched", "過去の調査"), Role: web.RoleTime},
			{Key: "searched", Text: i18n.T("Events searched", "調査した事象"), Role: web.RoleNum},
			{Key: "hits", Text: i18n.T("Traces", "痕跡"), Role: web.RoleNum},
			{Key: "reason", Text: i18n.T("Reason", "理由"), Role: web.RoleNote},
		}, Empty: &web.Empty{Icon: "members", Text: i18n.T("Addressed to nobody", "受信者なし"),
			How: i18n.T("Its marking lets no member's node have it.", "この取扱区分では、どの構成員のノードにも配布できません。")}}
	for _, p := range progress {
		l.Rows = append(l.Rows, web.Row{Key: p.Member, Path: web.Path("/members/{0}", p.Member),
			Cells: []any{c.members.Name(ctx, p.Member), progressText(p), p.Sent, p.Armed, p.Hunted, p.Searched,
				disclosed(p.Hits), reason.Read(p.Reason).Say()}})
	}
	return l
}

func (c pages) seenList(ctx context.Context, seen []Seen, hub bool) web.List {
	none := i18n.T("When a member sees it and its policy lets that be disclosed, it appears here.",
		"構成員が観測し、その組織の方針が許せば、ここに現れます。")
	if !hub {
		none = i18n.T("Your organisation has not reported a sighting. What others saw is theirs to tell.",
			"貴組織からの観測報告はありません。ほかの構成員の観測報告は示されません。")
	}
	l := web.List{ID: "sightings", Caption: i18n.T("Sightings", "観測報告"), Count: web.Exactly(int64(len(seen))),
		Dense: true, Columns: []web.ListColumn{
			{Key: "member", Text: i18n.T("Member", "構成員"), Role: web.RoleMain},
			{Key: "how", Text: i18n.T("How", "契機")},
			{Key: "count", Text: i18n.T("Times", "回数"), Role: web.RoleNum},
			{Key: "first", Text: i18n.T("First", "最初"), Role: web.RoleTime},
			{Key: "last", Text: i18n.T("Last", "最後"), Role: web.RoleTime},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		}, Empty: &web.Empty{Icon: "search", Text: i18n.T("Not seen by anyone yet", "観測報告はまだありません"), How: none}}
	for _, s := range seen {
		how := web.Badge{Text: i18n.T("live", "即時")}
		if s.Retro {
			how = web.Badge{Text: i18n.T("in the past", "過去の痕跡"), Mood: web.Warn, Icon: "hunt"}
		}
		l.Rows = append(l.Rows, web.Row{Key: s.ID, Cells: []any{c.members.Name(ctx, s.Member), how, s.Count, s.First,
			s.Last, s.Handling}})
	}
	return l
}

// markField is the choice of a label: for the owner all, for the hub those that
// are not wider.
func markField(now policy.TLP, owner bool) web.Field {
	f := web.Field{Name: "tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"), Required: true, Value: now.Slug(),
		Options: marking.TLPOptions(policy.Clear, now),
		Help: i18n.T("Members that may not have it any more are disclosed to disarm at once.",
			"配布できなくなる構成員には、直ちに解除が指示されます。")}
	if !owner {
		f.Options = slices.DeleteFunc(f.Options, func(o web.Option) bool {
			t, _ := policy.ParseTLP(o.Value)
			return t < now
		})
		f.Help = i18n.T("The hub can only make it stricter; widening is for the member it came from. Members that may "+
			"not have it any more are disclosed to disarm at once.",
			"ハブにできるのは厳しくすることだけです。広げられるのは提供元の構成員です。配布できなくなる構成員には、直ちに解除が指示されます。")
	}
	return f
}

func (c pages) setMarking(r *web.Request) (string, error) {
	id := r.PathValue("id")
	back := web.Path("/indicators/{0}", id)
	tlp, ok := policy.ParseTLP(r.PostFormValue("tlp"))
	err := error(nil)
	if !ok {
		err = fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	var audience policy.Audience
	if err == nil {
		err = c.db.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
			i, err := indicator.Get(tx, id)
			audience = i.Handling.Audience
			return err
		})
	}
	field := "tlp"
	if err == nil && r.PostForm.Has("audience") {
		audience = marking.Parties(r.PostFormValue("audience"))
		if err = marking.Check(audience); err != nil {
			field = "audience"
		}
	}
	if err == nil {
		err = c.SetMarking(r.Context(), r.Viewer, id, tlp, audience)
	}
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.Invalid) {
		return c.again(r, field, err)
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("Marked {0}. Members that may not have it any more are disarming.",
		"{0} に変更しました。配布できなくなった構成員は解除されます。").With(tlp))
	if tlp == policy.Red && !policy.MaySee(r.Viewer, policy.Handling{TLP: tlp, Audience: audience}) {
		back = "/indicators" // it is not there for who marked it either
	}
	return back, nil
}

// again shows the page with what is wrong with a form that was sent.
func (c pages) again(r *web.Request, field string, err error) (string, error) {
	form := web.FormOf(r)
	form.Wrong(field, fault.TextOf(err))
	mark, end := form, (*web.Form)(nil)
	if field == "confirm" {
		mark, end = nil, form
	}
	v, e := c.view(r, mark, end)
	if e != nil {
		return "", e
	}
	return "", web.Again(v, err)
}

func (c pages) withdrawAction(r *web.Request) (string, error) {
	id := r.PathValue("id")
	word := strings.ToLower(strings.Trim(strings.TrimSpace(r.PostFormValue("confirm")), "“”\"「」"))
	if word != "withdraw" && word != "取り下げ" {
		return c.again(r, "confirm", fault.New(fault.Invalid, i18n.T("type “withdraw”; it cannot be taken back",
			"「取り下げ」と入力してください。この操作は元に戻せません")))
	}
	err := c.Withdraw(r.Context(), r.Viewer, id)
	if fault.Is(err, fault.Denied) {
		return c.again(r, "confirm", err)
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("Withdrawn. Every member that has it is disarming.", "取り下げました。保有するすべての構成員で解除されます。"))
	return web.Path("/indicators/{0}", id), nil
}
