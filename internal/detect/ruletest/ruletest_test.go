package ruletest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/sigma"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

const sysmon = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"Initiated":"true","Image":"C:\\Users\\x\\bad.exe"}` + "\n"

func TestRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "samples/two.jsonl", sysmon+sysmon)
	write(t, dir, "repo/regression_data/r/info.yml", `id: x
rule_metadata: [{id: `+detecttest.RuleA+`, title: t}]
regression_tests_info:
  - {name: Positive, type: evtx, path: regression_data/r/a.evtx, match_count: 2}
  - {name: Gone, type: evtx, path: regression_data/r/gone.evtx}
`)
	write(t, dir, "repo/regression_data/r/a.evtx", "ElfFile\x00\x00\x00\x00")
	write(t, dir, "repo/regression_data/r/a.json", sysmon+sysmon)
	write(t, dir, "own/rule.yml", strings.Replace(detecttest.RulesText[:strings.Index(detecttest.RulesText, "---")],
		"level: high",
		"level: high\ntests:\n  - {name: finds it, events: ../samples/two.jsonl, matches: 2}\n  - {name: too much, "+
			"events: ../samples/two.jsonl, matches: 3}", 1))
	write(t, dir, "own/more_tests.yaml",
		"tests:\n  - {rule: "+detecttest.RuleB+", name: quiet, events: ../samples/two.jsonl, matches: 0}\n  - {rule: "+
			strings.ToUpper(detecttest.RuleA)+
			", events: ../samples/two.jsonl, matches: 0}\n  - {rule: 99999999-0000-4000-8000-000000000000, events: "+
			"../samples/two.jsonl}\n  - {rule: "+detecttest.RuleNoise+", events: ../samples/two.jsonl}\n")
	write(t, dir, "own/notes.yml", "tests are fun: yes\n")
	write(t, dir, "own/broken.yml", "about: tests\n  bad: [\n")
	list, err := Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	set := detecttest.Rules(t, detecttest.RulesText)
	set = sigma.NewSet(slices.DeleteFunc(set.Rules, func(r *sigma.Rule) bool { return r.ID == detecttest.RuleNoise }))
	set.Refused = append(set.Refused,
		sigma.ParseCollection("noise.yml", []byte("title: t\nid: "+detecttest.RuleNoise+"\n")).Refused...)
	got, err := Run(t.Context(), set, list)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range got {
		read := ""
		if r.Read != "" {
			read = " read " + filepath.Base(r.Read)
		}
		lines = append(lines, strings.TrimSpace(r.Name)+"|"+filepath.Base(r.Sample)+read+"|"+
			strings.ReplaceAll(r.Why.EN, dir, ""))
	}
	slices.Sort(lines)
	want := []string{
		"Gone|gone.evtx|the sample /repo/regression_data/r/regression_data/r/gone.evtx is not there",
		"Positive|a.evtx read a.json|",
		"finds it|two.jsonl|",
		"quiet|two.jsonl|",
		"too much|two.jsonl|2 of 2 events match, at least 3 should",
		"|two.jsonl|2 of 2 events match, and none should",
		"|two.jsonl|no rule has this id",
		"|two.jsonl|the rule was refused: noise.yml:1:1: no detection: this is not a Sigma detection rule",
	}
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if _, err := Find([]string{filepath.Join(dir, "nowhere")}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a path that is not there: %v", err)
	}
}

// What states tests and is not understood is named, never passed by.
func TestFindRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no rule":       "tests: [{events: a.json}]",
		"no events":     "tests: [{rule: x}]",
		"not a list":    "tests: 5",
		"negative":      "tests: [{rule: x, events: a, matches: -1}]",
		"a word":        "tests: [{rule: x, events: a, matches: many}]",
		"no metadata":   "regression_tests_info: [{path: a}]",
		"no path":       "rule_metadata: [{id: x}]\nregression_tests_info: [{name: a}]",
		"broken behind": "tests: [{rule: x, events: a}]\n---\nx: [",
		"too large":     "tests: [{rule: x, events: a}]\n#" + strings.Repeat("x", maxFile),
	} {
		path := write(t, t.TempDir(), "t.yml", text)
		if _, err := Find([]string{path}); !fault.Is(err, fault.Invalid) ||
			!strings.Contains(fault.TextOf(err).EN, path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSampleThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	set := detecttest.Rules(t, detecttest.RulesText)
	for name, text := range map[string]string{"empty.json": "", "broken.jsonl": sysmon + "{\"a\":\n",
		"lone.evtx": "ElfFile\x00"} {
		got, err := Run(t.Context(), set, []Test{{Rule: detecttest.RuleA, Sample: write(t, dir, name, text), Least: 1}})
		if err != nil || got[0].Passed() {
			t.Errorf("%s passes: %v %+v", name, err, got)
		}
	}
}

// All of SigmaHQ's own samples.
func TestSigmaHQ(t *testing.T) {
	data := os.Getenv("MENEKI_DATA_DIR")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(data, "sigma-golden")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", data)
	}
	list, err := Find([]string{filepath.Join(data, "sigma-golden")})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, x := range list {
		wanted[x.Rule] = true
	}
	var tested []*sigma.Rule // only these: to parse all rules takes most of the time
	err = filepath.WalkDir(filepath.Join(data, "sigma"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(text), "\nid: ")
		if id, _, _ := strings.Cut(rest, "\n"); !wanted[strings.TrimSpace(id)] {
			return nil
		}
		rules, err := sigma.Parse(path, text)
		tested = append(tested, rules...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set := sigma.NewSet(tested)
	got, err := Run(t.Context(), set, list)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 91 {
		t.Errorf("%d tests", len(got))
	}
	for _, r := range got {
		if !r.Passed() {
			t.Errorf("%s %s: %s", r.Rule, r.Title, r.Why.EN)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tests: [{rule: x, events: a, matches: 0}]",
		"rule_metadata: [{id: x}]\nregression_tests_info: [{path: a, match_count: 1}]",
		"tests:\n- &a {rule: x, events: b}\n- *a", "detection: {}\nid: 1\ntests: [{events: \"\\0\"}]",
		"---\n---\ntests: null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			t.Skip()
		}
		list, err := parse("x.yml", text)
		if err != nil {
			return
		}
		for _, x := range list {
			if x.Rule == "" || x.Sample == "" || x.Least < 0 {
				t.Fatalf("%+v", x)
			}
		}
	})
}
