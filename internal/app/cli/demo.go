package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/meneki/meneki/internal/app"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/situation"
)

type demoCmd struct {
	Rules   []string `help:"Sigma rules: files or folders. Default: meneki's own samples." placeholder:"PATH" type:"path"`
	Events  []string `help:"Recorded events that the first member's sensor reads: files, folders, .gz, .zst, .zip." placeholder:"PATH" type:"path"`
	Past    []string `help:"Logs that the second member kept from before: default the same events, 13 days earlier; 'none' for nothing." placeholder:"PATH"`
	TLP     string   `help:"Label that the first member puts on what it offers: clear, green, amber, amber+strict, red." default:"amber"`
	Offline string   `help:"Cut a member (city, university) off during the attack; it catches up afterwards." placeholder:"MEMBER"`
	Once    bool     `help:"Run until the cycle has come to rest, print what came to pass, and exit 0, or 1 with the step that did not come."`
	JSON    bool     `help:"Print one JSON object."`
	Listen  string   `help:"Console of the hub; the members' are on the three ports behind it." default:"127.0.0.1:8470"`
	Data    string   `help:"Keep everything in this folder." placeholder:"DIR" type:"path"`
	More    []string `arg:"" optional:"" name:"path" help:"More recorded events." type:"path"`
}

// Run plays the demo.
func (c *demoCmd) Run(s *session) error {
	label, ok := policy.ParseTLP(c.TLP)
	if !ok {
		return fault.New(fault.Invalid, i18n.T("{0} is not a TLP label", "{0} は TLP の区分ではありません").With(c.TLP)).
			WithHint(i18n.T("use clear, green, amber, amber+strict or red", "clear、green、amber、amber+strict、red のいずれかです"))
	}
	if len(c.More) > 0 && len(c.Events) == 0 {
		return fault.New(fault.Invalid, i18n.T("{0} is given without --events", "{0} に --events が付いていません").With(c.More[0])).
			WithHint(i18n.T("write --events before the paths", "パスの前に --events と書いてください"))
	}
	cfg := app.DemoConfig{Rules: c.Rules, Events: append(c.Events, c.More...), Past: c.Past, TLP: label, Offline: c.Offline, Data: c.Data, Lang: s.lang, Log: s.log}
	if !c.Once {
		cfg.Listen = c.Listen
	}
	prog := newProgress(s.err, s.lang)
	prog.step(i18n.T("starting a hub and three members", "ハブと 3 構成員を起動中"))
	d, err := app.OpenDemo(s.ctx, cfg)
	if err != nil {
		prog.end()
		return err
	}
	defer d.Close()
	if !c.Once {
		prog.end()
		for _, p := range d.Places() {
			fmt.Fprintf(s.err, "%s  %s\n", pad(p.Name, 24), p.URL)
		}
	}
	prog.step(i18n.T("playing the recorded events", "記録された事象を再生中"))
	missed := ""
	err = d.Run(s.ctx, func(r app.Report) bool {
		prog.end()
		missed = r.Missing
		if err := c.print(s, d, r); err != nil {
			s.log.Error("cannot print", "err", err)
		}
		return !c.Once
	})
	prog.end()
	if err != nil {
		return err
	}
	if err := s.ctx.Err(); err != nil && c.Once {
		return fault.Wrap(fault.Missed, i18n.T("interrupted before the cycle came to rest", "循環が完了する前に中断されました"), err)
	}
	if missed != "" && c.Once {
		text := i18n.T("the cycle is not whole: the step “{0}” did not come", "循環が完結しませんでした：「{0}」に至っていません").With(stepNames[missed])
		if missed == situation.Detected {
			text = i18n.T("nothing was found: no rule matched any event", "何も検知されませんでした。どの規則にも一致する事象がありません")
		}
		return fault.New(fault.Missed, text)
	}
	return nil
}

func (c *demoCmd) print(s *session, d *app.Demo, r app.Report) error {
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	printReport(s.out, r, s.lang, colour(s.out))
	if !c.Once {
		fmt.Fprintln(s.err)
		fmt.Fprintln(s.err, i18n.T("The consoles stay open. Stop with Ctrl-C.", "画面は開いたままです。Ctrl-C で終了します。").In(s.lang))
	}
	return nil
}

// colour reports whether w is a terminal that wants colours.
func colour(w any) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isTerminal(f)
}
