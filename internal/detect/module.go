package detect

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// NodeModule is detection as a node runs it: it matches the node's events, searches
// its past, and shows what it found. Call Refill once everything is armed, before
// the first event is taken.
func NodeModule(s *Service, past *history.History) role.Module {
	c := finding.PageConfig{DB: s.db}
	figure := func(name, help string, value func() int64) role.Gauge {
		return role.Gauge{Name: name, Help: help, Read: func(context.Context) float64 { return float64(value()) }}
	}
	return role.Module{
		Name:       "detect",
		Migrations: Migrations(),
		Pages:      func(site *web.Site) { finding.Pages(site, c) },
		API:        func(a *api.API) { finding.API(a, c) },
		Nav:        []web.NavItem{finding.Nav()},
		Finders:    []search.Finder{finding.Finder(s.db)},
		Control:    s.Serve,
		Gauges: []role.Gauge{
			figure("meneki_history_events", "Events in the history.", func() int64 { return past.Totals().Events }),
			figure(
				"meneki_history_bytes",
				"Bytes of the history on disk.",
				func() int64 { return past.Totals().Bytes },
			),
			figure("meneki_rules", "Own rules that are matched.",
				func() int64 { rules, _ := s.engine.Count(); return int64(rules) }),
			figure("meneki_indicators_armed", "Indicators that are matched.",
				func() int64 { _, armed := s.engine.Count(); return int64(armed) }),
			figure(
				"meneki_pattern_left_out",
				"Observations that patterns over several events had no room or came too late for, "+
					"and searches that were stopped.",
				func() int64 { return int64(s.engine.LeftOut()) },
			),
		},
		Load:  s.Load,
		Start: s.Resume,
		Run:   []func(context.Context) error{s.runCorrelations, s.fillCorrelations},
		Close: func() error { _, err := s.correlator.Save(); return err },
	}
}

// received is the key by which pages are notified once of all findings of a batch.
type received struct{}

// HubModule is the findings that members send to a hub.
func HubModule(db *store.DB, members identity.Names, notify func()) role.Module {
	c := finding.PageConfig{DB: db, Hub: true, Members: members}
	return role.Module{
		Name:       "detect",
		Migrations: Migrations(),
		Intake: map[wire.Kind]role.Intake{
			wire.KindFinding: func(tx *store.Tx, member string, body []byte) error {
				tx.AfterCommitOnce(received{}, notify)
				return finding.Receive(tx, member, body)
			},
		},
		Pages: func(site *web.Site) {
			c.Site = site // before API, which has its panels too
			finding.Pages(site, c)
		},
		API:     func(a *api.API) { finding.API(a, c) },
		Nav:     []web.NavItem{finding.Nav()},
		Finders: []search.Finder{finding.Finder(db)},
	}
}

// fillCorrelations gives the correlations that the community shared the past that
// reaches into them. Live events need not wait for it.
func (s *Service) fillCorrelations(ctx context.Context) error {
	if err := s.RefillCorrelations(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("shared correlations do not know what was before this start", slog.Any("err", err))
	}
	return nil
}

// saveEvery is after how many seconds the state of correlation is written.
const saveEvery = 60

// runCorrelations lets the windows of correlations end, and keeps their state.
func (s *Service) runCorrelations(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	due := false
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("a finding of a correlation could not be written; it is tried again", slog.Any("err", err))
		}
		if due = due || i%saveEvery == 0; !due {
			continue
		}
		saved, err := s.correlator.Save()
		if err != nil {
			s.log.Warn("could not keep the state of correlation", slog.Any("err", err))
		}
		due = !saved && err == nil // while an alert is pending, again in a second
	}
}
