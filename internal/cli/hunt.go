package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

type huntCmd struct {
	Data   string   `help:"Data folder of the node, which must be running." ja:"動作中のノードのデータフォルダー" placeholder:"DIR" jaholder:"フォルダー" default:"meneki-node" type:"path" env:"MENEKI_DATA"`
	Values []string `arg:"" optional:"" name:"value" jaholder:"値" help:"Addresses, networks, domains, URLs, mail addresses, MD5, SHA-1 and SHA-256; defanged ones too." ja:"アドレス、ネットワーク、ドメイン、URL、メールアドレス、MD5、SHA-1、SHA-256。無害化した表記も可"`
	Rule   []string `help:"Files and folders of Sigma rules; they go through the node's pipelines." ja:"Sigma ルールのファイルとフォルダー。ノードのパイプラインを適用" placeholder:"PATH" jaholder:"パス" type:"path"`
	From   string   `help:"Only events from this time on: 2026-12-31 (0:00 UTC) or 2026-12-31T12:00:00Z." ja:"この時刻以降の事象のみ：2026-12-31（UTC 0 時）か 2026-12-31T12:00:00Z" placeholder:"TIME" jaholder:"時刻"`
	To     string   `help:"Only events before this time, written as for --from: a day alone is its beginning." ja:"この時刻より前の事象のみ。書き方は --from と同じで、日付だけならその日の始まり" placeholder:"TIME" jaholder:"時刻"`
	Limit  int      `help:"Stop after so many hits; 0 for no limit." ja:"停止するまでの一致件数。0 で無制限" placeholder:"N" jaholder:"件数" default:"10000"`
	JSON   bool     `help:"Print each hit as a JSON object on a line, as it is found." ja:"一致を見つかった順に、1 行 1 個の JSON オブジェクトで表示"`
}

// Run searches a node's past and prints what it finds, the oldest first.
func (c *huntCmd) Run(s *session) error {
	q, err := c.request()
	if err != nil {
		return err
	}
	line := newTicker(s)
	defer line.stop()
	var list []hunt.Hit
	var bad error
	got, err := hunt.Ask(s.ctx, c.Data, q, func(done, total int64) {
		line.tell(i18n.T("searching the past: {0} of {1} {1:event|events}", "過去を調査中：事象 {0} / {1} 件").With(
			thousands(done), thousands(total),
		))
	}, func(h hunt.Hit) bool {
		if !c.JSON {
			list = append(list, h)
			return true
		}
		bad = json.NewEncoder(s.out).Encode(h)
		return bad == nil
	})
	line.stop()
	if bad != nil {
		return bad
	}
	for _, r := range got.Refused {
		fmt.Fprintln(s.err, i18n.T("refused: {0}", "拒否：{0}").With(clean(r.In(s.lang))).In(s.lang))
	}
	slices.SortStableFunc(list, func(a, b hunt.Hit) int { return a.Time.Compare(b.Time) })
	for _, h := range list {
		fmt.Fprintln(s.out, strings.Join(cells(h), "  "))
	}
	if err != nil { // what was found until then is there
		return err
	}
	say := i18n.T("{0} {0:hit|hits} in {1} {1:event|events}", "{1} 件の事象を調査し、{0} 件が一致しました").With(thousands(got.Hits),
		thousands(got.Searched))
	if got.Stopped {
		say = i18n.T("stopped after {0} {0:hit|hits}; there may be more: raise --limit, or narrow it with --from "+
			"and --to", "{0} 件の一致で停止しました。ほかにもある可能性があります。--limit を増やすか、--from と --to で範囲を絞ってください").With(
			thousands(got.Hits),
		)
	}
	fmt.Fprintln(s.err, say.In(s.lang))
	return nil
}

// cells are the parts of a line of the timeline.
func cells(h hunt.Hit) []string {
	what := ""
	switch {
	case h.Rule != nil:
		what = fmt.Sprintf("[%s] %s", h.Rule.Level, h.Rule.Title)
		var list []string
		for _, m := range h.Matched {
			list = append(list, m.Field+"="+event.Clip(m.Value, 200))
		}
		if len(list) > 0 {
			what += ": " + strings.Join(list, " ")
		}
	case h.Network != "":
		what = h.Value.Value + " (" + h.Network + ")"
	case h.Value != nil:
		what = h.Value.Value
	}
	out := []string{h.Time.UTC().Format("2006-01-02T15:04:05.000Z")}
	for _, x := range []string{cmp.Or(h.Host, "-"), cmp.Or(h.User, "-"), what,
		fmt.Sprintf("%s:%d", h.Event.File, h.Event.Record)} {
		out = append(out, clean(x))
	}
	return out
}

// request reads what is searched for.
func (c *huntCmd) request() (q hunt.Request, err error) {
	q.Limit = max(c.Limit, 0)
	for _, v := range c.Values {
		if p, err := netip.ParsePrefix(strings.NewReplacer("[", "", "]", "").Replace(v)); err == nil {
			q.Networks = append(q.Networks, p.Masked())
			continue
		}
		x, ok := feed.Observable(v, "")
		if !ok || !slices.Contains(hunt.Indexed(), x.Type) {
			return q, fault.New(fault.Invalid, i18n.T("the past is not searched for {0}",
				"{0} では過去を調査できません").With(clean(v))).
				WithHint(
					i18n.T("give addresses, networks, domains, URLs, mail addresses or hashes, or a Sigma rule "+
						"with --rule", "アドレス、ネットワーク、ドメイン、URL、メールアドレス、ハッシュ値、または --rule で Sigma ルールを指定してください"),
				)
		}
		q.Values = append(q.Values, x)
	}
	for _, path := range c.Rule {
		if q.Rules, err = ruleFiles(q.Rules, path); err != nil {
			return q, err
		}
	}
	if len(q.Values)+len(q.Networks)+len(q.Rules) == 0 {
		return q, fault.New(fault.Invalid, i18n.T("there is nothing to search for", "調査の対象がありません")).
			WithHint(i18n.T("give values, or a Sigma rule with --rule", "値か、--rule で Sigma ルールを指定してください"))
	}
	if q.From, err = instant("--from", c.From); err == nil {
		q.To, err = instant("--to", c.To)
	}
	return q, err
}

// ruleFiles reads a file, or the .yml and .yaml files below a folder.
func ruleFiles(list []hunt.RuleFile, path string) ([]hunt.RuleFile, error) {
	before := len(list)
	err := filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := strings.ToLower(filepath.Ext(p)); p != path && ext != ".yml" && ext != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(p)
		list = append(list, hunt.RuleFile{Name: p, Text: string(text)})
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("cannot read {0}", "{0} を読み取れません").With(path), err)
	}
	if len(list) == before {
		return nil, fault.New(fault.Invalid, i18n.T("there are no rules in {0}", "{0} にルールがありません").With(path))
	}
	return list, nil
}

// instant reads a time; none is zero.
func instant(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if text == "" {
		return time.Time{}, nil
	}
	return time.Time{}, fault.New(fault.Invalid, i18n.T("{0} {1} is no time", "{0} {1} は時刻として正しくありません").With(flag,
		clean(text))).
		WithHint(i18n.T("write it as {0}", "{0} のように書いてください").With("2026-12-31, 2026-12-31T12:00:00Z"))
}
