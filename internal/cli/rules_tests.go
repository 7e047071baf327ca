package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/detect/ruletest"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

type rulesTest struct {
	Rules    []string `help:"Sigma rules: files or folders." ja:"Sigma ルール：ファイルかフォルダー" placeholder:"PATH" jaholder:"パス" required:"" type:"path"`
	Pipeline []string `help:"Processing pipeline for --rules: a pySigma file, or the name of one that is built in; may be repeated." ja:"--rules に適用するパイプライン：pySigma のファイルか、内蔵のものの名前。複数指定可" placeholder:"NAME" jaholder:"名前" sep:"none"`
	Paths    []string `arg:"" optional:"" name:"path" jaholder:"パス" help:"Where the tests are: info.yml as in SigmaHQ's regression_data, or YAML with tests:. Default: beside the rules." ja:"テストの場所：SigmaHQ の regression_data と同じ形の info.yml か、tests: のある YAML。既定はルールと同じ場所" type:"path"`
	JSON     bool     `help:"Print JSON." ja:"JSON で表示"`
}

type testOut struct {
	Name    string `json:"name,omitempty"`
	File    string `json:"file"`
	Sample  string `json:"sample"`
	Read    string `json:"read,omitempty"` // what was read instead
	Events  int64  `json:"events"`
	Least   int    `json:"least"` // 0: none may match
	Matches int    `json:"matches"`
	Pass    bool   `json:"pass"`
	Why     string `json:"why,omitempty"`
}

type testedRule struct {
	ID    string    `json:"id"`
	Title string    `json:"title,omitempty"`
	Pass  bool      `json:"pass"`
	Tests []testOut `json:"tests"`
}

// Run tests; a failure is exit code 1.
func (c *rulesTest) Run(s *session) error {
	set, err := ruleset.Load(s.ctx, c.Rules, c.Pipeline...)
	if err != nil {
		return err
	}
	if err := someRules(set, c.Rules); err != nil {
		return err
	}
	s.sayRefused(set)
	paths := c.Paths
	if len(paths) == 0 {
		paths = c.Rules
	}
	tests, err := ruletest.Find(paths)
	if err != nil {
		return err
	}
	if len(tests) == 0 {
		return fault.New(fault.NotFound, i18n.T("no tests were found", "テストが見つかりません")).
			WithHint(
				i18n.T(
					"give a folder with info.yml files, or write tests: into a rule; docs/design/0008-rule-health.md "+
						"shows both", "info.yml のあるフォルダーを指定するか、ルールに tests: を書いてください（docs/design/0008-rule-health.md）",
				),
			)
	}
	results, err := ruletest.Run(s.ctx, set, tests)
	if err != nil {
		return err
	}
	lang := s.lang
	if c.JSON {
		lang = i18n.EN // for programs
	}
	rules, failed := byRule(results, lang)
	tested := map[string]bool{}
	for _, r := range rules {
		tested[strings.ToLower(r.ID)] = true
	}
	untested := 0
	for _, r := range set.Rules {
		if !tested[strings.ToLower(r.Key())] {
			untested++
		}
	}
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		err := enc.Encode(struct {
			Passed   int          `json:"passed"`
			Failed   int          `json:"failed"`
			Untested int          `json:"untested"`
			Rules    []testedRule `json:"rules"`
		}{len(rules) - failed, failed, untested, rules})
		if err != nil {
			return err
		}
	} else {
		for _, r := range rules {
			c.print(s, r)
		}
		s.say(i18n.T("{0} {0:rule|rules} passed, {1} failed, {2} {2:has|have} no test",
			"合格 {0} 件、不合格 {1} 件、テストのないルール {2} 件").With(len(rules)-failed, failed, untested))
	}
	if failed > 0 {
		return fault.New(fault.Missed, i18n.T("{0} {0:rule failed its|rules failed their} tests",
			"{0} 件のルールがテストに不合格です").With(failed)).
			WithHint(i18n.T("meneki rules explain RULE SAMPLE:RECORD says why a rule does not match an event",
				"meneki rules explain ルール 標本:番号 で、一致しない理由を確認できます"))
	}
	return nil
}

// byRule gathers results, which come sorted by rule.
func byRule(results []ruletest.Result, lang i18n.Lang) (out []testedRule, failed int) {
	for _, r := range results {
		if n := len(out); n == 0 || !strings.EqualFold(out[n-1].ID, r.Rule) {
			out = append(out, testedRule{ID: r.Rule, Title: r.Title, Pass: true})
		}
		last := &out[len(out)-1]
		last.Pass = last.Pass && r.Passed()
		last.Tests = append(last.Tests, testOut{r.Name, r.File, r.Sample, r.Read, r.Events, r.Least, r.Matches,
			r.Passed(), r.Why.In(lang)})
	}
	for _, r := range out {
		if !r.Pass {
			failed++
		}
	}
	return out, failed
}

func (c *rulesTest) print(s *session, r testedRule) {
	word := i18n.T("pass", "合格")
	if !r.Pass {
		word = i18n.T("FAIL", "不合格")
	}
	fmt.Fprintf(s.out, "%s %s %s\n", pad(word.In(s.lang), 6), clean(r.ID), clean(r.Title))
	for _, t := range r.Tests {
		if !t.Pass {
			fmt.Fprintf(s.out, "       %s: %s: %s\n", clean(t.File), clean(t.Sample), clean(t.Why))
		}
	}
}
