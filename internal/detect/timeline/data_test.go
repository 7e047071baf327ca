package timeline

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/sigma"
)

// dataDir finds the folder of real data, or skips the test.
func dataDir(t *testing.T) string {
	t.Helper()
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(d, "sigma-golden")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", d)
	}
	return d
}

var loadAll = sync.OnceValues(func() (*sigma.Set, error) { return sigma.Load(os.DirFS(allRulesDir), ".") })

var allRulesDir string // set once, before loadAll

// allRules returns all rules of the data folder, which are read once.
func allRules(t *testing.T, dir string) *sigma.Set {
	t.Helper()
	allRulesDir = filepath.Join(dir, "sigma")
	set, err := loadAll()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// golden is what SigmaHQ states of a rule's recordings.
type golden struct {
	Rules []struct {
		ID string `yaml:"id"`
	} `yaml:"rule_metadata"`
	Tests []struct {
		Type  string `yaml:"type"`
		Count int    `yaml:"match_count"`
	} `yaml:"regression_tests_info"`
}

// Every recording of the golden set matches its rule as often as its authors
// say, from EVTX and from JSON, and the two say the same.
func TestGolden(t *testing.T) {
	dir := dataDir(t)
	set := allRules(t, dir)
	inputs, _, err := Inputs([]string{filepath.Join(dir, "sigma-golden")}, "")
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ rule, file string }
	found := map[key]int{}
	res, err := Run(t.Context(), Config{Rules: set, Inputs: inputs}, func(m *Match) error {
		found[key{m.Rule.ID, m.File}]++
		if len(m.Fields) == 0 || m.Rule.Title == "" || m.Record == 0 {
			t.Errorf("a match that says too little: %+v", m)
		}
		return nil
	})
	if err != nil || res.Report.BadN > 0 {
		t.Fatalf("%v %+v", err, res.Report.Bad)
	}
	folders := 0
	err = filepath.WalkDir(filepath.Join(dir, "sigma-golden"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "info.yml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var g golden
		if err := yaml.Unmarshal(b, &g); err != nil || len(g.Rules) == 0 {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if len(g.Tests) == 0 {
			return nil // its authors state nothing
		}
		folders++
		samples, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			return err
		}
		counts := map[string]int{}
		for _, f := range samples {
			if f.Name() != "info.yml" {
				counts[filepath.Ext(f.Name())] = found[key{g.Rules[0].ID, filepath.Join(filepath.Dir(path), f.Name())}]
			}
		}
		for ext, n := range counts {
			if n < max(1, g.Tests[0].Count) {
				t.Errorf("%s: %s matches %d times, at least %d are due", path, ext, n, max(1, g.Tests[0].Count))
			}
			if counts[".evtx"] > 0 && n != counts[".evtx"] {
				t.Errorf("%s: %v", path, counts)
			}
		}
		return nil
	})
	if err != nil || folders < 90 {
		t.Errorf("%d folders: %v", folders, err)
	}
}

// A record read from EVTX looks to rules as the same record in JSON does.
func TestEVTXLikeJSON(t *testing.T) {
	dir := dataDir(t)
	compared := 0
	err := filepath.WalkDir(filepath.Join(dir, "sigma-golden"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".evtx" {
			return err
		}
		all := func(path string) (out []*event.Event) {
			_, err := read.Paths(t.Context(), []string{path}, read.Options{}, func(ev *event.Event) error {
				out = append(out, ev)
				return nil
			})
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", path, err)
			}
			return out
		}
		a, b := all(path), all(strings.TrimSuffix(path, ".evtx")+".json")
		if len(b) == 0 {
			return nil
		}
		if len(a) != len(b) {
			t.Errorf("%s: %d records, the JSON beside it has %d", path, len(a), len(b))
			return nil
		}
		for i := range a {
			compared++
			for _, d := range []string{
				cmp.Diff([]string{b[i].Product, b[i].Service, strings.Join(b[i].Categories, " "), b[i].Host, b[i].User},
					[]string{a[i].Product, a[i].Service, strings.Join(a[i].Categories, " "), a[i].Host, a[i].User}),
				cmp.Diff(texts(b[i].Fields), texts(a[i].Fields)),
				cmp.Diff(b[i].Time.UnixMilli(), a[i].Time.UnixMilli()),
			} {
				if d != "" {
					t.Errorf("%s, record %d (-JSON +EVTX):\n%s", filepath.Base(path), i+1, d)
				}
			}
		}
		return nil
	})
	if err != nil || compared < 90 {
		t.Errorf("%d records compared: %v", compared, err)
	}
}

// texts returns the fields as text: the JSON beside an event log was made by other
// programs, which write some numbers as text, trim values, and round times.
func texts(m map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if k != "TimeCreated" { // Event.Time is compared
			out[k] = strings.ToLower(strings.TrimSpace(strings.ReplaceAll(fmt.Sprint(v), "\r\n",
				"\n"))) // one sample was edited by hand
		}
	}
	return out
}

// The fast engine finds what the reference evaluator finds, in the same order.
func TestEngineLikeReference(t *testing.T) {
	dir := dataDir(t)
	set := allRules(t, dir)
	paths := []string{filepath.Join(dir, "sigma-golden")}
	if !raced {
		paths = append(paths, filepath.Join(dir, "evtx"), filepath.Join(dir, "events-other"),
			filepath.Join(dir, "events-windows", "datasets", "atomic", "windows", "defense_evasion"))
	}
	inputs, _, err := Inputs(paths, "")
	if err != nil {
		t.Fatal(err)
	}
	if raced { // in full without the race detector
		inputs = slices.DeleteFunc(inputs,
			func(in Input) bool { return crc32.ChecksumIEEE([]byte(filepath.Base(in.Path)))%5 != 0 })
	}
	fast, a := ran(t, Config{Rules: set, Inputs: inputs})
	slow, b := ran(t, Config{Rules: set, Inputs: inputs, reference: true})
	if fast != slow || a.Tally.Matches == 0 || a.Report.Events != b.Report.Events {
		t.Errorf("engine: %d matches in %d events, reference: %d in %d", a.Tally.Matches, a.Report.Events,
			b.Tally.Matches, b.Report.Events)
	}
}

// An event log gives the same packed as plain; cut short, it gives what is whole
// and says what is lost.
func TestEVTXPacked(t *testing.T) {
	dir := dataDir(t)
	list, err := filepath.Glob(filepath.Join(dir, "evtx", "*.evtx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no event log")
	}
	plain, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	var gz, zst, zipped bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write(plain)
	g.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	a := zip.NewWriter(&zipped)
	for _, name := range []string{"in/log.evtx", "in/readme.md"} {
		w, err := a.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(plain)
	}
	a.Close()
	files := folder(t, map[string]string{"a.evtx": string(plain), "b.evtx.gz": gz.String(), "c.zst": zst.String(),
		"d.zip": zipped.String(), "e.evtx": string(plain[:5000]), "noname": string(plain)})
	set := rules(t, "title: All\nlogsource:\n    product: windows\ndetection:\n    s:\n        Channel|exists: "+
		"true\n    condition: s\n")
	counts := map[string]int{}
	inputs, _, err := Inputs([]string{files}, "")
	if err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), Config{Rules: set, Inputs: inputs},
		func(m *Match) error { counts[filepath.Base(m.File)]++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	n := counts["a.evtx"]
	want := map[string]int{"a.evtx": n, "b.evtx.gz": n, "c.zst": n, "log.evtx": n, "noname": n}
	if d := cmp.Diff(want, counts); d != "" || n == 0 {
		t.Error(d)
	}
	_, piped := ran(t, Config{Rules: set, Inputs: []Input{{Path: Stdin, Named: true}}, Stdin: bytes.NewReader(plain)})
	if piped.Tally.Matches != int64(n) {
		t.Errorf("%d of %d matches from standard input", piped.Tally.Matches, n)
	}
	if res.Report.SkipN != 1 || len(res.Report.Skipped) != 1 { // in/readme.md
		t.Errorf("passed by: %v", res.Report.Skipped)
	}
	if res.Report.BadN == 0 || !strings.HasSuffix(res.Report.Bad[0].Name, "e.evtx") {
		t.Errorf("the file that is cut short: %v", res.Report.Bad)
	}
}

// One event log of many chunks, some of them damaged, gives the same with one
// worker and with several, from disk and as it comes.
func TestEVTXWorkers(t *testing.T) {
	dir := dataDir(t)
	list, err := filepath.Glob(filepath.Join(dir, "evtx", "*.evtx"))
	if err != nil {
		t.Fatal(err)
	}
	var big []byte
	for i, path := range list[:min(len(list), 30)] {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			big = append(big, b[:4096]...)
		}
		if b = b[4096:]; i%7 == 3 {
			b = append(b[:700:700], b[800:]...) // in the middle of a record
		}
		big = append(big, b...)
	}
	set := rules(t, "title: All\nlogsource:\n    product: windows\ndetection:\n    s:\n        Channel|exists: "+
		"true\n    condition: s\n")
	path := filepath.Join(folder(t, map[string]string{"big.evtx": string(big)}), "big.evtx")
	want, first := ran(t, Config{Rules: set, Inputs: []Input{{Path: path, Size: int64(len(big)), Named: true}},
		Jobs: 1})
	if first.Tally.Matches < 100 || first.Report.BadN == 0 {
		t.Fatalf("%d matches, %d unreadable", first.Tally.Matches, first.Report.BadN)
	}
	for _, jobs := range []int{2, 5} {
		got, res := ran(t, Config{Rules: set, Inputs: []Input{{Path: path, Size: int64(len(big)), Named: true}},
			Jobs: jobs})
		if got != want {
			t.Errorf("jobs %d: another result", jobs)
		}
		if d := cmp.Diff(first.Report, res.Report); d != "" {
			t.Errorf("jobs %d: %s", jobs, d)
		}
	}
	if _, piped := ran(t, Config{Rules: set, Inputs: []Input{{Path: Stdin, Named: true}}, Stdin: bytes.NewReader(big),
		Jobs: 3}); piped.Tally.Matches != first.Tally.Matches {
		t.Errorf("%d of %d from standard input", piped.Tally.Matches, first.Tally.Matches)
	}
}
