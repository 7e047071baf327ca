// Command watchlist measures what docs/performance.md states about bulk
// indicators: memory, file, time to build and time to look up, at one and at ten
// million entries. Beside them, in the same run, is a Go map of the same
// values, which knows neither networks nor domains above a name nor beginnings.
//
//	go run ./bench/watchlist [--entries 1000000,10000000] [--dir DIR] [--cpuprofile FILE]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/bench/cputime"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
)

func main() {
	entries := flag.String("entries", "1000000,10000000", "numbers of entries, with commas")
	dir := flag.String("dir", "", "folder for the work, on the disk that is measured; default the system's")
	profile := flag.String("cpuprofile", "", "write a profile of the look-ups that miss to this file")
	flag.Parse()
	if err := run(*entries, *dir, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "watchlist:", err)
		os.Exit(1)
	}
}

func run(entries, dir, profile string) error {
	fmt.Printf("%s/%s, %d cores, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, s := range strings.Split(entries, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			return fmt.Errorf("--entries: %q is no number of at least 1000", s)
		}
		if err := measure(n, dir, profile); err != nil {
			return err
		}
	}
	return nil
}

// measure prints one table.
func measure(n int, dir, profile string) error {
	dir, err := os.MkdirTemp(dir, "watchlist-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	l, err := watchlist.Open(dir, watchlist.Options{})
	if err != nil {
		return err
	}
	defer func() { l.Close() }()
	before := heap()
	peak := watch()
	begin, used := time.Now(), cputime.Spent()
	load, err := l.Load(watchlist.Scope{})
	if err != nil {
		return err
	}
	made := newValues(1)
	for i := range n {
		if err := load.Add(made.entry(i)); err != nil {
			var refused *watchlist.RefusedError
			if !errors.As(err, &refused) {
				return err
			}
		}
	}
	if err := load.Commit(ctx); err != nil {
		return err
	}
	built, work := time.Since(begin), cputime.Spent()-used
	most := peak() - before
	held := heap() - before
	begin = time.Now()
	if err := l.Close(); err != nil {
		return err
	}
	if l, err = watchlist.Open(dir, watchlist.Options{}); err != nil {
		return err
	}
	opened := time.Since(begin)
	begin = time.Now()
	if err := l.Verify(ctx); err != nil {
		return err
	}
	verified := time.Since(begin)
	st := l.Stats()

	fmt.Printf("### %d entries\n\n", st.Entries)
	fmt.Printf("| | watchlist |\n|---|---:|\n")
	fmt.Printf("| heap held | %.1f MB (%.2f bytes an entry) |\n", mb(held), float64(held)/float64(st.Entries))
	fmt.Printf("| heap at most while building | %.1f MB |\n", mb(most))
	fmt.Printf("| file | %.1f MB |\n", mb(uint64(st.File)))
	fmt.Printf("| build | %.1f s, %.1f s of processor time (%.0f entries/s) |\n", built.Seconds(), work.Seconds(),
		float64(n)/built.Seconds())
	fmt.Printf("| open | %.0f ms |\n| verify every block | %.1f s |\n\n", opened.Seconds()*1000, verified.Seconds())

	misses, hits := questions(n, 2, 1<<20), questions(n, 1, 1<<20)
	found := 0
	look := func(together int) func([]event.Observable) error {
		return func(list []event.Observable) error {
			for part := range slices.Chunk(list, together) {
				if err := l.Lookup(part, func(watchlist.Hit) bool { found++; return true }); err != nil {
					return err
				}
			}
			return nil
		}
	}
	type figure struct {
		what                string
		event, single, peer cost
	}
	var figures []figure
	stop, err := profiled(profile)
	if err != nil {
		return err
	}
	// A few of the strange addresses lie in networks that are watched for.
	misses = slices.DeleteFunc(misses, func(o event.Observable) bool {
		hit := false
		err := l.Lookup([]event.Observable{o}, func(watchlist.Hit) bool { hit = true; return false })
		return hit || err != nil
	})
	kinds := []event.ObservableType{"", event.Domain, event.URL, event.IPv4, event.IPv6, event.SHA256}
	for _, t := range kinds {
		list := only(misses, t)
		c, err := measured(3, list, look(perEvent))
		d, err2 := measured(3, list, look(1))
		if err = errors.Join(err, err2); err != nil || found > 0 {
			return errors.Join(fmt.Errorf("%d misses hit", found), err)
		}
		figures = append(figures, figure{what: "miss, " + name(t), event: c, single: d})
	}
	stop()
	// Every one of these is a read of the file; no value comes twice.
	cold, err := measured(1, hits[:len(hits)/2], look(perEvent))
	if err != nil {
		return err
	}
	cold1, err := measured(1, hits[len(hits)/2:], look(1))
	if err != nil || found < len(hits)*9/10 {
		return errors.Join(fmt.Errorf("%d of %d hits hit", found, len(hits)), err)
	}
	again := slices.Concat(slices.Repeat([][]event.Observable{hits[:200]}, 1000)...)
	warm, err := measured(1, again, look(perEvent))
	if err != nil {
		return err
	}
	warm1, err := measured(1, again, look(1))
	if err != nil {
		return err
	}
	figures = append(figures, figure{what: "hit, read from the file (in the system's cache)", event: cold,
		single: cold1}, figure{what: "hit, the same 200 values again and again", event: warm, single: warm1})

	// The peer: a map of the values, with a number for what is known of each.
	made = newValues(1)
	before = heap()
	begin = time.Now()
	peer := make(map[event.Observable]uint32, n)
	for i := range n {
		e := made.entry(i)
		peer[event.Observable{Type: e.Type, Value: e.Value}] = uint32(i)
	}
	peerBuilt, peerHeld := time.Since(begin), heap()-before
	met := 0
	ask := func(list []event.Observable) error {
		for _, o := range list {
			if _, there := peer[o]; there {
				met++
			}
		}
		return nil
	}
	for i, t := range kinds {
		figures[i].peer, _ = measured(3, only(misses, t), ask)
	}
	figures[len(kinds)].peer, _ = measured(1, hits, ask)
	figures[len(kinds)+1].peer, _ = measured(1, again, ask)
	fmt.Printf("Go map, exact values only: %.1f MB heap, built in %.1f s\n\n| a look-up, ns: median (best tenth) | "+
		"watchlist, %d of an event together | one by one | Go map |\n|---|---:|---:|---:|\n", mb(peerHeld),
		peerBuilt.Seconds(), perEvent)
	for _, f := range figures {
		fmt.Printf("| %s | %s | %s | %s |\n", f.what, f.event, f.single, f.peer)
	}
	fmt.Println()
	if met < len(hits)*9/10 {
		return fmt.Errorf("the map knows only %d of %d values", met, len(hits))
	}
	return nil
}

func mb(n uint64) float64 { return float64(n) / 1e6 }

func name(t event.ObservableType) string {
	if t == "" {
		return "all kinds"
	}
	return string(t)
}

// cost is what one look-up takes, in nanoseconds.
type cost struct{ median, tenth float64 }

func (c cost) String() string { return fmt.Sprintf("%.0f (%.0f)", c.median, c.tenth) }

// perEvent is how many observables are looked up together, as those of an event are.
const perEvent = 8

// slice is how many look-ups are measured together: few enough to be done before
// the system gives the core to someone else, so that a busy machine shows in
// some slices and not in all.
const slice = 4096

// warm reads values, so that they lie in the processor's cache: those of an event
// do when they are looked up, since they were just taken out of it.
func warm(list []event.Observable) {
	read := 0
	for _, o := range list {
		for i := 0; i < len(o.Value); i += 32 {
			read += int(o.Value[i])
		}
		read += len(o.Type)
	}
	runtime.KeepAlive(read)
}

// measured goes through the list and measures each slice of it.
func measured(times int, list []event.Observable, look func([]event.Observable) error) (cost, error) {
	var all []float64
	for range times {
		for part := range slices.Chunk(list, slice) {
			warm(part)
			begin := time.Now()
			if err := look(part); err != nil {
				return cost{}, err
			}
			all = append(all, float64(time.Since(begin))/float64(len(part)))
		}
	}
	slices.Sort(all)
	return cost{all[len(all)/2], all[len(all)/10]}, nil
}

// profiled begins a profile, if a file is given for it.
func profiled(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

func heap() uint64 {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watch looks at the heap in use until the returned function is called, which
// returns the most that it saw.
func watch() func() uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var top uint64
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				most <- top
				return
			case <-time.After(50 * time.Millisecond):
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapInuse)
			}
		}
	}()
	return func() uint64 { close(stop); return <-most }
}

func only(list []event.Observable, t event.ObservableType) []event.Observable {
	if t == "" {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(o event.Observable) bool { return o.Type != t })
}

// questions are values as events hold them. With the seed of the entries they
// are values that are watched for.
func questions(n int, seed uint64, count int) []event.Observable {
	if seed != 1 {
		v := newValues(seed)
		out := make([]event.Observable, count)
		for i := range out {
			e := v.entry(i)
			if out[i] = (event.Observable{Type: e.Type, Value: e.Value}); e.Match == watchlist.Network {
				out[i].Value = v.address(event.IPv4)
			}
		}
		return out
	}
	v := newValues(seed)
	var out []event.Observable
	step := max(1, n/count)
	for i := 0; i < n; i++ {
		if e := v.entry(i); i%step == 0 && e.Match != watchlist.Network {
			out = append(out, event.Observable{Type: e.Type, Value: e.Value})
		}
	}
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// values makes entries: a third hashes, 30 % domains (a fifth of them with all
// below), a fifth URLs (a tenth of them as beginnings), the rest addresses and,
// one in a hundred, networks.
type values struct {
	r     *rand.Rand
	until time.Time
}

func newValues(seed uint64) *values {
	return &values{r: rand.New(rand.NewPCG(seed, seed)), until: time.Now().Add(1000 * time.Hour)}
}

var words = strings.Fields("update cdn login secure mail static portal cloud account verify bank shop data sync " +
	"office news drive store api file")

func (v *values) domain() string {
	w := func() string { return words[v.r.IntN(len(words))] }
	d := fmt.Sprintf("%s-%s%d.%s", w(), w(), v.r.Uint32(),
		[...]string{"com", "net", "jp", "example", "org"}[v.r.IntN(5)])
	if v.r.IntN(2) == 0 {
		d = w() + "." + d
	}
	return d
}

func (v *values) address(t event.ObservableType) string {
	if t == event.IPv4 {
		return fmt.Sprintf("%d.%d.%d.%d", 1+v.r.IntN(223), v.r.IntN(256), v.r.IntN(256), v.r.IntN(256))
	}
	return fmt.Sprintf("2001:%x:%x:%x::%x", 1+v.r.IntN(0xfffe), 1+v.r.IntN(0xfffe), 1+v.r.IntN(0xfffe), 1+
		v.r.IntN(0xfffe))
}

func (v *values) entry(i int) watchlist.Entry {
	e := watchlist.Entry{Source: "feed-" + strconv.Itoa(i%20), TLP: 2,
		ValidUntil: v.until.Add(time.Duration(v.r.IntN(1e6)) * time.Second),
		ID: fmt.Sprintf("indicator--%08x-%04x-4%03x-8%03x-%012x", v.r.Uint32(), i&0xffff, v.r.IntN(4096),
			v.r.IntN(4096), v.r.Uint64()>>16)}
	switch x := v.r.IntN(100); {
	case x < 33:
		e.Type, e.Value = event.SHA256,
			fmt.Sprintf("%016x%016x%016x%016x", v.r.Uint64(), v.r.Uint64(), v.r.Uint64(), v.r.Uint64()|1)
	case x < 63:
		e.Type, e.Value = event.Domain, v.domain()
		if v.r.IntN(5) == 0 {
			e.Match = watchlist.Tree
		}
	case x < 83:
		e.Type, e.Value = event.URL,
			fmt.Sprintf("https://%s/%s/%x", v.domain(), words[v.r.IntN(len(words))], v.r.Uint32())
		if v.r.IntN(10) == 0 {
			e.Match = watchlist.Prefix
		}
	case x < 94:
		e.Type, e.Value = event.IPv4, v.address(event.IPv4)
	case x < 99:
		e.Type, e.Value = event.IPv6, v.address(event.IPv6)
	default:
		e.Type, e.Match = event.IPv4, watchlist.Network
		e.Value = fmt.Sprintf("%d.%d.%d.0/24", 1+v.r.IntN(223), v.r.IntN(256), v.r.IntN(256))
	}
	return e
}
