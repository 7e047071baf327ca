package casework

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

func (c *PageConfig) listPage(r *web.Request) (*web.View, error) {
	spec := shown(r.Viewer)
	var p list.Page[Case]
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		p, err = List(tx, spec.Ask(r))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &web.View{Template: "cases/list", Title: spec.Caption, Nav: "cases", Wide: true, Live: []string{"cases"},
		Lede: i18n.T("Work on an incident by several organisations. Related findings join the same case by themselves.",
			"複数の組織で対応するインシデント。関連する検知は自動で同じ事案に集まります。"),
		Tabs: spec.Tabs(r, p, "state"), Data: spec.View(r, p), CSV: spec.Table(p)}, nil
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

// shown is the list of cases as a page shows it to a reader.
func shown(v policy.Viewer) list.Spec[Case] {
	s := cases(store.As(v))
	s.Columns = []list.Column[Case]{
		{Key: "severity", Text: i18n.T("Severity", "深刻度"), Role: web.RoleSev, Sort: "severity", Cell: severityCell},
		{Key: "case", Text: i18n.T("Case", "事案"), Role: web.RoleMain, Cell: titleCell},
		{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark,
			Cell: func(c Case) any { return policy.Handling{TLP: c.Handling.TLP} }},
		{Key: "state", Text: i18n.T("State", "状態"), Cell: func(c Case) any { return *c.State.badge() }},
	}
	findings := func(c Case) any { return c.Findings }
	if v.Hub {
		s.Columns = append(
			s.Columns,
			list.Column[Case]{
				Key:  "findings",
				Text: i18n.T("Findings", "検知"),
				Role: web.RoleNum,
				Sort: "findings",
				Cell: findings,
			},
			list.Column[Case]{Key: "members", Text: i18n.T("Members", "構成員"), Role: web.RoleNum, Sort: "members",
				Cell: func(c Case) any { return c.Members }},
			list.Column[Case]{Key: "next", Text: i18n.T("Next step", "次の一手"), Role: web.RoleNote, Cell: nextCell},
			list.Column[Case]{Key: "updated", Text: i18n.T("Changed", "更新"), Role: web.RoleTime, Sort: "updated",
				Cell: func(c Case) any { return web.Brief(c.Updated) }},
		)
	} else {
		s.Columns = append(s.Columns,
			list.Column[Case]{Key: "findings", Text: i18n.T("Your findings", "自組織の検知"), Role: web.RoleNum,
				Cell: findings},
			list.Column[Case]{Key: "since", Text: i18n.T("Since", "開始"), Role: web.RoleTime, Sort: "since",
				Cell: func(c Case) any { return web.Brief(c.Opened) }})
	}
	s.Row = func(c Case) web.Row {
		return web.Row{Key: c.Number, Path: web.Path("/cases/{0}", c.Number), Dim: c.State == Closed}
	}
	s.Empty = &web.Empty{Icon: "cases", Text: i18n.T("No active cases", "進行中の事案はありません"),
		How: i18n.T(
			"A case opens by itself when a finding of high enough level arrives, and takes in what is related to it.",
			"一定の重要度以上の検知が届くと事案が自動で開設され、関連する検知をまとめます。",
		)}
	s.NoMatch = &web.Empty{Icon: "cases", Text: i18n.T("No case matches", "該当する事案はありません"),
		How: i18n.T("Try another word, or look at all cases.", "条件を変えるか、すべての事案を表示してください。"),
		Do:  &web.Link{Text: i18n.T("All cases", "すべての事案"), Path: "/cases?state=all"}}
	return s
}

func severityCell(c Case) any {
	if c.Severity < 0 {
		return nil
	}
	return web.Sev(c.Severity)
}

func titleCell(c Case) any {
	sub := web.Run{web.Mono(c.Number)}
	for _, s := range c.Sectors {
		sub = append(sub, sectorName(s))
	}
	return web.Lines{web.Defang(c.Title), sub}
}

func nextCell(c Case) any {
	what, by := c.NextStep()
	if what.Zero() {
		return nil
	}
	return web.Lines{what, web.Due(by)}
}
