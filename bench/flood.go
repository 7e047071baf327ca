package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

const (
	floodMembers = 10 // simulated, beside the one that is attacked and the one that floods
	floodRules   = 20
	floodHosts   = 500
	floodPause   = 300 * time.Millisecond // between two attacks
)

// flood lets one member send findings in a burst while another is attacked, and
// measures whether the others become immune as fast as without the burst.
func flood(ctx context.Context, s settings) (_ []table, err error) {
	h, err := openCommunity(ctx, s, filepath.Join(s.dir, "flood"))
	defer func() { err = h.stop(err) }()
	if err != nil {
		return nil, err
	}
	ctx = h.ctx
	m := newMaker(5)
	attacks, rules, err := m.attacks(1000)
	if err != nil {
		return nil, err
	}
	attacked, err := h.node("Attacked", "node", sigma.NewSet(rules))
	if err != nil {
		return nil, err
	}
	sims, err := h.simulate(floodMembers+1, m, s.past)
	if err != nil {
		return nil, err
	}
	flooding := sims[floodMembers]
	connected := func() (bool, error) { return len(h.Directory().OnlineMembers()) == floodMembers+2, nil }
	if err := until(ctx, time.Minute, connected); err != nil {
		return nil, err
	}

	next := 0
	strike := func() (time.Duration, error) {
		a := next
		next++
		if next >= len(attacks) {
			return 0, errors.New("the flood outlasts all attacks")
		}
		return immune(ctx, h.Hub, attacked, attacks[a], fmt.Sprintf("Bench Attack %d", a+1), flooding.ID())
	}
	var before, during series
	for range s.attacks {
		if err := pause(ctx, floodPause); err != nil {
			return nil, err
		}
		d, err := strike()
		if err != nil {
			return nil, fmt.Errorf("before the flood: %w", err)
		}
		before = append(before, d)
	}

	list := m.burst(s.flood)
	began := time.Now()
	var sent, cased time.Duration
	done := make(chan error, 1)
	go func() {
		err := flooding.Send(ctx, list)
		sent = time.Since(began)
		if err == nil {
			err = until(ctx, 20*time.Minute, func() (bool, error) {
				n, err := inCases(ctx, h.DB(), flooding.ID())
				if n < int64(len(list)) { // asking takes time from what is measured
					time.Sleep(50 * time.Millisecond)
				}
				return n >= int64(len(list)), err
			})
		}
		cased = time.Since(began)
		done <- err
	}()
	for over := false; !over; {
		d, err := strike()
		if err != nil {
			return nil, fmt.Errorf("during the flood: %w", err)
		}
		during = append(during, d) // it began before the flood was over
		select {
		case err := <-done:
			if err != nil {
				return nil, fmt.Errorf("the flood: %w", err)
			}
			over = true
		case <-time.After(floodPause):
		}
	}
	t := table{
		Title: "A member floods: ms from the first malicious event at another until the last of the others has hunted",
		Head:  []string{"", "attacks", "p50", "p99", "slowest"},
		Note: fmt.Sprintf("%s findings of %d rules in a burst, acknowledged after %.1f s and in cases after %.1f s: "+
			"**%s findings a second**. %d simulated members and one node that is attacked.",
			count(float64(len(list))), floodRules,
			sent.Seconds(), cased.Seconds(), count(float64(len(list))/cased.Seconds()), floodMembers)}
	for _, r := range []struct {
		name string
		list series
	}{{"before the flood", before}, {"during the flood", during}} {
		t.add(r.name, len(r.list), ms(r.list.at(0.5)), ms(r.list.at(0.99)), ms(r.list.at(1)))
	}
	return []table{t}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// immune plays one attack and returns how long it took until the last member, but
// for one, had searched its past for it.
func immune(ctx context.Context, h *hub.Hub, at *node.Node, a attack, title, but string) (time.Duration, error) {
	list, err := events(ctx, "attack.jsonl", a.line)
	if err != nil {
		return 0, err
	}
	if err := at.Take(ctx, list); err != nil {
		return 0, err
	}
	var took time.Duration
	err = until(ctx, 10*time.Minute, func() (bool, error) {
		time.Sleep(5 * time.Millisecond) // asking takes time from what is measured
		c, ok, err := cycleTitled(ctx, h.DB(), title)
		if err != nil || !ok {
			return false, err
		}
		hunted := map[string]bool{}
		took = 0
		for _, st := range c.Steps {
			if st.Name == situation.Hunted && st.Member != but {
				hunted[st.Member] = true
				took = max(took, st.At.Sub(c.Sensed))
			}
		}
		return len(hunted) == floodMembers+1, nil
	})
	return took, err
}

// burst makes n findings of one member: few rules, many machines, each with a
// value of its own.
func (m *maker) burst(n int) []wire.Finding {
	rules := make([]wire.RuleRef, floodRules)
	for i := range rules {
		rules[i] = wire.RuleRef{ID: m.guid(), Title: fmt.Sprintf("Bench Flood %d", i), Author: "meneki project",
			License: "Apache-2.0", Level: "medium", Tags: []string{"attack.discovery"}}
	}
	now := time.Now().UTC()
	list := make([]wire.Finding, n)
	for i := range list {
		host := fmt.Sprintf("FLOOD-%03d", m.r.IntN(floodHosts))
		list[i] = wire.Finding{ID: m.guid(), Version: 1, Realm: event.Live, Rule: rules[m.r.IntN(floodRules)],
			First: now,
			Last:  now, Count: 1, Host: host, Sensed: now, Detected: now, Handling: policy.Handling{TLP: policy.Green},
			Observables: []event.Observable{{Type: event.SHA256, Value: m.hex(32)}}}
	}
	return list
}
