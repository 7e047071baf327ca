// Command detect measures how fast events are matched with all Sigma rules, on
// recorded Windows events as JSON lines in memory: the engine with matches
// written, beside what only reading the lines costs, encoding/json, and the
// reference evaluator, on the same lines in the same run. Then what one bad rule
// costs, how long loading takes, and what it holds in memory. Peers (rsigma,
// pySigma with SQLite) are measured where they are installed.
//
//	go run ./bench/detect [-for 3s] [-rules DIR] [-events DIR] [-peers=false] [-cpuprofile FILE]
//
// Without folders it takes ../shared/data/sigma and ../shared/data/events-windows.
// One core is one: GOMAXPROCS is 1, and the time is that of the core, garbage
// collection included, which other work on the machine does not stretch as it
// does the clock's. For two cores both are given. Of peers it is the clock's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meneki/meneki/sigma"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/detect:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	out    io.Writer
	span   time.Duration
	rules  string
	events string
	set    *sigma.Set
	lines  [][]byte
	bytes  int64

	profile string
}

func run(args []string, out io.Writer) error {
	b := &bench{out: out}
	flags := flag.NewFlagSet("detect", flag.ContinueOnError)
	flags.DurationVar(&b.span, "for", 3*time.Second, "how long each measurement goes on")
	flags.StringVar(&b.rules, "rules", filepath.Join("..", "shared", "data", "sigma"), "folder of Sigma rules")
	flags.StringVar(&b.events, "events", filepath.Join("..", "shared", "data", "events-windows"),
		"folder of zips of JSON lines")
	peers := flags.Bool("peers", true, "measure peers too")
	only := flags.Bool("engine", false, "measure the engine on one core only, for profiles")
	bad := flags.Bool("bad", false, "measure what one bad rule costs only")
	profile := flags.String("cpuprofile", "", "write a CPU profile of the engine on one core to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if b.lines, b.bytes, err = readLines(b.events); err != nil {
		return err
	}
	if len(b.lines) == 0 {
		return errors.New("no events: name a folder of zips of JSON lines with -events")
	}
	fmt.Fprintf(out, "%s/%s, %d cores, %s; %d events of %d bytes in the mean\n\n", runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(),
		runtime.Version(), len(b.lines), b.bytes/int64(len(b.lines)))
	if err := b.load(); err != nil {
		return err
	}
	b.profile = *profile
	switch {
	case *only:
		return b.engine()
	case *bad:
		return b.badRules()
	}
	if err := b.speed(); err != nil {
		return err
	}
	if err := b.badRules(); err != nil {
		return err
	}
	if *peers {
		return b.peers()
	}
	return nil
}

// thousands writes a number with its thousands apart.
func thousands(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
