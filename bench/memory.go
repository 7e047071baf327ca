package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// memory measures processes that have nothing to do.
func memory(ctx context.Context, s settings) ([]table, error) {
	p, err := buildProgram(ctx, s)
	if err != nil {
		return nil, err
	}
	st, err := newSite(p, "memory")
	if err != nil {
		return nil, err
	}
	t := table{Title: "Memory at rest", Head: []string{"Process", "resident (MB)", "of it its own (MB)"},
		Note: fmt.Sprintf("After %s without work. “Its own” is anonymous memory; the rest is pages of the program "+
			"file, which processes share.", s.idle)}
	hub, err := st.hub(ctx)
	if err != nil {
		return nil, err
	}
	defer hub.kill()
	if _, err := firstPage(ctx, hub, st.page()); err != nil {
		return nil, err
	}
	note := func(name string, pr *process) error {
		select {
		case <-time.After(s.idle):
		case <-ctx.Done():
			return ctx.Err()
		}
		rss, own, err := pr.resident()
		t.add(name, mb(rss), mb(own))
		return err
	}
	if err := note("hub, no member", hub); err != nil {
		return nil, err
	}
	node := func(name string, more ...string) error {
		member, join, err := st.invite(ctx, name)
		if err != nil {
			return err
		}
		listen, err := freePort()
		if err != nil {
			return err
		}
		args := append([]string{"node", "--data", filepath.Join(st.data, member), "--listen", listen}, join...)
		n, err := p.start(ctx, append(args, more...)...)
		if err != nil {
			return err
		}
		defer n.kill()
		if err := st.online(ctx, member, true); err != nil {
			return err
		}
		if err := note(name, n); err != nil {
			return err
		}
		if len(more) > 0 {
			return nil
		}
		rss, own, err := hub.resident()
		t.add("hub, one member connected", mb(rss), mb(own))
		return err
	}
	if err := node("node, no rules"); err != nil {
		return nil, err
	}
	if dir := s.rules(); dir != "" {
		if err := node("node, all rules of "+filepath.Base(dir), "--rules", dir); err != nil {
			return nil, err
		}
	}
	return []table{t}, nil
}
