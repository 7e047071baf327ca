package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/detect/watchlist/ownlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

type indicatorsCmd struct {
	Import indicatorsImport `cmd:"" help:"Import the list of a source, in place of what it had: STIX, MISP, tables, JSON, hosts file, RPZ, rules with addresses, plain text; also .gz, .zst and .zip." ja:"ある出所の一覧を、以前のものに替えて取り込み：STIX、MISP、表、JSON、hosts ファイル、RPZ、アドレスのルール、プレーンテキスト。.gz、.zst、.zip も可"`
	List   indicatorsList   `cmd:"" help:"List the sources with their entries and markings." ja:"出所ごとの項目数と取扱い区分の一覧を表示"`
	Remove indicatorsRemove `cmd:"" help:"Remove what a source has, or single ids." ja:"出所の全項目、または ID ごとに削除"`
	Check  indicatorsCheck  `cmd:"" help:"Say whether values are on the watchlist, and from which source." ja:"値が監視リストにあるか、どの出所によるかを表示"`
}

// watchFlags say which node a command works on.
type watchFlags struct {
	Data string `help:"Data folder of the node; it may be running." ja:"ノードのデータフォルダー。動作中でも可" placeholder:"DIR" jaholder:"フォルダー" default:"meneki-node" type:"path" env:"MENEKI_DATA"`
	JSON bool   `help:"Print JSON." ja:"JSON で表示"`
}

func (f watchFlags) open(s *session) (ownlist.Access, error) {
	return ownlist.Open(s.ctx, f.Data, clock.System, s.log)
}

func (f watchFlags) print(s *session, v any) error { return adminFlags{}.print(s, v) }

type indicatorsImport struct {
	watchFlags
	Files      []string       `arg:"" name:"file" jaholder:"ファイル" help:"The files; together they are what the source has." ja:"取り込むファイル。全部あわせてその出所の内容" type:"existingfile"`
	Source     string         `help:"Name of who says so: a feed, an organisation." ja:"情報の出所の名前：フィード、組織など" placeholder:"NAME" jaholder:"名前" required:""`
	Format     string         `help:"How they are written: text, csv, jsonl, json, hosts, cdb, rpz, rules, stix, misp. Default: told by the content." ja:"ファイルの形式：text、csv、jsonl、json、hosts、cdb、rpz、rules、stix、misp。既定は内容から判別" placeholder:"FORMAT" jaholder:"形式"`
	Column     map[string]int `help:"Which column of a table is what, from 1: value=2;type=1. Default: told by the heading, or by the look." ja:"表の列の指定（1 から）：value=2;type=1。既定は見出しか内容から判別" placeholder:"NAME=N" jaholder:"名前=番号"`
	Silent     bool           `help:"Take values that say nothing of an attack by themselves too, such as private addresses." ja:"プライベートアドレスなど、それだけでは攻撃を示さない値も取り込み"`
	TLP        string         `help:"Marking of entries that state none: clear, green, amber, amber+strict, red. Without it they count as red; what is found by entries of amber and above stays at the node." ja:"記載のない項目の TLP の区分：clear、green、amber、amber+strict、red。指定がなければ red とみなす。amber 以上の項目による検知はノードの外に出さない" placeholder:"LABEL" jaholder:"区分"`
	Until      string         `help:"When entries that state no end expire: 2026-12-31 (to its end, UTC) or 2026-12-31T12:00:00Z." ja:"期限の記載がない項目の期限：2026-12-31（UTC でその日の終わりまで）か 2026-12-31T12:00:00Z" placeholder:"TIME" jaholder:"時刻" xor:"end"`
	For        string         `help:"The same from now on: 30d, 12h." ja:"同じ期限を今からの長さで指定：30d（日）、12h（時間）" placeholder:"TIME" jaholder:"期間" xor:"end"`
	Type       string         `help:"Type of values that state none, such as domain-name. Default: told by the value." ja:"記載のない値の型（domain-name など）。既定は値から判別" placeholder:"TYPE" jaholder:"型"`
	Domains    string         `help:"How domains match that do not say: exact, tree (with all below) or below." ja:"照合方法の記載がないドメインの照合：exact（完全一致）、tree（自身とその下すべて）、below（その下のみ）" placeholder:"MATCH" jaholder:"照合" default:"exact" enum:"exact,tree,below"`
	URLs       string         `help:"How URLs match that do not say: exact or prefix." ja:"照合方法の記載がない URL の照合：exact（完全一致）、prefix（前方一致）" placeholder:"MATCH" jaholder:"照合" default:"exact" enum:"exact,prefix" name:"urls"`
	Composites bool           `help:"Take MISP's pairs (domain|ip) by their first part, which matches more than they say." ja:"MISP の対（domain|ip）を最初の要素だけで取り込み。本来より広く一致"`
	Add        bool           `help:"Keep what the source had before." ja:"その出所の以前の項目も残す"`
	Strict     bool           `help:"Take nothing if anything is refused." ja:"一つでも拒否があれば何も取り込まない"`
	Hunt       string         `help:"Search the past of the node, if it runs, for new values, for all, or none: new, all, none." ja:"動作中のノードの過去の調査：new（新しい値）、all（すべての値）、none（なし）" placeholder:"WHICH" jaholder:"対象" default:"new" enum:"new,all,none"`
}

// fileReport is what became of one file.
type fileReport struct {
	File       string   `json:"file"`
	Format     string   `json:"format"`
	Records    int64    `json:"records"`
	Entries    int64    `json:"entries"`
	Refused    int64    `json:"refused"`
	NotCovered int64    `json:"not_covered"`
	Passed     int64    `json:"passed"`
	Wider      int64    `json:"matching_wider"`
	Encoding   string   `json:"encoding,omitempty"`
	Unlabelled int64    `json:"marking_not_understood"`
	Why        []whyNot `json:"why,omitempty"`
}

type whyNot struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// maxWhy bounds the reasons that are printed of each file.
const maxWhy = 10

func (c *indicatorsImport) options(now time.Time) (o feed.Options, err error) {
	bad := func(what, is string, list ...string) error {
		return fault.New(fault.Invalid, i18n.T("{0} is not a {1}", "{0} は {1} として正しくありません").With(is, what)).
			WithHint(i18n.T("use one of: {0}", "次のいずれかを指定してください：{0}").With(strings.Join(list, ", ")))
	}
	o = feed.Options{Format: feed.Format(strings.ToLower(c.Format)), Source: c.Source,
		Type: event.ObservableType(c.Type), Composites: c.Composites, Columns: c.Column, Silent: c.Silent, Now: now,
		MaxListed: maxWhy}
	for name, at := range c.Column {
		if !slices.Contains(feed.ColumnNames(), name) || at < 1 {
			return o, bad("--column", fmt.Sprintf("%s=%d", clean(name), at), feed.ColumnNames()...)
		}
	}
	if o.Format != "" && !slices.Contains(feed.Formats(), o.Format) {
		var list []string
		for _, f := range feed.Formats() {
			list = append(list, string(f))
		}
		return o, bad("--format", c.Format, list...)
	}
	if c.TLP != "" {
		var ok bool
		if o.TLP, ok = policy.ParseTLP(c.TLP); !ok {
			return o, bad("--tlp", c.TLP, "clear", "green", "amber", "amber+strict", "red")
		}
	}
	if o.Type != "" && !slices.Contains(watchlist.Types(), o.Type) {
		var list []string
		for _, t := range watchlist.Types() {
			list = append(list, string(t))
		}
		return o, bad("--type", c.Type, list...)
	}
	o.Domains, _ = watchlist.ParseMatch(c.Domains)
	o.URLs, _ = watchlist.ParseMatch(c.URLs)
	if c.Source != strings.TrimSpace(c.Source) || c.Source == "" || clean(c.Source) != c.Source {
		return o, bad("--source", clean(c.Source), "NAME")
	}
	o.ValidUntil, err = ending(c.Until, c.For, now)
	return o, err
}

// ending reads --until and --for.
func ending(until, during string, now time.Time) (time.Time, error) {
	bad := func(flag, is, use string) error {
		return fault.New(fault.Invalid, i18n.T("{0} {1} is no time in the future", "{0} {1} は将来の時刻として正しくありません").With(
			flag, is,
		)).
			WithHint(i18n.T("write it as {0}", "{0} のように書いてください").With(use))
	}
	switch {
	case until != "":
		t, err := time.Parse(time.RFC3339, until)
		if err != nil {
			if t, err = time.Parse(time.DateOnly, until); err == nil {
				t = t.AddDate(0, 0, 1) // a day ends when it is over
			}
		}
		if err != nil || !t.After(now) {
			return t, bad("--until", until, "2026-12-31, 2026-12-31T12:00:00Z")
		}
		return t, nil
	case during != "":
		var d time.Duration
		if days, ok := strings.CutSuffix(during, "d"); ok {
			n, err := strconv.Atoi(days)
			if err != nil || n <= 0 || n > 36500 {
				return now, bad("--for", during, "30d, 12h")
			}
			return now.AddDate(0, 0, n), nil
		}
		d, err := time.ParseDuration(during)
		if err != nil || d <= 0 {
			return now, bad("--for", during, "30d, 12h")
		}
		return now.Add(d), nil
	}
	return time.Time{}, nil
}

// Run imports. What is refused is named; the rest is taken.
func (c *indicatorsImport) Run(s *session) error {
	o, err := c.options(clock.System())
	if err != nil {
		return err
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	line := newTicker(s)
	defer line.stop()
	var reports []fileReport
	got, err := d.Import(s.ctx, ownlist.Import{Source: c.Source, Keep: c.Add, Hunt: c.Hunt,
		Tell: func(searching bool, done, total int64) {
			if searching {
				line.tell(i18n.T("searching the past: {0} of {1} {1:event|events}", "過去を調査中：事象 {0} / {1} 件").With(
					thousands(done), thousands(total),
				))
			} else {
				line.tell(i18n.T("{0} {0:entry|entries}", "{0} 項目").With(thousands(done)))
			}
		}}, func(add func(watchlist.Entry) error) error {
		o.Given = func(id string) error { return add(watchlist.Entry{ID: id}) }
		for _, f := range c.Files {
			r, err := feed.File(s.ctx, f, o, add)
			reports = append(reports, c.report(s, f, r))
			if err != nil {
				return fileFault(err)
			}
			if r.Refused > 0 && c.Strict {
				line.stop()
				c.say(s, reports)
				return fault.New(fault.Unsupported, i18n.T("{0} was refused in part, so nothing was imported",
					"{0} の一部が拒否されたため、何も取り込みませんでした").With(f))
			}
		}
		return nil
	})
	line.stop()
	if err != nil && !c.Strict {
		c.say(s, reports)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, struct {
			ownlist.Imported
			Files []fileReport `json:"files"`
		}{got, reports})
	}
	c.say(s, reports)
	s.say(i18n.T("{0}: {1} {1:entry|entries} imported, in place of {2}", "{0}：{1} 項目を取り込み（以前は {2} 項目）").With(c.Source,
		thousands(got.Entries), thousands(got.Before)))
	switch h := got.Hunt; {
	case c.Hunt == ownlist.HuntNone:
	case h == nil:
		s.say(i18n.T("The node is stopped: its past was not searched. Import with --hunt all while it runs to do so.",
			"ノードが停止しているため、過去の調査は行っていません。動作中に --hunt all で取り込むと調査します。"))
	default:
		s.say(
			i18n.T("The past was searched for {0} {0:value|values} and {1} {1:network, tree, prefix or name|networks, "+
				"trees, prefixes and names}: {2} of {3} {3:event|events} hit.",
				"過去を {0} 値と、{1} 項目（ネットワーク、ドメイン以下、前方一致、名前）で調査：{3} 件中 {2} 件が一致。").With(thousands(int64(h.Values)),
				thousands(int64(h.Wide)), thousands(h.Hits), thousands(h.Searched)),
		)
		if h.NotHunted > 0 {
			s.say(
				i18n.T("{0} {0:entry is|entries are} above the bound for one search, and {0:was|were} not "+
					"searched for.", "{0} 項目は一度に調査できる上限を超えたため、調査していません。").With(thousands(h.NotHunted)),
			)
		}
	}
	return nil
}

func (c *indicatorsImport) report(s *session, file string, r feed.Report) fileReport {
	out := fileReport{File: file, Format: string(r.Format), Records: r.Records, Entries: r.Entries, Refused: r.Refused,
		NotCovered: r.NotCovered, Passed: r.Passed, Unlabelled: r.Unlabelled, Wider: r.Wider, Encoding: r.Encoding}
	for _, p := range slices.Concat(r.WhyRefused, r.WhyNotCovered, r.WhyWider) {
		out.Why = append(out.Why, whyNot{p.File, p.Line, p.Reason.In(s.lang)})
	}
	return out
}

// say prints what became of each file, and the first reasons, to standard error.
func (c *indicatorsImport) say(s *session, reports []fileReport) {
	for _, r := range reports {
		for _, w := range r.Why {
			fmt.Fprintf(s.err, "%s:%d: %s\n", clean(w.File), w.Line, clean(w.Reason))
		}
		fmt.Fprintln(s.err,
			i18n.T("{0} ({1}): {2} {2:entry|entries} of {3} {3:record|records}; {4} refused, {5} not covered, {6} "+
				"passed by", "{0}（{1}）：記録 {3} 件から {2} 項目。拒否 {4}、対象外 {5}、見送り {6}").
				With(clean(r.File), r.Format, thousands(r.Entries), thousands(r.Records), r.Refused, r.NotCovered,
					r.Passed).In(s.lang))
		if r.Unlabelled > 0 {
			fmt.Fprintln(s.err, i18n.T("the marking of {0} {0:entry|entries} is not understood and counts as TLP:RED",
				"{0} 件は取扱い区分を解釈できず、TLP:RED とみなします").With(r.Unlabelled).In(s.lang))
		}
	}
}

// fileFault says what ended the reading of a feed.
func fileFault(err error) error {
	if e, ok := errors.AsType[*feed.Error](err); ok {
		return fault.Wrap(fault.Invalid, i18n.T("{0}:{1}: {2}", "{0}:{1}: {2}").With(e.File, e.Line, e.Reason), err).
			WithHint(i18n.T("nothing was imported; if the format was not recognised, state it with --format",
				"何も取り込んでいません。形式が判別できない場合は --format で指定してください"))
	}
	if _, ok := fault.As(err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(fault.Invalid, i18n.T("the list cannot be read", "一覧を読み取れません"), err)
}

type indicatorsList struct{ watchFlags }

// Run lists.
func (c *indicatorsList) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	st, err := d.State(s.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, st)
	}
	for _, x := range st.Sources {
		var labels []string
		for _, t := range slices.Sorted(maps.Keys(x.TLP)) {
			labels = append(labels, t+" "+thousands(x.TLP[t]))
		}
		until := i18n.T("no end", "期限なし").In(s.lang)
		if !x.Until.IsZero() {
			until = i18n.T("until {0}", "{0} まで").With(x.Until.UTC().Format("2006-01-02")).In(s.lang)
		}
		fmt.Fprintf(s.out, "%s %12s  %s  %s  %s\n", pad(clean(x.Source), 28), thousands(x.Entries),
			i18n.T("{0} expired", "期限切れ {0}").With(thousands(x.Expired)).In(s.lang), pad(until, 18),
			strings.Join(labels, ", "))
	}
	s.say(i18n.T("{0} {0:source|sources}, {1} {1:entry|entries}, {2} MB on disk, {3} MB in memory",
		"出所 {0}、{1} 項目、ディスク {2} MB、メモリー {3} MB").With(len(st.Sources), thousands(st.Entries),
		(st.File+999_999)/1_000_000, (st.Memory+999_999)/1_000_000))
	if st.Damage != "" {
		return fault.New(fault.Storage, i18n.T("a part of the watchlist cannot be read: {0}",
			"監視リストの一部を読み取れません：{0}").With(st.Damage))
	}
	return nil
}

type indicatorsRemove struct {
	watchFlags
	Source []string `help:"Remove everything of this source." ja:"この出所の全項目を削除" placeholder:"NAME" jaholder:"名前"`
	ID     []string `help:"Remove everything under this id, of any source." ja:"この ID の全項目を、出所を問わず削除" placeholder:"ID" jaholder:"ID"`
}

// Run removes.
func (c *indicatorsRemove) Run(s *session) error {
	if len(c.Source)+len(c.ID) == 0 {
		return fault.New(fault.Invalid, i18n.T("there is nothing to remove", "削除の対象がありません")).WithHint(
			i18n.T("give --source NAME or --id ID", "--source 名前 か --id ID を指定してください"),
		)
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	before, err := d.State(s.ctx)
	if err != nil {
		return err
	}
	if err := d.Remove(s.ctx, c.Source, c.ID); err != nil {
		return err
	}
	after, err := d.State(s.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]int64{"removed": before.Entries - after.Entries, "entries": after.Entries})
	}
	s.say(i18n.T("{0} {0:entry|entries} removed, {1} left", "{0} 項目を削除、残り {1} 項目").With(
		thousands(before.Entries-after.Entries), thousands(after.Entries),
	))
	return nil
}

type indicatorsCheck struct {
	watchFlags
	Values []string `arg:"" name:"value" jaholder:"値" help:"Addresses, domains, URLs, hashes and so on; defanged ones too." ja:"アドレス、ドメイン、URL、ハッシュ値など。無害化した表記も可"`
	Type   string   `help:"Type of the values. Default: told by the value." ja:"値の型。既定は値から判別" placeholder:"TYPE" jaholder:"型"`
}

type checkedValue struct {
	Value   string               `json:"value"`
	Type    event.ObservableType `json:"type"`
	Entries []checkedEntry       `json:"entries"`
}

type checkedEntry struct {
	Source string     `json:"source"`
	ID     string     `json:"id,omitempty"`
	Value  string     `json:"value"`
	Match  string     `json:"match"`
	TLP    string     `json:"tlp"`
	Until  *time.Time `json:"until,omitempty"`
}

// Run looks values up; none found is no error.
func (c *indicatorsCheck) Run(s *session) error {
	var out []checkedValue
	var list []event.Observable
	for _, v := range c.Values {
		o, ok := feed.Observable(v, event.ObservableType(c.Type))
		if !ok {
			return fault.New(fault.Invalid, i18n.T("it cannot be told what {0} is",
				"{0} が何であるかを判別できません").With(clean(v))).
				WithHint(i18n.T("state its type with --type, such as file-name", "--type で型（file-name など）を指定してください"))
		}
		list = append(list, o)
		out = append(out, checkedValue{o.Value, o.Type, []checkedEntry{}})
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	hits, err := d.Check(s.ctx, list)
	if err != nil {
		return err
	}
	for _, h := range hits {
		i := slices.Index(list, h.Observable)
		if i < 0 {
			continue
		}
		e := checkedEntry{Source: h.Entry.Source, ID: h.Entry.ID, Value: h.Entry.Value, Match: h.Entry.Match.String(),
			TLP: h.Entry.TLP.String()}
		if !h.Entry.ValidUntil.IsZero() {
			e.Until = &h.Entry.ValidUntil
		}
		out[i].Entries = append(out[i].Entries, e)
	}
	if c.JSON {
		return c.print(s, out)
	}
	for _, v := range out {
		if len(v.Entries) == 0 {
			fmt.Fprintf(s.out, "%s  %s\n", clean(v.Value), i18n.T("not on the watchlist", "監視リストにありません").In(s.lang))
		}
		for _, e := range v.Entries {
			parts := []string{clean(v.Value), clean(e.Source), e.TLP, e.Match, clean(e.Value)}
			if e.ID != "" {
				parts = append(parts, clean(e.ID))
			}
			if e.Until != nil {
				parts = append(parts, i18n.T("until {0}", "{0} まで").With(e.Until.UTC().Format(time.RFC3339)).In(s.lang))
			}
			fmt.Fprintln(s.out, strings.Join(parts, "  "))
		}
	}
	return nil
}
