package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/meneki/meneki/internal/app"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

type rulesCmd struct {
	Check   rulesCheck   `cmd:"" help:"Load rules; name those that are refused, with file, line and reason."`
	Explain rulesExplain `cmd:"" help:"Say why a rule matches an event or does not."`
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

type rulesExplain struct {
	Rule   string   `arg:"" help:"A Sigma file." type:"existingfile"`
	Events []string `arg:"" name:"events" help:"Recorded events." type:"path"`
	Most   int      `help:"Stop after so many events." default:"20"`
}

// Run prints the reference evaluator's trace, event by event.
func (c *rulesExplain) Run(s *session) error {
	b, err := os.ReadFile(c.Rule)
	if err != nil {
		return fault.Wrap(fault.NotFound, fault.NotFound.Title(), err)
	}
	rules, err := sigma.Parse(c.Rule, b)
	if err != nil {
		return fault.Wrap(fault.Unsupported, i18n.Same(err.Error()), nil)
	}
	n := 0
	_, err = read.Paths(s.ctx, c.Events, read.Options{}, func(ev *event.Event) error {
		for _, r := range rules {
			if r.LogSource.Covers(ev.LogSource()) {
				fmt.Fprintf(s.out, "%s %s\n%s\n", ev.Time.Format("2006-01-02T15:04:05.000Z"), clean(ev.Host), r.Explain(ev).String())
				n++
			}
		}
		if n >= c.Most {
			return errEnough
		}
		return nil
	})
	if err == errEnough {
		err = nil
	}
	if err == nil && n == 0 {
		return fault.New(fault.Missed, i18n.T("no event of the rule's log source was read", "この規則の対象となる事象がありません"))
	}
	return err
}

var errEnough = fault.New(fault.Missed, i18n.T("enough", "十分"))
