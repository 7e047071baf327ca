package inbox

import (
	"net/url"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// listData is the dot of indicators/list.
type listData struct {
	Hunt *huntCard
	List web.List
}

// indicatorData is the dot of indicators/mine.
type indicatorData struct {
	What   indicator.What
	Facts  []web.Fact
	Panels web.Panels // of other capabilities
}

// PageConfig is what a node's pages and API stand on.
type PageConfig struct {
	DB    *store.DB
	Inbox *Inbox

	site *web.Site
}

// Pages adds /indicators and /hunts. The site needs Templates too. Notify "indicators"
// when one was armed or hunted.
func Pages(site *web.Site, c PageConfig) {
	c.site = site
	site.Page("/indicators", policy.RoleReader, c.indicators)
	site.Page("/indicators/{id}", policy.RoleReader, c.indicator)
	indicator.ServeSTIX(site, c.DB)
	c.huntPages(site)
}

// nodeState is how far this node is with an indicator.
func nodeState(i indicator.Indicator, now time.Time) web.Badge {
	switch {
	case !i.Withdrawn.IsZero():
		return web.Badge{Text: i18n.T("withdrawn, disarmed", "取り下げ・解除済み"), Mood: web.Dim}
	case i.State == string(wire.Refused):
		return web.Badge{Text: i18n.T("cannot be matched here", "ここでは照合不可"), Mood: web.Warn, Icon: "warn"}
	case !i.ValidUntil.IsZero() && !now.Before(i.ValidUntil):
		return web.Badge{Text: i18n.T("expired", "期限切れ"), Mood: web.Dim}
	case i.State == string(wire.Armed):
		return web.Badge{Text: i18n.T("armed", "防御済み"), Mood: web.Good, Icon: "check"}
	}
	return web.Badge{Text: i18n.Same(i.State)}
}

// pastCell tells of the search of the past.
func pastCell(i indicator.Indicator) any {
	switch {
	case i.State == string(wire.Refused):
		return nil
	case !i.Hunted && i.Halted:
		return web.Badge{Text: i18n.T("search stopped", "調査停止中"), Mood: web.Dim}
	case !i.Hunted:
		return web.Badge{Text: i18n.T("searching", "調査中"), Mood: web.Info, Icon: "hunt"}
	case i.Hits == 0:
		return i18n.T("searched, nothing", "調査済み・痕跡なし")
	}
	text := i18n.T("{0} traces", "痕跡 {0} 件").With(i.Hits)
	if i.Hits == 1 {
		text = i18n.T("1 trace", "痕跡 1 件")
	}
	return web.Badge{Text: text, Mood: web.Warn, Icon: "hunt"}
}

func findingsOf(i indicator.Indicator) string { return "/findings?indicator=" + url.QueryEscape(i.ID) }

func (c PageConfig) indicators(r *web.Request) (*web.View, error) {
	spec := c.shown(c.DB.Now())
	var p list.Page[indicator.Indicator]
	var left, halted int64
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if p, err = spec.Read(tx, spec.Ask(r)); err != nil {
			return err
		}
		left, halted, err = huntCounts(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &web.View{Template: "indicators/list", Title: spec.Caption, Nav: "indicators", Live: []string{"indicators"},
		Tabs: c.site.Tabs(r.Viewer, "indicators", "/indicators"),
		Lede: i18n.T(
			"What this node is armed with, and what its past holds of it",
			"このノードに組み込まれた防御と、過去の記録に残る痕跡",
		),
		Data: listData{c.huntCard(left, halted), spec.View(r, p)}, CSV: spec.Table(p)}, nil
}

// shown is the list of indicators as a page of the node shows it.
func (c PageConfig) shown(now time.Time) list.Spec[indicator.Indicator] {
	type column = list.Column[indicator.Indicator]
	s := indicator.Listing(now)
	s.Columns = append(indicator.FirstColumns(i18n.T("What we look for", "探しているもの")),
		column{
			Key: "state", Text: i18n.T("State", "状態"),
			Cell: func(i indicator.Indicator) any { return nodeState(i, now) },
		},
		column{Key: "past", Text: i18n.T("Our past", "過去の記録"), Cell: pastCell, ScreenOnly: true},
		column{
			Key: "hunted", Text: i18n.T("Past searched", "過去の調査"),
			Data: func(i indicator.Indicator) any { return i.Hunted },
		},
		column{
			Key: "hits", Text: i18n.T("Traces", "痕跡"), Role: web.RoleNum,
			Data: func(i indicator.Indicator) any { return i.Hits },
		},
		column{Key: "arrived", Text: i18n.T("Arrived", "受領"), Role: web.RoleTime, Sort: "made",
			Cell: func(i indicator.Indicator) any {
				return web.Brief(i.Made)
			}, Data: func(i indicator.Indicator) any { return i.Made }},
		indicator.UntilColumn(),
		column{Key: "findings", Text: i18n.T("Findings", "検知"), ScreenOnly: true,
			Cell: func(i indicator.Indicator) any {
				return web.Link{Text: i18n.T("show", "表示"), Path: findingsOf(i)}
			}})
	s.Row = func(i indicator.Indicator) web.Row {
		return web.Row{Key: i.ID, Path: web.Path("/indicators/{0}", i.ID), Dim: nodeState(i, now).Mood == web.Dim}
	}
	s.Empty = indicator.None(
		i18n.T("What the hub shares with us is armed within a second and appears here, with what our past holds of it.",
			"ハブから共有された指標は1秒以内に防御に組み込まれ、過去の記録の調査結果とともにここに現れます。"),
	)
	return s
}

func (c PageConfig) indicator(r *web.Request) (*web.View, error) {
	var i indicator.Indicator
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		i, err = indicator.Get(tx, r.PathValue("id"))
		return err
	})
	if err != nil {
		return nil, err
	}
	d := indicatorData{What: i.What()}
	now := c.DB.Now()
	state := nodeState(i, now)
	past := web.Fact{Name: i18n.T("Our past", "過去の記録"), Value: pastCell(i)}
	if i.Hunted && i.Hits > 0 {
		past.Note = i18n.T("the events are in the findings", "該当する事象は検知に記録")
	}
	d.Facts = append(
		[]web.Fact{
			{Name: i18n.T("State", "状態"), Value: state}, past, {Name: i18n.T("Arrived", "受領"), Value: i.Made},
		},
		i.Facts(now)...,
	)
	d.Facts = append(
		d.Facts, web.Fact{Name: i18n.T("Who may see this", "閲覧できる範囲"), Value: web.TLPText(i.Handling.TLP)},
	)
	about := web.Subject{ID: i.ID, Page: web.Path("/indicators/{0}", i.ID), Viewer: r.Viewer, Request: r}
	if d.Panels, err = c.site.Load(r.Context(), "indicator", about); err != nil {
		return nil, err
	}
	v := &web.View{
		Template: "indicators/mine",
		Title:    i.Title(),
		Nav:      "indicators",
		Handling: &i.Handling,
		State:    &state,
		Live:     []string{"indicators"},
		Back: &web.Link{
			Text: i18n.T("Indicators", "指標"), Path: "/indicators",
		},
		Lede: web.Run{web.KindText(i.Kind), web.Level(i.Level)},
		Data: d,
		Next: []web.Next{{Text: i18n.T("See what it found here", "ここでの検知を見る"), Path: findingsOf(i)}},
	}
	if i.Realm != event.Live {
		v.Realm = i.Realm
	}
	return v, nil
}
