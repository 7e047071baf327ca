package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/situation"
)

type demoCmd struct {
	Rules   []string `help:"Sigma rules: files or folders. Default: meneki's own samples." ja:"Sigma ルール：ファイルかフォルダー。既定は meneki 付属の見本" placeholder:"PATH" jaholder:"パス" type:"path"`
	Events  []string `help:"Recorded events that the first member's sensor reads: files, folders, .gz, .zst, .zip. Default: meneki's own samples." ja:"最初の構成員のセンサーが読む、記録された事象：ファイル、フォルダー、.gz、.zst、.zip。既定は meneki 付属の見本" placeholder:"PATH" jaholder:"パス" type:"path"`
	Past    []string `help:"Logs that the second member kept from before; only with --events. Default: the same events, 13 days earlier; none leaves its past empty." ja:"2 番目の構成員が以前から保管していたログ（--events とともに指定）。既定は同じ事象の 13 日前。none で過去なし" placeholder:"PATH" jaholder:"パス"`
	TLP     string   `help:"Label that the first member puts on what it offers: clear, green, amber, amber+strict, red." ja:"最初の構成員が提供する情報に付ける TLP の区分：clear、green、amber、amber+strict、red" placeholder:"LABEL" jaholder:"区分" default:"amber"`
	Offline string   `help:"Cut a member (city or university) off during the attack; it catches up afterwards." ja:"攻撃中に切り離す構成員（city か university）。攻撃後に追いつく" placeholder:"MEMBER" jaholder:"構成員"`
	Once    bool     `help:"Run until the cycle has come to rest, print what came to pass, and exit 0, or 1 with the step that did not come; --listen is not used." ja:"循環が終わるまで実行して結果を表示。終了コードは 0、至らなかった段階があればそれを示して 1。--listen は使わない"`
	JSON    bool     `help:"Print one JSON object." ja:"1 個の JSON オブジェクトを表示"`
	Listen  string   `help:"Address of the hub's console, on this machine only; the members' are on the three ports behind it." ja:"ハブの画面のアドレス（この端末内のみ）。構成員の画面は続く 3 ポート" placeholder:"ADDR" jaholder:"アドレス" default:"127.0.0.1:8470"`
	Data    string   `help:"Keep everything in this folder. Default: a folder that is removed at the end." ja:"すべてを保存するフォルダー。既定では、終了時に消える一時フォルダー" placeholder:"DIR" jaholder:"フォルダー" type:"path"`
	More    []string `arg:"" optional:"" name:"path" jaholder:"パス" help:"More recorded events; only with --events." ja:"追加の記録された事象（--events とともに指定）" type:"path"`
}

// Run plays the demo.
func (c *demoCmd) Run(s *session) error {
	label, ok := policy.ParseTLP(c.TLP)
	if !ok {
		return fault.New(fault.Invalid, i18n.T("{0} is not a TLP label", "{0} は TLP の区分ではありません").With(c.TLP)).
			WithHint(i18n.T("use clear, green, amber, amber+strict or red",
				"clear、green、amber、amber+strict、red のいずれかです"))
	}
	if len(c.More) > 0 && len(c.Events) == 0 {
		return fault.New(fault.Invalid, i18n.T("{0} is given without --events",
			"{0} に --events が付いていません").With(c.More[0])).
			WithHint(i18n.T("write --events before the paths", "パスの前に --events と書いてください"))
	}
	if len(c.Past) > 0 && len(c.Events) == 0 {
		return fault.New(fault.Invalid, i18n.T("--past is given without --events", "--past に --events が付いていません")).
			WithHint(i18n.T("the samples have a past of their own; give --events too, or leave --past out",
				"付属の見本には独自の過去があります。--events も指定するか、--past を外してください"))
	}
	cfg := demo.Config{Rules: c.Rules, Events: append(c.Events, c.More...), Past: c.Past, TLP: label,
		Offline: c.Offline, Data: c.Data, Lang: s.lang, Log: s.log}
	if !c.Once {
		cfg.Listen = c.Listen
	}
	prog := newProgress(s.err, s.lang)
	prog.step(i18n.T("starting a hub and three members", "ハブと 3 構成員を起動中"))
	d, err := demo.Open(s.ctx, cfg)
	if err != nil {
		prog.end()
		return err
	}
	defer d.Close()
	if !c.Once {
		prog.end()
		for _, p := range d.Consoles() {
			fmt.Fprintf(s.err, "%s  %s\n", pad(p.Name, 24), p.URL)
		}
	}
	prog.step(i18n.T("playing the recorded events", "記録された事象を再生中"))
	var last demo.Report
	err = d.Run(s.ctx, func(r demo.Report) bool {
		prog.end()
		last = r
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
	if last.Missing != "" && c.Once {
		return missed(last, label)
	}
	return nil
}

// missed says which step did not come and, where that is plain, why.
func missed(r demo.Report, offered policy.TLP) error {
	f := fault.New(fault.Missed, i18n.T("the cycle is not whole: the step “{0}” did not come",
		"循環が完結しませんでした：「{0}」に至っていません").With(stepNames[r.Missing]))
	switch {
	case r.Missing == situation.Detected:
		return fault.New(fault.Missed, i18n.T("nothing was found: no rule matched any event",
			"何も検知されませんでした。どのルールにも一致する事象がありません")).
			WithHint(i18n.T("meneki rules explain RULE FILE:RECORD says why a rule does not match an event",
				"ルールが事象に一致しない理由は meneki rules explain ルール ファイル:番号 で確認できます"))
	case r.Missing == situation.Opened && len(r.Findings) == 0:
		return f.WithHint(
			i18n.T("what was found ({0}) stays at the first member: its policy tells the hub of rules from level low",
				"検知（{0} 件）は最初の構成員にとどまっています。その方針により、ハブへは低（low）以上のルールによる検知だけを知らせます").With(r.Kept),
		)
	case r.Missing == situation.Pushed && offered == policy.Red:
		return f.WithHint(i18n.T("--tlp red: nobody but the member itself may get what it offers",
			"--tlp red では、提供した構成員以外は受け取れません"))
	}
	return f
}

func (c *demoCmd) print(s *session, d *demo.Demo, r demo.Report) error {
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
