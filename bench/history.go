package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

// source is a set of events to measure with.
type source struct {
	name   string
	events []*event.Event
	parse  time.Duration
	raw    int64
	zstd   int64
}

// past measures a node's history: what goes in, how fast, what it takes on disk
// and how long a hunt in it takes.
func past(ctx context.Context, s settings) ([]table, error) {
	gen, err := generated(ctx, s.events)
	if err != nil {
		return nil, err
	}
	list := []source{gen}
	if dir := s.recorded(); dir != "" {
		rec, err := recorded(ctx, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, rec)
	}
	own, err := samples.Rules()
	if err != nil {
		return nil, err
	}
	sets := []named{{"history only", nil}, {fmt.Sprintf("with detection, %d rules", len(own.Rules)), own}}
	if dir := s.rules(); dir != "" {
		all, err := ruleset.Load(ctx, []string{dir})
		if err != nil {
			return nil, err
		}
		sets = append(sets, named{fmt.Sprintf("with detection, %s rules", count(float64(len(all.Rules)))), all})
	}
	speed := table{Title: "Events into a node's history",
		Head: []string{"Events", "Way", "events/s", "raw MB/s", "batch p50 / p99 (ms)", "findings"},
		Note: "Batches of 1,000, one after the other, each durable before the next. “Read” is from bytes of JSON " +
			"lines to events, one thread, and is not part of the rows below it. With more than 1,000 rules, the " +
			"first 20,000 events are taken."}
	size := table{Title: "On disk",
		Head: []string{"Events", "number", "raw JSON (B/event)", "zstd -3 of the raw JSON (B/event)",
			"history, sealed (B/event)"},
		Note: "zstd compresses all records as one stream that cannot be searched. The history holds each raw record, " +
			"its fields, and the index to hunt with."}
	hunt := table{Title: "Hunt", Head: []string{"Events", "For", "searched", "hits", "p50 (ms)", "p99 (ms)"}}
	for _, src := range list {
		lim, err := appends(s, src)
		if err != nil {
			return nil, err
		}
		n, raw := float64(len(src.events)), float64(src.raw)
		speed.add(src.name, "limit: raw bytes appended to a file, fsync per batch", count(n/lim.total().Seconds()),
			count(raw/1e6/lim.total().Seconds()), lim.both(), "–")
		speed.add(src.name, "read", count(n/src.parse.Seconds()), count(raw/1e6/src.parse.Seconds()), "–", "–")
		for i, set := range sets {
			fmt.Fprintf(s.log, "  %s, %s\n", src.name, set.name)
			some := src
			if set.rules != nil && len(set.rules.Rules) > 1000 {
				some = src.first(20_000)
			}
			if err := intake(ctx, s, some, set, i == 0, &speed, &size, &hunt); err != nil {
				return nil, err
			}
		}
	}
	return []table{speed, size, hunt}, nil
}

type named struct {
	name  string
	rules *sigma.Set // nil: no detection
}

func (s series) total() (d time.Duration) {
	for _, v := range s {
		d += v
	}
	return d
}

func generated(ctx context.Context, n int) (source, error) {
	src := source{name: "generated"}
	m := newMaker(7)
	z := newCounter()
	for n > 0 {
		k := min(n, 5000)
		n -= k
		text, err := m.lines(k)
		if err != nil {
			return src, err
		}
		if err := z.write(text); err != nil {
			return src, err
		}
		began := time.Now()
		list, err := events(ctx, "generated.jsonl", text)
		src.parse += time.Since(began)
		if err != nil {
			return src, err
		}
		src.take(list)
	}
	var err error
	src.zstd, err = z.close()
	return src, err
}

func (src *source) take(list []*event.Event) {
	for _, ev := range list {
		src.raw += int64(len(ev.Raw)) + 1
	}
	src.events = append(src.events, list...)
}

// first returns the first n events.
func (src source) first(n int) source {
	if n >= len(src.events) {
		return src
	}
	list := src.events[:n]
	src.events, src.raw = nil, 0
	src.take(list)
	return src
}

// recorded reads the recorded events that are there.
func recorded(ctx context.Context, dir string) (source, error) {
	src := source{name: "recorded"}
	began := time.Now()
	var list []*event.Event
	_, err := read.Paths(ctx, []string{dir}, read.Options{}, func(ev *event.Event) error {
		list = append(list, ev)
		return nil
	})
	src.parse = time.Since(began)
	if err != nil {
		return src, err
	}
	src.take(list)
	z := newCounter()
	for _, ev := range list {
		if err := errors.Join(z.write(ev.Raw), z.write([]byte("\n"))); err != nil {
			return src, err
		}
	}
	src.zstd, err = z.close()
	return src, err
}

// counter counts what zstd makes of bytes.
type counter struct {
	n int64
	z *zstd.Encoder
}

func newCounter() *counter {
	c := &counter{}
	z, err := zstd.NewWriter(c, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)))
	if err != nil {
		panic(err) // the options are constants
	}
	c.z = z
	return c
}

// Write counts compressed bytes.
func (c *counter) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

func (c *counter) write(b []byte) error { _, err := c.z.Write(b); return err }

func (c *counter) close() (int64, error) { err := c.z.Close(); return c.n, err }

const intakeBatch = 1000

// appends writes the raw bytes to a file, with an fsync after each batch.
func appends(s settings, src source) (series, error) {
	f, err := os.Create(filepath.Join(s.dir, "appends"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var out series
	var buf []byte
	for list := range slices.Chunk(src.events, intakeBatch) {
		buf = buf[:0]
		for _, ev := range list {
			buf = append(append(buf, ev.Raw...), '\n')
		}
		began := time.Now()
		if _, err := f.Write(buf); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

// intake passes the events to a new node of its own hub.
func intake(ctx context.Context, s settings, src source, set named, whole bool, speed, size, hunt *table) (err error) {
	dir := filepath.Join(s.dir, "history")
	defer os.RemoveAll(dir)
	log := slog.New(slog.DiscardHandler)
	h, err := hub.Open(ctx, hub.Config{Data: filepath.Join(dir, "hub"), Listen: "127.0.0.1:0", Open: true, Log: log})
	if err != nil {
		return err
	}
	defer h.Close()
	rules := set.rules
	if rules == nil {
		rules = sigma.NewSet(nil)
	}
	data := filepath.Join(dir, "node")
	n, err := demo.Enrol(ctx, h, "Bench", "power",
		node.Config{Data: data, RuleSet: rules, Share: release.Cautious(), Open: true, Log: log})
	if err != nil {
		return err
	}
	defer n.Close()
	take := n.Take
	if set.rules == nil {
		take = n.Import
	}
	var times series
	began := time.Now()
	for list := range slices.Chunk(src.events, intakeBatch) {
		b := time.Now()
		if err := take(ctx, list); err != nil {
			return err
		}
		times = append(times, time.Since(b))
	}
	took := time.Since(began)
	found := "–"
	if set.rules != nil {
		k, err := n.Findings(ctx)
		if err != nil {
			return err
		}
		found = count(float64(k))
	}
	speed.add(src.name, set.name, count(float64(len(src.events))/took.Seconds()),
		count(float64(src.raw)/1e6/took.Seconds()), times.both(), found)
	if !whole {
		return nil
	}
	return kept(ctx, n, src, filepath.Join(data, "history"), size, hunt)
}

// kept measures what the history takes, and hunts in it.
func kept(ctx context.Context, n *node.Node, src source, dir string, size, hunt *table) error {
	if err := n.Past().Flush(ctx); err != nil {
		return err
	}
	bytes, err := folderSize(dir)
	if err != nil {
		return err
	}
	total := n.Past().Totals().Events
	if total == 0 {
		return errors.New("the history is empty")
	}
	per := func(b int64) string { return count(float64(b) / float64(total)) }
	size.add(src.name, count(float64(total)), per(src.raw), per(src.zstd), per(bytes))
	for _, q := range []struct {
		name, kind, pattern string
	}{
		{"one value that is not there", "stix", "[domain-name:value = 'not-there.example.net']"},
		{"one value that is there", "stix", there(src)},
		{"one rule (process creation, one text)", "sigma", huntRule},
	} {
		began := time.Now()
		o, err := stix.Indicator{Common: stix.Common{Created: stix.TimestampOf(began)}, Name: q.name,
			Types: []string{"malicious-activity"}, Pattern: q.pattern, PatternType: q.kind,
			ValidFrom: stix.TimestampOf(began)}.Object()
		if err != nil {
			return err
		}
		var times series
		var searched, hits int64
		for range 10 {
			b := time.Now()
			list, err := n.Hunt(ctx, o.Bytes())
			if err != nil {
				return err
			}
			searched, hits = list[0].Searched, list[0].Hits
			times = append(times, time.Since(b))
		}
		hunt.add(src.name, q.name, count(float64(searched)), count(float64(hits)), ms(times.at(0.5)),
			ms(times.at(0.99)))
	}
	return nil
}

// there returns the pattern of a value in the middle of the events that few hold.
func there(src source) string {
	seen := map[event.Observable]int{}
	var order []event.Observable
	for _, ev := range src.events {
		for _, o := range event.Observables(ev) {
			if o.Type != event.IPv4 && o.Type != event.SHA256 && o.Type != event.Domain {
				continue
			}
			if seen[o]++; seen[o] == 1 {
				order = append(order, o)
			}
		}
	}
	best := order[0]
	for _, o := range order[len(order)/2:] {
		if seen[o] == 1 {
			best = o
			break
		}
	}
	return stix.ValuePattern(string(best.Type), best.Value)
}

const huntRule = `title: A Rule to Hunt With
id: 7d1b1c7e-5f53-4a0a-9a51-0a4f6c9d0b11
status: test
logsource:
    category: process_creation
    product: windows
detection:
    selection:
        CommandLine|contains: 'bench-not-in-any-event'
    condition: selection
level: high
`

func folderSize(dir string) (n int64, err error) {
	return n, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			n += st.Size()
		}
		return err
	})
}
