package web_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

var demoNow = time.Date(2026, 11, 22, 5, 5, 0, 0, time.UTC)

// demo is a console with invented content, for tests and for looking at.
func demo(t testing.TB, viewer policy.Viewer) *web.Site {
	t.Helper()
	now, _ := clock.Fixed(demoNow)
	s := web.New(web.Config{
		Clock: now, Title: i18n.T("meneki — hub", "meneki — 中枢"), Place: i18n.T("Japan Defence Community (example)",
			"日本防御共同体（例）"),
		Auth:   func(*http.Request) (policy.Viewer, error) { return viewer, nil },
		SignIn: "/sign-in", SignOut: "/sign-out", Search: "/search",
		Nav: []web.NavItem{
			{Key: "situation", Path: "/", Text: i18n.T("Situation", "状況"), Icon: "situation", Letter: "s"},
			{Key: "findings", Path: "/findings", Text: i18n.T("Findings", "検知"), Icon: "findings", Letter: "f"},
			{Key: "cases", Path: "/cases", Text: i18n.T("Cases", "事案"), Icon: "cases", Letter: "c"},
			{Key: "indicators", Path: "/indicators", Text: i18n.T("Indicators", "指標"), Icon: "indicators", Letter: "i"},
			{Key: "members", Path: "/members", Text: i18n.T("Members", "構成員"), Icon: "members", Letter: "m"},
			{Key: "exercise", Path: "/exercises", Text: i18n.T("Exercises", "演習"), Icon: "exercise", Letter: "e"},
			{Key: "notices", Path: "/notices", Text: i18n.T("Notices", "公表"), Icon: "notices", Letter: "n"},
			{Key: "settings", Path: "/settings", Text: i18n.T("Settings", "設定"), Icon: "settings", Letter: ",",
				Need: policy.RoleAdmin},
		},
	})
	s.Templates(demoFiles())
	s.Page("/", policy.RoleReader, func(r *web.Request) (*web.View, error) { return demoSituation(r.Zone), nil })
	s.Page("/cases", policy.RoleReader, demoCases)
	s.Page("/cases/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) { return demoCase(), nil })
	s.Page("/findings", policy.RoleReader, func(r *web.Request) (*web.View, error) { return demoEmpty(), nil })
	s.Page("/members/new", policy.RoleCoordinator,
		func(r *web.Request) (*web.View, error) { return demoForm(nil), nil })
	s.Action("/members/new", policy.RoleCoordinator, func(r *web.Request) (string, error) {
		f := web.FormOf(r)
		if r.Value("name") == "" {
			f.Wrong("name", i18n.T("say what the organisation is called", "組織の名称を入力してください"))
		}
		if err := f.Err(); err != nil {
			return "", web.Again(demoForm(f), err)
		}
		r.Flash(i18n.T("{0} is invited", "{0} を招待しました").With(r.Value("name")))
		return "/members/new", nil
	})
	s.Page("/pictures", policy.RoleNone, func(r *web.Request) (*web.View, error) { return demoGallery(), nil })
	s.Page("/public", policy.RoleNone, func(r *web.Request) (*web.View, error) { return demoPublic(), nil })
	s.Page("/drill", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		v := demoCase()
		v.Realm = "autumn-2026"
		return v, nil
	})
	s.Page("/boom", policy.RoleNone, func(r *web.Request) (*web.View, error) { panic("secret inner state") })
	s.Page("/wrong", policy.RoleNone, func(r *web.Request) (*web.View, error) {
		return nil, fault.Wrap(fault.Unavailable, i18n.T("the member's node cannot be reached", "構成員のノードに接続できません"),
			errors.New("dial tcp 10.1.2.3: secret"))
	})
	s.Page("/broken", policy.RoleNone, func(r *web.Request) (*web.View, error) {
		return &web.View{Template: "demo/broken", Title: i18n.T("Broken", "壊れた頁")}, nil
	})
	return s
}

var demoDesk = policy.Viewer{User: "u1", Name: "当直（分析）", Hub: true, Coordinator: true, Role: policy.RoleCoordinator}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func demoCycle() svg.Cycle {
	step := func(name i18n.Text, at int, detail i18n.Text) svg.Step {
		return svg.Step{Name: name, At: ms(at), Done: true, Detail: detail}
	}
	return svg.Cycle{
		Text: i18n.T("Last immunity: 209 connected members armed in 0.39 s", "直近の免疫：0.39 秒で接続中の 209 構成員が防御済み"),
		Steps: []svg.Step{
			step(i18n.T("Sensed", "感知"), 0, i18n.T("power, substation terminal", "電力 変電制御端末")),
			step(i18n.T("Detected", "検知"), 4,
				i18n.T("Sigma: suspicious child of a control program", "Sigma: 制御端末からの不審な子プロセス")),
			step(i18n.T("Case", "事案"), 38, i18n.T("joined MNK-2026-0147", "MNK-2026-0147 に統合")),
			step(i18n.T("Severity", "深刻度"), 41, i18n.T("2 (between 1 and 3)", "2（区間 1–3）")),
			step(i18n.T("Indicator", "指標"), 57, i18n.T("1, TLP:AMBER", "1件 TLP:AMBER")),
			step(i18n.T("Pushed", "配布"), 112, i18n.T("to 214 members", "対象 214 構成員")),
			step(i18n.T("Armed", "防御"), 236, i18n.T("209 of 214", "209 / 214")),
			step(i18n.T("Hunted", "遡及"), 391, i18n.T("city hall, 11-09: 1 trace", "市役所 11/09 に痕跡 1 件")),
		},
	}
}

func demoSituation(zone *time.Location) *web.View {
	d := svg.Dots{Text: i18n.T("Armed: 209 of 214", "防御の広がり：209 / 214")}
	for i := range 214 {
		m := svg.Dot{Name: fmt.Sprintf("構成員 %03d", i+1), State: svg.Armed}
		if i == 17 || i == 93 {
			m.State = svg.Trace
		}
		if i >= 209 {
			m.State = svg.Pending
		}
		d.Members = append(d.Members, m)
	}
	hours := svg.Columns{Text: i18n.T("Hospitals at 13:00: steep rise, now falling", "医療で 13 時に急増、低下中"),
		Unit: i18n.T("findings per hour", "検知 件/時"), Open: true,
		Series: []svg.Series{{Name: i18n.T("Health", "医療")}, {Name: i18n.T("Government", "行政")},
			{Name: i18n.T("Power", "電力")}, {Name: i18n.T("University", "大学")}}}
	for h := range 24 {
		at := demoNow.Add(time.Duration(h-23) * time.Hour).In(zone)
		hours.Buckets = append(hours.Buckets, i18n.Same(at.Format("15:00")))
		bump := 14 / (1 + (h-20)*(h-20))
		hours.Series[0].Values = append(hours.Series[0].Values, float64(1+bump))
		hours.Series[1].Values = append(hours.Series[1].Values, float64(2+h%4))
		hours.Series[2].Values = append(hours.Series[2].Values, float64(h%3))
		hours.Series[3].Values = append(hours.Series[3].Values, float64(1+(h*7)%3))
	}
	sectors := web.List{ID: "sectors", Caption: i18n.T("By sector", "分野別"), Dense: true, Columns: []web.ListColumn{
		{Key: "sector", Text: i18n.T("Sector", "分野"), Role: web.RoleMain}, {Key: "line",
			Text: i18n.T("12 hours", "過去12時間"), Role: web.RoleTime},
		{Key: "rate", Text: i18n.T("per hour", "件/時"), Role: web.RoleNum}, {Key: "diff", Text: i18n.T("change", "差"),
			Role: web.RoleNum},
	}}
	for i, n := range []i18n.Text{i18n.T("Power", "電力"), i18n.T("Health", "医療"), i18n.T("Government", "行政"),
		i18n.T("Finance", "金融"), i18n.T("University", "大学"), i18n.T("Telecom", "情報通信")} {
		sp := svg.Spark{Text: n, Top: 12}
		for k := range 12 {
			sp.Values = append(sp.Values, float64(2+(i*3+k*k)%5)+6/float64(1+(k-7)*(k-7)))
		}
		sectors.Rows = append(sectors.Rows,
			web.Row{Key: n.EN, Path: "/findings?sector=" + n.EN,
				Cells: []any{n, sp, int(sp.Values[11]), i18n.Same("+" + strconv.Itoa(i%4))}})
	}
	return &web.View{
		Template: "demo/situation", Title: i18n.T("Situation", "状況"), Nav: "situation",
		Lede: web.Run{i18n.T("214 members", "共同体 214 構成員"), demoNow},
		Severity: &web.Severity{Likely: 3, Low: 2, High: 3, Text: i18n.T("Great impact expected", "大きな影響の見込み"),
			Note: i18n.T("Health 3, power 2, government 2. Next six hours: steady", "医療 3、電力 2、行政 2。今後6時間の見通し：横ばい")},
		Next: []web.Next{
			{Text: i18n.T("Ask 5 hospitals to confirm the impact", "病院 5 機関へ影響確認を依頼する"), Path: "/cases/1/ask",
				Post: true, By: demoNow.Add(42 * time.Minute)},
			{Text: i18n.T("Share 1 indicator with 214 members", "指標 1 件を 214 構成員と共有する"), Path: "/indicators/1/share",
				Post: true, By: demoNow.Add(130 * time.Minute), Note: i18n.T("one more approver", "承認者もう 1 名")},
			{Text: i18n.T("Call the carriers", "通信事業者へ連絡する"), Path: "/cases/3", By: demoNow.Add(330 * time.Minute)},
		},
		Live: []string{"situation", "cases"},
		Data: map[string]any{
			"Cycle": demoCycle(), "Mark": policy.Amber, "Dots": d, "Hours": hours, "Sectors": sectors,
			"Cases": demoList(5),
			"Map": svg.Japan{Text: i18n.T("Findings gather around Tokyo", "首都圏に検知が集中"),
				Unit: i18n.T("{0} findings", "{0} 件"), Counts: map[int]int{1: 3, 4: 3, 13: 12, 14: 9, 23: 3, 27: 6,
					34: 3, 40: 6, 46: 1}},
		},
	}
}

var demoTitles = []i18n.Text{
	i18n.T("Encrypted files at several hospitals", "複数病院での暗号化被害"), i18n.T("Attempt to get into substation terminals",
		"変電制御端末への侵入の試み"),
	i18n.T("Flood of traffic at local government portals",
		"自治体ポータルへの大量通信"), i18n.T("Suspicious administrator added on a laboratory server", "研究室サーバーの不審な管理者追加"),
	i18n.T("Perhaps a false alarm: asset management tool", "誤検知の疑い：資産管理ツール"),
}

func demoRow(i int) web.Row {
	sevs := []int{3, 2, 2, 1, 0}
	marks := []policy.TLP{policy.Amber, policy.Amber, policy.Green, policy.AmberStrict, policy.Green}
	sectors := []i18n.Text{i18n.T("health", "医療"), i18n.T("power", "電力"), i18n.T("government", "行政"),
		i18n.T("university", "大学"), i18n.T("all", "共通")}
	next := []i18n.Text{i18n.T("ask for the extent of the impact", "影響範囲の確認を依頼"),
		i18n.T("approve sharing the indicator", "指標の共有を承認"), i18n.T("call the carriers",
			"通信事業者へ連絡"), i18n.T("confirm with the person", "本人確認"), i18n.T("revise the rule", "ルールの見直し")}
	k := i % 5
	due := any(web.Due(demoNow.Add(time.Duration(42+88*k) * time.Minute)))
	if k == 4 {
		due = nil
	}
	id := fmt.Sprintf("MNK-2026-%04d", 147-i)
	if i > 146 {
		id = fmt.Sprintf("MNK-2025-%04d", 20000-i)
	}
	return web.Row{Key: id, Path: web.Path("/cases/{0}", id), Hot: k == 0, Cells: []any{
		web.Sev(sevs[k]), web.Lines{demoTitles[k],
			web.Run{web.Mono(id), sectors[k], i18n.T("{0} members", "{0} 機関").With(1 + i%11)}}, marks[k], due, next[k],
	}}
}

func demoList(n int) web.List {
	l := web.List{ID: "cases", Caption: i18n.T("Open cases", "進行中の事案"), Count: web.Exactly(int64(n)),
		All: &web.Link{Text: i18n.T("All cases", "すべての事案"), Path: "/cases"},
		Columns: []web.ListColumn{
			{Key: "severity", Text: i18n.T("Severity", "深刻度"), Role: web.RoleSev}, {Key: "case",
				Text: i18n.T("Case", "事案"), Role: web.RoleMain},
			{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark}, {Key: "due",
				Text: i18n.T("Due", "期限"), Role: web.RoleNum, Sort: "due"}, {Key: "next", Text: i18n.T("Next",
				"次の一手"), Role: web.RoleNote},
		}}
	for i := range min(n, 50) {
		l.Rows = append(l.Rows, demoRow(i))
	}
	return l
}

// demoCases pages through ten thousand rows by key.
func demoCases(r *web.Request) (*web.View, error) {
	after, err := r.Int("after", 0, 0, 10000)
	if err != nil {
		return nil, err
	}
	l := demoList(0)
	l.All, l.Bare, l.Count = nil, true, web.About(10000)
	l.Caption = i18n.T("Cases", "事案")
	size := 50
	if r.Download() {
		size = 10000
	}
	for i := after; i < min(after+size, 10000); i++ {
		l.Rows = append(l.Rows, demoRow(i))
	}
	l.Pager = web.Pager{Next: r.With("after", strconv.Itoa(after+size))}
	if after > 0 {
		l.Pager.First, l.Pager.Prev = r.With("after", ""), r.With("after", strconv.Itoa(max(0, after-size)))
	}
	l.Filter = &web.Filter{Path: "/cases", Ask: i18n.T("Words, values, numbers", "語句、値、番号"), Query: r.Value("q"),
		Say: i18n.T("Open cases of all sectors, most urgent first. About 10,000.", "全分野の進行中の事案を、期限の近い順に表示。約 10,000 件。"),
		Fields: []web.Choice{
			{Name: "state", Text: i18n.T("State", "状態"),
				Options: []web.Option{{Value: "", Text: i18n.T("open", "対応中"), On: true},
					{Value: "closed", Text: i18n.T("closed", "完了")}}},
			{Name: "sector", Text: i18n.T("Sector", "分野"),
				Options: []web.Option{{Value: "", Text: i18n.T("all", "すべて"), On: true},
					{Value: "health", Text: i18n.T("health", "医療")}}},
		}}
	return &web.View{Template: "demo/cases", Title: i18n.T("Cases", "事案"), Nav: "cases",
		Lede: i18n.T("What several members work on together",
			"複数の構成員が共同で対応する事案"), Data: l, CSV: l.Table(), Live: []string{"cases"},
		Tabs: []web.Tab{{Text: i18n.T("Open", "対応中"), Path: "/cases", On: true, Count: 12},
			{Text: i18n.T("Waiting", "待機"), Path: "/cases?state=waiting", Count: 3}, {Text: i18n.T("Closed", "完了"),
				Path: "/cases?state=closed"}}}, nil
}

const demoHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func demoCase() *web.View {
	h := policy.Handling{TLP: policy.Amber}
	at := func(s int) time.Time { return demoNow.Add(time.Duration(s) * time.Second) }
	g := svg.Graph{Text: i18n.T("One indicator out of two findings armed 214 members", "2 件の検知から得た指標 1 件で 214 構成員が防御"),
		Nodes: []svg.Node{
			{ID: "m1", Kind: svg.KindMember, Label: "東都電力", Sub: i18n.T("power", "電力"), Sev: -1}, {ID: "m2",
				Kind: svg.KindMember, Label: "西海市役所", Sub: i18n.T("government", "行政"), Sev: -1},
			{ID: "f1", Kind: svg.KindFinding, Label: "Suspicious Child Process Of Control Terminal Service",
				Sub: i18n.T("rule, high", "ルール 高"), Sev: 3}, {
				ID: "f2", Kind: svg.KindFinding, Label: "指標に一致：evil[.]example", Sub: i18n.T("in the past",
					"過去"), Sev: 2},
			{ID: "c1", Kind: svg.KindCase, Label: "MNK-2026-0147", Sub: i18n.T("open", "対応中"), Sev: 2,
				Path: "/cases/MNK-2026-0147"}, {
				ID: "i1", Kind: svg.KindIndicator, Label: "SHA-256 9f86d081…0f00a08", Sub: i18n.T(
					"209 of 214 armed", "209 / 214 防御"), Sev: -1},
			{ID: "i2", Kind: svg.KindIndicator, Label: "evil[.]example", Sub: i18n.T("waits for approval", "承認待ち"),
				Sev: -1},
		},
		Edges: []svg.Edge{{From: "m1", To: "f1", Text: i18n.T("saw", "検知")},
			{From: "m2", To: "f2", Text: i18n.T("saw", "検知")}, {From: "f1", To: "c1",
				Text: i18n.T("opened", "起票")}, {From: "f2", To: "c1", Text: i18n.T("joined",
				"統合")}, {From: "c1", To: "i1", Text: i18n.T("gave", "抽出")}, {From: "c1", To: "i2", Text: i18n.T(
				"gave", "抽出")}}}
	return &web.View{
		Template: "demo/case", Title: demoTitles[1], Nav: "cases", Back: &web.Link{Text: i18n.T("Cases", "事案"),
			Path: "/cases"},
		Lede: web.Run{web.Mono("MNK-2026-0147"),
			i18n.T("3 members", "3 機関")}, Handling: &h, State: &web.Badge{Text: i18n.T("in progress",
			"対応中"), Mood: web.Warn},
		Severity: &web.Severity{Likely: 2, Low: 1, High: 3,
			Note: i18n.T("No outage so far; two terminals isolated", "停止は発生していない。端末 2 台を隔離")},
		Next: []web.Next{{Text: i18n.T("Approve sharing the indicator", "指標の共有を承認する"), Path: "/x", Post: true,
			By: demoNow.Add(130 * time.Minute), Note: i18n.T("one more approver", "承認者もう 1 名")}},
		Tabs: []web.Tab{{Text: i18n.T("Overview", "概要"), Path: "/cases/1", On: true},
			{Text: i18n.T("Evidence", "証拠"), Path: "/cases/1/evidence",
				Count: 7}, {Text: i18n.T("Who may see it", "開示範囲"), Path: "/cases/1/audience"}},
		Tools: []web.Link{{Text: i18n.T("Print", "印刷"), Path: "/cases/1?print=1", Icon: "print"}},
		Live:  []string{"case.1"},
		Data: map[string]any{
			"Graph": g,
			"Dots": svg.Dots{Text: i18n.T("Armed: 2 of 3", "防御：2 / 3"),
				Members: []svg.Dot{{Name: "東都電力", State: svg.Armed, Detail: i18n.Same("112 ms")},
					{Name: "西海市役所", State: svg.Trace, Detail: i18n.Same("236 ms")}, {Name: "北陵大学 情報基盤センター 研究開発部門",
						State: svg.Pending}}},
			"Facts": []web.Fact{
				{Name: i18n.T("First malicious event", "最初の悪性事象"), Value: at(-372)}, {Name: i18n.T("Rule", "ルール"),
					Value: web.Lines{"Suspicious Child Process Of Control Terminal Service",
						web.Run{web.Level("high"), "Florian R. (DRL 1.1)"}}},
				{Name: i18n.T("Hash", "ハッシュ"), Value: web.Mono(demoHash)}, {Name: i18n.T("Called home to", "通信先"),
					Value: web.Value("http://evil.example/stage2.php?id=1")},
				{Name: i18n.T("Host", "端末"), Value: web.Mono("SS-CTL-07")}, {Name: i18n.T("Searched past", "遡及した記録"),
					Value: i18n.T("{0} events", "{0} 件").With("12,408,113")}, {Name: i18n.T("Comment",
					"備考"), Value: ""},
			},
			"Timeline": []web.Entry{
				{At: at(-60), Icon: "check", Mood: web.Good, Who: "西海市役所",
					Text: i18n.T("searched its past: 1 trace on 9 November", "過去を遡及：11 月 9 日に痕跡 1 件"), Key: "5"},
				{At: at(-90), Icon: "note", Who: "当直（分析）", Text: i18n.T("wrote", "記入"),
					Body: "電力会社の運用担当に電話で確認。\n制御系への到達はなし。<script>alert(1)</script>", Key: "4"},
				{At: at(-300), Icon: "share", Mood: web.Info, Who: "",
					Text: i18n.T("Indicator pushed to 214 members", "指標を 214 構成員へ配布"), Mark: &h, Key: "3"},
				{At: at(-330), Quiet: true,
					Text: i18n.T("severity 2 (between 1 and 3), first assessment", "深刻度 2（区間 1–3）、初回評価"), Key: "2"},
				{At: at(-372), Icon: "warn", Mood: web.Hot, Who: "東都電力",
					Text: i18n.T("found: suspicious child process on a control terminal",
						"検知：制御端末で不審な子プロセス"), Key: "1"},
			},
		},
	}
}

func demoEmpty() *web.View {
	l := web.List{ID: "findings", Bare: true, Caption: i18n.T("Findings", "検知"),
		Empty: &web.Empty{Icon: "findings", Text: i18n.T("No findings yet", "検知はまだありません"),
			How: i18n.T(
				"Findings come in when a member's node matches a rule. Connect a member, or play the recorded "+
					"attack of "+
					"the demo.", "構成員のノードでルールに一致すると、ここに現れます。構成員を接続するか、デモの記録済み攻撃を再生してください。"),
			Do: &web.Link{Text: i18n.T("Invite a member", "構成員を招待する"), Path: "/members/new"}}}
	return &web.View{Template: "demo/cases", Title: i18n.T("Findings", "検知"), Nav: "findings", Data: l}
}

func demoForm(f *web.Form) *web.View {
	return &web.View{Template: "demo/form", Title: i18n.T("Invite a member", "構成員を招待"), Nav: "members",
		Back: &web.Link{Text: i18n.T("Members", "構成員"), Path: "/members"}, Data: map[string]any{"Form": f,
			"Fields": []web.Field{
				{Name: "name", Label: i18n.T("Name of the organisation", "組織の名称"), Required: true,
					Help: i18n.T("As others in the community shall read it", "共同体の中で表示される名称")},
				{Name: "sector", Label: i18n.T("Sector", "分野"), Kind: "select",
					Options: []web.Option{{Value: "power", Text: i18n.T("power", "電力")},
						{Value: "health", Text: i18n.T("health", "医療")}}},
				{Name: "domains", Label: i18n.T("Own domains", "自組織のドメイン"), Kind: "textarea", Mono: true,
					Hint: "example.jp",
					Help: i18n.T("One per line; they never become indicators", "1 行に 1 つ。指標にはなりません")},
				{Name: "share", Label: i18n.T("Sharing", "共有の方針"), Kind: "radio",
					Options: []web.Option{{Value: "ask", Text: i18n.T("ask a person before anything leaves",
						"送る前に必ず担当者が確認"),
						On: true},
						{Value: "auto", Text: i18n.T("send by itself up to TLP:GREEN", "TLP:GREEN までは自動で共有")}}},
				{Name: "ok", Kind: "check", Label: i18n.T("The organisation has agreed to the rules of the community",
					"共同体の規約に同意済み")},
			}}}
}

func demoGallery() *web.View {
	sectors := svg.Sectors{Text: i18n.T("Health needs help now", "医療分野に支援が必要"), Unit: i18n.T("{0} findings", "{0} 件")}
	for i, n := range []i18n.Text{i18n.T("Power", "電力"), i18n.T("Health", "医療"), i18n.T("Government", "政府・行政サービス"),
		i18n.T("Finance", "金融"), i18n.T("University", "大学"), i18n.T("Telecom", "情報通信")} {
		sectors.Tiles = append(sectors.Tiles,
			svg.Sector{Name: n, Sub: i18n.T("{0} members", "{0} 構成員").With(3 + i*7),
				Count: []int{12, 48, 9, 0, 3, 1}[i], Sev: []int{2, 4, 1, 0, 3, -1}[i], Values: []float64{1, 2, 1,
					float64(3 + i), 2, 4, float64(i)}, Path: "/x"})
	}
	waiting := demoCycle()
	for i := 5; i < 8; i++ {
		waiting.Steps[i].Done = false
	}
	waiting.Steps[7].Failed = true
	waiting.Text = i18n.T("Waiting for the push", "配布を待機中")
	matrix := svg.Matrix{Text: i18n.T("Mostly execution", "実行段階が中心"), Unit: i18n.T("{0} findings", "{0} 件")}
	for i, n := range []i18n.Text{i18n.T("Initial Access", "初期侵入"), i18n.T("Execution", "実行"),
		i18n.T("Persistence", "永続化"), i18n.T("Privilege Escalation", "権限昇格"), i18n.T("Defense Evasion",
			"防御回避"), i18n.T("Discovery", "探索")} {
		tac := svg.Tactic{Name: n}
		for k := range 2 + i%3 {
			tac.Techniques = append(tac.Techniques,
				svg.Technique{ID: fmt.Sprintf("T10%d%d", 50+i, k),
					Name: []string{"PowerShell", "Scheduled Task/Job", "Valid Accounts",
						"Command and Scripting Interpreter"}[(i+k)%4], Count: (i*k*5 + i) % 14})
		}
		matrix.Tactics = append(matrix.Tactics, tac)
	}
	return &web.View{Template: "demo/gallery", Title: i18n.T("Pictures", "図の一覧"), Plain: true, Wide: true,
		Data: []svg.Picture{sectors, waiting, matrix, svg.Columns{Text: i18n.T("Nothing", "空")},
			svg.Graph{Text: i18n.T("Nothing", "空")}}}
}

func demoPublic() *web.View {
	h := policy.Handling{TLP: policy.Clear}
	return &web.View{Template: "demo/public",
		Title: i18n.T("About the incident at hospitals in Kanto",
			"関東地方の病院における事案について"), Plain: true, Public: true, Handling: &h, Lede: web.Run{i18n.T("Notice 12",
			"第 12 報"), demoNow}}
}

func demoViews() []*web.View {
	cases, _ := demoCases(&web.Request{Request: mustRequest("/cases")})
	return slices.Concat([]*web.View{demoSituation(time.UTC), cases, demoCase(), demoEmpty(), demoForm(nil),
		demoGallery(), demoPublic()})
}

func mustRequest(path string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		panic(err)
	}
	return r
}

func demoFiles() fs.FS { return os.DirFS("testdata") }
