package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/sigma"
)

type rulesCmd struct {
	Check   rulesCheck   `cmd:"" help:"Load rules; name those that are refused, with file, line and reason, and exit 65 if there are any." ja:"ルールを読み込み、拒否したものをファイル、行、理由とともに表示。あれば終了コード 65"`
	Explain rulesExplain `cmd:"" help:"Say why a rule matches an event or does not." ja:"ルールが事象に一致する、またはしない理由を表示"`
	Test    rulesTest    `cmd:"" help:"Run the tests beside rules; exit 1 if one fails." ja:"ルールに添えられたテストを実行。不合格があれば終了コード 1"`
	Cost    rulesCost    `cmd:"" help:"Say what each rule costs on real events, most expensive first." ja:"実際の事象でのルールごとの負荷を、重い順に表示"`
}

type rulesCheck struct {
	Paths    []string `arg:"" name:"path" jaholder:"パス" help:"Sigma files and folders." ja:"Sigma のファイルとフォルダー" type:"path"`
	Pipeline []string `help:"Processing pipeline for the rules: a pySigma file, or the name of one that is built in; may be repeated." ja:"ルールに適用するパイプライン：pySigma のファイルか、内蔵のものの名前。複数指定可" placeholder:"NAME" jaholder:"名前" sep:"none"`
	JSON     bool     `help:"Print JSON." ja:"JSON で表示"`
}

// someRules is an error if the folders that were given hold no rule file at all:
// a check of the wrong folder must not look like one that was passed.
func someRules(set *sigma.Set, paths []string) error {
	if len(set.Rules)+len(set.Correlations)+len(set.Filters)+len(set.Refused) > 0 {
		return nil
	}
	return fault.New(fault.NotFound,
		i18n.T("there are no rules at {0}", "{0} にルールがありません").With(strings.Join(paths, ", "))).
		WithHint(i18n.T("names of Sigma files end in .yml or .yaml", "Sigma のファイル名は .yml か .yaml で終わります"))
}

// sayRefused tells on the side that some rules were left out.
func (s *session) sayRefused(set *sigma.Set) {
	if n := len(set.Refused); n > 0 {
		fmt.Fprintln(s.err, i18n.T("{0} {0:rule was|rules were} refused and left out; meneki rules check says why",
			"{0} 件のルールを拒否し、除外しました。理由は meneki rules check で確認できます").With(n).In(s.lang))
	}
}

type refusal struct {
	Path   string `json:"path"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason"`
}

func refusals(list []*sigma.ParseError) []refusal {
	out := make([]refusal, 0, len(list))
	for _, r := range list {
		out = append(out, refusal{r.Path, r.Line, r.Column, r.RuleID, r.Reason.Error()})
	}
	return out
}

// Run checks; a refused rule is exit code 65. What was loaded but may not do what
// its author meant is named, and no failure.
func (c *rulesCheck) Run(s *session) error {
	set, err := ruleset.Load(s.ctx, c.Paths, c.Pipeline...)
	if err != nil {
		return err
	}
	if err := someRules(set, c.Paths); err != nil {
		return err
	}
	if c.JSON {
		out := struct {
			Loaded       int       `json:"loaded"`
			Correlations int       `json:"correlations"`
			Filters      int       `json:"filters"`
			Refused      []refusal `json:"refused"`
			Warnings     []refusal `json:"warnings"`
		}{len(set.Rules), len(set.Correlations), len(set.Filters), refusals(set.Refused), refusals(set.Warnings)}
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		for _, r := range set.Refused {
			fmt.Fprintln(s.out, clean(reason.Of(r).In(s.lang)))
		}
		for _, w := range set.Warnings {
			fmt.Fprintln(s.out,
				i18n.T("loaded, but: {0}", "読み込んだが注意：{0}").With(clean(reason.Of(w).In(s.lang))).In(s.lang))
		}
		if n, m := len(set.Correlations), len(set.Filters); n+m > 0 {
			s.say(i18n.T("{0} correlation {0:rule|rules} and {1} {1:filter|filters} loaded",
				"相関ルール {0} 件、フィルター {1} 件を読み込み").With(n, m))
		}
		s.say(i18n.T("{0} {0:rule|rules} loaded, {1} refused", "ルール {0} 件を読み込み、{1} 件を拒否").With(len(set.Rules),
			len(set.Refused)))
	}
	if len(set.Refused) > 0 {
		return fault.New(fault.Unsupported, i18n.T("{0} {0:rule was|rules were} refused",
			"{0} 件のルールが拒否されました").With(len(set.Refused)))
	}
	return nil
}
