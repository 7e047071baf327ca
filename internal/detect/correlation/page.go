package correlation

import (
	"context"
	"embed"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/watermark"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

//go:embed templates
var files embed.FS

// PageConfig is what the pages of correlations stand on.
type PageConfig struct {
	DB         *store.DB
	Engine     *match.Engine
	Correlator *Correlator
	Rules      rulehealth.PageConfig
}

// Pages adds /rules/correlation.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/rules/correlation", policy.RoleReader, c.list)
}

// View returns the page of a correlation; nil if id is of none.
func (c PageConfig) View(r *web.Request, id string, form *web.Form) (*web.View, error) {
	rule := c.Engine.Correlation(id)
	if rule == nil {
		return nil, nil
	}
	return c.page(r, rule, form)
}

// stats returns what all correlations keep and left out: our own, and of those
// that the community shared each by itself.
func (c PageConfig) stats() (correlate.Stats, principal.Stats) {
	total, who := c.Correlator.Stats()
	total.Correlations = append(total.Correlations, c.Engine.SharedStats()...)
	return total, who
}

// listData is the dot of rulehealth/joins.
type listData struct {
	List web.List
	Now  []web.Fact
	Left web.Table
	Who  []web.Fact
}

// line is one correlation with what came of it.
type line struct {
	id, title, level string
	silent           bool // it only feeds other correlations

	rule  *sigma.Correlation
	stats correlate.CorrelationStats
	found int64     // findings that are kept
	last  time.Time // when the newest of them came

	shared bool // it came from the community
}

// lines returns every correlation.
func (c PageConfig) lines(ctx context.Context, r *web.Request, total correlate.Stats) ([]line, error) {
	var found map[string]finding.RuleFindings
	err := c.DB.Read(ctx, store.As(r.Viewer), func(tx *store.Tx) (err error) {
		found, err = finding.CountByRule(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []line
	for _, rule := range c.Engine.Correlations() {
		f := found[rule.Key()]
		out = append(out, line{rule.Key(), rule.Title, string(rule.Level), rule.Silent, rule,
			statsOf(total, rule), f.Count, f.Last, c.Engine.Shared(rule)})
	}
	return out, nil
}

func statsOf(total correlate.Stats, rule *sigma.Correlation) correlate.CorrelationStats {
	for _, s := range total.Correlations {
		if s.Rule == rule {
			return s
		}
	}
	return correlate.CorrelationStats{}
}

// list is the page on correlation as a whole.
func (c PageConfig) list(r *web.Request) (*web.View, error) {
	total, who := c.stats()
	lines, err := c.lines(r.Context(), r, total)
	if err != nil {
		return nil, err
	}
	state := web.Badge{Text: i18n.T("nothing dropped", "欠落なし"), Mood: web.Good, Icon: "check"}
	switch {
	case len(lines) == 0:
		state = web.Badge{Text: i18n.T("no correlation rules", "相関ルールなし"), Mood: web.Dim}
	case total.Overflowed+total.Evicted+total.Forced > 0:
		state = web.Badge{Text: i18n.T("memory was short", "メモリー不足あり"), Mood: web.Warn, Icon: "warn"}
	}
	v := &web.View{Template: "rulehealth/joins", Title: i18n.T("Correlation", "相関"), Nav: "rules", State: &state,
		Live: []string{"rules", "findings"}, Tabs: rulehealth.Tabs("joins"),
		Lede: i18n.T("What no single event shows: the events of one person, machine or address, seen together",
			"同じ人・端末・アドレスの事象をまとめて見て、単独では分からない攻撃を検知")}
	spec := listing()
	p, err := spec.Of(lines, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	v.Data = listData{List: spec.View(r, p), Now: nowFacts(total), Left: leftTable(total), Who: []web.Fact{
		{Name: i18n.T("Accounts known", "把握しているアカウント"), Value: who.Accounts,
			Note: i18n.T("{0} of them from account lists", "うち {0} 件はアカウント一覧から").With(who.Imported)},
		{Name: i18n.T("Machines known", "把握している端末"), Value: who.Machines},
		{Name: i18n.T("Names for them", "別名"), Value: who.Names},
		{Name: i18n.T("Addresses with a holder", "使用者の分かるアドレス"), Value: who.Leases},
		{Name: i18n.T("Names that two claimed", "重複した別名"), Value: who.Conflicts},
		{Name: i18n.T("Dropped at the limit", "上限を超えて削除"), Value: who.Forgotten},
	}}
	v.CSV = spec.Table(p)
	return v, nil
}

// listing describes the list of correlations: those with results first, and what
// only feeds others last.
func listing() list.Spec[line] {
	term := func(desc bool, of func(line) any) list.Term[line] { return list.Term[line]{Of: of, Desc: desc} }
	title := term(false, func(l line) any { return l.title })
	last := term(true, func(l line) any { return l.last })
	level := list.ByLevel("", func(l line) string { return l.level })
	by := func(name string, first, back i18n.Text, terms ...list.Term[line]) list.Sort[line] {
		return list.Sort[line]{Name: name, Text: first, Back: back, By: append(terms, title)}
	}
	return list.Spec[line]{
		Key: []list.Term[line]{term(false, func(l line) any { return l.id })},
		Sorts: []list.Sort[line]{
			by("last", i18n.T("latest result first", "最終結果の新しい順"), i18n.T("oldest result first", "最終結果の古い順"),
				term(false, func(l line) any { return l.silent }), last),
			by("level", i18n.T("highest level first", "重要度の高い順"), i18n.T("lowest level first", "重要度の低い順"), level),
			by("rule", i18n.T("by title", "題名順"), i18n.T("by title, last first", "題名の逆順")),
			by("groups", i18n.T("most groups first", "グループの多い順"), i18n.T("fewest groups first", "グループの少ない順"),
				term(true, func(l line) any { return l.stats.Groups })),
			by("found", i18n.T("most findings first", "検知の多い順"), i18n.T("fewest findings first", "検知の少ない順"),
				term(true, func(l line) any { return l.found })),
		},
		Filters: []list.Filter[line]{{Name: "q", Kind: list.Words, Text: i18n.T("Title or id", "題名・番号"),
			Match: func(l line, typed string) bool { return list.Holds(l.title+"\n"+l.id, typed) }}},
		Name: "correlations", Path: "/rules/correlation", Caption: i18n.T("Correlation rules", "相関ルール"),
		All: i18n.T("correlation rules", "相関ルール"), Dense: true, Card: true, Columns: columns(),
		Row: func(l line) web.Row {
			return web.Row{Key: l.id, Path: web.Path("/rules/{0}", l.id), Dim: l.silent}
		},
		Empty: &web.Empty{Icon: "rules", Text: i18n.T("No correlation rules", "相関ルールがありません"),
			How: i18n.T("Start the node without --no-builtin-rules, or with --rules DIR and Sigma rules that have a "+
				"part “correlation”.",
				"--no-builtin-rules を外すか、correlation を含む Sigma ルールを --rules で指定して起動してください。")},
		NoMatch: &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"),
			Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules/correlation"}},
	}
}

// columns are those on screen, and of a download, which tells what was dropped.
func columns() []list.Column[line] {
	return []list.Column[line]{
		list.Data("id", i18n.T("Id", "番号"), func(l line) any { return l.id }),
		list.Data("title", i18n.T("Rule", "ルール"), func(l line) any { return l.title }),
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(l line) any { return web.Level(l.level) }, Data: func(l line) any { return l.level }},
		{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain, Sort: "rule", ScreenOnly: true, Cell: titleCell},
		list.Data("type", i18n.T("Type", "種類"), func(l line) any { return string(l.rule.Type) }),
		list.Data("silent", i18n.T("Part of others", "ほかのルールの部品"), func(l line) any { return l.silent }),
		{Key: "groups", Text: i18n.T("Groups held", "監視中のグループ"), Role: web.RoleNum, Sort: "groups",
			Cell: func(l line) any { return l.stats.Groups }},
		list.Figure("results", i18n.T("Results", "結果"), func(l line) any { return l.stats.Alerts }),
		{Key: "findings", Text: i18n.T("Findings", "検知"), Role: web.RoleNum, Sort: "found",
			Cell: func(l line) any { return l.found }},
		{Key: "last", Text: i18n.T("Last result", "最終結果"), Role: web.RoleTime, Sort: "last", Cell: lastCell,
			Data: func(l line) any { return l.last }},
		list.Figure("ungrouped", i18n.T("No group", "グループなし"), func(l line) any { return l.stats.Ungrouped }),
		list.Figure("valueless", i18n.T("No value", "値なし"), func(l line) any { return l.stats.Valueless }),
		list.Figure("overflowed", i18n.T("Group too large", "グループの上限超過"), func(l line) any {
			return l.stats.Overflowed
		}),
		list.Figure("evicted", i18n.T("Groups dropped", "手放したグループ"), func(l line) any { return l.stats.Evicted }),
	}
}

func titleCell(l line) any {
	main := web.Lines{l.title, conditionText(l.rule)}
	if l.silent {
		main = append(main, web.Badge{Text: i18n.T("part of others", "ほかのルールの部品"), Mood: web.Dim})
	}
	if l.shared {
		main = append(main, web.Badge{Text: i18n.T("shared by the community", "共同体からの共有"), Mood: web.Dim})
	}
	if n := l.stats.Overflowed + l.stats.Evicted; n > 0 {
		main = append(main, web.Badge{
			Text: i18n.T("{0} dropped because memory was short", "メモリー不足による欠落 {0} 件").With(n), Mood: web.Warn,
			Icon: "warn"})
	}
	return main
}

func lastCell(l line) any {
	if l.last.IsZero() {
		return nil
	}
	return web.Brief(l.last)
}

// nowFacts tell what correlation holds, against its bound.
func nowFacts(s correlate.Stats) []web.Fact {
	return []web.Fact{
		{Name: i18n.T("Groups held", "監視中のグループ"), Value: s.Groups,
			Note: i18n.T("persons, machines, addresses and so on that a rule follows just now",
				"ルールがいま追っている人・端末・アドレスなど")},
		{
			Name: i18n.T("Memory", "メモリー"),
			Value: web.Run{web.Bytes(s.Memory), i18n.T("{0} % of {1} MiB", "{1} MiB の {0} %").With(s.Memory*100/memory,
				int64(memory>>20))},
			Note: i18n.T("by its own estimate; beyond the bound, what was quiet longest is dropped",
				"推定値。上限を超えると、最も長く動きのないグループから手放します"),
		},
		{Name: i18n.T("Waiting for slower sensors", "遅れて届く事象の待ち"), Value: s.Pending,
			Note: i18n.T("results come {0} seconds later for that",
				"そのため結果は {0} 秒遅れます").With(int64(watermark.Lateness / time.Second))},
		{Name: i18n.T("Matches used", "使った一致"), Value: s.Matches,
			Note: i18n.T("since the rules were loaded, like the figures below", "以下の数とも、ルールの読み込み以降")},
		{Name: i18n.T("Results", "結果"), Value: s.Alerts, Note: i18n.T("also those that only feed other correlations",
			"ほかの相関ルールだけに渡した分を含む")},
	}
}

// leftTable tells what was not used, each with the reason.
func leftTable(s correlate.Stats) web.Table {
	t := web.Table{Name: i18n.T("Left out, and why", "使わなかったものと理由"),
		Columns: []web.Column{{Key: "what", Text: i18n.T("What", "内容")}, {Key: "n", Text: i18n.T("Number", "件数"),
			Number: true}, {Key: "why", Text: i18n.T("Why", "理由")}}}
	late := int64(watermark.Lateness / time.Second)
	for _, x := range []struct {
		what i18n.Text
		n    int64
		why  i18n.Text
	}{
		{i18n.T("Duplicates", "重複"), s.Duplicates, i18n.T("the same event again, counted for each group",
			"同じ事象の再到着（グループごとに計数）")},
		{i18n.T("Too late", "遅延"), s.Late, i18n.T("came after newer events had waited {0} seconds",
			"より新しい事象が {0} 秒待った後に到着").With(late)},
		{i18n.T("Time not usable", "時刻の不備"), s.Ahead + s.BadTime,
			i18n.T("no time, an impossible one, or one in the future", "時刻なし、ありえない時刻、または未来の時刻")},
		{i18n.T("No group", "グループなし"), s.Ungrouped, i18n.T("the field to group by is missing, for each rule",
			"集計の単位となる項目がない（ルールごとに計数）")},
		{i18n.T("No value", "値なし"), s.Valueless, i18n.T("the field that is counted or computed with is missing",
			"数える、または計算する項目がない")},
		{i18n.T("Values beyond the 64th", "65個目以降の値"), s.LeftOut,
			i18n.T("one event had more values or groups than are followed", "1つの事象に含まれる値かグループが上限を超過")},
		{i18n.T("Group too large", "グループの上限超過"), s.Overflowed,
			i18n.T("the oldest entries were dropped; counts stay exact", "最も古い内容を削除（件数は正確）")},
		{i18n.T("Groups dropped", "手放したグループ"), s.Evicted, i18n.T("memory was short; what had come so far is forgotten",
			"メモリー不足。途中までの経過は失われます")},
		{i18n.T("Not waited for", "待ちの打ち切り"), s.Forced, i18n.T("memory was short; slower sensors may come too late",
			"メモリー不足。遅れて届く事象を取りこぼすおそれ")},
	} {
		t.Rows = append(t.Rows, []any{x.what, x.n, x.why})
	}
	return t
}

// pageData is the dot of rulehealth/join.
type pageData struct {
	rulehealth.Panels
	Facts   []web.Fact
	Tags    []web.Badge
	Stats   []web.Fact
	Results web.List
	Source  string
}

// shownResults is how many findings the page of a correlation lists.
const shownResults = 10

// page is the page of one correlation rule.
func (c PageConfig) page(r *web.Request, rule *sigma.Correlation, form *web.Form) (*web.View, error) {
	id := rule.Key()
	var results list.Page[finding.Item]
	var panels rulehealth.Panels
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		ask := list.Ask{Values: map[string]string{"rule": id}, Limit: shownResults, Count: true}
		if results, err = finding.List(tx, ask); err != nil {
			return err
		}
		panels, err = c.Rules.Panels(tx, id, form)
		return err
	})
	if err != nil {
		return nil, err
	}
	total, _ := c.stats()
	s := statsOf(total, rule)
	all := "/findings?rule=" + url.QueryEscape(id)
	badge := web.Badge{Text: i18n.T("in service", "稼働中"), Mood: web.Good}
	if !rule.Silent || panels.Held {
		badge = panels.State()
	}
	v := &web.View{Template: "rulehealth/join", Title: i18n.Same(rule.Title), Nav: "rules",
		Live: []string{"rules", "findings"}, Lede: web.Run{web.Level(rule.Level), i18n.T("correlation rule", "相関ルール")},
		State: &badge,
		Back:  &web.Link{Text: i18n.T("Correlation", "相関"), Path: "/rules/correlation"},
		Tools: []web.Link{{Text: i18n.T("Its findings", "このルールの検知"), Path: all, Icon: "findings"}}}
	d := pageData{Panels: panels, Facts: factsOf(rule), Source: string(rule.Source),
		Results: resultList(results.Rows, results.Total, all), Stats: []web.Fact{
			{Name: i18n.T("Groups held", "監視中のグループ"), Value: s.Groups, Note: i18n.T("followed just now", "いま追っているもの")},
			{Name: i18n.T("Results", "結果"), Value: s.Alerts, Note: i18n.T("since the rules were loaded", "ルールの読み込み以降")},
			{Name: i18n.T("No group", "グループなし"), Value: s.Ungrouped,
				Note: i18n.T("events that lack the field to group by", "集計の単位となる項目がない事象")},
			{Name: i18n.T("No value", "値なし"), Value: s.Valueless,
				Note: i18n.T("events that lack the field that is counted or computed with", "数える、または計算する項目がない事象")},
			{Name: i18n.T("Group too large", "グループの上限超過"), Value: s.Overflowed,
				Note: i18n.T("oldest entries dropped; counts stay exact", "最も古い内容を削除（件数は正確）")},
			{Name: i18n.T("Groups dropped", "手放したグループ"), Value: s.Evicted,
				Note: i18n.T("at the memory limit", "メモリー不足による")},
		}}
	for _, t := range rule.Tags {
		d.Tags = append(d.Tags, attack.Badge(t))
	}
	if d.Held {
		v.Next = append(v.Next, rulehealth.ReleaseStep(id))
	}
	v.Data, v.CSV = d, d.Results.Table()
	return v, nil
}

// kindsOfWho are what the resolver writes before whom a group is about.
var kindsOfWho = []string{"ip", "host", "fqdn", "down", "addr", "user", "sid"}

func resultList(items []finding.Item, found int64, all string) web.List {
	l := web.List{ID: "results", Caption: i18n.T("Last results", "最近の結果"), Count: web.Exactly(found), Dense: true,
		Columns: []web.ListColumn{
			{Key: "who", Text: i18n.T("For whom", "対象"), Role: web.RoleMain},
			{Key: "host", Text: i18n.T("Host", "ホスト"), Role: web.RoleWide},
			{Key: "count", Text: i18n.T("Results", "結果"), Role: web.RoleNum},
			{Key: "when", Text: i18n.T("Last", "最終"), Role: web.RoleTime},
		}, Empty: &web.Empty{Icon: "findings", Text: i18n.T("No result yet", "結果はまだありません"),
			How: i18n.T("When the condition holds, a finding appears here at once.", "条件が成立すると、検知がここに現れます。")}}
	if found > int64(len(items)) {
		l.All = &web.Link{Text: i18n.T("All findings", "すべての検知"), Path: all}
	}
	for _, it := range items {
		var group []string
		for _, m := range it.Matched {
			kind, name, ok := strings.Cut(m.Value, ":")
			if !ok || !slices.Contains(kindsOfWho, kind) {
				name = m.Value
			}
			group = append(group, name)
		}
		who := web.Defang(strings.Join(group, ", "))
		if who == "" {
			who = it.ID
		}
		var host any
		if it.Host != "" {
			host = web.Mono(it.Host)
		}
		l.Rows = append(l.Rows, web.Row{Key: it.ID, Path: web.Path("/findings/{0}", it.ID),
			Cells: []any{who, host, it.Count, web.Brief(it.Last)}})
	}
	return l
}
