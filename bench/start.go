package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// start measures the real binary: from exec to the first page, and from exec of
// a node until its hub knows that it is connected.
func start(ctx context.Context, s settings) ([]table, error) {
	p, err := buildProgram(ctx, s)
	if err != nil {
		return nil, err
	}
	var first, again, joined, back series
	for i := range s.runs {
		st, err := newSite(p, fmt.Sprint("start-", i))
		if err != nil {
			return nil, err
		}
		for _, into := range []*series{&first, &again} {
			h, err := st.hub(ctx)
			if err != nil {
				return nil, err
			}
			d, err := firstPage(ctx, h, st.page())
			if err != nil {
				h.kill()
				return nil, fmt.Errorf("hub: %w", err)
			}
			*into = append(*into, d)
			if err := h.stop(); err != nil {
				return nil, err
			}
		}
		if err := nodeStarts(ctx, st, &joined, &back); err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
		if err := os.RemoveAll(st.data); err != nil {
			return nil, err
		}
	}
	t := table{Title: "Start (separate processes, the real binary)", Head: []string{"From exec until", "p50 (ms)",
		"p99 (ms)", "starts"}}
	row := func(name string, l series) { t.add(name, ms(l.at(0.5)), ms(l.at(0.99)), len(l)) }
	row("hub answers its first page, empty data folder", first)
	row("hub answers its first page, data folder there", again)
	row("node joins (first start), the hub has it as connected", joined)
	row("node starts again, the hub has it as connected", back)
	return []table{t}, nil
}

func nodeStarts(ctx context.Context, st site, joined, back *series) error {
	h, err := st.hub(ctx)
	if err != nil {
		return err
	}
	defer h.kill()
	if _, err := firstPage(ctx, h, st.page()); err != nil {
		return err
	}
	member, join, err := st.invite(ctx, "Bench")
	if err != nil {
		return err
	}
	data := filepath.Join(st.data, "node")
	for _, into := range []*series{joined, back} {
		listen, err := freePort()
		if err != nil {
			return err
		}
		n, err := st.program.start(ctx, append([]string{"node", "--data", data, "--listen", listen}, join...)...)
		if err != nil {
			return err
		}
		join = nil
		err = st.online(ctx, member, true)
		d := time.Since(n.began)
		if err != nil {
			n.kill()
			return err
		}
		*into = append(*into, d)
		select { // it is connected before it has said so itself; let it come up
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := n.stop(); err != nil {
			return err
		}
		if err := st.online(ctx, member, false); err != nil {
			return fmt.Errorf("the hub did not notice that the node ended: %w", err)
		}
	}
	return nil
}
