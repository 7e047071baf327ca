package timeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event/read"
)

// The short way over JSON lines gives what event/read and the reference
// evaluator give: the same matches with the same numbers, the same counts, the
// same places of what is broken.
func TestLinesLikeRead(t *testing.T) {
	set := rules(t, ruleA, ruleB, ruleC)
	good := eventLine("2026-01-01 10:00:00.000", "PC1", `C:\sh.exe`)
	pieces := []string{
		good, good, good, eventLine("2026-01-01 10:00:01.000", "PC2", `C:\harmless.exe`), "\n", "  \n", "\r\n", strings.TrimSpace(good) + "\r\n", "\t " + good,
		strings.TrimSpace(good) + strings.TrimSpace(good) + "\n", strings.ReplaceAll(good, ",", ",\n"), "{broken\n", "{\"EventID\":\n", "no JSON\n", "[" + strings.TrimSpace(good) + "]\n",
		`{"Records":[` + strings.TrimSpace(good) + "," + strings.TrimSpace(good) + "]}\n", `{"a":"` + strings.Repeat("x", 3000) + "\"}\n", `{"EventID":1,"EventID":2,"Channel":"Security"}` + "\n",
		`{"EventID":"1","Channel":"Security","CommandLine":"hello \u65e5\u0000","x":[1,{"y":"=cmd"}]}` + "\n", "{}\n", "null\n", "\xff\n", `{"a":1}garbage` + "\n", `{"EventID":1.0,"Channel":"Security"}` + "\n",
		`{"Event":{"System":{"EventID":1,"Channel":"Security","Computer":"PC9"},"EventData":{"Data":["hello","b"]}}}` + "\n",
	}
	check := func(t testing.TB, text string) {
		in := []Input{{Path: Stdin, Named: true}}
		fast, a := ran(t, Config{Rules: set, Inputs: in, Stdin: strings.NewReader(text)})
		slow, b := ran(t, Config{Rules: set, Inputs: in, Stdin: strings.NewReader(text), reference: true})
		if d := cmp.Diff(slow, fast); d != "" {
			t.Fatalf("%q\n%s", text, d)
		}
		if d := cmp.Diff(b.Report, a.Report, cmpopts.IgnoreFields(read.Report{}, "Bytes"), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%q\n%s", text, d)
		}
	}
	for i, first := range pieces {
		for k, then := range pieces {
			if raced && (i+k)%9 != 0 {
				continue
			}
			check(t, good+first+then+good)
			check(t, first+strings.TrimSuffix(then, "\n"))
		}
	}
	check(t, good+`{"EventID":1,"Channel":"Security","CommandLine":"hello `+strings.Repeat("x", 3<<20)+"\"}\n"+good)
	check(t, good+strings.TrimSuffix(good, "}\n"))
	// Garbage in the middle of a log is a bad record, whatever it looks like.
	_, a := ran(t, Config{Rules: set, Inputs: []Input{{Path: Stdin, Named: true}}, Stdin: strings.NewReader(strings.Repeat(good, 40) + strings.Repeat("\x00\x01", 5000))})
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

// failing fails the drawn case and not the whole test.
type failing struct {
	testing.TB
	rt *rapid.T
}

func (f failing) Fatalf(format string, args ...any) { f.rt.Fatalf(format, args...) }
