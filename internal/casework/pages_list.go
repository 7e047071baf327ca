package casework

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

const (
	pageRows     = 50
	downloadRows = 5000
)

// find reads one page of cases for a viewer: after is what place gave of the row
// before; one row more than limit tells that there is more.
func (c PageConfig) find(ctx context.Context, v policy.Viewer, f Filter, after string, limit int) (list []Case, total int64, next string, err error) {
	at, id, err := unplace(ctx, c, v, after)
	if err != nil {
		return nil, 0, "", err
	}
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if list, err = List(tx, f, at, id, limit+1); err != nil {
			return err
		}
		total, err = Count(tx, f)
		return err
	})
	if err == nil && len(list) > limit {
		list = list[:limit]
		next = list[limit-1].place(v)
	}
	return list, total, next, err
}

// place names a row to go on after. A party's tells nothing that it does not
// see: the case's number. The hub's tells when the row was changed, since a row
// that changes meanwhile moves.
func (c Case) place(v policy.Viewer) string {
	if !v.Hub {
		return api.Mark(c.Number)
	}
	return api.Mark(strconv.FormatInt(clock.Micros(c.Updated), 10), c.ID)
}

func unplace(ctx context.Context, c PageConfig, v policy.Viewer, after string) (at time.Time, id string, err error) {
	if after == "" {
		return time.Time{}, "", nil
	}
	if !v.Hub {
		key, err := api.Unmark(after, 1)
		if err != nil {
			return time.Time{}, "", err
		}
		row, err := c.brief(ctx, v, key[0])
		if err != nil {
			return time.Time{}, "", err
		}
		at, id = row.Place(v)
		return at, id, nil
	}
	key, err := api.Unmark(after, 2)
	if err != nil {
		return time.Time{}, "", err
	}
	us, err := strconv.ParseInt(key[0], 10, 64)
	if err != nil {
		return time.Time{}, "", fault.Wrap(fault.Invalid, i18n.T("after is no place in this list", "after の値がこの一覧のものではありません"), err)
	}
	return clock.FromMicros(us), key[1], nil
}

func (c PageConfig) listPage(r *web.Request) (*web.View, error) {
	hub := r.Viewer.Hub
	state := r.Value("state")
	if _, ok := stateNames[State(state)]; !ok && state != "all" {
		state = "active"
	}
	f := Filter{Text: r.Value("q"), State: state}
	if state == "all" {
		f.State = ""
	}
	if hub {
		f.Sector = r.Value("sector")
	}
	limit := pageRows
	if r.Download() {
		limit = downloadRows
	}
	list, total, next, err := c.find(r.Context(), r.Viewer, f, r.Value("after"), limit)
	if err != nil {
		return nil, err
	}
	v := &web.View{Template: "cases/list", Title: i18n.T("Cases", "事案"), Nav: "cases", Wide: true, Live: []string{"cases"},
		Lede: i18n.T("Work on an incident by several organisations. Related findings join the same case by themselves.", "複数の組織で対応するインシデント。関連する検知は自動で同じ事案に集まります。")}
	for _, t := range []struct {
		state string
		text  i18n.Text
	}{{"active", i18n.T("Active", "進行中")}, {string(Open), Open.Name()}, {string(Contained), Contained.Name()}, {string(Closed), Closed.Name()}, {"all", i18n.T("All", "すべて")}} {
		v.Tabs = append(v.Tabs, web.Tab{Text: i18n.Text{EN: strings.ToUpper(t.text.EN[:1]) + t.text.EN[1:], JA: t.text.JA}, Path: r.With("state", t.state), On: t.state == state})
	}
	l := caseList(list, hub)
	l.Count = web.Exactly(total)
	l.Filter = c.filterLine(r, f, state, hub)
	if f.Text != "" || f.Sector != "" || state != "active" {
		l.Empty = &web.Empty{Icon: "cases", Text: i18n.T("No case matches", "該当する事案はありません"), How: i18n.T("Try another word, or look at all cases.", "条件を変えるか、すべての事案を表示してください。"), Do: &web.Link{Text: i18n.T("All cases", "すべての事案"), Path: "/cases?state=all"}}
	}
	if next != "" {
		l.Pager.Next = r.With("after", next)
	}
	if r.Value("after") != "" {
		l.Pager.First = r.With("after", "")
	}
	v.Data, v.CSV = l, l.Table()
	return v, nil
}

func (c PageConfig) filterLine(r *web.Request, f Filter, state string, hub bool) *web.Filter {
	line := &web.Filter{Path: "/cases", Query: f.Text, Ask: i18n.T("Number, title or rule", "番号・件名・規則"), Keep: []web.Hidden{{Name: "state", Value: state}}}
	if hub {
		ch := web.Choice{Name: "sector", Text: i18n.T("Sector", "分野"), Options: []web.Option{{Text: i18n.T("all sectors", "すべての分野"), On: f.Sector == ""}}}
		for _, s := range identity.Sectors() {
			ch.Options = append(ch.Options, web.Option{Value: s.Slug, Text: s.Name, On: s.Slug == f.Sector})
		}
		line.Fields = []web.Choice{ch}
	}
	if f.Text == "" && f.Sector == "" {
		return line
	}
	say := web.Run{}
	if f.Text != "" {
		say = append(say, i18n.T("cases with {0}", "{0} を含む事案").With(quoted(f.Text)))
	}
	if f.Sector != "" {
		say = append(say, i18n.T("in the sector {0}", "分野：{0}").With(sectorName(f.Sector)))
	}
	line.Say, line.Clear = say, r.With("q", "", "sector", "")
	return line
}

func sectorName(slug string) i18n.Text {
	if s, ok := identity.SectorOf(slug); ok {
		return s.Name
	}
	return i18n.Same(slug)
}

func sectorNames(slugs []string) web.Run {
	var out web.Run
	for _, s := range slugs {
		out = append(out, sectorName(s))
	}
	return out
}

func (s State) badge() *web.Badge {
	switch s {
	case Open:
		return &web.Badge{Text: s.Name(), Mood: web.Warn}
	case Contained:
		return &web.Badge{Text: s.Name(), Mood: web.Info, Icon: "lock"}
	}
	return &web.Badge{Text: s.Name(), Mood: web.Dim, Icon: "check"}
}

func caseList(list []Case, hub bool) web.List {
	l := web.List{ID: "cases", Caption: i18n.T("Cases", "事案"), Bare: true, Columns: []web.ListColumn{
		{Key: "severity", Text: i18n.T("Severity", "深刻度"), Role: web.RoleSev},
		{Key: "case", Text: i18n.T("Case", "事案"), Role: web.RoleMain},
		{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		{Key: "state", Text: i18n.T("State", "状態")},
	}, Empty: &web.Empty{Icon: "cases", Text: i18n.T("No active cases", "進行中の事案はありません"), How: i18n.T("A case opens by itself when a finding of high enough level arrives, and takes in what is related to it.", "一定の重要度以上の検知が届くと事案が自動で開設され、関連する検知をまとめます。")}}
	if hub {
		l.Columns = append(l.Columns, web.ListColumn{Key: "findings", Text: i18n.T("Findings", "検知"), Role: web.RoleNum}, web.ListColumn{Key: "members", Text: i18n.T("Members", "構成員"), Role: web.RoleNum},
			web.ListColumn{Key: "next", Text: i18n.T("Next step", "次の一手"), Role: web.RoleNote}, web.ListColumn{Key: "updated", Text: i18n.T("Changed", "更新"), Role: web.RoleTime})
	} else {
		l.Columns = append(l.Columns, web.ListColumn{Key: "findings", Text: i18n.T("Your findings", "自組織の検知"), Role: web.RoleNum}, web.ListColumn{Key: "since", Text: i18n.T("Since", "開始"), Role: web.RoleTime})
	}
	for _, c := range list {
		sev := any(nil)
		if c.Severity >= 0 {
			sev = web.Sev(c.Severity)
		}
		sub := web.Run{web.Mono(c.Number)}
		for _, s := range c.Sectors {
			sub = append(sub, sectorName(s))
		}
		cells := []any{sev, web.Lines{web.Defang(c.Title), sub}, policy.Handling{TLP: c.Handling.TLP}, *c.State.badge(), c.Findings}
		if hub {
			what, by := c.NextStep()
			next := any(nil)
			if !what.Zero() {
				next = web.Lines{what, web.Due(by)}
			}
			cells = append(cells, c.Members, next, web.Brief(c.Updated))
		} else {
			cells = append(cells, web.Brief(c.Opened))
		}
		l.Rows = append(l.Rows, web.Row{Key: c.Number, Path: web.Path("/cases/{0}", c.Number), Cells: cells, Dim: c.State == Closed})
	}
	return l
}
