package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// arming measures what the indicators that a community shares cost a node: to start
// with them, to take one more, to match beside them, and memory.
func arming(ctx context.Context, s settings) ([]table, error) {
	p, err := buildProgram(ctx, s)
	if err != nil {
		return nil, err
	}
	mix := "Of 100 indicators, 40 are IPv4 addresses, 30 domains, 20 SHA-256, 5 networks, 4 patterns over two " +
		"comparisons and 1 a Sigma rule."
	starts := table{Title: "Indicators: start of a node",
		Head: []string{"Indicators", "From exec until the first page, p50 (s)", "resident (MB)", "of it its own (MB)"},
		Note: mix + " The real binary; they are armed before the first page is answered."}
	engine := table{Title: "Indicators: the engine", Head: []string{"Indicators", "read (ms)", "armed at once (ms)",
		"heap (MB)", "one value more, p50 / p99 (ms)", "one rule more, p50 / p99 (ms)", "one less, p50 / p99 (ms)",
		"an event that meets none (µs)"},
		Note: "In one process. “More” is from the bytes of a STIX indicator until it is matched."}
	for _, n := range s.shared {
		if err := armedStart(ctx, s, p, n, &starts); err != nil {
			return nil, fmt.Errorf("start with %d: %w", n, err)
		}
		if err := armedEngine(ctx, n, &engine); err != nil {
			return nil, fmt.Errorf("engine with %d: %w", n, err)
		}
	}
	return []table{starts, engine}, nil
}

// sharedPattern returns the pattern of the nth indicator.
func sharedPattern(n int) (kind, pattern string) {
	switch n := n % 100; {
	case n < 40:
		kind = "address"
	case n < 70:
		kind = "domain"
	case n < 90:
		kind = "hash"
	case n < 95:
		kind = "network"
	case n < 99:
		return "stix", fmt.Sprintf("[process:name = 'tool%d.exe' AND process:command_line LIKE '%%--run-%x%%']",
			n, n*7919)
	default:
		return "sigma",
			fmt.Sprintf("title: Shared %d\nid: 55555555-5555-4555-8555-%012d\nlevel: high\n"+
				"logsource: {product: windows, category: process_creation}\n"+
				"detection:\n  s:\n    Image|endswith: '\\tool%d.exe'\n    CommandLine|contains: 'run-%x'\n "+
				" condition: s\n", n, n, n, n*7919)
	}
	switch kind {
	case "address":
		return "stix", stix.ValuePattern(string(event.IPv4), fmt.Sprintf("198.%d.%d.%d", n>>16&255, n>>8&255, n&255))
	case "domain":
		return "stix", stix.ValuePattern(string(event.Domain), fmt.Sprintf("host-%d.example", n))
	case "hash":
		return "stix", stix.ValuePattern(string(event.SHA256), fmt.Sprintf("%064x", n+1))
	}
	return "stix", fmt.Sprintf("[ipv4-addr:value = '203.%d.%d.0/24']", n>>8&255, n&255)
}

func sharedIndicator(n int) (id string, raw []byte, err error) {
	kind, pattern := sharedPattern(n)
	id = fmt.Sprintf("indicator--66666666-6666-4666-8666-%012d", n)
	raw, err = json.Marshal(map[string]any{"type": "indicator", "spec_version": "2.1", "id": id,
		"created": "2026-11-22T04:00:00.000Z", "modified": "2026-11-22T04:00:00.000Z",
		"name": fmt.Sprint("indicator ", n), "pattern": pattern, "pattern_type": kind,
		"valid_from": "2026-11-22T04:00:00Z", "labels": []string{"level:high"}})
	return id, raw, err
}

// armedStart starts a node whose store holds n indicators.
func armedStart(ctx context.Context, s settings, p *program, n int, t *table) error {
	st, err := newSite(p, fmt.Sprint("arming-", n))
	if err != nil {
		return err
	}
	hub, err := st.hub(ctx)
	if err != nil {
		return err
	}
	defer hub.kill()
	if _, err := firstPage(ctx, hub, st.page()); err != nil {
		return err
	}
	_, join, err := st.invite(ctx, "Bench")
	if err != nil {
		return err
	}
	data := filepath.Join(st.data, "node")
	var took series
	var rss, own int64
	for i := range 1 + min(s.runs, 5) {
		listen, err := freePort()
		if err != nil {
			return err
		}
		node, err := p.start(ctx, append([]string{"node", "--data", data, "--listen", listen}, join...)...)
		if err != nil {
			return err
		}
		join = nil
		d, err := firstPage(ctx, node, "http://"+listen+"/openapi.json")
		if err == nil && i > 0 {
			took = append(took, d)
			rss, own, err = node.resident()
		}
		if err != nil {
			node.kill()
			return err
		}
		if err := node.stop(); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := storeIndicators(ctx, filepath.Join(data, "node.db"), n); err != nil {
			return err
		}
	}
	t.add(count(float64(n)), fmt.Sprintf("%.2f", took.at(0.5).Seconds()), mb(rss), mb(own))
	return nil
}

// storeIndicators writes indicators as a receiver does, as armed and hunted for.
func storeIndicators(ctx context.Context, path string, n int) error {
	db, err := store.Open(ctx, store.Options{URL: path, Clock: clock.System})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Write(ctx, store.System("bench: indicators"), func(tx *store.Tx) error {
		for i := range n {
			id, raw, err := sharedIndicator(i)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO objects (id, modified, realm, name, kind, value, level, body, valid_until,
				confidence, case_id, finding, made, sensed, withdrawn, state, hunted, hits, words, tlp, owner, audience)
VALUES ($1,$2,'live',$1,'stix',$1,'high',$3,0,75,'','',$2,0,0,'armed',$4,0,$1,4,'','')`, id, clock.Micros(tx.Now()),
				string(raw), true); err != nil {
				return err
			}
		}
		return nil
	})
}

func armedEngine(ctx context.Context, n int, t *table) error {
	raw := make([][]byte, n)
	for i := range raw {
		var err error
		if _, raw[i], err = sharedIndicator(i); err != nil {
			return err
		}
	}
	base := heap()
	e := match.NewEngine(clock.System)
	began := time.Now()
	list, errs := match.Reader{}.ReadAll(raw)
	read := time.Since(began)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	began = time.Now()
	e.Arm(list...)
	armed := time.Since(began)
	list, errs = nil, nil
	held := int64(heap()) - int64(base)
	runtime.KeepAlive(raw)

	var values, rules, gone series
	for i := range 1000 {
		for _, more := range []struct {
			n    int
			into *series
		}{{(n/100+i)*100 + i%40, &values}, {(n/100+i)*100 + 99, &rules}} {
			if more.into == &rules && i >= 200 {
				continue
			}
			id, b, err := sharedIndicator(more.n)
			if err != nil {
				return err
			}
			began := time.Now()
			a, err := match.Read(b)
			if err != nil {
				return err
			}
			if err := e.Arm(a)[0]; err != nil {
				return err
			}
			*more.into = append(*more.into, time.Since(began))
			if i%4 == 0 {
				began = time.Now()
				e.Disarm(id)
				gone = append(gone, time.Since(began))
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	ev := &event.Event{ID: "00000000-0000-4000-8000-000000000001", Time: time.Now(), Seen: time.Now(),
		Product: "windows", Categories: []string{"network_connection"},
		Fields: map[string]any{"Image": `C:\Windows\System32\svchost.exe`, "SourceIp": "10.1.2.3",
			"DestinationIp": "192.0.2.9", "DestinationHostname": "www.example.org",
			"Hashes": "SHA256=00000000000000000000000000000000000000000000000000000a000000ff"}}
	const events = 100_000
	hits := 0
	began = time.Now()
	for range events {
		e.Match(ev, func(match.Hit) { hits++ })
	}
	each := time.Since(began) / events
	if hits > 0 {
		return fmt.Errorf("an event that meets none gave %d hits", hits)
	}
	t.add(count(float64(n)), ms(read), ms(armed), mb(held), values.both(), rules.both(), gone.both(),
		fmt.Sprintf("%.2f", float64(each)/1e3))
	return nil
}
