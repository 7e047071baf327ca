package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

// hunts is how many indicators are hunted for at once: half of them are in the
// past, half are not.
const hunts = 1000

// huntRules is how many rules are hunted for at once.
const huntRules = 100

// hunting measures a search of a large past for many new indicators at once, holds
// what it finds against a plain scan of every event, and measures what is left for
// live events meanwhile.
func hunting(ctx context.Context, s settings) ([]table, error) {
	log := slog.New(slog.DiscardHandler)
	dir := filepath.Join(s.dir, "hunt")
	h, err := hub.Open(ctx, hub.Config{Data: filepath.Join(dir, "hub"), Listen: "127.0.0.1:0", Open: true, Log: log})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	rules, err := samples.Rules()
	if err != nil {
		return nil, err
	}
	n, err := demo.Enrol(ctx, h, "Bench", "power", node.Config{Data: filepath.Join(dir, "node"), RuleSet: rules,
		Share: release.Cautious(), Open: true, Log: log})
	if err != nil {
		return nil, err
	}
	defer n.Close()
	p := &huntPast{Node: n, m: newMaker(11)}
	if err := p.fill(ctx, s); err != nil {
		return nil, err
	}
	out := table{Title: "Searches of the past", Head: []string{"For", "Way", "events", "raw GB", "events looked at",
		"hits", "seconds (p50 of 5)"},
		Note: fmt.Sprintf("The past was filled in %.0f s. The plain scan reads every event and compares all of its "+
			"observables with a hash table; each hunt for values counted, for each of them, exactly what it did, and "+
			"the search by the indexes gave exactly its events, by their ids. A hit is an event of an indicator; of "+
			"what very many events hold, the first are read and written, the others counted. Hunts for rules found "+
			"what the reference evaluator finds in the same events.", p.took.Seconds())}
	for _, set := range []struct {
		name   string
		values []event.Observable
	}{
		{"1 value", p.rare[:1]},
		{fmt.Sprintf("%d values, half of them there, seldom", hunts), append(p.rare[:hunts/2:hunts/2], p.absent...)},
		{fmt.Sprintf("%d values, half of them there, many of them common", hunts),
			append(p.common[:hunts/2:hunts/2], p.absent...)},
	} {
		if err := p.values(ctx, set.name, set.values, &out); err != nil {
			return nil, err
		}
	}
	if err := p.rules(ctx, &out); err != nil {
		return nil, err
	}
	live, err := p.live(ctx, s)
	return []table{out, live}, err
}

// huntPast is a node with a past.
type huntPast struct {
	*node.Node
	m      *maker
	raw    int64
	took   time.Duration
	rare   []event.Observable // in one event, or few
	common []event.Observable
	absent []event.Observable
}

func (p *huntPast) fill(ctx context.Context, s settings) error {
	began := time.Now()
	for left := s.hunt; left > 0; {
		k := min(left, 5000)
		left -= k
		text, err := p.m.lines(k)
		if err != nil {
			return err
		}
		list, err := events(ctx, "generated.jsonl", text)
		if err != nil {
			return err
		}
		p.raw += int64(len(text))
		// A few values of each batch: addresses and names, some of them frequent, and
		// one that is planted in one event of it.
		for i := 0; i < len(list) && len(p.common)*s.hunt < hunts/2*(s.hunt-left); i += len(list)/64 + 1 {
			for _, o := range event.Observables(list[i]) {
				if o.Type == event.IPv4 || o.Type == event.Domain {
					p.common = append(p.common, o)
					break
				}
			}
		}
		for len(p.rare)*s.hunt < hunts/2*(s.hunt-left) {
			ev := list[p.m.r.IntN(len(list))]
			name := fmt.Sprintf("planted-%d.evil.example", len(p.rare))
			ev.Fields["QueryName"] = name
			p.rare = append(p.rare, event.Observable{Type: event.Domain, Value: name})
		}
		if err := p.Import(ctx, list); err != nil {
			return err
		}
		if left%100_000 == 0 {
			fmt.Fprintf(s.log, "  %d events to go\n", left)
		}
	}
	for i := range hunts / 2 {
		p.absent = append(p.absent, event.Observable{Type: event.Domain,
			Value: fmt.Sprintf("c2-%d.not-there.example", i)})
	}
	p.took = time.Since(began)
	if len(p.rare) < hunts/2 || len(p.common) < hunts/2 {
		return errors.New("too few events to hunt in")
	}
	return p.Past().Flush(ctx)
}

func (p *huntPast) values(ctx context.Context, name string, wanted []event.Observable, out *table) error {
	gb := fmt.Sprintf("%.2f", float64(p.raw)/1e9)
	list := make([][]byte, len(wanted))
	for i, o := range wanted {
		var err error
		if list[i], err = stixOf(fmt.Sprint("value ", i), "stix", fmt.Sprintf("[%s:value = '%s']", o.Type,
			o.Value)); err != nil {
			return err
		}
	}
	// As the node does, findings and all: the first time writes them, the others
	// find them written.
	var first time.Duration
	var times, searches series
	var got []hunt.Outcome
	for i := range 6 {
		began := time.Now()
		var err error
		if got, err = p.Hunt(ctx, list...); err != nil {
			return err
		}
		if i == 0 {
			first = time.Since(began)
		} else {
			times = append(times, time.Since(began))
		}
	}
	// Every event that holds one, by the indexes alone and read in full.
	var st history.Stats
	found := map[string]bool{}
	for range 5 {
		clear(found)
		var err error
		if st, err = p.Past().Search(ctx, history.Query{Observables: wanted}, func(ev *event.Event) bool {
			found[ev.ID] = true
			return true
		}); err != nil {
			return err
		}
		searches = append(searches, st.Took)
	}
	counts := map[event.Observable]int64{}
	for _, o := range wanted {
		counts[o] = 0
	}
	hits := 0
	var missed error
	plain, err := p.Past().Search(ctx, history.Query{}, func(ev *event.Event) bool {
		holds := false
		for _, o := range event.Observables(ev) {
			if n, ok := counts[o]; ok {
				holds, counts[o] = true, n+1
			}
		}
		if !holds {
			return true
		}
		if hits++; !found[ev.ID] {
			missed = errors.New("the search did not find " + ev.ID)
		}
		return true
	})
	if err = errors.Join(err, missed); err != nil {
		return err
	}
	if hits != len(found) {
		return fmt.Errorf("the search found %d events, the plain scan %d", len(found), hits)
	}
	all := int64(0)
	for i, o := range wanted {
		if all += got[i].Hits; got[i].Hits != counts[o] {
			return fmt.Errorf("the hunt found %s %d times, the plain scan %d times", o.Value, got[i].Hits, counts[o])
		}
	}
	out.add(name, "hunt: indexes, then the events; findings written", count(float64(plain.Events)), gb, "–",
		count(float64(all)), fmt.Sprintf("%.3f (first %.3f)", times.at(0.5).Seconds(), first.Seconds()))
	out.add(name, "all their events, by the indexes", count(float64(st.Events)), gb, count(float64(st.Examined)),
		count(float64(st.Hits)), fmt.Sprintf("%.3f", searches.at(0.5).Seconds()))
	out.add(name, "plain scan", count(float64(plain.Events)), gb, count(float64(plain.Examined)), count(float64(hits)),
		fmt.Sprintf("%.1f", plain.Took.Seconds()))
	return nil
}

// stixOf makes a STIX indicator, as the hub sends it.
func stixOf(name, kind, pattern string) ([]byte, error) {
	now := time.Now()
	o, err := stix.Indicator{Common: stix.Common{Created: stix.TimestampOf(now)}, Name: name,
		Types: []string{"malicious-activity"}, Pattern: pattern, PatternType: kind,
		ValidFrom: stix.TimestampOf(now)}.Object()
	if err != nil {
		return nil, err
	}
	return o.Bytes(), nil
}

// ruleSet makes rules of all kinds of which some match.
func ruleSet(n int) (list [][]byte, set []*sigma.Rule, err error) {
	for i := range n {
		category, detection := "process_creation",
			fmt.Sprintf(`Image|endswith: '\tool-%d.exe'`+"\n    CommandLine|contains: '--window 77%d'", i*7, i%10)
		if i%2 == 1 {
			category, detection = "network_connection",
				fmt.Sprintf("DestinationIp|cidr: 203.0.%d.%d/32\n    DestinationPort: 443", i%30, i)
		}
		text := fmt.Sprintf("title: Bench %d\nid: 3c0f1c1e-0b1d-4d61-9a37-%012d\n"+
			"logsource:\n  product: windows\n  category: %s\ndetection:\n  s:\n    %s\n  condition: s\n", i, i,
			category, detection)
		parsed, err := sigma.Parse("bench.yml", []byte(text))
		if err != nil {
			return nil, nil, err
		}
		raw, err := stixOf(fmt.Sprint("bench ", i), "sigma", text)
		if err != nil {
			return nil, nil, err
		}
		list, set = append(list, raw), append(set, parsed...)
	}
	return list, set, nil
}

// rules hunts as the node does, findings and all.
func (p *huntPast) rules(ctx context.Context, out *table) error {
	gb := fmt.Sprintf("%.2f", float64(p.raw)/1e9)
	for _, k := range []int{1, huntRules} {
		list, set, err := ruleSet(k)
		if err != nil {
			return err
		}
		var times series
		var hits int64
		for range 5 {
			began := time.Now()
			got, err := p.Hunt(ctx, list...)
			if err != nil {
				return err
			}
			times = append(times, time.Since(began))
			hits = 0
			for _, g := range got {
				hits += g.Hits
			}
		}
		want, looked := int64(0), int64(0)
		began := time.Now()
		all := sigma.NewSet(set)
		if _, err := p.Past().Search(ctx, history.Query{}, func(ev *event.Event) bool {
			looked++
			for range all.Match(ev) {
				want++
			}
			return true
		}); err != nil {
			return err
		}
		plain := time.Since(began)
		if hits != want || k > 1 && want == 0 {
			return fmt.Errorf("%d rules: the hunt found %d matches, the reference evaluator %d", k, hits, want)
		}
		name := "1 rule"
		if k > 1 {
			name = fmt.Sprintf("%d rules", k)
		}
		out.add(name, "fields past the engine, then the events; findings written", count(float64(looked)), gb, "–",
			count(float64(hits)), fmt.Sprintf("%.2f", times.at(0.5).Seconds()))
		out.add(name, "reference evaluator on every event", count(float64(looked)), gb, count(float64(looked)),
			count(float64(want)), fmt.Sprintf("%.1f", plain.Seconds()))
	}
	return nil
}

// live reads live events with and without a hunt beside them.
func (p *huntPast) live(ctx context.Context, s settings) (table, error) {
	t := table{Title: "Live events beside a hunt", Head: []string{"Beside", "live events/s",
		"batch of 500, p50 / p99 (ms)"},
		Note: fmt.Sprintf("A batch of 500 events every 100 ms, as from sensors, for 10 s; the hunt is one for a rule "+
			"over the whole past, again and again, on %d processors.", runtime.GOMAXPROCS(0))}
	for _, beside := range []string{"nothing", "a hunt"} {
		hctx, stop := context.WithCancel(ctx)
		done := make(chan int, 1)
		go func() {
			passes := 0
			defer func() { done <- passes }()
			raw, err := stixOf("beside", "sigma", huntRule)
			if err != nil {
				return
			}
			for beside != "nothing" && hctx.Err() == nil {
				if _, err := p.Hunt(hctx, raw); err != nil {
					return
				}
				passes++
			}
		}()
		var times series
		began, taken := time.Now(), 0
		for time.Since(began) < 10*time.Second {
			text, err := p.m.lines(500)
			if err != nil {
				stop()
				return t, err
			}
			list, err := events(ctx, "live.jsonl", text)
			if err != nil {
				stop()
				return t, err
			}
			b := time.Now()
			if err := p.Take(ctx, list); err != nil {
				stop()
				return t, err
			}
			times = append(times, time.Since(b))
			taken += len(list)
			time.Sleep(max(0, 100*time.Millisecond-time.Since(b)))
		}
		took := time.Since(began)
		stop()
		passes := <-done
		name := beside
		if beside != "nothing" {
			name = fmt.Sprintf("a hunt (%d whole passes in the time)", passes)
		}
		t.add(name, count(float64(taken)/took.Seconds()), times.both())
	}
	return t, nil
}
