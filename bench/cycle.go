package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/sigma"
)

// community is what one run of the cycle came to.
type community struct {
	name    string
	members int
	steps   map[string]series // since the first malicious event was read
	last    map[string]series // the last member's
	known   series            // until the hub had the last receipt
}

// The steps in their order; armed and hunted have a sample for each member.
var steps = []string{situation.Detected, situation.Opened, situation.Assessed, situation.Indicator, situation.Pushed,
	situation.Armed, situation.Hunted}

func cycle(ctx context.Context, s settings) ([]table, error) {
	var runs []community
	for _, n := range s.members {
		c, err := oneCommunity(ctx, s, fmt.Sprintf("%d simulated", n), n, 0)
		if err != nil {
			return nil, err
		}
		runs = append(runs, c)
	}
	for _, n := range s.full {
		c, err := oneCommunity(ctx, s, fmt.Sprintf("%d full nodes", n), 0, n)
		if err != nil {
			return nil, err
		}
		runs = append(runs, c)
	}
	t := table{Title: "Time to immunity, ms since the first malicious event was read (p50 / p99)",
		Head: []string{"Step"},
		Note: fmt.Sprintf("%d attacks per column, one after the other; the p99 of a step that comes once an attack "+
			"is its slowest. Every column has one full node more, which is attacked.", s.attacks)}
	for _, r := range runs {
		t.Head = append(t.Head, r.name)
	}
	row := func(name string, of func(community) series) {
		cells := []any{name}
		for _, r := range runs {
			cells = append(cells, of(r).both())
		}
		t.add(cells...)
	}
	for _, st := range steps {
		name := st
		if st == situation.Armed || st == situation.Hunted {
			name += ", each member"
		}
		row(name, func(c community) series { return c.steps[st] })
	}
	row("armed, last member", func(c community) series { return c.last[situation.Armed] })
	row("**time to immunity** (hunted, last member)", func(c community) series { return c.last[situation.Hunted] })
	row("the hub knows of it (last receipt stored and counted)", func(c community) series { return c.known })
	l, err := limits(ctx, s)
	return []table{t, l}, err
}

// oneCommunity runs the attacks in a community of one attacked node and sims
// simulated members or nodes full nodes.
func oneCommunity(ctx context.Context, s settings, name string, sims, nodes int) (c community, err error) {
	fmt.Fprintf(s.log, "  %s: joining ...\n", name)
	dir := filepath.Join(s.dir, fmt.Sprintf("cycle-%d-%d", sims, nodes))
	defer os.RemoveAll(dir)
	h, err := openCommunity(ctx, s, dir)
	defer func() { err = h.stop(err) }()
	if err != nil {
		return c, err
	}
	ctx = h.ctx
	m := newMaker(1)
	attacks, rules, err := m.attacks(s.attacks)
	if err != nil {
		return c, err
	}
	own, err := samples.Rules()
	if err != nil {
		return c, err
	}
	open := func(i, past int, rules *sigma.Set) (*node.Node, error) {
		n, err := h.node(fmt.Sprintf("Node %04d", i), fmt.Sprint("node-", i), rules)
		if err != nil {
			return nil, err
		}
		return n, fill(ctx, n.Past(), m, past)
	}
	attacked, err := open(0, s.past, sigma.NewSet(append(rules, own.Rules...)))
	if err != nil {
		return c, err
	}
	past := s.past
	if nodes > 10 {
		past /= 10
	}
	for i := range nodes {
		if _, err := open(i+1, past, own); err != nil {
			return c, err
		}
	}
	if sims > 0 {
		if _, err := h.simulate(sims, m, s.past); err != nil {
			return c, err
		}
	}
	c = community{name: name, members: 1 + sims + nodes, steps: map[string]series{}, last: map[string]series{}}
	rested := func() (bool, error) { return h.Idle(ctx) }
	if err := until(ctx, 2*time.Minute, func() (bool, error) {
		return len(h.Directory().OnlineMembers()) == c.members, nil
	}); err != nil {
		return c, fmt.Errorf("%d of %d members connected: %w", len(h.Directory().OnlineMembers()), c.members, err)
	}
	if err := until(ctx, time.Minute, rested); err != nil {
		return c, err
	}
	for i, a := range attacks {
		select { // what the last attack left behind, such as records of what was published
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return c, ctx.Err()
		}
		if i%10 == 0 {
			fmt.Fprintf(s.log, "  %s: attack %d of %d\n", name, i+1, len(attacks))
		}
		if err := c.strike(ctx, h.Hub, attacked, a); err != nil {
			return c, fmt.Errorf("attack %d: %w", i+1, err)
		}
	}
	return c, nil
}

// fill appends n ordinary events to a history and seals it.
func fill(ctx context.Context, h *history.History, m *maker, n int) error {
	for n > 0 {
		k := min(n, 2000)
		text, err := m.lines(k)
		if err != nil {
			return err
		}
		list, err := events(ctx, "past.jsonl", text)
		if err == nil {
			_, err = h.Append(ctx, list)
		}
		if err != nil {
			return err
		}
		n -= k
	}
	return h.Flush(ctx)
}

// strike plays one attack at a node and waits until the hub knows that every
// member is armed and has hunted.
func (c *community) strike(ctx context.Context, h *hub.Hub, at *node.Node, a attack) error {
	before, _, err := newestCycle(ctx, h.DB(), situation.Hunted)
	if err != nil {
		return err
	}
	list, err := events(ctx, "attack.jsonl", a.line)
	if err != nil {
		return err
	}
	if err := at.Take(ctx, list); err != nil {
		return err
	}
	id := ""
	err = until(ctx, 5*time.Minute, func() (bool, error) {
		now, n, err := newestCycle(ctx, h.DB(), situation.Hunted)
		if err != nil || now == before || n < int64(c.members) {
			if c.members > 10 { // asking takes time from what is measured
				time.Sleep(10 * time.Millisecond)
			}
			return false, err
		}
		id = now
		return true, nil
	})
	if err != nil {
		return err
	}
	knew := time.Now()
	if err := until(ctx, 5*time.Minute, func() (bool, error) { return h.Idle(ctx) }); err != nil {
		return err
	}
	cy, err := cycleOf(ctx, h.DB(), id)
	if err != nil {
		return err
	}
	if im := cy.Immunity(""); !im.Done || im.Connected != c.members {
		return fmt.Errorf("%d of %d members armed, %d hunted", im.Armed, im.Connected, im.Hunted)
	}
	c.known = append(c.known, knew.Sub(cy.Sensed))
	first, last := map[string]time.Duration{}, map[string]time.Duration{}
	for _, st := range cy.Steps {
		d := st.At.Sub(cy.Sensed)
		if old, ok := first[st.Name]; !ok || d < old {
			first[st.Name] = d
		}
		last[st.Name] = max(last[st.Name], d)
		if st.Name == situation.Armed || st.Name == situation.Hunted {
			c.steps[st.Name] = append(c.steps[st.Name], d)
		}
	}
	for _, name := range steps {
		c.last[name] = append(c.last[name], last[name])
		if name != situation.Armed && name != situation.Hunted {
			c.steps[name] = append(c.steps[name], first[name])
		}
	}
	return nil
}
