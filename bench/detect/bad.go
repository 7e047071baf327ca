package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/meneki/meneki/bench/cputime"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// badRule is for all Windows events, and never matches; what it asks must be
// decided in each of them that has the field.
const badRule = `title: Bad
id: 5f4c1c1e-0b1d-4d61-9a37-000000000000
logsource:
  product: windows
detection:
  bad:
    FIELD|re: 'REGEX'
  condition: bad and not bad
`

// variant is all rules and a bad one.
type variant struct {
	name  string
	set   *sigma.Set
	d     *detector
	times []time.Duration // by pieces: the best pass of this round
	took  []time.Duration // by rounds
}

const (
	badRounds = 6
	badPasses = 7
	badPiece  = 1024 // lines
)

// badRules says what one bad rule costs. Differences are small: they take turns
// on pieces of the lines, and of each piece the best pass counts; and since where
// its tables come to lie makes an engine a little faster or slower, all are made
// anew each round, and the mean of the rounds counts.
func (b *bench) badRules() error {
	var all []*variant
	for _, bad := range [][2]string{
		{}, {"CommandLine", `.{1000,}`}, {"CommandLine", `(a*)*b`}, {"CommandLine", `^(a+)+$`},
		{"CommandLine", `(x+x+)+y`},
		{"Message", `.{1000,}`}, {"Message", `(a*)*b`},
	} {
		c, err := sigma.LoadCollection(os.DirFS(b.rules), ".")
		if err != nil {
			return err
		}
		name := "none"
		if bad[0] != "" {
			name = "`" + bad[0] + `\|re: ` + bad[1] + "`" // as tables want it
			c.Add(sigma.ParseCollection("bad.yml",
				[]byte(strings.NewReplacer("FIELD", bad[0], "REGEX", bad[1]).Replace(badRule))))
		}
		all = append(all, &variant{name: name, set: c.Set()})
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for round := range badRounds {
		for i := range all {
			v := all[(i+round)%len(all)]
			v.d, v.times = newDetector(engine.Compile(v.set, engine.Options{})), nil
			if err := b.warm(v.d); err != nil {
				return err
			}
		}
		runtime.GC()
		for pass := range badPasses {
			if err := b.badPass(all, pass); err != nil {
				return err
			}
		}
		for _, v := range all {
			var sum time.Duration
			for _, took := range v.times {
				sum += took
			}
			v.took = append(v.took, sum)
		}
	}
	fmt.Fprintln(b.out, "| one bad rule more, for all Windows events | µs/event | costs | least and most of the "+
		"rounds |")
	fmt.Fprintln(b.out, "|---|---:|---:|---:|")
	for _, v := range all {
		mean, least, most := 0.0, 0.0, 0.0
		for i, took := range v.took {
			cost := 100 * (took.Seconds()/all[0].took[i].Seconds() - 1)
			if i == 0 {
				least, most = cost, cost
			}
			mean, least, most = mean+took.Seconds()/badRounds, min(least, cost), max(most, cost)
		}
		none := 0.0
		for _, took := range all[0].took {
			none += took.Seconds() / badRounds
		}
		fmt.Fprintf(b.out, "| %s | %.2f | %+.1f %% | %+.1f to %+.1f %% |\n", v.name, mean*1e6/float64(len(b.lines)),
			100*(mean/none-1), least, most)
	}
	fmt.Fprintln(b.out)
	return nil
}

// badPass returns the lines to each of them, piece by piece in turns, so that other
// work, and a cache that is cold for the first, is shared fairly.
func (b *bench) badPass(all []*variant, pass int) error {
	for from := 0; from < len(b.lines); from += badPiece {
		for k := range all {
			v := all[(k+pass)%len(all)]
			start := cputime.Spent()
			for _, line := range b.lines[from:min(from+badPiece, len(b.lines))] {
				if err := v.d.match(line); err != nil {
					return err
				}
			}
			took, n := cputime.Spent()-start, from/badPiece
			if n == len(v.times) {
				v.times = append(v.times, took)
			}
			v.times[n] = min(v.times[n], took)
		}
	}
	return nil
}
