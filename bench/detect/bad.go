package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

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

// badRules says what one bad rule costs. Differences are small, so the lines are
// cut into pieces, and of each piece the best of twenty passes counts.
func (b *bench) badRules() error {
	type variant struct {
		name string
		d    *detector
		best time.Duration
	}
	var all []*variant
	for _, bad := range [][2]string{
		{}, {"CommandLine", `.{1000,}`}, {"CommandLine", `(a*)*b`}, {"CommandLine", `^(a+)+$`}, {"CommandLine", `(x+x+)+y`},
		{"Message", `.{1000,}`}, {"Message", `(a*)*b`},
	} {
		c, err := sigma.LoadCollection(os.DirFS(b.rules), ".")
		if err != nil {
			return err
		}
		name := "none"
		if bad[0] != "" {
			name = "`" + bad[0] + `\|re: ` + bad[1] + "`" // as tables want it
			c.Add(sigma.ParseCollection("bad.yml", []byte(strings.NewReplacer("FIELD", bad[0], "REGEX", bad[1]).Replace(badRule))))
		}
		d := newDetector(engine.Compile(c.Set(), engine.Options{}))
		if err := b.warm(d); err != nil {
			return err
		}
		all = append(all, &variant{name: name, d: d})
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const piece = 1024
	best := make([][]time.Duration, len(all))
	for range parts {
		for from := 0; from < len(b.lines); from += piece {
			for i, v := range all { // in turns, so that other work is shared fairly
				start := cpu()
				for _, line := range b.lines[from:min(from+piece, len(b.lines))] {
					if err := v.d.match(line); err != nil {
						return err
					}
				}
				took, n := cpu()-start, from/piece
				if n == len(best[i]) {
					best[i] = append(best[i], took)
				}
				best[i][n] = min(best[i][n], took)
			}
		}
	}
	for i, v := range all {
		for _, took := range best[i] {
			v.best += took
		}
	}
	fmt.Fprintln(b.out, "| one bad rule more, for all Windows events | µs/event | costs |")
	fmt.Fprintln(b.out, "|---|---:|---:|")
	for _, v := range all {
		n := float64(len(b.lines))
		fmt.Fprintf(b.out, "| %s | %.2f | %+.1f %% |\n", v.name, v.best.Seconds()*1e6/n, 100*(v.best.Seconds()/all[0].best.Seconds()-1))
	}
	fmt.Fprintln(b.out)
	return nil
}
