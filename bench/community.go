package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/sigma"
)

// running is a hub and its members while a measurement goes on.
type running struct {
	*hub.Hub
	ctx  context.Context // ends with the measurement
	dir  string
	log  *slog.Logger
	loud slog.LevelVar

	cancel context.CancelFunc
	group  *errgroup.Group
	run    context.Context // of what runs beside it
	ends   []func()        // what to close, in the order in which it was opened
}

// openCommunity runs a hub with its data below dir. stop ends it, whether or not that failed.
func openCommunity(ctx context.Context, s settings, dir string) (*running, error) {
	r := &running{dir: dir}
	r.loud.Set(slog.LevelWarn)
	r.log = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: &r.loud}))
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.group, r.run = errgroup.WithContext(r.ctx)
	h, err := hub.Open(r.ctx, hub.Config{Data: filepath.Join(dir, "hub"), Listen: "127.0.0.1:0", Open: true,
		CaseLevel: "low", Log: r.log})
	if err != nil {
		return r, err
	}
	r.Hub, r.ends = h, append(r.ends, h.Close)
	r.group.Go(func() error { return h.Run(r.run) })
	return r, nil
}

// stop ends everything and returns err, or else what went wrong beside it.
func (r *running) stop(err error) error {
	r.loud.Set(slog.LevelError) // everybody leaves at once, which is expected here
	r.cancel()
	if e := r.group.Wait(); e != nil && !errors.Is(e, context.Canceled) && err == nil {
		err = e
	}
	for i := len(r.ends) - 1; i >= 0; i-- {
		r.ends[i]()
	}
	return err
}

// node adds a full node that shares everything.
func (r *running) node(name, folder string, rules *sigma.Set) (*node.Node, error) {
	n, err := demo.Enrol(r.ctx, r.Hub, name, "power", node.Config{
		Data: filepath.Join(r.dir, folder), RuleSet: rules, Share: release.Open(), Open: true, Log: r.log})
	if err != nil {
		return nil, err
	}
	r.ends = append(r.ends, n.Close)
	r.group.Go(func() error { return n.Run(r.run) })
	return n, nil
}

// simulate adds n members that share one history of so many events.
func (r *running) simulate(n int, m *maker, events int) ([]*demo.Sim, error) {
	past, err := history.Open(r.ctx, history.Options{Dir: filepath.Join(r.dir, "past"), Log: r.log})
	if err != nil {
		return nil, err
	}
	r.ends = append(r.ends, func() { _ = past.Close() })
	if err := fill(r.ctx, past, m, events); err != nil {
		return nil, err
	}
	sims, stop, err := demo.Simulate(r.ctx, r.Hub, n, past)
	if err != nil {
		return nil, err
	}
	r.ends = append(r.ends, stop)
	return sims, nil
}

// attacks makes n attacks, and the rules that find them.
func (m *maker) attacks(n int) ([]attack, []*sigma.Rule, error) {
	attacks := make([]attack, n)
	var rules []*sigma.Rule
	for i := range attacks {
		var err error
		if attacks[i], err = m.newAttack(i + 1); err != nil {
			return nil, nil, err
		}
		list, err := sigma.Parse("bench.yml", []byte(attacks[i].rule))
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, list...)
	}
	return attacks, rules, nil
}
