package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/credit/simulate"
)

type shareSimulate struct {
	Scenario string  `arg:"" optional:"" name:"scenario" jaholder:"シナリオ" help:"Rules and population as YAML or JSON; - reads standard input. Default: meneki's own rules and a community of 39." ja:"規則と構成員を記述した YAML か JSON。- は標準入力。既定は meneki の規則と 39 組織の共同体"`
	Rules    string  `help:"Rule set, as YAML or JSON, in place of the scenario's: as a hub's page of rules has it." ja:"シナリオの規則に替える規則（YAML か JSON）。ハブの規則ページと同じ形式" placeholder:"FILE" jaholder:"ファイル"`
	Seed     *uint64 `help:"Seed of the dice: the same gives the same outcome." ja:"乱数のシード。同じ値なら同じ結果" placeholder:"N" jaholder:"数"`
	Days     int     `help:"Days that are played, in place of the scenario's." ja:"シナリオの日数に替える日数" placeholder:"N" jaholder:"日数"`
	SVG      string  `help:"Write the picture to this file." ja:"図を書き出すファイル" placeholder:"FILE" jaholder:"ファイル" name:"svg"`
	Example  bool    `help:"Print the default scenario as YAML, to start from." ja:"既定のシナリオを YAML で表示（ひな形用）"`
	JSON     bool    `help:"Print JSON." ja:"JSON で表示"`
}

// Run plays the scenario.
func (c *shareSimulate) Run(s *session) error {
	scenario, err := c.scenario()
	if err != nil {
		return err
	}
	if c.Example {
		_, err := io.WriteString(s.out, scenario.YAML())
		return err
	}
	o, err := simulate.Run(s.ctx, scenario)
	if err != nil {
		return err
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, o.Picture().File(s.lang), 0o644); err != nil {
			return role.StorageFault(c.SVG, err)
		}
	}
	if c.JSON {
		return adminFlags{}.print(s, o)
	}
	c.print(s, scenario, o)
	return nil
}

func (c *shareSimulate) scenario() (simulate.Scenario, error) {
	out := simulate.Default()
	if c.Scenario != "" {
		text, err := bounded(c.Scenario)
		if err != nil {
			return out, err
		}
		if out, err = simulate.Parse(text); err != nil {
			return out, err
		}
	}
	if c.Rules != "" {
		text, err := bounded(c.Rules)
		if err != nil {
			return out, err
		}
		if out.Rules, err = credit.Parse(text); err != nil {
			return out, err
		}
	}
	if c.Seed != nil {
		out.Seed = *c.Seed
	}
	if c.Days != 0 {
		out.Days = c.Days
	}
	return out, out.Validate()
}

// maxScenario bounds what is read of a file.
const maxScenario = 1 << 20

// bounded reads a file, or standard input for "-", up to a bound.
func bounded(path string) ([]byte, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil, fault.Wrap(fault.NotFound, i18n.T("there is no file {0}",
					"ファイル {0} はありません").With(path), err)
			}
			return nil, fault.Wrap(fault.Invalid, i18n.T("cannot read {0}", "{0} を読み取れません").With(path), err)
		}
		defer f.Close()
	}
	text, err := io.ReadAll(io.LimitReader(f, maxScenario+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("cannot read {0}", "{0} を読み取れません").With(path), err)
	}
	if len(text) > maxScenario {
		return nil, fault.New(fault.TooLarge, i18n.T("{0} is longer than {1} KiB", "{0} が {1} KiB を超えています").
			With(path, maxScenario>>10))
	}
	return text, nil
}

// print writes the finding, the table, and a bar for each group.
func (c *shareSimulate) print(s *session, scenario simulate.Scenario, o simulate.Outcome) {
	t := o.Table()
	s.say(t.Name)
	fmt.Fprintln(s.out)
	rows := [][]string{nil}
	for _, col := range t.Columns {
		rows[0] = append(rows[0], col.Text.In(s.lang))
	}
	for _, r := range t.Rows {
		var cells []string
		for _, v := range r {
			if text, ok := v.(i18n.Text); ok {
				cells = append(cells, clean(text.In(s.lang)))
			} else {
				cells = append(cells, fmt.Sprint(v))
			}
		}
		rows = append(rows, cells)
	}
	wide := make([]int, len(t.Columns))
	for _, r := range rows {
		for i, cell := range r {
			wide[i] = max(wide[i], columns(cell))
		}
	}
	most := 0.0
	for _, r := range o.Rows {
		most = max(most, r.Mean)
	}
	for i, r := range rows {
		for k, cell := range r {
			if k == 0 {
				fmt.Fprint(s.out, pad(cell, wide[k]))
			} else {
				fmt.Fprint(s.out, "  ", strings.Repeat(" ", wide[k]-columns(cell)), cell)
			}
		}
		if i > 0 && most > 0 {
			fmt.Fprint(s.out, "  ", strings.Repeat("█", int(o.Rows[i-1].Mean/most*24+0.5)))
		}
		fmt.Fprintln(s.out)
	}
	fmt.Fprintln(s.out)
	for _, tier := range scenario.Rules.Tiers {
		var who []string
		for _, r := range o.Rows {
			if n := r.Tiers[tier.Name]; n > 0 {
				who = append(who, fmt.Sprintf("%s %d", clean(i18n.Text{EN: r.Name, JA: r.NameJA}.In(s.lang)), n))
			}
		}
		if len(who) == 0 {
			who = []string{"—"}
		}
		s.say(i18n.T("{0} (from {1} points): {2}", "{0}（{1} 点以上）：{2}").With(tier.Text(), tier.Points,
			strings.Join(who, i18n.T(", ", "、").In(s.lang))))
	}
}
