// Command bench measures what docs/performance.md states: start, memory, shared indicators, the
// time to immunity, the history of a node, hunts, correlation, and a day of work. Each measurement prints a
// Markdown table, or JSON with --json, and beside its figures the limit that
// this machine sets to them, measured in the same run.
//
//	go run ./bench [start|memory|arming|cycle|flood|history|hunt|correlate|soak ...] [flags]
//
// Without a name, all are run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are the flags of all measurements.
type settings struct {
	json    bool
	dir     string // work folder, on the disk that is measured
	data    string // recorded events and rules of others; may not be there
	runs    int    // starts
	attacks int
	members []int
	full    []int
	shared  []int // indicators
	past    int
	events  int
	hunt    int
	groups  int
	flood   int
	soak    int
	idle    time.Duration
	profile string
	log     io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	type measurement struct {
		name string
		fn   func(context.Context, settings) ([]table, error)
	}
	all := []measurement{{"start", start}, {"memory", memory}, {"arming", arming}, {"cycle", cycle}, {"flood", flood},
		{"history", past}, {"hunt", hunting}, {"correlate", correlations}, {"soak", soak}}
	var names []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if !slices.ContainsFunc(all, func(m measurement) bool { return m.name == args[0] }) {
			return fmt.Errorf("there is no measurement %q: use start, memory, arming, cycle, flood, history, hunt, "+
				"correlate or soak", args[0])
		}
		names, args = append(names, args[0]), args[1:]
	}
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(s.dir, "meneki-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if s.profile != "" {
		f, err := os.Create(s.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var out []table
	before := load()
	for _, m := range all {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		fmt.Fprintf(s.log, "%s ...\n", m.name)
		list, err := m.fn(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		out = append(out, list...)
		if !s.json {
			for _, t := range list {
				fmt.Println(t.markdown())
			}
		}
	}
	where := machine(before)
	if s.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"machine": where, "tables": out})
	}
	fmt.Println(where)
	return nil
}

func parse(args []string) (settings, error) {
	s := settings{log: os.Stderr}
	members, full, shared := "3,100,1000", "3,100", "1000,10000,100000"
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&s.hunt, "hunt", 1_000_000, "hunt: how many events the past holds, of about 2 KB each")
	f.IntVar(&s.groups, "groups", 1_000_000, "correlate: groups that are held at once")
	f.IntVar(&s.soak, "soak", 480_000, "soak: events of the day")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.StringVar(&s.dir, "dir", "",
		"work folder, on the disk to measure; default is the system's folder for temporary files")
	f.StringVar(&s.data, "data", os.Getenv("MENEKI_DATA_DIR"),
		"folder with recorded events and rules; default ../shared/data if it is there")
	f.IntVar(&s.runs, "runs", 10, "start: how many starts")
	f.DurationVar(&s.idle, "idle", 10*time.Second, "memory: how long the processes are left alone")
	f.IntVar(&s.attacks, "attacks", 30, "cycle: attacks per run; flood: attacks before it")
	f.IntVar(&s.flood, "flood", 10_000, "flood: findings of the burst")
	f.StringVar(&members, "members", members, "cycle: numbers of simulated members, by comma")
	f.StringVar(&shared, "shared", shared, "arming: numbers of indicators, by comma")
	f.StringVar(&full, "full", full, "cycle: numbers of full nodes, by comma")
	f.IntVar(&s.past, "past", 20_000, "cycle: events in the past that is hunted in")
	f.IntVar(&s.events, "events", 200_000, "history: generated events")
	f.StringVar(&s.profile, "cpuprofile", "", "write a CPU profile there")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected %q", f.Arg(0))
	}
	if s.data == "" {
		if _, err := os.Stat("../shared/data"); err == nil {
			s.data = "../shared/data"
		}
	}
	var err error
	for _, list := range []struct {
		text string
		into *[]int
	}{{members, &s.members}, {full, &s.full}, {shared, &s.shared}} {
		if *list.into, err = numbers(list.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

func numbers(text string) ([]int, error) {
	var out []int
	for p := range strings.SplitSeq(text, ",") {
		var n int
		if p == "" {
			continue
		}
		if _, err := fmt.Sscanf(p, "%d", &n); err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number above zero", p)
		}
		out = append(out, n)
	}
	return out, nil
}

// machine says where the figures come from, without naming the machine.
func machine(before string) string {
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				cpu = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s; load average (1 min) before %s, after %s", cpu, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), before, load())
}

// load is the load average of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}

// rules returns the folder of the rules that others wrote; "" if it is not there.
func (s settings) rules() string { return s.there("sigma") }

// recorded returns the folder of recorded events; "" if it is not there.
func (s settings) recorded() string { return s.there("events-windows") }

func (s settings) there(name string) string {
	if s.data == "" {
		return ""
	}
	p := filepath.Join(s.data, name)
	if _, err := os.Stat(p); err != nil {
		return ""
	}
	return p
}
