package cli

import (
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/app"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

type rulesCmd struct {
	Check   rulesCheck   `cmd:"" help:"Load rules; name those that are refused, with file, line and reason."`
	Explain rulesExplain `cmd:"" help:"Say why a rule matches an event or does not."`
	Test    rulesTest    `cmd:"" help:"Run the tests that stand beside rules; exit 1 if one fails."`
	Cost    rulesCost    `cmd:"" help:"Say what each rule costs on real events, dearest first."`
}

type rulesCheck struct {
	Paths []string `arg:"" name:"path" help:"Sigma files and folders." type:"path"`
	JSON  bool     `help:"Print JSON."`
}

type refusal struct {
	Path   string `json:"path"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason"`
}

// Run checks; a refused rule is exit code 65.
func (c *rulesCheck) Run(s *session) error {
	set, err := app.LoadRules(s.ctx, c.Paths)
	if err != nil {
		return err
	}
	if c.JSON {
		out := struct {
			Loaded  int       `json:"loaded"`
			Refused []refusal `json:"refused"`
		}{len(set.Rules), []refusal{}}
		for _, r := range set.Refused {
			out.Refused = append(out.Refused, refusal{r.Path, r.Line, r.Column, r.RuleID, r.Reason})
		}
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		for _, r := range set.Refused {
			fmt.Fprintln(s.out, clean(r.Error()))
		}
		s.say(i18n.T("{0} rules loaded, {1} refused", "規則 {0} 件を読み込み、{1} 件を拒否").With(len(set.Rules), len(set.Refused)))
	}
	if len(set.Refused) > 0 {
		return fault.New(fault.Unsupported, i18n.T("{0} rules were refused", "{0} 件の規則が拒否されました").With(len(set.Refused)))
	}
	return nil
}
