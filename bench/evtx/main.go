// Command evtx measures how fast event logs are read on one core: to fields, to
// JSON and to XML, beside the limit that memory sets (all bytes read once), the
// checksums alone, and evtxexport and python-evtx where they are installed. All
// are measured in the same run on the same files.
//
//	go run ./bench/evtx [-for 2s] [-peers=false] [-cpuprofile FILE] [FILE or FOLDER ...]
//
// Without a path it takes ../shared/data/evtx. Two rates are given: of the bytes
// of the files, of which a log that is not full leaves many empty, and of the
// bytes of the records alone. Time is that of the core, garbage collection
// included; of the peers it is the clock's.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/meneki/meneki/bench/cputime"
	"github.com/meneki/meneki/evtx"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/evtx:", err)
		os.Exit(1)
	}
}

// A corpus is the files in memory.
type corpus struct {
	paths   []string
	files   [][]byte
	bytes   int64 // of the files
	records int64
	used    int64 // bytes of the records
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("evtx", flag.ContinueOnError)
	span := flags.Duration("for", 2*time.Second, "how long each measurement goes on")
	peers := flags.Bool("peers", true, "measure evtxexport and python-evtx too")
	profile := flags.String("cpuprofile", "", "write a CPU profile of the measurements to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	paths := flags.Args()
	if len(paths) == 0 {
		paths = []string{filepath.Join("..", "shared", "data", "evtx")}
	}
	c, err := load(paths)
	if err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // garbage is collected on the same core
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Fprintf(out,
		"%d files, %.1f MB, %d records of %.0f bytes in the mean (%.1f MB of records); core time, each %v\n\n",
		len(c.files), mb(c.bytes), c.records, float64(c.used)/float64(max(c.records, 1)), mb(c.used), *span)
	fmt.Fprintln(out, "| what | file MB/s | record MB/s | records/s | allocations a record |")
	fmt.Fprintln(out, "|---|---:|---:|---:|---:|")
	var buf []byte
	for _, m := range []struct {
		name string
		do   func(b []byte) error
	}{
		{"scan: every byte once", scan},
		{"checksum: CRC-32 of every byte", func(b []byte) error { sink += uint64(crc32.ChecksumIEEE(b)); return nil }},
		{"records, checked, no values", each(func(*evtx.Record) error { return nil })},
		{"fields", each(func(r *evtx.Record) error { f, err := r.Fields(); sink += uint64(len(f)); return err })},
		{"JSON", each(func(r *evtx.Record) (err error) { buf, err = r.AppendJSON(buf[:0]); return err })},
		{"XML", each(func(r *evtx.Record) (err error) { buf, err = r.AppendXML(buf[:0]); return err })},
	} {
		if err := c.measure(out, m.name, *span, m.do); err != nil {
			return err
		}
	}
	fmt.Fprint(io.Discard, sink)
	if *peers {
		c.peers(out)
	}
	return nil
}

// sink is where results go that would otherwise not be made.
var sink uint64

func mb(n int64) float64 { return float64(n) / 1e6 }

// load reads the files, and counts what is in them.
func load(paths []string) (*corpus, error) {
	c := &corpus{}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.EqualFold(filepath.Ext(path), ".evtx") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			c.paths, c.files, c.bytes = append(c.paths, path), append(c.files, b), c.bytes+int64(len(b))
			err = each(func(r *evtx.Record) error {
				c.records++
				c.used += int64(r.Size)
				return nil
			})(b)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if c.records == 0 {
		return nil, errors.New("no records to read: name .evtx files or a folder with some")
	}
	return c, nil
}

// each reads a file and gives every record to do.
func each(do func(*evtx.Record) error) func(b []byte) error {
	return func(b []byte) error {
		r, err := evtx.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return err
		}
		for rec, err := range r.All() {
			if err != nil {
				return err
			}
			if err := do(rec); err != nil {
				return err
			}
		}
		return nil
	}
}

// scan touches every byte, which is the limit that memory sets.
func scan(b []byte) error {
	var sum uint64
	for ; len(b) >= 32; b = b[32:] {
		sum += binary.LittleEndian.Uint64(b) ^ binary.LittleEndian.Uint64(b[8:]) ^ binary.LittleEndian.Uint64(b[16:]) ^
			binary.LittleEndian.Uint64(b[24:])
	}
	sink += sum
	return nil
}

// measure reads all files again and again, and prints the rates of the best of
// twenty parts of the time: the others tell what else the machine did.
func (c *corpus) measure(out io.Writer, name string, span time.Duration, do func(b []byte) error) error {
	best, allocs := time.Duration(0), uint64(0)
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rounds, start := 0, cputime.Spent()
		for rounds == 0 || cputime.Spent()-start < span/20 {
			for _, b := range c.files {
				if err := do(b); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			rounds++
		}
		took := (cputime.Spent() - start) / time.Duration(rounds)
		runtime.ReadMemStats(&after)
		if best == 0 || took < best {
			best, allocs = took, (after.Mallocs-before.Mallocs)/uint64(rounds)
		}
	}
	c.row(out, name, best, fmt.Sprintf("%.2f", float64(allocs)/float64(c.records)))
	return nil
}

func (c *corpus) row(out io.Writer, name string, took time.Duration, allocs string) {
	s := took.Seconds()
	fmt.Fprintf(out, "| %s | %.1f | %.1f | %.0f | %s |\n", name, mb(c.bytes)/s, mb(c.used)/s, float64(c.records)/s,
		allocs)
}

const python = `
import sys
from Evtx.Evtx import Evtx
n = 0
for path in sys.argv[1:]:
    try:
        with Evtx(path) as log:
            for r in log.records():
                r.xml()
                n += 1
    except Exception:
        pass
print(n)
`

// peers runs the other readers once over all files, their start included. They
// give up on files that they cannot read, which makes them look faster.
func (c *corpus) peers(out io.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := exec.LookPath("evtxexport"); err != nil {
		fmt.Fprintln(out, "\nevtxexport is not installed (Debian: libevtx-utils)")
	} else {
		start := time.Now()
		for _, path := range c.paths {
			cmd := exec.CommandContext(ctx, "evtxexport", "-f", "xml", path)
			cmd.Stdout = io.Discard
			_ = cmd.Run()
		}
		c.row(out, "evtxexport to XML, a process a file", time.Since(start), "")
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, name, "-c", "import Evtx").Run() != nil {
			continue
		}
		start := time.Now()
		n, err := exec.CommandContext(ctx, name, append([]string{"-c", python}, c.paths...)...).Output()
		if err == nil {
			c.row(out, "python-evtx to XML ("+strings.TrimSpace(string(n))+" records)", time.Since(start), "")
		}
		return
	}
	fmt.Fprintln(out, "\npython-evtx is not installed (Debian: python3-evtx)")
}
