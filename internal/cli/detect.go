package cli

import (
	"cmp"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/builtin"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/detect/timeline"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/sigma"
)

type detectCmd struct {
	Paths      []string `arg:"" name:"path" jaholder:"パス" help:"Logs: files and folders of EVTX, JSON, EVE, Zeek or syslog, also .gz, .zst and .zip; - is standard input." ja:"ログ：EVTX、JSON、EVE、Zeek、syslog のファイルとフォルダー。.gz、.zst、.zip も可。- は標準入力"`
	Rules      []string `help:"Sigma rules: files or folders; may be repeated." ja:"Sigma ルール：ファイルかフォルダー。複数指定可" placeholder:"PATH" jaholder:"パス" required:"" type:"path" sep:"none"`
	Builtin    bool     `help:"Use the rules that come with meneki too: password spraying, impossible travel and others." ja:"meneki 付属のルールも使用：パスワードスプレー、不可能な移動など" default:"true" negatable:"" name:"builtin-rules"`
	Pipeline   []string `help:"Processing pipeline for --rules: a pySigma file, or the name of one that is built in; may be repeated." ja:"--rules に適用するパイプライン：pySigma のファイルか、内蔵のものの名前。複数指定可" placeholder:"NAME" jaholder:"名前" sep:"none"`
	Accounts   []string `help:"Account list (CSV, LDIF, JSON), so that one person is followed under all names; may be repeated." ja:"アカウント一覧（CSV、LDIF、JSON）。一人を複数の名前にわたって追跡。複数指定可" placeholder:"FILE" jaholder:"ファイル" type:"path" sep:"none"`
	Domain     string   `help:"NetBIOS domain of user names in account lists that state none." ja:"アカウント一覧で記載のないユーザー名の NetBIOS ドメイン" placeholder:"NAME" jaholder:"名前" name:"accounts-domain"`
	Places     string   `help:"A table of networks and where they are (CSV: network, latitude, longitude), to see impossible travel." ja:"ネットワークと位置の表（CSV：ネットワーク、緯度、経度）。不可能な移動の検知に使用" placeholder:"FILE" jaholder:"ファイル" type:"path"`
	Format     string   `help:"terminal, jsonl, csv, html, stix or timesketch. Default: by the name of --output, else terminal." ja:"出力形式：terminal、jsonl、csv、html、stix、timesketch。既定は --output の名前に従い、なければ terminal" placeholder:"FORMAT" jaholder:"形式"`
	Output     string   `help:"Write the timeline to this file instead of standard output." ja:"結果を標準出力でなくこのファイルに書き出し" placeholder:"FILE" jaholder:"ファイル" type:"path" short:"o"`
	Level      string   `help:"Least level of the rules: informational, low, medium, high or critical. A rule that states none counts as medium." ja:"使うルールの最低の深刻度：informational、low、medium、high、critical。記載のないルールは medium とみなす" placeholder:"LEVEL" jaholder:"深刻度"`
	From       string   `help:"Only events from this time on: 2026-11-22, '2026-11-22 14:05' (in --zone) or RFC 3339." ja:"この時刻以降の事象のみ：2026-11-22、'2026-11-22 14:05'（--zone の時刻）か RFC 3339" placeholder:"TIME" jaholder:"時刻"`
	To         string   `help:"Only events before this time; a day alone is taken to its end." ja:"この時刻より前の事象のみ。日付だけならその日の終わりまで" placeholder:"TIME" jaholder:"時刻"`
	Tags       []string `help:"Only rules with one of these tags: attack.t1059, t1059.001, attack.execution, cve.2021.44228." ja:"次のタグのいずれかを持つルールのみ：attack.t1059、t1059.001、attack.execution、cve.2021.44228 など" placeholder:"TAG" jaholder:"タグ"`
	Status     []string `help:"Only rules of one of these states: stable, test, experimental, deprecated, unsupported." ja:"次の状態のいずれかのルールのみ：stable、test、experimental、deprecated、unsupported" placeholder:"STATUS" jaholder:"状態"`
	Exclude    []string `help:"Leave out a rule, by id, title or file name; may be repeated." ja:"除外するルール：ID、題名、ファイル名のいずれか。複数指定可" placeholder:"RULE" jaholder:"ルール" sep:"none"`
	Sort       string   `help:"Order of the matches: time, or input (as they are read). Default: time for terminal and html, input for the others." ja:"一致の並び順：time（時刻順）、input（読み込み順）。既定は terminal と html で time、ほかで input" placeholder:"ORDER" jaholder:"順序"`
	FailOn     string   `help:"Exit 1 if a rule of this level or above matched." ja:"この深刻度以上のルールが一致したら終了コード 1" placeholder:"LEVEL" jaholder:"深刻度"`
	Stats      bool     `help:"End with one line of JSON on standard error: what was read, refused and found." ja:"標準エラーの最後に、読み込み、拒否、一致の件数を 1 行の JSON で表示"`
	Zone       string   `help:"Zone of the times that people read: UTC, Asia/Tokyo, +09:00. Default: this machine's." ja:"表示する時刻の時間帯：UTC、Asia/Tokyo、+09:00 など。既定はこの端末のもの" placeholder:"ZONE" jaholder:"時間帯"`
	LogZone    string   `help:"Zone of syslog times that name none." ja:"時間帯の記載がない syslog の時刻の時間帯" placeholder:"ZONE" jaholder:"時間帯" default:"UTC"`
	TLP        string   `help:"Label of the results (html, stix): clear, green, amber, amber+strict, red." ja:"結果の TLP の区分（html、stix）：clear、green、amber、amber+strict、red" placeholder:"LABEL" jaholder:"区分" default:"amber"`
	Jobs       int      `help:"How many processors to use. Default: all." ja:"使うプロセッサーの数。既定は全部" placeholder:"N" jaholder:"数"`
	NoProgress bool     `help:"Show no progress bar." ja:"進捗を表示しない"`
}

// plan is what the flags ask for.
type plan struct {
	cfg     timeline.Config
	style   timeline.Style
	format  string
	failOn  sigma.Level
	skipped []read.SkippedFile
	set     *sigma.Set
}

// Run reads, matches and writes.
func (c *detectCmd) Run(s *session) error {
	begun := clock.System()
	p, err := c.plan(s, begun)
	if err != nil && s.ctx.Err() != nil && errors.Is(err, s.ctx.Err()) {
		return fault.Wrap(fault.Missed, i18n.T("interrupted before anything was read", "読み込みを始める前に中断されました"), err)
	}
	if err != nil {
		return err
	}
	out, err := openResult(s.out, c.Output)
	if err != nil {
		return err
	}
	defer out.abandon()
	screen := c.Output == "" && colour(s.out)
	var w timeline.Writer
	if p.format == "terminal" {
		w = newTerminal(out, p.style, screen)
	} else {
		w = timeline.New(p.format, out, p.style)
	}
	if p.cfg.Sort {
		p.cfg.Counted = w.Begin
	} else if err := w.Begin(nil); err != nil {
		return writeFault(err)
	}
	if f, ok := w.(timeline.Flusher); ok && c.Output == "" {
		p.cfg.Idle = f.Flush // whoever reads it live sees what was found
	}
	p.cfg.Meter = &timeline.Meter{}
	bar := newBar(s, p.cfg.Meter, begun)
	if !c.NoProgress && (p.cfg.Sort || c.Output != "" || !terminal(s.out)) {
		bar.start()
	}
	defer bar.stop()
	// The first Ctrl-C ends the reading, and what was found is written. A second
	// one ends everything at once.
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-s.ctx.Done():
			signal.Reset(os.Interrupt, syscall.SIGTERM)
		case <-done:
		}
	}()
	first := p.cfg.Sort // what is sorted is written when all is read: the bar may go
	res, err := timeline.Run(s.ctx, p.cfg, func(m *timeline.Match) error {
		if first && out.to == s.out {
			bar.stop()
			first = false
		}
		return w.Write(m)
	})
	bar.stop()
	if err != nil {
		return writeFault(err)
	}
	res.Report.Skipped = append(slices.Clone(p.skipped), res.Report.Skipped...)
	res.Report.SkipN += int64(len(p.skipped))
	if err := w.End(res); err != nil {
		return writeFault(err)
	}
	if err := out.keep(); err != nil {
		return err
	}
	return c.close(s, p, res, clock.System().Sub(begun), out)
}

// close tells what came of it, and gives the exit code.
func (c *detectCmd) close(s *session, p *plan, res *timeline.Result, took time.Duration, out *result) error {
	sum := summary{style: p.style, res: res, set: p.set, took: took, rules: c.Rules}
	switch {
	case p.format == "terminal" && c.Output == "":
		sum.width = widthOf(s.out)
		sum.print(s.out, paint(colour(s.out)), true)
	case !c.Stats:
		sum.width = widthOf(s.err)
		sum.print(s.err, paint(colour(s.err)), false)
	}
	code := 0
	if res.Interrupted {
		code = s.fail(fault.New(fault.Missed, i18n.T("interrupted: this is what was found until then",
			"中断されました。それまでに見つかったものだけを出力しました")))
	} else if n := sum.atLeast(p.failOn); p.failOn != "" && n > 0 {
		code = s.fail(fault.New(fault.Missed, i18n.T("matches of level {1} or above: {0}", "重要度 {1} 以上の一致：{0} 件").With(
			n, p.failOn,
		)))
	}
	if c.Stats { // the last line, whatever else was said
		if err := timeline.WriteStats(s.err, res, p.set, p.style.Loaded, took); err != nil {
			return err
		}
	}
	if code != 0 {
		panic(exit(code)) // it is all said: Main gives the code
	}
	return nil
}

// loaded counts the rules of a set that did not come with meneki.
func loaded(set *sigma.Set) (n int) {
	for _, r := range set.Rules {
		n += flag(!builtin.Ours(r.Path))
	}
	for _, c := range set.Correlations {
		n += flag(!builtin.Ours(c.Path))
	}
	return n
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func writeFault(err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return fault.Wrap(fault.Storage, i18n.T("the timeline cannot be written to {0}",
			"{0} に結果を書き込めません").With(pe.Path), err)
	}
	return err
}

func (c *detectCmd) plan(s *session, now time.Time) (*plan, error) {
	p := &plan{}
	var err error
	if p.format, err = c.format(); err != nil {
		return nil, err
	}
	zone, err := zoneOf("--zone", c.Zone)
	if err != nil {
		return nil, err
	}
	logZone, err := zoneOf("--log-zone", c.LogZone)
	if err != nil {
		return nil, err
	}
	label, ok := policy.ParseTLP(c.TLP)
	if !ok {
		return nil, fault.New(fault.Invalid, i18n.T("{0} is not a TLP label", "{0} は TLP の区分ではありません").With(c.TLP)).
			WithHint(i18n.T("use clear, green, amber, amber+strict or red",
				"clear、green、amber、amber+strict、red のいずれかです"))
	}
	f := timeline.Filter{Tags: c.Tags, Status: c.Status, Exclude: c.Exclude}
	if f.Level, err = levelOf("--level", c.Level); err != nil {
		return nil, err
	}
	if p.failOn, err = levelOf("--fail-on", c.FailOn); err != nil {
		return nil, err
	}
	if f.From, err = timeOf("--from", c.From, zone, false); err != nil {
		return nil, err
	}
	if f.To, err = timeOf("--to", c.To, zone, true); err != nil {
		return nil, err
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return nil, fault.New(fault.Invalid, i18n.T("--from is not before --to", "--from が --to より前ではありません"))
	}
	if c.Jobs < 0 {
		return nil, fault.New(fault.Invalid, i18n.T("--jobs must not be negative", "--jobs に負の数は指定できません"))
	}
	sorted := timeline.Ordered(p.format)
	switch c.Sort {
	case "":
	case "time":
		sorted = true
	case "input":
		if p.format == "html" {
			return nil, fault.New(fault.Invalid, i18n.T("the HTML report is always in the order of time",
				"HTML の報告は常に時刻順です"))
		}
		sorted = false
	default:
		return nil, fault.New(fault.Invalid, i18n.T("{0} is not an order of matches", "{0} は並べ順ではありません").With(c.Sort)).
			WithHint(i18n.T("use time or input", "time か input を指定してください"))
	}
	inputs, skipped, err := timeline.Inputs(c.Paths, c.Output)
	if err != nil {
		return nil, err
	}
	if err := c.apart(inputs); err != nil {
		return nil, err
	}
	if p.set, err = (ruleset.Source{Paths: c.Rules, Builtin: c.Builtin,
		Pipelines: c.Pipeline}).Load(s.ctx); err != nil {
		return nil, err
	}
	places, err := principal.OpenPlaces(c.Places)
	if err != nil {
		return nil, err
	}
	resolver := principal.New(principal.Options{})
	err = principal.ImportAccounts(resolver, c.Accounts, c.Domain, func(path string, got principal.Imported) {
		for _, b := range got.Bad[:min(len(got.Bad), 10)] {
			s.warn(i18n.T("{0}, line {1} is left out: {2}", "{0} の {1} 行目は使いません：{2}").With(path, b.Line,
				clean(b.Reason)))
		}
		if n := got.BadN - min(len(got.Bad), 10); n > 0 {
			s.warn(i18n.T("{0}: {1} more {1:line is|lines are} left out", "{0}：ほかに {1} 行を使いません").With(path, n))
		}
	})
	if err != nil {
		return nil, err
	}
	kept, unknown := f.Rules(p.set)
	for _, x := range unknown {
		s.warn(i18n.T("no rule is called {0}: --exclude leaves nothing out for it",
			"{0} というルールはありません。この --exclude は何も除外しません").With(clean(x)))
	}
	switch {
	case loaded(p.set) == 0:
		return nil, fault.New(fault.NotFound, i18n.T("no rule was loaded: {0} refused",
			"読み込めたルールがありません（拒否 {0} 件）").With(len(p.set.Refused))).
			WithHint(i18n.T("meneki rules check says why", "理由は meneki rules check で確認できます"))
	case len(kept.Rules)+len(kept.Correlations) == 0:
		return nil, fault.New(fault.Invalid,
			i18n.T("--level, --tags, --status and --exclude leave none of {0} {0:rule|rules}",
				"--level、--tags、--status、--exclude の条件に合うルールが {0} 件中 1 件もありません").With(len(p.set.Rules)))
	}
	p.skipped = skipped
	p.style = timeline.Style{Lang: s.lang, Zone: zone, TLP: label, Now: now, Program: "meneki " + role.Version,
		Refused: p.set.Refused, Loaded: loaded(p.set)}
	p.cfg = timeline.Config{Rules: p.set, Inputs: inputs, Filter: f, Jobs: c.Jobs, Sort: sorted, Stdin: os.Stdin,
		Ours: builtin.Ours,
		Read: read.Options{Hint: read.Hint{Zone: logZone}}, Observables: p.format == "stix", Resolver: resolver,
		Places: places}
	return p, nil
}

// apart makes sure that no input is overwritten by the results.
func (c *detectCmd) apart(inputs []timeline.Input) error {
	own, err := os.Stat(c.Output)
	if c.Output == "" || err != nil || !own.Mode().IsRegular() {
		return nil
	}
	for _, in := range inputs {
		if info, err := os.Stat(in.Path); in.Named && err == nil && os.SameFile(own, info) {
			return fault.New(fault.Invalid, i18n.T("{0} is both read and written",
				"{0} が入力と出力の両方に指定されています").With(in.Path)).
				WithHint(i18n.T("choose another file for --output", "--output に別のファイルを指定してください"))
		}
	}
	return nil
}

// byName tells the format by the output's name.
var byName = map[string]string{".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".html": "html", ".htm": "html",
	".json": "stix", ".txt": "terminal"}

func (c *detectCmd) format() (string, error) {
	ext := ""
	if i := strings.LastIndexByte(c.Output, '.'); i >= 0 {
		ext = strings.ToLower(c.Output[i:])
	}
	f := cmp.Or(strings.ToLower(c.Format), byName[ext], "terminal")
	switch {
	case f == "timesketch" && ext == ".csv":
		return "timesketch-csv", nil
	case f == "terminal" || slices.Contains(timeline.Formats(), f):
		return f, nil
	}
	return "", fault.New(fault.Invalid, i18n.T("{0} is not a format of timelines", "{0} という出力形式はありません").With(c.Format)).
		WithHint(i18n.T("use terminal, jsonl, csv, html, stix or timesketch",
			"terminal、jsonl、csv、html、stix、timesketch のいずれかです"))
}

func levelOf(flag, s string) (sigma.Level, error) {
	l := sigma.Level(strings.ToLower(s))
	if l == "info" {
		l = sigma.Informational
	}
	if s != "" && !slices.Contains(timeline.Levels[:], l) {
		return "", fault.New(fault.Invalid, i18n.T("{0}: {1} is not a rule level", "{0}：{1} はルールの重要度ではありません").With(flag,
			s)).
			WithHint(i18n.T("use informational, low, medium, high or critical",
				"informational、low、medium、high、critical のいずれかです"))
	}
	return l, nil
}

func zoneOf(flag, s string) (*time.Location, error) {
	switch strings.ToLower(s) {
	case "", "local":
		return time.Local, nil
	case "utc", "z":
		return time.UTC, nil
	}
	if t, err := time.Parse("-07:00", s); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(s, offset), nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("{0}: there is no time zone {1}", "{0}：{1} という時間帯はありません").With(
			flag, s,
		), err).
			WithHint(i18n.T("write it as UTC, Asia/Tokyo or +09:00", "UTC、Asia/Tokyo、+09:00 のように書いてください"))
	}
	return zone, nil
}

// timeOf reads a time in zone; where whole is set, a day stands for its end.
func timeOf(flag, s string, zone *time.Location, whole bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	plain := strings.ReplaceAll(s, "/", "-")
	if t, err := time.ParseInLocation("2006-01-02", plain, zone); err == nil {
		if whole {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05",
		"2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, plain, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, i18n.T("{0}: {1} is not a time", "{0}：{1} は時刻ではありません").With(flag, s)).
		WithHint(i18n.T("write it as 2026-11-22, '2026-11-22 14:05' or 2026-11-22T14:05:00+09:00",
			"2026-11-22、'2026-11-22 14:05'、2026-11-22T14:05:00+09:00 のように書いてください"))
}

// warn says on standard error what does not stop the work.
func (s *session) warn(t i18n.Text) {
	s.tell(i18n.T("warning: {0}", "警告：{0}").With(t))
}
