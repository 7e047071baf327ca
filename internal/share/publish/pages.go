package publish

import (
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// pages is the hub's pages and API of indicators.
type pages struct {
	*Publisher
	site *web.Site // has the panels of other capabilities; set by addTo
}

// addTo adds /indicators, /indicators/{id} and its actions. The site needs Templates,
// and those of package indicator.
// Panels of other capabilities belong to the page "indicator", which draws them in its
// one slot, "main".
func (c pages) addTo(site *web.Site) {
	c.site = site
	site.Page("/indicators", policy.RoleReader, c.list)
	site.Page("/indicators/{id}", policy.RoleReader, c.one)
	site.Action("/indicators/{id}/marking", policy.RoleCoordinator, c.setMarking)
	site.Action("/indicators/{id}/withdraw", policy.RoleCoordinator, c.withdrawAction)
	indicator.ServeSTIX(site, c.db)
}

// seers is who may see what the members did with an indicator: the hub's own
// people. Others learn how many are armed, and what they did themselves.
func seers(v policy.Viewer) bool { return v.Hub }

// extra is what is known of the indicators of one page beside themselves.
type extra struct {
	counts  map[string]ratio
	seen    map[string]int64  // members that saw it; for the hub's people
	numbers map[string]string // of cases that the reader may know, by id
}

// read returns a page of indicators, and fills x with what belongs to it. A case
// that the reader may not know narrows to nothing.
func (c pages) read(tx *store.Tx, people []identity.Member, ask list.Ask, hub bool,
	x *extra) (list.Page[indicator.Indicator], error) {
	spec := indicator.Listing(tx.Now())
	unknown, err := hidden(tx, ask.Values["case"])
	if err != nil {
		return list.Page[indicator.Indicator]{}, err
	}
	if unknown {
		spec.Where = append(spec.Where, list.Never())
	}
	p, err := spec.Read(tx, ask)
	if err != nil {
		return p, err
	}
	x.numbers = map[string]string{}
	ids := make([]string, len(p.Rows))
	for i, o := range p.Rows {
		ids[i] = o.ID
		if _, ok := x.numbers[o.Case]; !ok && o.Case != "" {
			if x.numbers[o.Case], err = casework.Number(tx, o.Case); err != nil {
				return p, err
			}
		}
	}
	progress, err := c.Progress(tx, people, p.Rows...)
	if err != nil {
		return p, err
	}
	x.counts = tally(progress)
	if hub {
		x.seen, err = foundBy(tx, ids)
	}
	return p, err
}

func (c pages) list(r *web.Request) (*web.View, error) {
	hub := seers(r.Viewer)
	var x extra
	spec := c.shown(hub, c.db.Now(), &x)
	var p list.Page[indicator.Indicator]
	people, err := c.members.Active(r.Context())
	if err != nil {
		return nil, err
	}
	err = c.db.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		p, err = c.read(tx, people, spec.Ask(r), hub, &x)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &web.View{Template: "indicators/list", Title: spec.Caption, Nav: "indicators", Live: []string{"indicators"},
		Lede: i18n.T("What the community looks for, and who is armed against it", "共同体が探しているものと、防御の広がり"),
		Data: spec.View(r, p), CSV: spec.Table(p)}, nil
}

// shown is the list of indicators as a page of the hub shows it; x is filled
// when the page is read.
func (c pages) shown(hub bool, now time.Time, x *extra) list.Spec[indicator.Indicator] {
	type column = list.Column[indicator.Indicator]
	s := indicator.Listing(now)
	s.Columns = append(indicator.FirstColumns(i18n.T("What to look for", "探すもの")),
		column{Key: "confidence", Text: i18n.T("Confidence", "確度"), Data: func(i indicator.Indicator) any {
			return i.Confidence
		}},
		column{Key: "armed", Text: i18n.T("Armed", "防御済み"), Cell: func(i indicator.Indicator) any {
			if hub {
				return x.counts[i.ID].html()
			}
			return x.counts[i.ID].armed
		}, Data: func(i indicator.Indicator) any { return x.counts[i.ID].armed }})
	if hub {
		s.Columns = append(s.Columns,
			column{Key: "entitled", Text: i18n.T("Addressed to", "受信者"), Data: func(i indicator.Indicator) any {
				return x.counts[i.ID].all
			}},
			column{Key: "found_by", Text: i18n.T("Found by", "発見"), Role: web.RoleNum,
				Cell: func(i indicator.Indicator) any { return x.seen[i.ID] }})
	}
	s.Columns = append(s.Columns,
		column{Key: "made", Text: i18n.T("Made", "作成"), Role: web.RoleTime, Sort: "made",
			Cell: func(i indicator.Indicator) any { return web.Brief(i.Made) }, Data: func(i indicator.Indicator) any {
				return i.Made
			}},
		indicator.UntilColumn(),
		column{Key: "case", Text: i18n.T("Case", "事案"), Cell: func(i indicator.Indicator) any {
			if n := x.numbers[i.Case]; n != "" {
				return web.Link{Text: n, Path: web.Path("/cases/{0}", i.Case)}
			}
			return nil
		}, Data: func(i indicator.Indicator) any { return x.numbers[i.Case] }},
		column{Key: "state", Text: i18n.T("State", "状態"), Cell: func(i indicator.Indicator) any {
			return i.Validity(now)
		}})
	s.Row = func(i indicator.Indicator) web.Row {
		return web.Row{Key: i.ID, Path: web.Path("/indicators/{0}", i.ID), Dim: i.Validity(now).Mood == web.Dim}
	}
	s.Empty = indicator.None(
		i18n.T("When a member offers a value or a behaviour of a finding that is in a case, an indicator is made of "+
			"it and appears here.",
			"事案になった検知から構成員が値や振る舞いを提供すると、指標になってここに現れます。"))
	return s
}
