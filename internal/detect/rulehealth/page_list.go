package rulehealth

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// PageConfig is what the pages and the API of rule health at a node stand on.
type PageConfig struct {
	DB     *store.DB
	Health *Health
	Clock  clock.Clock
	// Correlation returns the page of a correlation of rules, or nil if id is of none;
	// nil: there are no correlations here.
	Correlation func(r *web.Request, id string, form *web.Form) (*web.View, error)
}

// Pages adds /rules/health, /rules/{id}, /findings/{id}/false and
// /settings/rule-counts to a node's site.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/rules/health", policy.RoleReader, c.list)
	site.Page("/rules/{id}", policy.RoleReader, c.rule)
	site.Action("/rules/{id}/false", policy.RoleAnalyst, c.reportRule)
	site.Action("/rules/{id}/quarantine", policy.RoleAnalyst, c.quarantine)
	site.Action("/rules/{id}/release", policy.RoleAnalyst, c.release)
	site.Action("/false-marks/{id}/undo", policy.RoleAnalyst, c.undo)
	site.Page("/findings/{id}/false", policy.RoleReader, c.finding)
	site.Action("/findings/{id}/false", policy.RoleAnalyst, c.reportFinding)
	site.Page("/settings/rule-counts", policy.RoleReader, c.counts)
	site.Action("/settings/rule-counts", policy.RoleAdmin, c.setCounts)
	site.Action("/settings/rule-counts/send", policy.RoleAnalyst, c.send)
}

// line is one rule in the list.
type line struct {
	id, title, level string
	hits             HitSum // of the last 30 days
	falseAlarms      int64
	cost             Cost
	quarantine       Quarantine
	found, falseBy   wire.PooledFigure
	typical          wire.PooledFigure
	loaded           bool
}

// total is all hits of a line.
func (l line) total() int64 { return l.hits.Live + l.hits.Retro + l.hits.Muted }

// listData is the dot of rulehealth/list.
type listData struct{ List web.List }

// lines returns every rule that is loaded or has hit, and what all of them cost.
func (c PageConfig) lines(tx *store.Tx) (out []line, spent time.Duration, err error) {
	sums, err := HitSums(tx, c.Clock().Add(-pooledDays*24*time.Hour))
	if err != nil {
		return nil, 0, err
	}
	falses, err := falseAlarmCounts(tx)
	if err != nil {
		return nil, 0, err
	}
	figures, err := pool.Figures(tx)
	if err != nil {
		return nil, 0, err
	}
	weights, spent := c.Health.Costs()
	held := c.Health.Quarantined()
	seen := map[string]bool{}
	add := func(id, title, level string, loaded bool) {
		seen[id] = true
		key := strings.ToLower(id)
		out = append(out, line{id: id, title: title, level: level, hits: sums[id], falseAlarms: falses[id],
			cost: weights[id], quarantine: held[id],
			found: figures[pool.FigureFound][key], falseBy: figures[pool.FigureFalse][key],
			typical: figures[pool.FigureHits][key], loaded: loaded})
	}
	for r := range c.Health.Engine.Loaded {
		add(r.Key, r.Title, string(r.Level), true)
	}
	for id, h := range held {
		if !seen[id] {
			add(id, h.Title, "", false)
		}
	}
	for id := range sums {
		if !seen[id] {
			add(id, id, "", false)
		}
	}
	return out, spent, nil
}

// listing describes the list of rules; spent is what all of them cost.
func listing(spent time.Duration) list.Spec[line] {
	term := func(desc bool, of func(line) any) list.Term[line] { return list.Term[line]{Of: of, Desc: desc} }
	title := term(false, func(l line) any { return l.title })
	hits := term(true, func(l line) any { return l.total() })
	held := term(true, func(l line) any { return l.quarantine.Active() })
	falses := term(true, func(l line) any { return l.falseAlarms })
	falseBy := term(true, func(l line) any { return l.falseBy.Members })
	level := list.ByLevel("", func(l line) string { return l.level })
	by := func(name string, first, back i18n.Text, terms ...list.Term[line]) list.Sort[line] {
		return list.Sort[line]{Name: name, Text: first, Back: back, By: append(terms, title)}
	}
	return list.Spec[line]{
		Key: []list.Term[line]{term(false, func(l line) any { return l.id })},
		Sorts: []list.Sort[line]{
			by("state", i18n.T("quarantine first, then by hits", "隔離中が先、検知数の多い順"),
				i18n.T("quarantine last, fewest hits first", "隔離中が後、検知数の少ない順"), held, hits),
			by("hits", i18n.T("most hits first", "検知数の多い順"), i18n.T("fewest hits first", "検知数の少ない順"), hits),
			by("false", i18n.T("most false alarms first", "誤検知の多い順"),
				i18n.T("fewest false alarms first", "誤検知の少ない順"), falses, falseBy),
			by("cost", i18n.T("highest cost first", "負荷の高い順"), i18n.T("lowest cost first", "負荷の低い順"),
				term(true, func(l line) any { return l.cost.Spent })),
			by("level", i18n.T("highest level first", "重要度の高い順"), i18n.T("lowest level first", "重要度の低い順"), level),
			by("rule", i18n.T("by title", "題名順"), i18n.T("by title, last first", "題名の逆順")),
			by("community", i18n.T("found by most members first", "検知した組織の多い順"),
				i18n.T("found by fewest members first", "検知した組織の少ない順"),
				term(true, func(l line) any { return l.found.Members })),
			{Name: "id", Text: i18n.T("by id", "番号順")},
		},
		Filters: []list.Filter[line]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Title or id", "題名・番号"),
				Match: func(l line, typed string) bool { return list.Holds(l.title+"\n"+l.id, typed) }},
			{Name: "show", Text: i18n.T("Show", "表示"), Match: line.shows, Options: []list.Option{
				{Text: i18n.T("all rules", "すべてのルール")},
				{Value: "held", Text: i18n.T("rules in quarantine", "隔離中のルール")},
				{Value: "false", Text: i18n.T("rules marked as false alarms", "誤検知とされたルール")},
				{Value: "hit", Text: i18n.T("rules that found something", "検知のあったルール")},
				{Value: "quiet", Text: i18n.T("rules that found nothing", "検知のないルール")},
			}},
		},
		Name: "rule-health", Path: "/rules/health", Caption: i18n.T("Rule health", "ルールの健全性"),
		Note: i18n.T("Hits of the last 30 days. Cost: mean time for one event, measured now and then on "+
			"events that pass.",
			"検知数は直近30日。負荷は、通過する事象の一部で測った1事象あたりの平均時間。"),
		All: i18n.T("rules", "ルール"), Dense: true,
		Columns: columnsOf(spent),
		Row: func(l line) web.Row {
			return web.Row{Key: l.id, Path: web.Path("/rules/{0}", l.id), Dim: !l.loaded}
		},
		Empty: &web.Empty{Icon: "rules", Text: i18n.T("No rules", "ルールがありません"),
			How: i18n.T("Start the node with --rules DIR; what each rule finds and costs is then counted here.",
				"--rules フォルダー を付けて起動してください。ルールごとの検知数と負荷がここに並びます。")},
		NoMatch: &web.Empty{Icon: "check", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"),
			Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules/health"}},
	}
}

// shows reports whether a value of the filter show leaves the line.
func (l line) shows(show string) bool {
	switch show {
	case "held":
		return l.quarantine.Active()
	case "false":
		return l.falseAlarms > 0 || l.falseBy.Members > 0
	case "quiet":
		return l.total() == 0
	case "hit":
		return l.total() > 0
	}
	return true
}

// columnsOf are those on screen, and of a download, which has each figure by itself.
func columnsOf(spent time.Duration) []list.Column[line] {
	return []list.Column[line]{
		list.Data("id", i18n.T("Id", "番号"), func(l line) any { return l.id }),
		list.Data("title", i18n.T("Rule", "ルール"), func(l line) any { return l.title }),
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
			Cell: func(l line) any { return web.Level(l.level) }, Data: func(l line) any { return l.level }},
		{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain, Sort: "rule", ScreenOnly: true,
			Cell: func(l line) any { return web.Lines{web.Defang(l.title), web.Mono(l.id)} }},
		list.Data("loaded", i18n.T("Loaded", "読み込み"), func(l line) any { return l.loaded }),
		{Key: "state", Text: i18n.T("State", "状態"), Sort: "state",
			Cell: func(l line) any { return stateBadge(l) }, ScreenOnly: true},
		list.Data("quarantine", i18n.T("In quarantine", "隔離中"), func(l line) any { return l.quarantine.Active() }),
		{Key: "hits", Text: i18n.T("Hits", "検知数"), Role: web.RoleNum, Sort: "hits",
			Cell: func(l line) any { return l.total() }, ScreenOnly: true},
		list.Figure("live", i18n.T("Live hits", "即時の検知数"), func(l line) any { return l.hits.Live }),
		list.Figure("retro", i18n.T("Hits in the past", "過去の検知数"), func(l line) any { return l.hits.Retro }),
		list.Figure("muted", i18n.T("Hits in quarantine", "隔離中の検知数"), func(l line) any { return l.hits.Muted }),
		{Key: "false", Text: i18n.T("False alarms", "誤検知"), Role: web.RoleNum, Sort: "false",
			Cell: func(l line) any { return l.falseAlarms }},
		{Key: "cost", Text: i18n.T("Cost", "負荷"), Role: web.RoleNum, Sort: "cost",
			Cell: func(l line) any { return costCell(l.cost, spent) }, ScreenOnly: true},
		list.Figure("ns", i18n.T("Nanoseconds an event", "1事象あたりナノ秒"),
			func(l line) any { return l.cost.Each().Nanoseconds() }),
		{Key: "community", Text: i18n.T("In the community", "共同体では"), Role: web.RoleNote, Sort: "community",
			Cell: func(l line) any { return communityText(l.found, l.falseBy, l.typical) }, ScreenOnly: true},
		list.Figure("found_members", i18n.T("Found at members", "検知した組織"), func(l line) any { return l.found.Members }),
		list.Figure("false_members", i18n.T("Marked false by members", "誤検知とした組織"),
			func(l line) any { return l.falseBy.Members }),
		list.Figure("typical_hits", i18n.T("Typical hits elsewhere", "標準的な検知数"),
			func(l line) any { return l.typical.Typical }),
	}
}

func (c PageConfig) list(r *web.Request) (*web.View, error) {
	var all []line
	var spent time.Duration
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		all, spent, err = c.lines(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	spec := listing(spent)
	p, err := spec.Of(all, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	v := &web.View{Template: "rulehealth/list", Title: spec.Caption, Nav: "rules", Live: []string{"rules"},
		Lede: i18n.T("What each rule finds, what it costs, and what analysts here and elsewhere think of it",
			"ルールごとの検知数・負荷と、自組織やほかの構成員の分析担当による評価"),
		Tabs: Tabs("health"), CSV: spec.Table(p)}
	held := 0
	for _, l := range all {
		if l.quarantine.Active() {
			held++
		}
	}
	if held > 0 {
		v.Next = append(v.Next, web.Next{
			Text: i18n.T("Look at the rules in quarantine ({0})", "隔離中のルール {0} 件を見る").With(held),
			Path: "/rules/health?show=held",
			Note: i18n.T("they make no findings until somebody releases them", "解除されるまで、検知は作られません")})
	}
	v.Data = listData{spec.View(r, p)}
	return v, nil
}

// Tabs are the views of a node's rules; on is the one that is shown.
func Tabs(on string) []web.Tab {
	return []web.Tab{{Text: i18n.T("Health", "健全性"), Path: "/rules/health", On: on == "health"},
		{Text: i18n.T("Correlation", "相関"), Path: "/rules/correlation", On: on == "joins"},
		{Text: i18n.T("Loaded", "読込済み"), Path: "/rules"},
		{Text: i18n.T("Refused", "読込不可"), Path: "/rules?show=refused"}}
}

func stateBadge(l line) web.Badge {
	switch {
	case l.quarantine.Active():
		return web.Badge{Text: i18n.T("in quarantine", "隔離中"), Mood: web.Warn, Icon: "lock"}
	case !l.loaded:
		return web.Badge{Text: i18n.T("no longer loaded", "読み込みなし"), Mood: web.Dim}
	}
	return web.Badge{Text: i18n.T("in service", "稼働中"), Mood: web.Good}
}

// costCell is the mean cost of a rule and its share of all.
func costCell(w Cost, all time.Duration) any {
	if w.Events == 0 {
		return nil
	}
	return web.Lines{micros(w.Each()), share(w.Spent, all)}
}

func micros(d time.Duration) string {
	us := float64(d.Nanoseconds()) / 1000
	if us < 0.1 {
		return "< 0.1 µs"
	}
	if us >= 1000 {
		return fmt.Sprintf("%.2f ms", us/1000)
	}
	return fmt.Sprintf("%.1f µs", us)
}

func share(part, all time.Duration) string {
	if all <= 0 {
		return ""
	}
	percent := 100 * float64(part) / float64(all)
	if percent < 0.1 {
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// communityText says what the community's figures of a rule come to.
func communityText(found, falseBy, hits wire.PooledFigure) any {
	var out web.Run
	if found.Members > 0 {
		out = append(out, i18n.T("found at {0} {0:member|members}", "{0} 組織で検知").With(found.Members))
	}
	if falseBy.Members > 0 {
		out = append(out, i18n.T("marked false by {0}", "{0} 組織が誤検知と判断").With(falseBy.Members))
	}
	if hits.Members > 0 && hits.Typical > 0 {
		out = append(out, i18n.T("typically {0} or more hits in 30 days", "30日間に {0} 件以上が標準的").With(hits.Typical))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
