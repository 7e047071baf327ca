package hub

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue/aside"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// situationView gives the hub's first page what it shows.
func (h *Hub) situationView() situation.PageConfig {
	return situation.PageConfig{
		DB: h.db, Clock: h.cfg.Clock, Cases: h.worstCases, Findings: h.hourly, Members: h.memberLines, Newest: h.newest,
		Actions: func(ctx context.Context, v policy.Viewer) ([]web.Next, error) { return aside.Warning(ctx, h.db, v) },
	}
}

func (h *Hub) worstCases(ctx context.Context, v policy.Viewer, limit int) (out []situation.CaseLine, n int64, err error) {
	err = h.db.Read(ctx, store.As(v), func(tx *store.Tx) error {
		var list []casework.Case
		if list, n, err = casework.Worst(tx, limit); err != nil {
			return err
		}
		out = out[:0]
		for _, c := range list {
			l := situation.CaseLine{ID: c.ID, Number: c.Number, Title: c.Title, Severity: c.Severity, Lowest: c.Lowest, Highest: c.Highest, Sectors: c.Sectors, Members: c.Members,
				Findings: c.Findings, Realm: c.Realm, Updated: c.Updated, Handling: c.Handling}
			l.Next, l.Due = c.NextStep()
			if !v.Hub { // a party reads its own case, not how far it reaches
				l.Members, l.Sectors = 0, nil
			}
			out = append(out, l)
		}
		return nil
	})
	return out, n, err
}

func (h *Hub) hourly(ctx context.Context, v policy.Viewer, since time.Time) (out []situation.FindingCount, err error) {
	err = h.db.Read(ctx, store.As(v), func(tx *store.Tx) error {
		list, err := finding.Hourly(tx, since)
		out = out[:0]
		for _, c := range list {
			out = append(out, situation.FindingCount{Member: c.Member, Hour: c.Start(), N: c.N})
		}
		return err
	})
	return out, err
}

func (h *Hub) memberLines(ctx context.Context) ([]situation.MemberLine, error) {
	list, err := h.directory.Members(ctx)
	out := make([]situation.MemberLine, 0, len(list))
	for _, m := range list {
		out = append(out, situation.MemberLine{ID: m.ID, Name: m.Name, Sector: m.Sector, Prefecture: m.Prefecture, Online: h.directory.Online(m.ID), Active: m.Active()})
	}
	return out, err
}

func (h *Hub) newest(ctx context.Context) (out *situation.IndicatorLine, err error) {
	err = h.db.Read(ctx, store.System("situation: newest indicator"), func(tx *store.Tx) error {
		p, err := indicator.List(tx, list.Ask{Values: map[string]string{"state": "active"}, Limit: 20})
		for _, o := range p.Rows {
			if o.Handling.TLP.OrRed() == policy.Red { // named persons only: no wall shows it
				continue
			}
			out = &situation.IndicatorLine{ID: o.ID, Name: o.Name, Value: o.Value, Made: o.Made, Handling: o.Handling}
			break
		}
		if err != nil || out == nil {
			return err
		}
		prog, err := publish.ProgressOf(tx, out.ID)
		for _, p := range prog {
			out.Progress = append(out.Progress, situation.MemberProgress{Member: p.Member, Armed: p.Armed, Hunted: p.Hunted, Hits: p.Hits, Refused: p.State == string(wire.Refused)})
		}
		return err
	})
	return out, err
}
