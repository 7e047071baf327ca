package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/bench/cputime"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// parts is into how many parts each measurement is cut. The best of them counts:
// the others show what else the machine did.
const parts = 20

// load loads the rules and says how long it took.
func (b *bench) load() error {
	fmt.Fprintln(b.out, "| loading | core ms | clock ms | |")
	fmt.Fprintln(b.out, "|---|---:|---:|---|")
	row := func(name string, do func() (string, error)) error {
		began, core := time.Now(), cputime.Spent()
		note, err := do()
		fmt.Fprintf(b.out, "| %s | %.0f | %.0f | %s |\n", name, ms(cputime.Spent()-core), ms(time.Since(began)), note)
		return err
	}
	err := row("read and parse the rules", func() (string, error) {
		var err error
		b.set, err = sigma.Load(os.DirFS(b.rules), ".")
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d rules, %d refused", len(b.set.Rules), len(b.set.Refused)), nil
	})
	if err != nil {
		return err
	}
	var e *engine.Engine
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	_ = row("compile them", func() (string, error) {
		e = engine.Compile(b.set, engine.Options{})
		return "", nil
	})
	_ = row("make every partition that these events need", func() (string, error) {
		q := flatjson.NewMatcher(e, decode)
		for _, line := range b.lines {
			if _, err := q.MatchKnown(line, func(*event.Event, *sigma.Match) bool { return true }); err != nil {
				return "", err
			}
		}
		n, _ := e.Memory()
		return fmt.Sprintf("%d partitions; with matching the lines once", n), nil
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	_, tables := e.Memory()
	fmt.Fprintf(b.out, "\nThe engine takes %.1f MB beside the rules, %.1f MB of it tables.\n\n",
		float64(after.HeapAlloc-before.HeapAlloc)/1e6, float64(tables)/1e6)
	runtime.KeepAlive(e)
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// speed prints the table of rates.
func (b *bench) speed() error {
	fmt.Fprintln(b.out, "| one core | events/s | µs/event | MB/s | |")
	fmt.Fprintln(b.out, "|---|---:|---:|---:|---|")
	e := engine.Compile(b.set, engine.Options{})
	skim := flatjson.NewMatcher(e, decode)
	var sum uint64
	for _, m := range []struct {
		name string
		n    int // lines; 0 is all
		do   func(line []byte) error
	}{
		{"every byte read once", 0, func(line []byte) error { sum += touch(line); return nil }},
		{"fields found (the limit of the engine)", 0, func(line []byte) error { skim.Skim(line); return nil }},
		{"encoding/json into a map", 8000,
			func(line []byte) error { var m map[string]any; return json.Unmarshal(line, &m) }},
		{"our decoder: fields, time, log source", 8000, func(line []byte) error { _, err := decode(line); return err }},
		{"our reference evaluator, decoding included", 600, func(line []byte) error {
			ev, err := decode(line)
			if err == nil && ev != nil {
				for range b.set.Match(ev) {
					sum++
				}
			}
			return err
		}},
	} {
		lines := b.lines
		if m.n > 0 && m.n < len(lines) {
			lines = every(lines, m.n)
		}
		took, err := b.best(lines, m.do)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		b.rate(m.name, lines, took, "")
	}
	if err := b.decoded(); err != nil {
		return err
	}
	if err := b.engine(); err != nil {
		return err
	}
	fmt.Fprintln(b.out)
	_ = sum
	return b.cores(2)
}

// decoded measures the engine on events that are decoded already, as those of a
// node's stream are.
func (b *bench) decoded() error {
	lines := every(b.lines, min(4000, len(b.lines)))
	events := make(map[*byte]*event.Event, len(lines))
	for _, line := range lines {
		ev, err := decode(line)
		if err != nil {
			return err
		}
		events[&line[0]] = ev
	}
	w := engine.Compile(b.set, engine.Options{}).Worker()
	match := func(line []byte) error {
		ev := events[&line[0]]
		for range w.Match(ev) {
		}
		return nil
	}
	for range 20 {
		for _, line := range lines {
			_ = match(line)
		}
	}
	took, err := b.best(lines, match)
	b.rate("the engine on decoded events, decoding not included", lines, took, "")
	return err
}

// every returns n lines from all over.
func every(lines [][]byte, n int) [][]byte {
	out := make([][]byte, 0, n)
	for i := range n {
		out = append(out, lines[i*len(lines)/n])
	}
	return out
}

func touch(b []byte) (sum uint64) {
	for ; len(b) >= 8; b = b[8:] {
		sum ^= binary.LittleEndian.Uint64(b)
	}
	return sum
}

// best returns the core time of one pass over lines.
func (b *bench) best(lines [][]byte, do func(line []byte) error) (time.Duration, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	best := time.Duration(0)
	for range parts {
		rounds, start := 0, cputime.Spent()
		for rounds == 0 || cputime.Spent()-start < b.span/parts {
			for _, line := range lines {
				if err := do(line); err != nil {
					return 0, err
				}
			}
			rounds++
		}
		if took := (cputime.Spent() - start) / time.Duration(rounds); best == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

func (b *bench) rate(name string, lines [][]byte, took time.Duration, note string) {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	s := took.Seconds()
	fmt.Fprintf(b.out, "| %s | %s | %.2f | %.0f | %s |\n", name, thousands(float64(len(lines))/s),
		s/float64(len(lines))*1e6, float64(size)/s/1e6, note)
}

// detector matches lines and writes what it finds.
type detector struct {
	q       *flatjson.Matcher
	out     writer
	matches int64
}

func newDetector(e *engine.Engine) *detector { return &detector{q: flatjson.NewMatcher(e, decode)} }

func (d *detector) match(line []byte) error {
	return d.q.Match(line, func(ev *event.Event, m *sigma.Match) bool {
		d.matches++
		d.out.write(ev, m)
		return true
	})
}

// warm lets the engine learn which signs are rare.
func (b *bench) warm(d *detector) error {
	for range 2 {
		for _, line := range b.lines {
			if err := d.match(line); err != nil {
				return err
			}
		}
	}
	d.matches = 0
	return nil
}

// engine measures the engine with all rules, matches written.
func (b *bench) engine() error {
	e := engine.Compile(b.set, engine.Options{})
	d := newDetector(e)
	if err := b.warm(d); err != nil {
		return err
	}
	if b.profile != "" {
		f, err := os.Create(b.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	rounds := int64(0)
	took, err := b.best(b.lines, func(line []byte) error {
		if &line[0] == &b.lines[0][0] {
			rounds++
		}
		return d.match(line)
	})
	if err != nil {
		return err
	}
	b.rate("**the engine, all rules, keywords, matches written**", b.lines, took,
		fmt.Sprintf("%d matches a pass; %d lines decoded for their shape", d.matches/rounds, d.q.Decoded))
	return nil
}

// cores measures n workers, each over its own part of the lines.
func (b *bench) cores(n int) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	e := engine.Compile(b.set, engine.Options{})
	var all []*detector
	for range n {
		d := newDetector(e)
		if err := b.warm(d); err != nil {
			return err
		}
		all = append(all, d)
	}
	bestClock, bestCore := time.Duration(0), time.Duration(0)
	for range parts {
		began, core := time.Now(), cputime.Spent()
		var next atomic.Int64
		var failed atomic.Pointer[error]
		var wait sync.WaitGroup
		for _, d := range all {
			wait.Go(func() {
				const batch = 256
				for {
					to := int(next.Add(batch))
					if to-batch >= len(b.lines) {
						return
					}
					for _, line := range b.lines[to-batch : min(to, len(b.lines))] {
						if err := d.match(line); err != nil {
							failed.Store(&err)
							return
						}
					}
				}
			})
		}
		wait.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		if took := time.Since(began); bestClock == 0 || took < bestClock {
			bestClock = took
		}
		if took := cputime.Spent() - core; bestCore == 0 || took < bestCore {
			bestCore = took
		}
	}
	events := float64(len(b.lines))
	fmt.Fprintf(b.out, "| %d cores | events/s |\n|---|---:|\n", n)
	fmt.Fprintf(b.out, "| by the clock | %s |\n", thousands(events/bestClock.Seconds()))
	fmt.Fprintf(b.out, "| by core time, if nothing else ran | %s |\n\n",
		thousands(events/bestCore.Seconds()*float64(n)))
	return nil
}

// writer writes one JSON line a match.
type writer struct{ buf bytes.Buffer }

type line struct {
	Rule    rule              `json:"rule"`
	Event   place             `json:"event"`
	Matched map[string]string `json:"matched"`
}

type rule struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Author  string   `json:"author"`
	License string   `json:"license"`
	Level   string   `json:"level"`
	Tags    []string `json:"tags"`
}

type place struct {
	Time   time.Time `json:"time"`
	File   string    `json:"file"`
	Record int64     `json:"record"`
}

func (w *writer) write(ev *event.Event, m *sigma.Match) {
	l := line{
		Rule:  rule{m.Rule.ID, m.Rule.Title, m.Rule.Author, m.Rule.License, string(m.Rule.Level), m.Rule.Tags},
		Event: place{ev.Time, ev.From.Name, ev.From.Record}, Matched: map[string]string{},
	}
	for _, f := range m.Fields {
		l.Matched[f.Field] = f.Value
	}
	if err := json.NewEncoder(&w.buf).Encode(l); err == nil && w.buf.Len() > 1<<16 {
		_, _ = io.Copy(io.Discard, &w.buf)
		w.buf.Reset()
	}
}
