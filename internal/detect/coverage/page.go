package coverage

import (
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates
var files embed.FS

// PageConfig is what the coverage pages and their API stand on.
type PageConfig struct {
	DB         *store.DB
	Clock      clock.Clock
	Techniques *attack.List
	// Hub says that the rules are those of findings that the viewer may see, and
	// not loaded here.
	Hub bool
	// Rules returns the rules with their hits since a time, as far as tx may see them.
	Rules func(tx *store.Tx, since time.Time) ([]Rule, error)
}

// Pages adds /coverage, /coverage/{technique} and /coverage/layer.json.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/coverage", policy.RoleReader, c.matrix)
	site.Page("/coverage/{technique}", policy.RoleReader, c.technique)
	site.Handle("GET /coverage/layer.json", http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := site.Who(w, hr, policy.RoleReader)
		var l Layer
		if err == nil {
			l, err = c.layer(r)
		}
		var body []byte
		if err == nil {
			body, err = json.MarshalIndent(l, "", "  ")
		}
		if err != nil {
			site.Refuse(w, hr, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Disposition", `attachment; filename="meneki-coverage.json"`)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body) // the reader has gone
	}))
}

// days is how far back hits count, in days.
const days = 30

// read returns the coverage that a viewer may see, and the rules it is made of.
func (c PageConfig) read(r *http.Request, v policy.Viewer, product string) (cov Coverage, rules []Rule, err error) {
	err = c.DB.Read(r.Context(), store.As(v), func(tx *store.Tx) error {
		if rules, err = c.Rules(tx, c.Clock().Add(-days*24*time.Hour)); err != nil {
			return err
		}
		figures, err := pool.Figures(tx)
		cov = Of(c.Techniques, rules, product, figures)
		return err
	})
	return cov, rules, err
}

// what a cell's colour can stand for.
const (
	byRules   = "rules"
	byHits    = "hits"
	byMembers = "members"
)

func (x Cell) measure(by string) int {
	switch by {
	case byHits:
		return int(min(x.Hits, 1_000_000_000))
	case byMembers:
		return x.Members
	}
	return x.Rules
}

// matrixData is the dot of coverage/matrix.
type matrixData struct {
	Picture svg.Picture
	Filter  *web.Filter
	Key     i18n.Text
	How     i18n.Text
	Missing web.List
	Tactics web.Table
	Layer   string
}

func (c PageConfig) matrix(r *web.Request) (*web.View, error) {
	product, by := strings.ToLower(r.Value("product")), r.Value("by")
	cov, _, err := c.read(r.Request, r.Viewer, product)
	if err != nil {
		return nil, err
	}
	if by != byHits && by != byMembers {
		by = byRules
	}
	covered, all := cov.Covered()
	v := &web.View{Template: "coverage/matrix", Title: i18n.T("Coverage", "カバレッジ"), Nav: "coverage", Wide: true,
		Live: []string{"rules"},
		Lede: i18n.T("Which techniques of MITRE ATT&CK the rules look for, and which were found",
			"ルールが MITRE ATT&CK のどの手法を見張り、どの手法を検知したか")}
	missing, err := c.missing(r, cov)
	if err != nil {
		return nil, err
	}
	d := matrixData{Filter: c.filter(cov, product, by), Missing: missing, Tactics: tacticTable(cov),
		Layer: "/coverage/layer.json"}
	if product != "" {
		d.Layer += "?product=" + url.QueryEscape(product)
	}
	d.Picture = picture(cov, by, c.caption(covered, all, product))
	d.Key = keyText(by)
	d.How = i18n.T("From the attack.* tags of the rules that are loaded; hits of the last {0} days, hunts included. A "+
		"rule counts for its sub-technique and for the technique above it. {1} rules name only a tactic, {2} neither.",
		"読み込み済みのルールの attack.* タグから集計。検知数は直近{0}日で、遡及調査を含みます。サブ手法のルールは、上位の手法にも数えます。戦術だけを示すルールは {1} 件、どちらも示さないルールは {2} "+
			"件です。").With(days, cov.Loose(), cov.Untagged)
	if c.Hub {
		d.How = i18n.T("From the rules behind the findings that you may see in the last {0} days, and from members' "+
			"rule counts. A figure of members stands only where at least {1} have reported theirs.",
			"閲覧できる直近{0}日の検知の元となったルールと、構成員から届いた集計によります。組織数は、{1}組織以上が伝えた場合だけ示します。").With(days, pool.FewestMembers)
	}
	v.Data, v.CSV = d, tableOf(cov)
	return v, nil
}

func (c PageConfig) caption(covered, all int, product string) i18n.Text {
	t := i18n.T("{0} of {1} techniques are looked for", "{1} 手法のうち {0} 手法にルールあり").With(covered, all)
	if c.Hub {
		t = i18n.T("{0} of {1} techniques are seen or covered", "{1} 手法のうち {0} 手法を検知またはカバー").With(covered, all)
	}
	if product != "" {
		t = i18n.T("{0} ({1})", "{0}（{1}）").With(t, product)
	}
	return t
}

func keyText(by string) i18n.Text {
	switch by {
	case byHits:
		return i18n.T("The darker, the more hits. Behind the number of a technique: its sub-techniques with rules, of "+
			"all it has.", "色が濃いほど検知が多い。番号の後ろは、ルールのあるサブ手法と全サブ手法の数。")
	case byMembers:
		return i18n.T("The darker, the more members cover it. Without colour: fewer than {0} have reported it.",
			"色が濃いほど、カバーする組織が多い。色なしは、伝えた組織が {0} 未満。").With(pool.FewestMembers)
	}
	return i18n.T("The darker, the more rules. Behind the number of a technique: its sub-techniques with rules, of "+
		"all it has.", "色が濃いほどルールが多い。番号の後ろは、ルールのあるサブ手法と全サブ手法の数。")
}

// picture is the matrix with sub-techniques folded in.
func picture(cov Coverage, by string, caption i18n.Text) svg.Matrix {
	m := svg.Matrix{Text: caption, Unit: map[string]i18n.Text{byRules: i18n.T("{0} {0:rule|rules}", "ルール {0} 件"),
		byHits: i18n.T("{0} {0:hit|hits}", "検知 {0} 件"), byMembers: i18n.T("{0} members", "{0} 組織")}[by]}
	for _, t := range cov.Tactics {
		col := svg.Tactic{Name: attack.TacticText(t.Key)}
		for _, x := range t.Cells {
			if x.Old && x.Rules == 0 {
				continue
			}
			col.Techniques = append(col.Techniques, svg.Technique{ID: x.ID + folded(x), Name: x.Name,
				Count: x.measure(by), Path: web.Path("/coverage/{0}", x.ID)})
		}
		m.Tactics = append(m.Tactics, col)
	}
	return m
}

// folded says how many sub-techniques have rules, of all.
func folded(x Cell) string {
	if len(x.Subs) == 0 {
		return ""
	}
	with, all := 0, 0
	for _, s := range x.Subs {
		if s.Rules == 0 && s.Old {
			continue
		}
		all++
		if s.Rules > 0 {
			with++
		}
	}
	return " " + strconv.Itoa(with) + "/" + strconv.Itoa(all)
}

func (c PageConfig) filter(cov Coverage, product, by string) *web.Filter {
	f := &web.Filter{Path: "/coverage", Do: i18n.T("Show", "表示する")}
	names := make([]string, 0, len(cov.Products))
	for p := range cov.Products {
		names = append(names, p)
	}
	slices.Sort(names)
	if len(names) > 0 {
		ch := web.Choice{Name: "product", Text: i18n.T("Product", "製品"),
			Options: []web.Option{{Text: i18n.T("all", "すべて"), On: product == ""}}}
		for _, p := range names {
			ch.Options = append(ch.Options,
				web.Option{Value: p, Text: i18n.T("{0} ({1})", "{0}（{1}）").With(p, cov.Products[p]), On: p == product})
		}
		f.Fields = append(f.Fields, ch)
	}
	ch := web.Choice{Name: "by", Text: i18n.T("Colour by", "色分け")}
	texts := map[string]i18n.Text{
		byRules:   i18n.T("rules loaded", "ルールの数"),
		byHits:    i18n.T("hits in {0} days", "検知数（{0}日）").With(days),
		byMembers: i18n.T("members that cover it", "カバーする組織の数"),
	}
	if c.Hub {
		texts[byRules] = i18n.T("rules that found something", "検知したルールの数")
	}
	for _, k := range []string{byRules, byHits, byMembers} {
		ch.Options = append(ch.Options, web.Option{Value: k, Text: texts[k], On: k == by})
	}
	f.Fields = append(f.Fields, ch)
	say := texts[by]
	if product != "" {
		say = i18n.T("{0}, rules for {1}", "{0}、{1} のルール").With(say, product)
		f.Clear = "/coverage"
	}
	f.Say = say
	return f
}

// missing is the list of techniques that no rule names.
func (c PageConfig) missing(r *web.Request, cov Coverage) (web.List, error) {
	term := func(desc bool, of func(Cell) any) list.Term[Cell] { return list.Term[Cell]{Of: of, Desc: desc} }
	id := term(false, func(x Cell) any { return x.ID })
	spec := list.Spec[Cell]{
		Key: []list.Term[Cell]{id},
		Sorts: []list.Sort[Cell]{
			{Name: "id"},
			{Name: "technique", By: []list.Term[Cell]{term(false, func(x Cell) any { return x.Name })}},
			{Name: "tactics",
				By: []list.Term[Cell]{term(false, func(x Cell) any { return strings.Join(x.Tactics, " ") })}},
			{Name: "subs", By: []list.Term[Cell]{term(true, func(x Cell) any { return len(x.Subs) })}},
		},
		Name: "missing", Path: "/coverage", Caption: i18n.T("Not covered", "ルールのない手法"), Dense: true, Card: true,
		Columns: []list.Column[Cell]{
			{Key: "technique", Text: i18n.T("Technique", "手法"), Role: web.RoleMain, Sort: "technique", Cell: nameCell},
			{Key: "tactics", Text: i18n.T("Tactics", "戦術"), Role: web.RoleNote, Sort: "tactics",
				Cell: func(x Cell) any { return tacticsText(x.Tactics) }},
			{Key: "subs", Text: i18n.T("Sub-techniques", "サブ手法"), Role: web.RoleNum, Sort: "subs",
				Cell: func(x Cell) any { return len(x.Subs) }},
		},
		Row:   func(x Cell) web.Row { return web.Row{Key: x.ID, Path: web.Path("/coverage/{0}", x.ID)} },
		Empty: &web.Empty{Icon: "check", Text: i18n.T("Every technique has a rule", "すべての手法にルールがあります")},
	}
	spec.Note = i18n.T("No loaded rule names these. Some cannot be seen in logs at all.",
		"読み込み済みのルールに該当がない手法です。ログからは見えないものも含みます。")
	if c.Hub {
		spec.Caption = i18n.T("Neither seen nor covered", "検知もカバーもない手法")
		spec.Note = i18n.T("No finding that you may see names these, and fewer than {0} members have reported that "+
			"they cover them.",
			"閲覧できる検知になく、カバレッジを伝えた組織も{0}未満の手法です。").With(pool.FewestMembers)
	}
	p, err := spec.Of(cov.Missing, spec.Ask(r))
	return spec.View(r, p), err
}

// nameCell is a technique's name and id.
func nameCell(x Cell) any { return web.Lines{x.Name, web.Mono(x.ID)} }

func tacticsText(list []string) any {
	var out web.Run
	for _, t := range list {
		out = append(out, attack.TacticText(t))
	}
	return out
}

func tacticTable(cov Coverage) web.Table {
	t := web.Table{Name: i18n.T("Coverage by tactic", "戦術ごとのカバレッジ"),
		Columns: []web.Column{{Key: "tactic", Text: i18n.T("Tactic", "戦術")},
			{Key: "covered", Text: i18n.T("Covered", "ルールあり"), Number: true}}}
	for _, x := range cov.Tactics {
		with, all := 0, 0
		for _, cell := range x.Cells {
			if cell.Old && cell.Rules == 0 {
				continue
			}
			all++
			if cell.Rules > 0 || cell.Members > 0 {
				with++
			}
		}
		t.Rows = append(t.Rows, []any{attack.TacticText(x.Key), strconv.Itoa(with) + " / " + strconv.Itoa(all)})
	}
	return t
}

func tableOf(cov Coverage) *web.Table {
	t := &web.Table{Name: i18n.T("Coverage", "カバレッジ"), Columns: []web.Column{{Key: "id", Text: i18n.T("Id", "番号")},
		{Key: "technique", Text: i18n.T("Technique", "手法")}, {Key: "tactics", Text: i18n.T("Tactics", "戦術")},
		{Key: "rules", Text: i18n.T("Rules", "ルール"), Number: true}, {Key: "hits", Text: i18n.T("Hits", "検知数"),
			Number: true}, {Key: "members", Text: i18n.T("Members that cover it", "カバーする組織"), Number: true}}}
	add := func(x Cell) {
		t.Rows = append(t.Rows, []any{x.ID, x.Name, strings.Join(x.Tactics, " "), x.Rules, x.Hits, x.Members})
	}
	for _, x := range cov.Cells {
		if x.Old && x.Rules == 0 {
			continue
		}
		add(x)
		for _, s := range x.Subs {
			add(s)
		}
	}
	return t
}

func (c PageConfig) layer(r *web.Request) (Layer, error) {
	product := strings.ToLower(r.Value("product"))
	cov, _, err := c.read(r.Request, r.Viewer, product)
	name := "meneki"
	if product != "" {
		name += " " + event.Clip(product, 40)
	}
	return cov.Layer(name, i18n.T("Rules by technique; hits of the last {0} days in the metadata",
		"手法ごとのルール数。メタデータに直近{0}日の検知数").With(days).In(r.Lang)), err
}

// techniqueData is the dot of coverage/technique.
type techniqueData struct {
	Facts []web.Fact
	Rules web.List
	Subs  web.List
}

func (c PageConfig) technique(r *web.Request) (*web.View, error) {
	id := strings.ToUpper(r.PathValue("technique"))
	cov, rules, err := c.read(r.Request, r.Viewer, "")
	if err != nil {
		return nil, err
	}
	x, ok := cov.Find(id)
	if !ok {
		return nil, fault.New(fault.NotFound, i18n.T("no technique {0} is known here",
			"手法 {0} はありません").With(event.Clip(id, 20)))
	}
	top, _ := cov.Find(attack.Parent(id))
	state := web.Badge{Text: i18n.T("not covered", "ルールなし"), Mood: web.Warn}
	if x.Rules > 0 {
		state = web.Badge{Text: i18n.T("{0} {0:rule|rules}", "ルール {0} 件").With(x.Rules), Mood: web.Good}
	}
	v := &web.View{Template: "coverage/technique", Title: i18n.Same(x.ID + " " + x.Name), Nav: "coverage",
		State: &state, Back: &web.Link{Text: i18n.T("Coverage", "カバレッジ"), Path: "/coverage"}}
	d := techniqueData{Facts: []web.Fact{{Name: i18n.T("Tactics", "戦術"), Value: tacticsText(top.Tactics)},
		{Name: i18n.T("Rules", "ルール"), Value: x.Rules}, {Name: i18n.T("Hits in {0} days", "検知数（{0}日）").With(days),
			Value: x.Hits}}}
	if x.Members > 0 {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Members that cover it", "カバーする組織"), Value: x.Members})
	}
	if top.ID != x.ID {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Part of", "上位の手法"),
			Value: web.Link{Text: top.ID + " " + top.Name, Path: web.Path("/coverage/{0}", top.ID)}})
	}
	if x.Old {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("In ATT&CK", "ATT&CK での扱い"),
			Value: i18n.T("replaced by newer techniques", "新しい手法に置き換え済み")})
	}
	spec := c.ruleList(x)
	p, err := spec.Of(rulesOf(x, rules), spec.Ask(r))
	if err != nil {
		return nil, err
	}
	d.Rules, d.Subs = spec.View(r, p), subList(x)
	v.Data, v.CSV = d, spec.Table(p)
	return v, nil
}

// namedRule is a rule with those of its techniques that a page is about.
type namedRule struct {
	Rule
	names string
}

// rulesOf returns the rules that look for a technique or one of its sub-techniques.
func rulesOf(x Cell, rules []Rule) (out []namedRule) {
	for _, r := range rules {
		var names []string
		for _, t := range attack.TechniquesOf(r.Tags) {
			if t == x.ID || attack.Parent(t) == x.ID {
				names = append(names, t)
			}
		}
		if len(names) > 0 {
			out = append(out, namedRule{r, strings.Join(names, " ")})
		}
	}
	return out
}

// ruleList describes the list of rules that look for a technique.
func (c PageConfig) ruleList(x Cell) list.Spec[namedRule] {
	term := func(desc bool, of func(namedRule) any) list.Term[namedRule] {
		return list.Term[namedRule]{Of: of, Desc: desc}
	}
	level := list.ByLevel("", func(r namedRule) string { return r.Level })
	title := term(false, func(r namedRule) any { return r.Title })
	by := func(name string, terms ...list.Term[namedRule]) list.Sort[namedRule] {
		return list.Sort[namedRule]{Name: name, By: append(terms, title)}
	}
	return list.Spec[namedRule]{
		Key: []list.Term[namedRule]{term(false, func(r namedRule) any { return r.ID })},
		Sorts: []list.Sort[namedRule]{
			by("level", level), by("rule"), by("technique", term(false, func(r namedRule) any { return r.names })),
			by("hits", term(true, func(r namedRule) any { return r.Hits })),
		},
		Name: "technique-rules", Path: web.Path("/coverage/{0}", x.ID), Dense: true, Card: true,
		Caption: i18n.T("Rules that look for it", "この手法を見張るルール"),
		Columns: []list.Column[namedRule]{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
				Cell: func(r namedRule) any { return web.Level(r.Level) }},
			{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain, Sort: "rule", Cell: ruleCell},
			{Key: "technique", Text: i18n.T("Technique", "手法"), Role: web.RoleWide, Sort: "technique",
				Cell: func(r namedRule) any { return r.names }},
			{Key: "hits", Text: i18n.T("Hits", "検知数"), Role: web.RoleNum, Sort: "hits",
				Cell: func(r namedRule) any { return r.Hits }},
		},
		Row: func(r namedRule) web.Row {
			if c.Hub {
				return web.Row{Key: r.ID, Path: "/findings?rule=" + url.QueryEscape(r.ID)}
			}
			return web.Row{Key: r.ID, Path: web.Path("/rules/{0}", r.ID)}
		},
		Empty: &web.Empty{Icon: "rules", Text: i18n.T("No rule looks for it", "見張るルールがありません"),
			How: i18n.T("Add rules that carry the tag attack.{0}.", "タグ attack.{0} を持つルールを追加してください。").
				With(strings.ToLower(x.ID))},
	}
}

func ruleCell(r namedRule) any {
	main := web.Lines{r.Title, web.Run{r.Product, web.Mono(r.ID)}}
	if r.Quarantined {
		main = append(main, web.Badge{Text: i18n.T("in quarantine", "隔離中"), Mood: web.Warn, Icon: "lock"})
	}
	return main
}

func subList(x Cell) web.List {
	l := web.List{ID: "subs", Caption: i18n.T("Sub-techniques", "サブ手法"), Count: web.Exactly(int64(len(x.Subs))),
		Dense: true, Columns: []web.ListColumn{
			{Key: "technique", Text: i18n.T("Sub-technique", "サブ手法"), Role: web.RoleMain},
			{Key: "rules", Text: i18n.T("Rules", "ルール"), Role: web.RoleNum},
			{Key: "hits", Text: i18n.T("Hits", "検知数"), Role: web.RoleNum},
		}}
	for _, s := range x.Subs {
		if s.Old && s.Rules == 0 {
			continue
		}
		l.Rows = append(l.Rows, web.Row{Key: s.ID, Path: web.Path("/coverage/{0}", s.ID), Dim: s.Rules == 0,
			Cells: []any{web.Lines{s.Name, web.Mono(s.ID)}, s.Rules, s.Hits}})
	}
	return l
}
