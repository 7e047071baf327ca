package situation

import (
	"slices"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// PageConfig says what the hub's first page stands on.
type PageConfig struct {
	DB      *store.DB
	Clock   clock.Clock
	Members *identity.Directory
	Share   Share
}

// Share is the hub's indicators, as package publish has them.
type Share interface {
	// Progress returns how far the members are with indicators that each may have.
	Progress(tx *store.Tx, people []identity.Member, rows ...indicator.Indicator) ([]publish.Progress, error)
}

// member is a member, and whether its node is connected.
type member struct {
	identity.Member
	online bool
}

// newest is an indicator and how far the members that it is addressed to are with it.
type newest struct {
	indicator.Indicator
	progress []publish.Progress
}

// read reads what a viewer may see. Whoever does not work at the hub gets their own
// cases and findings, and nothing that counts or names others.
func (p *picture) read(tx *store.Tx, share Share, members []identity.Member) (err error) {
	p.hourly, p.cycle = nil, nil // a read may be done again
	if p.cases, p.total, err = casework.Worst(tx, shownCases); err != nil {
		return err
	}
	if p.daily, err = finding.Hourly(tx, p.now.Add(-24*time.Hour)); err != nil || !p.hub {
		return err
	}
	for _, f := range p.daily {
		if !f.Start().Before(start(p.now)) {
			p.hourly = append(p.hourly, f)
		}
	}
	if p.indicator, err = readNewest(tx, share, members); err != nil {
		return err
	}
	return p.readCycle(tx)
}

// readNewest reads the newest indicator; nil if there is none. One that is for named
// persons only is on no wall.
func readNewest(tx *store.Tx, share Share, members []identity.Member) (*newest, error) {
	page, err := indicator.List(tx, list.Ask{Values: map[string]string{"state": "active"}, Limit: 20})
	if err != nil {
		return nil, err
	}
	for _, i := range page.Rows {
		if i.Handling.TLP.OrRed() != policy.Red {
			active := slices.DeleteFunc(slices.Clone(members), func(m identity.Member) bool { return !m.Active() })
			progress, err := share.Progress(tx, active, i)
			return &newest{i, progress}, err
		}
	}
	return nil, nil
}

// dots draws who is armed. Members that the indicator is not addressed to are
// shown as that.
func dots(in *newest, members []member) svg.Dots {
	at := map[string]publish.Progress{}
	for _, p := range in.progress {
		at[p.Member] = p
	}
	var d svg.Dots
	armed, addressed := 0, 0
	for _, m := range members {
		p, ok := at[m.ID]
		if !m.Active() && !ok {
			continue
		}
		dot := svg.Dot{Name: m.Name, Path: web.Path("/members/{0}", m.ID), State: svg.Exempt}
		if ok {
			addressed++
			dot.State, dot.Detail = stateOf(p)
			if !p.Armed.IsZero() {
				armed++
				if dot.Detail.Zero() {
					dot.Detail = i18n.Same("+" + svg.Millis(p.Armed.Sub(in.Made)))
				}
			}
			if dot.State == svg.Pending && m.online {
				dot.Detail = i18n.T("on its way", "配布中")
			}
		}
		d.Members = append(d.Members, dot)
	}
	if armed == addressed && addressed > 0 {
		d.Text = i18n.T("All {0} addressed members are armed", "受信者 {0} 構成員すべてが防御済み").With(addressed)
	} else {
		d.Text = i18n.T("{0} of {1} {1:member|members} armed", "{1} 構成員のうち {0} が防御済み").With(armed, addressed)
	}
	return d
}

func stateOf(p publish.Progress) (svg.DotState, i18n.Text) {
	switch {
	case p.State == string(wire.Refused):
		return svg.Refused, i18n.Text{}
	case p.Hits > 0:
		return svg.Trace, i18n.T("traces: {0}", "痕跡 {0} 件").With(p.Hits)
	case !p.Armed.IsZero():
		return svg.Armed, i18n.Text{}
	}
	return svg.Pending, i18n.Text{}
}
