package timeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// The short way over JSON lines gives what event/read and the reference
// evaluator give: the same matches with the same numbers, the same counts, the
// same places of what is broken.
func TestLinesLikeRead(t *testing.T) {
	set := rules(t, ruleA, ruleB, ruleC)
	good := eventLine("2026-01-01 10:00:00.000", "PC1", `C:\sh.exe`)
	pieces := []string{
		good, good, good, eventLine("2026-01-01 10:00:01.000", "PC2", `C:\harmless.exe`), "\n", "  \n", "\r\n",
		strings.TrimSpace(good) + "\r\n", "\t " + good,
		strings.TrimSpace(good) + strings.TrimSpace(good) + "\n", strings.ReplaceAll(good, ",", ",\n"), "{broken\n",
		"{\"EventID\":\n", "no JSON\n", "[" + strings.TrimSpace(good) + "]\n",
		`{"Records":[` + strings.TrimSpace(good) + "," + strings.TrimSpace(good) + "]}\n", `{"a":"` +
			strings.Repeat("x", 3000) + "\"}\n", `{"EventID":1,"EventID":2,"Channel":"Security"}` + "\n",
		`{"EventID":"1","Channel":"Security","CommandLine":"hello \u65e5\u0000","x":[1,{"y":"=cmd"}]}` + "\n", "{}\n",
		"null\n", "\xff\n", `{"a":1}garbage` + "\n", `{"EventID":1.0,"Channel":"Security"}` + "\n",
		`{"Event":{"System":{"EventID":1,"Channel":"Security","Computer":"PC9"},"EventData":{"Data":["hello","b"]}}}` +
			"\n",
	}
	check := func(t testing.TB, text string) {
		in := []Input{{Path: Stdin, Named: true}}
		want, report := onlyRead(t, set, text)
		for _, cfg := range []Config{{Jobs: 1}, {Jobs: 3, block: 1}, {Jobs: 1, block: 300},
			{Jobs: 2, block: 1, reference: true}} {
			cfg.Rules, cfg.Inputs, cfg.Stdin = set, in, strings.NewReader(text)
			got, res := ran(t, cfg)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%q, jobs %d, block %d\n%s", text, cfg.Jobs, cfg.block, d)
			}
			if d := cmp.Diff(report, res.Report, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%q, jobs %d, block %d\n%s", text, cfg.Jobs, cfg.block, d)
			}
		}
	}
	for i, first := range pieces {
		for k, then := range pieces {
			if raced && (i+k)%23 != 0 {
				continue
			}
			check(t, good+first+then+good)
			check(t, first+strings.TrimSuffix(then, "\n"))
		}
	}
	for _, encoding := range []func(string) string{utf16LE, shiftJIS} {
		check(t, encoding(good+eventLine("2026-01-01 10:00:02.000", "PC1", `C:\日本語\sh.exe`)+good))
	}
	check(t, good+`{"EventID":1,"Channel":"Security","CommandLine":"hello `+strings.Repeat("x", 3<<20)+"\"}\n"+good)
	check(t, good+strings.TrimSuffix(good, "}\n"))
	// Garbage in the middle of a log is a bad record, whatever it looks like.
	_, a := ran(t, Config{Rules: set, Inputs: []Input{{Path: Stdin, Named: true}},
		Stdin: strings.NewReader(strings.Repeat(good, 40) + strings.Repeat("\x00\x01", 5000))})
	if a.Report.Events != 40 || a.Report.BadN != 1 || a.Report.SkipN != 0 || a.Report.Files != 1 {
		t.Errorf("%+v", a.Report)
	}
	if raced {
		return
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(rt, "pieces"), "")
		check(failing{t, rt}, text)
	})
}

// onlyRead is the plain way: package read gives one event after another, and
// each is held against each rule.
func onlyRead(t testing.TB, set *sigma.Set, text string) (string, read.Report) {
	var out strings.Builder
	w := New("jsonl", &out, style(i18n.EN))
	now := time.Now()
	unknown := int64(0)
	report, err := read.Stream(t.Context(), Stdin, strings.NewReader(text),
		read.Options{Clock: func() time.Time { return now }}, func(ev *event.Event) (err error) {
			if ev.TryAllSources() {
				unknown++
			}
			for m := range set.Match(ev) {
				if !ev.Supports(m) {
					continue
				}
				if err = w.Write(newMatch(m, ev, 0, 0)); err != nil {
					break
				}
			}
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End(nil); err != nil {
		t.Fatal(err)
	}
	report.Unknown = unknown
	return out.String(), report
}

func utf16LE(s string) string {
	b, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return b
}

func shiftJIS(s string) string {
	b, err := japanese.ShiftJIS.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Records of one system call explain one another wherever a block ends.
func TestAuditAcrossBlocks(t *testing.T) {
	set := rules(t, "title: Shell\nlogsource:\n    product: linux\n    category: process_creation\ndetection:\n    "+
		"s:\n        Image|endswith: /sh\n        CommandLine|contains: danger\n    condition: s\n")
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "type=SYSCALL msg=audit(1604996384.%03d:%d): arch=c000003e syscall=59 success=yes "+
			"exe=\"/bin/sh\" uid=0\n", i, i)
		text.WriteString(strings.Repeat("Jan  2 03:04:05 host app: between\n", i%4))
		fmt.Fprintf(&text, "type=EXECVE msg=audit(1604996384.%03d:%d): argc=2 a0=\"sh\" a1=\"danger\"\n", i, i)
	}
	want, _ := onlyRead(t, set, text.String())
	if strings.Count(want, "\n") != 60 {
		t.Fatalf("%d matches", strings.Count(want, "\n"))
	}
	for _, block := range []int{1, 100, 1000} {
		for _, jobs := range []int{1, 3} {
			got, _ := ran(t, Config{Rules: set, Inputs: []Input{{Path: Stdin, Named: true}},
				Stdin: strings.NewReader(text.String()), Jobs: jobs, block: block})
			if got != want {
				t.Errorf("block %d, jobs %d: %s", block, jobs, cmp.Diff(want, got))
			}
		}
	}
}

// failing fails the drawn case and not the whole test.
type failing struct {
	testing.TB
	rt *rapid.T
}

func (f failing) Fatalf(format string, args ...any) { f.rt.Fatalf(format, args...) }
