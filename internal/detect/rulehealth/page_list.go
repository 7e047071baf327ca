package rulehealth

import (
	"cmp"
	"fmt"
	"slices"
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
		out = append(out, line{id: id, title: title, level: level, hits: sums[id], falseAlarms: falses[id], cost: weights[id], quarantine: held[id],
			found: figures[pool.FigureFound][key], falseBy: figures[pool.FigureFalse][key], typical: figures[pool.FigureHits][key], loaded: loaded})
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

// orders are the ways in which the list can be sorted.
var orders = map[string]func(a, b line) int{
	"": func(a, b line) int {
		return cmp.Or(flag(b.quarantine.Active())-flag(a.quarantine.Active()), cmp.Compare(b.total(), a.total()))
	},
	"hits": func(a, b line) int { return cmp.Compare(b.total(), a.total()) },
	"false": func(a, b line) int {
		return cmp.Or(cmp.Compare(b.falseAlarms, a.falseAlarms), cmp.Compare(b.falseBy.Members, a.falseBy.Members))
	},
	"cost": func(a, b line) int { return cmp.Compare(b.cost.Spent, a.cost.Spent) },
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// kept narrows the list.
func kept(show string) func(line) bool {
	switch show {
	case "held":
		return func(l line) bool { return l.quarantine.Active() }
	case "false":
		return func(l line) bool { return l.falseAlarms > 0 || l.falseBy.Members > 0 }
	case "quiet":
		return func(l line) bool { return l.total() == 0 }
	case "hit":
		return func(l line) bool { return l.total() > 0 }
	}
	return func(line) bool { return true }
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
	show, sort, q := r.Value("show"), r.Value("sort"), strings.ToLower(r.Value("q"))
	if orders[sort] == nil {
		sort = ""
	}
	keep, held := kept(show), 0
	lines := all[:0:0]
	for _, l := range all {
		held += flag(l.quarantine.Active())
		if keep(l) && (q == "" || strings.Contains(strings.ToLower(l.title+"\n"+l.id), q)) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(orders[sort](a, b), strings.Compare(a.title, b.title), strings.Compare(a.id, b.id))
	})
	v := &web.View{Template: "rulehealth/list", Title: i18n.T("Rule health", "ルールの健全性"), Nav: "rules", Live: []string{"rules"},
		Lede: i18n.T("What each rule finds, what it costs, and what analysts here and elsewhere think of it", "ルールごとの検知数・負荷と、自組織やほかの構成員の分析担当による評価"),
		Tabs: Tabs("health")}
	if held > 0 {
		v.Next = append(v.Next, web.Next{Text: i18n.T("Look at the rules in quarantine ({0})", "隔離中のルール {0} 件を見る").With(held), Path: "/rules/health?show=held",
			Note: i18n.T("they make no findings until somebody releases them", "解除されるまで、検知は作られません")})
	}
	l := web.List{ID: "rule-health", Caption: i18n.T("Rules", "ルール"), Count: web.Exactly(int64(len(lines))), Bare: true, Dense: true, Filter: filterOf(r, show, sort), Empty: emptyOf(show, q),
		Note: i18n.T("Hits of the last 30 days. Cost: mean time for one event, measured now and then on events that pass.", "検知数は直近30日。負荷は、通過する事象の一部で測った1事象あたりの平均時間。"),
		Columns: []web.ListColumn{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
			{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain},
			{Key: "state", Text: i18n.T("State", "状態")},
			{Key: "hits", Text: i18n.T("Hits", "検知数"), Role: web.RoleNum, Sort: "hits"},
			{Key: "false", Text: i18n.T("False alarms", "誤検知"), Role: web.RoleNum, Sort: "false"},
			{Key: "cost", Text: i18n.T("Cost", "負荷"), Role: web.RoleNum, Sort: "cost"},
			{Key: "community", Text: i18n.T("In the community", "共同体では"), Role: web.RoleNote},
		}}
	v.CSV = tableOf(lines)
	for _, x := range lines {
		l.Rows = append(l.Rows, web.Row{Key: x.id, Path: web.Path("/rules/{0}", x.id), Dim: !x.loaded, Cells: []any{
			web.Level(x.level), web.Lines{web.Defang(x.title), web.Mono(x.id)}, stateBadge(x), x.total(), x.falseAlarms, costCell(x.cost, spent), communityText(x.found, x.falseBy, x.typical)}})
	}
	l.Page(r, list.PageRows)
	v.Data = listData{l}
	return v, nil
}

// Tabs are the views of a node's rules; on is the one that is shown.
func Tabs(on string) []web.Tab {
	return []web.Tab{{Text: i18n.T("Health", "健全性"), Path: "/rules/health", On: on == "health"}, {Text: i18n.T("Correlation", "相関"), Path: "/rules/correlation", On: on == "joins"},
		{Text: i18n.T("Loaded", "読込済み"), Path: "/rules"}, {Text: i18n.T("Refused", "読込不可"), Path: "/rules?show=refused"}}
}

func filterOf(r *web.Request, show, sort string) *web.Filter {
	f := &web.Filter{Path: "/rules/health", Query: r.Value("q"), Ask: i18n.T("Title or id", "題名・番号")}
	if sort != "" {
		f.Keep = []web.Hidden{{Name: "sort", Value: sort}}
	}
	say := i18n.T("all rules", "すべてのルール")
	choice := web.Choice{Name: "show", Text: i18n.T("Show", "表示")}
	for _, o := range []struct {
		value string
		text  i18n.Text
	}{{"", i18n.T("all rules", "すべてのルール")}, {"held", i18n.T("rules in quarantine", "隔離中のルール")}, {"false", i18n.T("rules marked as false alarms", "誤検知とされたルール")},
		{"hit", i18n.T("rules that found something", "検知のあったルール")}, {"quiet", i18n.T("rules that found nothing", "検知のないルール")}} {
		choice.Options = append(choice.Options, web.Option{Value: o.value, Text: o.text, On: o.value == show})
		if o.value == show {
			say = o.text
		}
	}
	f.Fields = []web.Choice{choice}
	order := map[string]i18n.Text{"": i18n.T("quarantine first, then by hits", "隔離中が先、検知数の多い順"), "hits": i18n.T("most hits first", "検知数の多い順"),
		"false": i18n.T("most false alarms first", "誤検知の多い順"), "cost": i18n.T("highest cost first", "負荷の高い順")}[sort]
	f.Say = i18n.T("{0}, {1}", "{0}、{1}").With(say, order)
	if r.Value("q") != "" || show != "" || sort != "" {
		f.Clear = "/rules/health"
	}
	return f
}

func emptyOf(show, q string) *web.Empty {
	if show != "" || q != "" {
		return &web.Empty{Icon: "check", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"), Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules/health"}}
	}
	return &web.Empty{Icon: "rules", Text: i18n.T("No rules", "ルールがありません"),
		How: i18n.T("Start the node with --rules DIR; what each rule finds and costs is then counted here.", "--rules フォルダー を付けて起動してください。ルールごとの検知数と負荷がここに並びます。")}
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

func tableOf(list []line) *web.Table {
	t := &web.Table{Name: i18n.T("Rule health", "ルールの健全性"), Columns: []web.Column{
		{Key: "id", Text: i18n.T("Id", "番号")}, {Key: "title", Text: i18n.T("Rule", "ルール")}, {Key: "level", Text: i18n.T("Level", "重要度")}, {Key: "loaded", Text: i18n.T("Loaded", "読み込み")},
		{Key: "quarantine", Text: i18n.T("In quarantine", "隔離中")}, {Key: "live", Text: i18n.T("Live hits", "即時の検知数"), Number: true}, {Key: "retro", Text: i18n.T("Hits in the past", "過去の検知数"), Number: true},
		{Key: "muted", Text: i18n.T("Hits in quarantine", "隔離中の検知数"), Number: true}, {Key: "false", Text: i18n.T("False alarms", "誤検知"), Number: true},
		{Key: "ns", Text: i18n.T("Nanoseconds an event", "1事象あたりナノ秒"), Number: true}, {Key: "found_members", Text: i18n.T("Found at members", "検知した組織"), Number: true},
		{Key: "false_members", Text: i18n.T("Marked false by members", "誤検知とした組織"), Number: true}, {Key: "typical_hits", Text: i18n.T("Typical hits elsewhere", "標準的な検知数"), Number: true}}}
	for _, l := range list {
		t.Rows = append(t.Rows, []any{l.id, l.title, l.level, l.loaded, l.quarantine.Active(), l.hits.Live, l.hits.Retro, l.hits.Muted, l.falseAlarms, l.cost.Each().Nanoseconds(), l.found.Members, l.falseBy.Members, l.typical.Typical})
	}
	return t
}
