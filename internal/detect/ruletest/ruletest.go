// Package ruletest tests rules on samples of events: it finds the tests that are
// stated beside rules, in SigmaHQ's layout or in ours, and reports which of them
// pass.
package ruletest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/sigma"
)

// Test is one test of a rule: how many events of a sample it must match.
type Test struct {
	Rule   string // id
	Name   string
	File   string // that states the test
	Sample string // path of the events, as it was found or as it is written
	Least  int    // at least so many events must match; 0: none may
}

// Result is the outcome of a test.
type Result struct {
	Test
	Title   string // of the rule
	Read    string // what was read instead of Sample: the JSON beside an EVTX; "" if Sample was
	Events  int64  // that were read
	Matches int
	Why     i18n.Text // why it failed; empty: it passed
}

// Passed reports whether the rule did what the test wants.
func (r Result) Passed() bool { return r.Why.Zero() }

// Bounds of what states tests.
const (
	maxFile  = 1 << 20 // bytes
	maxTests = 100_000
)

// document is a document that states tests, in either of two layouts: the one
// of SigmaHQ's regression_data, and tests: in a rule or in a file beside it.
type document struct {
	ID       string `yaml:"id"`
	Metadata []struct {
		ID string `yaml:"id"`
	} `yaml:"rule_metadata"`
	Regression []struct {
		Name  string `yaml:"name"`
		Path  string `yaml:"path"`
		Count *int   `yaml:"match_count"`
	} `yaml:"regression_tests_info"`
	Tests     statedTests `yaml:"tests"`
	Detection yaml.Node   `yaml:"detection"`
}

// Find finds what tests of rules the files and folders hold. A file that
// states tests and is not understood is an error that names it; YAML that states
// none is passed by.
func Find(paths []string) ([]Test, error) {
	var out []Test
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			ext := strings.ToLower(filepath.Ext(path))
			if d.IsDir() || ext != ".yml" && ext != ".yaml" {
				return nil
			}
			list, err := testsIn(path)
			if err != nil {
				return fault.Wrap(fault.Invalid, i18n.T("the tests in {0} cannot be understood: {1}",
					"{0} のテストを解釈できません：{1}").With(path, reason.Of(err)), err)
			}
			if out = append(out, list...); len(out) > maxTests {
				return fault.New(fault.TooLarge, i18n.T("more than {0} tests", "テストが {0} 件を超えています").With(maxTests))
			}
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.NotFound, i18n.T("{0} is not there", "{0} がありません").With(root),
				err).WithHint(i18n.T("check the path", "パスを確認してください"))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func testsIn(path string) ([]Test, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(text, []byte("tests")) { // most files are rules without tests
		return nil, nil
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return parse(path, text)
}

// parse reads the tests that a file states.
func parse(path string, text []byte) ([]Test, error) {
	var out []Test
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var d document
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			if len(out) == 0 && !states(text) { // the word stands somewhere in a broken rule
				return nil, nil
			}
			return nil, err
		}
		for i, t := range d.Regression {
			if len(d.Metadata) == 0 || d.Metadata[0].ID == "" {
				return nil, errors.New("rule_metadata names no rule id")
			}
			if t.Path == "" {
				return nil, fmt.Errorf("regression_tests_info %d has no path", i+1)
			}
			least, err := count(t.Count)
			if err != nil {
				return nil, err
			}
			for _, m := range d.Metadata {
				out = append(out, Test{Rule: m.ID, Name: t.Name, File: path, Sample: locate(path, t.Path),
					Least: least})
			}
		}
		for i, t := range d.Tests {
			rule := t.Rule
			if rule == "" && d.Detection.Kind != 0 {
				rule = d.ID
			}
			if rule == "" || t.Events == "" {
				return nil, fmt.Errorf("tests %d: it needs rule (in a rule's own file its id) and events", i+1)
			}
			least, err := count(t.Matches)
			if err != nil {
				return nil, err
			}
			out = append(out, Test{Rule: rule, Name: t.Name, File: path, Sample: locate(path, t.Events), Least: least})
		}
	}
}

// states reports whether a text has a key that states tests at the start of a line.
func states(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("tests:")) || bytes.HasPrefix(line, []byte("regression_tests_info:")) {
			return true
		}
	}
	return false
}

func count(n *int) (int, error) {
	switch {
	case n == nil:
		return 1, nil
	case *n < 0:
		return 0, fmt.Errorf("%d matches cannot be", *n)
	}
	return *n, nil
}

// locate finds a sample: beside the file that names it, below one of the folders
// above it (SigmaHQ writes paths from its repository's root), or by its name alone
// beside the file.
func locate(file, sample string) string {
	dir, rel := filepath.Dir(file), filepath.FromSlash(sample)
	if filepath.IsAbs(rel) {
		return rel
	}
	for up := dir; ; up = filepath.Dir(up) {
		if p := filepath.Join(up, rel); exists(p) {
			return p
		}
		if up == filepath.Dir(up) || up == "." {
			break
		}
	}
	if p := filepath.Join(dir, filepath.Base(rel)); exists(p) {
		return p
	}
	return filepath.Join(dir, rel)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Run runs the tests, each sample read once. Results are in the order of
// the rules' ids. A rule that is not in the set, or was refused, fails.
func Run(ctx context.Context, set *sigma.Set, tests []Test) ([]Result, error) {
	rules, refused := map[string]*sigma.Rule{}, map[string]i18n.Text{}
	for _, r := range set.Rules {
		rules[strings.ToLower(r.Key())] = r
	}
	for _, p := range set.Refused {
		if p.RuleID != "" {
			refused[strings.ToLower(p.RuleID)] = reason.Of(p)
		}
	}
	out := make([]Result, len(tests))
	bySample := map[string][]int{}
	var samples []string
	for i, t := range tests {
		out[i] = Result{Test: t}
		r := rules[strings.ToLower(t.Rule)]
		switch why, was := refused[strings.ToLower(t.Rule)]; {
		case r != nil:
			out[i].Title = r.Title
			if bySample[t.Sample] == nil {
				samples = append(samples, t.Sample)
			}
			bySample[t.Sample] = append(bySample[t.Sample], i)
		case was:
			out[i].Why = i18n.T("the rule was refused: {0}", "ルールを読み込めません：{0}").With(why)
		default:
			out[i].Why = i18n.T("no rule has this id", "この番号のルールがありません")
		}
	}
	for _, s := range samples {
		if err := runSample(ctx, s, bySample[s], rules, out); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b Result) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.File, b.File))
	})
	return out, nil
}

// runSample runs the tests at the places of out that share a sample.
func runSample(ctx context.Context, sample string, at []int, rules map[string]*sigma.Rule, out []Result) error {
	fail := func(t i18n.Text) {
		for _, i := range at {
			out[i].Why = t
		}
	}
	if !exists(sample) {
		fail(i18n.T("the sample {0} is not there", "標本 {0} がありません").With(sample))
		return nil
	}
	each := func(ev *event.Event) error {
		ev.TryAllSources() // as meneki detect does: the test names the rule
		for _, i := range at {
			if m, ok := rules[strings.ToLower(out[i].Rule)].Match(ev); ok && ev.Supports(m) {
				out[i].Matches++
			}
		}
		return nil
	}
	rep, err := read.Paths(ctx, []string{sample}, read.Options{}, each)
	if err == nil && rep.Events == 0 && strings.EqualFold(filepath.Ext(sample), ".evtx") {
		// What cannot be read as it is has, in SigmaHQ's layout, a rendering beside it.
		if beside := strings.TrimSuffix(sample, filepath.Ext(sample)) + ".json"; exists(beside) {
			for _, i := range at {
				out[i].Read = beside
			}
			rep, err = read.Paths(ctx, []string{beside}, read.Options{}, each)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		fail(i18n.T("the sample cannot be read: {0}", "標本を読み取れません：{0}").With(fault.TextOf(err)))
		return nil
	}
	for _, i := range at {
		r := &out[i]
		r.Events = rep.Events
		switch {
		case rep.Events == 0:
			r.Why = i18n.T("the sample holds no event that can be read", "標本に読み取れる事象がありません")
		case rep.BadN > 0:
			r.Why = i18n.T("{0} records of the sample cannot be read", "標本の {0} 件の記録を読み取れません").With(rep.BadN)
		case r.Least == 0 && r.Matches > 0:
			r.Why = i18n.T("{0} of {1} events match, and none should", "{1} 事象のうち {0} 件が一致（一致してはならない）").With(r.Matches,
				r.Events)
		case r.Matches < r.Least:
			r.Why = i18n.T("{0} of {1} events match, at least {2} should", "{1} 事象のうち一致は {0} 件（{2} 件以上必要）").With(
				r.Matches, r.Events, r.Least,
			)
		}
	}
	return nil
}
