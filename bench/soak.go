package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/share/release"
)

// soakKeep is how much history the node of the soak keeps, little enough that it
// drops old events from the first hours on.
const soakKeep = 64 << 20

// soak lets a hub and a node with all rules, correlations and their habits live
// through a day in as little time as the events need: both go by a clock that
// the events move. What they hold in memory must not grow with the hours.
func soak(ctx context.Context, s settings) ([]table, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := newMaker(23)
	perHour := max(s.soak/24, 1)
	m.step = int(2 * time.Hour.Milliseconds() / int64(perHour)) // of twice the mean
	var now atomic.Int64
	now.Store(m.at.UnixMicro())
	tick := clock.Clock(func() time.Time { return time.UnixMicro(now.Load()).UTC() })
	log := slog.New(slog.DiscardHandler)
	h, err := hub.Open(ctx, hub.Config{Data: filepath.Join(s.dir, "soak", "hub"), Listen: "127.0.0.1:0", Open: true,
		Clock: tick, Log: log})
	if err != nil {
		cancel()
		return nil, err
	}
	defer h.Close()
	cfg := node.Config{Data: filepath.Join(s.dir, "soak", "node"), Builtin: true, Share: release.Open(), Open: true,
		KeepBytes: soakKeep, Clock: tick, Log: log}
	if dir := s.rules(); dir != "" {
		cfg.Rules = []string{dir}
	}
	n, err := demo.Enrol(ctx, h, "Bench", "power", cfg)
	if err != nil {
		cancel()
		return nil, err
	}
	defer n.Close()
	var g errgroup.Group
	g.Go(func() error { return h.Run(ctx) })
	g.Go(func() error { return n.Run(ctx) })
	defer func() { cancel(); _ = g.Wait() }() // before they are closed

	var old []*event.Event // a few of them, so that they are not most of the heap
	if dir := s.recorded(); dir != "" {
		all, err := recorded(ctx, dir)
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(all.events); i += 50 {
			old = append(old, all.events[i])
		}
	}
	rules, _ := n.Counts()
	t := table{Title: "A day's soak", Head: []string{"Hour", "events so far", "heap in use (MB)", "goroutines",
		"history on disk (MB)", "findings", "correlation groups"},
		Note: fmt.Sprintf("%s rules and the built-in correlations; the clock of hub and node is moved by the events, "+
			"the heap is measured after a collection. The node keeps %d MB of history.", count(float64(rules)),
			soakKeep>>20)}
	began, taken := time.Now(), 0
	for hour := range 24 {
		for left := perHour; left > 0; {
			k := min(left, intakeBatch)
			left -= k
			text, err := m.lines(k)
			if err != nil {
				return nil, err
			}
			list, err := events(ctx, "soak.jsonl", text)
			if err != nil {
				return nil, err
			}
			// Some that rules find something in.
			for range min(20, len(old)) {
				list = append(list, old[m.r.IntN(len(old))])
			}
			now.Store(m.at.UnixMicro())
			if err := n.Take(ctx, list); err != nil {
				return nil, err
			}
			taken += len(list)
		}
		select {
		case <-time.After(1500 * time.Millisecond): // for what follows by itself
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if hour%2 == 0 && hour > 0 {
			continue
		}
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		disk, err := folderSize(filepath.Join(cfg.Data, "history"))
		if err != nil {
			return nil, err
		}
		found, err := n.Findings(ctx)
		if err != nil {
			return nil, err
		}
		st, _ := n.Correlations()
		t.add(hour+1, count(float64(taken)), mb(int64(mem.HeapInuse)), runtime.NumGoroutine(), mb(disk),
			count(float64(found)), count(float64(st.Groups)))
		fmt.Fprintf(s.log, "  hour %d: %s MB\n", hour+1, mb(int64(mem.HeapInuse)))
	}
	if taken == 0 {
		return nil, errors.New("no events")
	}
	t.Note += fmt.Sprintf(" The day took %.0f s.", time.Since(began).Seconds())
	return []table{t}, nil
}
