package timeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// eventLine is a process creation as Sysmon in JSON tells it.
func eventLine(when, host, image string) string {
	return fmt.Sprintf(`{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational",`+
		`"Provider_Name":"Microsoft-Windows-Sysmon","UtcTime":%q,"Computer":%q,"Image":%q}`, when, host, image) + "\n"
}

// logs are three files out of the order of time, one of them with nothing to find.
func logs(t testing.TB) string {
	var a, b strings.Builder
	for i := range 400 {
		a.WriteString(eventLine(fmt.Sprintf("2026-01-01 10:%02d:%02d.000", i/60, i%60), "PC1", `C:\x\sh.exe`))
		b.WriteString(eventLine(fmt.Sprintf("2026-01-01 10:%02d:%02d.500", i/60, i%60), "PC2", `C:\x\sh.exe`))
	}
	return folder(t, map[string]string{
		"1.json": b.String(), "2.json": eventLine("2026-01-01 09:00:00.000", "PC3", `C:\harmless.exe`),
		"sub/3.json": a.String() + "{broken\n",
		".hidden":    "x", "README.md": "# not a log", "LICENSE": "text", "notes.txt": "just some words\n",
		"empty.json": "",
	})
}

func ran(t testing.TB, cfg Config) (string, *Result) {
	t.Helper()
	var out bytes.Buffer
	w := New("jsonl", &out, style(i18n.EN))
	res, err := Run(t.Context(), cfg, w.Write)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End(res); err != nil {
		t.Fatal(err)
	}
	return out.String(), res
}

// However many workers there are and however little memory, the same comes out.
func TestRunSameOutput(t *testing.T) {
	dir := logs(t)
	set := rules(t, ruleA, ruleC)
	inputs, skipped, err := Inputs([]string{dir}, "")
	if err != nil || len(inputs) != 7 || len(skipped) != 1 {
		t.Fatalf("%v %v %v", inputs, skipped, err)
	}
	for _, sorted := range []bool{false, true} {
		want := ""
		for _, jobs := range []int{1, 2, 7} {
			for _, memory := range []int{1, 3000, 0} {
				if raced && (jobs == 2) != (memory == 3000) {
					continue // each once
				}
				got, res := ran(t,
					Config{Rules: set, Inputs: inputs, Jobs: jobs, Memory: memory, Sort: sorted, Dir: t.TempDir()})
				if want == "" {
					want = got
				}
				if got != want {
					t.Fatalf("jobs %d, memory %d, sorted %v: another result", jobs, memory, sorted)
				}
				if res.Tally.Matches != 1601 || res.Report.Events != 801 || res.Report.BadN != 1 ||
					res.Report.SkipN != 3 || res.Used != 2 || res.Interrupted {
					t.Fatalf("jobs %d: %+v", jobs, res.Report)
				}
			}
		}
		lines := strings.SplitAfter(want, "\n")
		times := make([]int64, 0, len(lines))
		for _, l := range lines {
			if _, rest, ok := strings.Cut(l, `"time":"`); ok {
				times = append(times, at(strings.Split(rest, `"`)[0]).UnixNano())
			}
		}
		if len(times) != 1601 || sorted != slices.IsSorted(times) {
			t.Errorf("sorted %v: %d times, sorted: %v", sorted, len(times), slices.IsSorted(times))
		}
	}
}

func TestRunCounted(t *testing.T) {
	dir := logs(t)
	inputs, _, _ := Inputs([]string{dir}, "")
	counted := int64(0)
	first := true
	res, err := Run(t.Context(),
		Config{Rules: rules(t, ruleA), Inputs: inputs, Sort: true,
			Counted: func(r *Result) error { counted = r.Tally.Matches; return nil }}, func(*Match) error {
			if first && counted != 800 {
				t.Errorf("%d counted before the first match", counted)
			}
			first = false
			return nil
		})
	if err != nil || first || res.Tally.Levels[levelIndex(sigma.High)] != 800 {
		t.Errorf("%v %v", err, res.Tally.Levels)
	}
}

func TestRunInterrupted(t *testing.T) {
	dir := logs(t)
	inputs, _, _ := Inputs([]string{dir}, "")
	for _, sorted := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		cfg := Config{Rules: rules(t, ruleA), Inputs: inputs, Jobs: 2, Sort: sorted, Meter: &Meter{}, block: 1000}
		if sorted {
			cancel()
		}
		res, err := Run(ctx, cfg, func(*Match) error {
			if n++; n == 100 {
				cancel()
			}
			return nil
		})
		if err != nil || !res.Interrupted || int64(n) != res.Tally.Matches || n == 800 {
			t.Errorf("sorted %v: %v, %d given out of %d counted, interrupted %v", sorted, err, n, res.Tally.Matches,
				res.Interrupted)
		}
		cancel()
	}
}

func TestRunErrors(t *testing.T) {
	dir := logs(t)
	inputs, _, _ := Inputs([]string{dir}, "")
	full := errors.New("disk full")
	if _, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: inputs},
		func(*Match) error { return full }); !errors.Is(err, full) {
		t.Errorf("an error of the writer: %v", err)
	}
	gone := Input{Path: filepath.Join(dir, "gone.json"), Size: 5, Named: true}
	if _, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: append([]Input{gone}, inputs...)},
		func(*Match) error { return nil }); !fault.Is(err, fault.NotFound) {
		t.Errorf("a named file that went away: %v", err)
	}
	gone.Named = false
	res, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: []Input{gone}},
		func(*Match) error { return nil })
	if err != nil || res.Report.SkipN != 1 {
		t.Errorf("a file of a folder that went away: %v %+v", err, res)
	}
	if _, _, err := Inputs([]string{filepath.Join(dir, "nowhere")}, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("a path that is not there: %v", err)
	}
}

func TestRunStdinAndTime(t *testing.T) {
	in := eventLine("2026-01-01 10:00:00.000", "PC1", `C:\sh.exe`) +
		`{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"C:\\sh.exe"}` + "\n"
	inputs, _, err := Inputs([]string{Stdin}, "")
	if err != nil {
		t.Fatal(err)
	}
	got, res := ran(t, Config{Rules: rules(t, ruleA), Inputs: inputs, Stdin: strings.NewReader(in)})
	if res.Tally.Matches != 2 || res.Tally.NoTime != 1 || !strings.Contains(got, `"time":null`) {
		t.Errorf("%+v\n%s", res.Tally, got)
	}
	// A bound of time leaves out what states no time.
	_, res = ran(t, Config{Rules: rules(t, ruleA), Inputs: inputs, Stdin: strings.NewReader(in),
		Filter: Filter{From: at("2026-01-01T00:00:00Z")}})
	if res.Tally.Matches != 1 || res.Tally.NoTime != 0 || res.Report.Events != 2 {
		t.Errorf("%+v", res.Tally)
	}
}

func TestMeter(t *testing.T) {
	dir := logs(t)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	for range 3000 {
		fmt.Fprint(w, eventLine("2026-01-01 10:00:00.000", "PC1", `C:\sh.exe`))
	}
	w.Close()
	if err := os.WriteFile(filepath.Join(dir, "z.json.gz"), z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	inputs, _, _ := Inputs([]string{dir}, "")
	m := &Meter{}
	last := int64(0)
	_, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: inputs, Jobs: 1, Meter: m}, func(*Match) error {
		p := m.Progress()
		if p.Bytes < last || p.Bytes > p.Total {
			t.Fatalf("%d bytes after %d of %d", p.Bytes, last, p.Total)
		}
		last = p.Bytes
		return nil
	})
	p := m.Progress()
	if err != nil || p.Bytes != p.Total || p.Total == 0 || p.Matches != 3800 || p.Events != 3801 ||
		p.Files != int64(len(inputs)) || p.Now == "" {
		t.Errorf("%v %+v", err, p)
	}
}

func TestInputsExcept(t *testing.T) {
	dir := logs(t)
	own := filepath.Join(dir, "1.json")
	inputs, skipped, err := Inputs([]string{dir}, own)
	if err != nil || slices.ContainsFunc(inputs, func(in Input) bool { return in.Path == own }) || len(skipped) != 2 {
		t.Errorf("%v %v %v", inputs, skipped, err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "sub", "round")); err != nil {
		t.Skip("no links here")
	}
	if _, skipped, err = Inputs([]string{dir}, ""); err != nil || len(skipped) != 2 {
		t.Errorf("a link that goes round: %v %v", skipped, err)
	}
}

func TestFilter(t *testing.T) {
	set := rules(t, ruleA, ruleB, ruleC)
	for _, c := range []struct {
		f       Filter
		kept    string
		unknown int
	}{
		{Filter{}, "Shell Anything No", 0},
		{Filter{Level: sigma.Medium}, "Shell No", 0}, // one without a level ranks as medium
		{Filter{Level: sigma.Critical}, "", 0},
		{Filter{Tags: []string{"attack.t1059"}}, "Shell", 0},
		{Filter{Tags: []string{"T1059.001", "attack.T1021"}}, "Shell Anything", 0},
		{Filter{Tags: []string{"t105"}}, "", 0},
		{Filter{Tags: []string{"execution"}}, "Shell", 0},
		{Filter{Tags: []string{"CVE"}}, "Shell", 0},
		{Filter{Status: []string{"TEST", "stable"}}, "Shell", 0},
		{Filter{Exclude: []string{"11111111-1111-4111-8111-111111111111", "anything AT all", "c.yml"}}, "", 0},
		{Filter{Exclude: []string{"c", "nobody"}}, "Shell Anything", 1},
	} {
		kept, unknown := c.f.Rules(set)
		var names []string
		for _, r := range kept.Rules {
			names = append(names, strings.Fields(r.Title)[0])
		}
		if got := strings.Join(names, " "); got != c.kept || len(unknown) != c.unknown {
			t.Errorf("%+v: %q, %v", c.f, got, unknown)
		}
	}
	f := Filter{From: at("2026-01-02T00:00:00Z"), To: at("2026-01-03T00:00:00Z")}
	for s, want := range map[string]bool{"2026-01-01T23:59:59.999Z": false, "2026-01-02T00:00:00Z": true,
		"2026-01-02T23:59:59.999Z": true, "2026-01-03T00:00:00Z": false} {
		if f.covers(at(s), true) != want || f.covers(at(s), false) {
			t.Errorf("%s: %v", s, !want)
		}
	}
	if !(Filter{}).covers(time.Time{}, false) {
		t.Error("without bounds, an event without a time counts")
	}
}
