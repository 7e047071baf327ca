package situation

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue/aside"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// shownCases is how many open cases the first page lists.
const shownCases = 8

// shownNext is how many actions a page shows.
const shownNext = 3

// Pages adds the hub's first page, "/".
func Pages(site *web.Site, c PageConfig) {
	site.Templates(Templates())
	site.Page("/", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		p, err := c.load(r.Context(), r.Viewer)
		if err != nil {
			return nil, err
		}
		return p.view(r.Zone), nil
	})
}

// picture is everything that the first page shows to one viewer. What the
// viewer may not see is not in it.
type picture struct {
	now       time.Time
	hub       bool       // the viewer works at the hub, and sees the community as a whole
	warnings  []web.Next // what is wrong with the hub itself, for its administrators
	invites   bool       // and may invite organisations
	cases     []casework.Case
	total     int64
	cycle     *Cycle
	immunity  Immunity
	members   []member
	hourly    []finding.HourCount // of the last 12 hours
	daily     []finding.HourCount // of the last 24 hours
	indicator *newest
}

// load reads the page for a viewer.
func (c PageConfig) load(ctx context.Context, v policy.Viewer) (picture, error) {
	p := picture{now: c.Clock(), hub: v.Hub, invites: v.Hub && mayInvite(v.Role)}
	members, err := c.Members.Members(ctx)
	if err != nil {
		return p, err
	}
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error { return p.read(tx, c.Share, members) })
	if err != nil {
		return p, err
	}
	if !v.Hub {
		p.daily = slices.DeleteFunc(p.daily, func(f finding.HourCount) bool {
			return v.Member == "" || f.Member != v.Member
		})
		return p, nil
	}
	if p.warnings, err = aside.Warning(ctx, c.DB, v); err != nil {
		return p, err
	}
	for _, m := range members {
		p.members = append(p.members, member{m, c.Members.Online(m.ID)})
	}
	return p, nil
}

// readCycle finds the newest cycle out of which an indicator came, or the newest.
// The case behind it must be one that is shown.
func (p *picture) readCycle(tx *store.Tx) error {
	all, err := Latest(tx, 20)
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(all, func(cy Cycle) bool {
		return !slices.ContainsFunc(p.cases, func(c casework.Case) bool { return c.ID == cy.ID })
	})
	if len(list) == 0 {
		return nil
	}
	i := max(0, slices.IndexFunc(list, func(cy Cycle) bool { return len(cy.Indicators()) > 0 }))
	p.cycle = &list[i]
	p.immunity = p.cycle.Immunity("")
	return nil
}

func (p picture) name(member string) string {
	for _, m := range p.members {
		if m.ID == member {
			return m.Name
		}
	}
	return "—"
}

// hubData is the dot of situation/hub.
type hubData struct {
	Cycle     *svg.Cycle
	CyclePath string
	CycleMark *policy.Handling
	Cases     web.List
	Japan     *svg.Japan
	Dots      *svg.Dots
	Indicator *newest
	Sectors   *sectorCard
	Own       *svg.Columns // a member's own findings
}

func (p picture) view(zone *time.Location) *web.View {
	v := &web.View{Template: "situation/hub", Title: i18n.T("Situation", "状況"), Nav: "situation", Wide: true,
		Live: []string{"situation", "cases", "findings", "indicators", "members"}, Lede: p.lede()}
	d := hubData{Cases: p.caseList()}
	if p.cycle != nil {
		pic := p.cycle.Picture(p.name)
		d.Cycle, d.CyclePath = &pic, web.Path("/cases/{0}", p.cycle.Number)
		for _, l := range p.cases {
			if l.ID == p.cycle.ID {
				d.CycleMark = &policy.Handling{TLP: l.Handling.TLP}
			}
		}
	}
	if p.hub {
		j := japan(p.daily, p.members)
		d.Japan = &j
		rows := bySector(p.hourly, p.members, p.now)
		l := cardOf(rows, p.now, zone)
		d.Sectors = &l
		if p.indicator != nil {
			dt := dots(p.indicator, p.members)
			d.Dots, d.Indicator = &dt, p.indicator
		}
	} else {
		own := p.own(zone)
		d.Own = &own
	}
	if worst, ok := p.worst(); ok {
		v.Severity = &web.Severity{Likely: worst.Severity, Low: worst.Lowest, High: worst.Highest,
			Note: p.outlook(worst)}
	}
	v.Next = append(p.next(), p.warnings...)
	if len(v.Next) > shownNext { // the shell shows three; a warning is among them
		v.Next = slices.Concat(v.Next[:shownNext-len(p.warnings)], p.warnings)
	}
	if len(v.Next) == 0 && len(p.members) == 0 && p.invites {
		v.Next = []web.Next{{Text: i18n.T("Invite the first organisation", "最初の組織を招待する"), Path: "/members#invite",
			Note: i18n.T("its node joins with one command", "ノードは 1 つのコマンドで参加できます")}}
	}
	v.Data = d
	v.CSV = d.Cases.Table()
	return v
}

func (p picture) lede() any {
	now := p.now
	if !p.hub {
		return web.Run{i18n.T("your organisation's part", "自組織に関わる範囲"), now}
	}
	active, online := 0, 0
	for _, m := range p.members {
		if m.Active() {
			active++
			if m.online {
				online++
			}
		}
	}
	return web.Run{i18n.T("{0} {0:member|members}, {1} connected", "{0} 構成員、うち {1} が接続中").With(active, online), now}
}

// worst is the open case with the highest severity; of equals, the one that may
// become worse.
func (p picture) worst() (out casework.Case, ok bool) {
	for _, c := range p.cases {
		if c.Severity < 0 {
			continue
		}
		if !ok || c.Severity > out.Severity || c.Severity == out.Severity && c.Highest > out.Highest {
			out, ok = c, true
		}
	}
	return out, ok
}

func (p picture) outlook(worst casework.Case) i18n.Text {
	if p.total <= 1 {
		return i18n.T("{0}: {1}", "{0}: {1}").With(worst.Number, worst.Title)
	}
	return i18n.T("the highest of {1} open cases: {0}", "対応中 {1} 件のうち最大：{0}").With(worst.Number, p.total)
}

// mayInvite says that a role invites organisations.
func mayInvite(r policy.Role) bool { return r == policy.RoleCoordinator || r == policy.RoleAdmin }

// next is what the hub has to do with the cases, by their clock.
func (p picture) next() (out []web.Next) {
	if !p.hub {
		return nil
	}
	for _, c := range p.cases {
		if what, by := c.NextStep(); !what.Zero() {
			out = append(out, web.Next{Text: i18n.T("{0}: {1}", "{0}：{1}").With(c.Number, what),
				Path: web.Path("/cases/{0}", c.Number), By: by})
		}
	}
	slices.SortStableFunc(out, func(a, b web.Next) int { return a.By.Compare(b.By) })
	return out[:min(len(out), 3)]
}

func (p picture) caseList() web.List {
	l := web.List{ID: "s-cases", Caption: i18n.T("Open cases", "進行中の事案"), Count: web.Exactly(p.total),
		All: &web.Link{Text: i18n.T("All cases", "すべての事案"), Path: "/cases"},
		Columns: []web.ListColumn{
			{Key: "severity", Text: i18n.T("Severity", "深刻度"), Role: web.RoleSev},
			{Key: "case", Text: i18n.T("Case", "事案"), Role: web.RoleMain},
			{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		},
		Empty: &web.Empty{Icon: "cases", Text: i18n.T("No open cases", "進行中の事案はありません"),
			How: i18n.T("A case opens by itself when a member reports a finding.", "構成員から検知が届くと、事案が自動で開設されます。")},
	}
	if p.hub {
		l.Columns = append(l.Columns, web.ListColumn{Key: "due", Text: i18n.T("Due", "期限"), Role: web.RoleNum},
			web.ListColumn{Key: "next", Text: i18n.T("Next step", "次の一手"), Role: web.RoleNote})
	} else {
		l.Columns = append(l.Columns, web.ListColumn{Key: "findings", Text: i18n.T("Your findings", "自組織の検知"),
			Role: web.RoleNum})
	}
	for _, c := range p.cases {
		sev := any(nil)
		if c.Severity >= 0 {
			sev = web.Sev(c.Severity)
		}
		sub := web.Run{web.Mono(c.Number)}
		for _, s := range c.Sectors {
			sub = append(sub, sectorName(s))
		}
		if c.Members > 0 {
			sub = append(sub, i18n.T("members: {0}", "{0} 構成員").With(c.Members))
		}
		cells := []any{sev, web.Lines{web.Defang(c.Title), sub}, policy.Handling{TLP: c.Handling.TLP}}
		if p.hub {
			what, by := c.NextStep()
			due := any(nil)
			if !by.IsZero() {
				due = web.Due(by)
			}
			cells = append(cells, due, what)
		} else {
			cells = append(cells, c.Findings)
		}
		l.Rows = append(l.Rows, web.Row{Key: c.Number, Path: web.Path("/cases/{0}", c.Number), Cells: cells})
	}
	return l
}

// own draws a member's own findings of the last 12 hours.
func (p picture) own(zone *time.Location) svg.Columns {
	values := make([]float64, hours)
	n := 0
	for _, f := range p.daily {
		i := int(f.Start().Sub(start(p.now)) / time.Hour)
		if f.Start().Before(start(p.now)) || i >= hours {
			continue
		}
		values[i] += float64(f.N)
		n += f.N
	}
	c := svg.Columns{Text: i18n.T("Your own findings in the last 12 hours: {0}", "過去 12 時間の自組織の検知は {0} 件").With(n),
		Unit: i18n.T("findings per hour", "件／時"), Open: true,
		Series: []svg.Series{{Name: i18n.T("findings", "検知"), Values: values}}}
	for i := range hours {
		c.Buckets = append(c.Buckets,
			i18n.Same(strconv.Itoa(start(p.now).Add(time.Duration(i)*time.Hour).In(zone).Hour())))
	}
	return c
}
