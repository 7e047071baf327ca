package casework

import (
	"strconv"

	"github.com/meneki/meneki/internal/event"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// caseData is the dot of cases/case.
type caseData struct {
	Number     string
	Party      bool
	Facts      []web.Fact
	Ask        i18n.Text // the axis to find out about next
	Level      i18n.Text
	Action     i18n.Text
	Panels     web.Panels // of other capabilities
	Graph      *svg.Graph
	Entries    []web.Entry
	Before     *web.Link // to the entries before those
	Whole      string    // address of the page with all, where this one leaves something out
	Parts      web.List
	Indicators *web.List
	Form       *web.Form
	NoteText   web.Field
	NoteFor    web.Field
	States     []stateButton
	Judge      []judgeAxis // empty: this viewer does not judge
	Scale      Scale
	Outlook    web.Field
	Latest     *Judgement
	Earlier    []web.Entry // judgements, the newest first
	Others     []web.Link  // to what each organisation in the case sees
	As         *asData     // it is such a preview
}

type stateButton struct {
	State State
	Text  i18n.Text
	Main  bool
}

// judgeAxis is one axis of the form.
type judgeAxis struct {
	Answer, Sure web.Field
	Ask          bool // this one first
	Means        []AxisOption
}

func (c PageConfig) caseView(r *web.Request, f file, form *web.Form) *web.View {
	// Whom a case is addressed to stays here; the page shows the label only.
	mark := policy.Handling{TLP: f.Handling.TLP}
	v := &web.View{Template: "cases/case", Title: i18n.Same(web.Defang(f.Title)), Nav: "cases", Back: &web.Link{Text: i18n.T("Cases", "事案"), Path: "/cases"},
		Lede: web.Run{web.Mono(f.Number), f.Opened}, State: f.State.badge(), Handling: &mark, Realm: f.Realm, Live: []string{"cases", "indicators"}, Wide: true}
	if f.Severity >= 0 {
		v.Severity = &web.Judged{Likely: f.Severity, Low: f.Lowest, High: f.Highest}
	}
	d := caseData{Number: f.Number, Party: f.party, Facts: f.facts(), Panels: f.panels, Graph: f.graph(), Entries: f.timeline(), Parts: f.partList(), Form: form, Scale: c.Scale}
	if f.indicators != nil {
		l := f.indicatorList()
		d.Indicators = &l
	}
	if j, ok := f.lead(c.Scale.ID); ok {
		d.Latest, d.Ask, d.Level, d.Action = j, j.Ask, j.Level, j.Action
		if v.Severity != nil {
			v.Severity.Text, v.Severity.Note = j.Level, j.Outlook
			if !j.Ask.Zero() {
				v.Severity.Note = i18n.T("ask this next: {0}", "次に確認：{0}").With(j.Ask)
			}
		}
	}
	d.Earlier = f.history()
	d.NoteText, d.NoteFor = noteFields(f.party, mayAct(r.Viewer))
	if !f.party {
		d.States = f.buttons(r.Viewer)
		if what, by := f.NextStep(); !what.Zero() {
			v.Next = append(v.Next, web.Next{Text: what, Path: web.Path("/cases/{0}", f.Number) + nextAnchor(f.Case), By: by})
		}
		if c.Judge != nil && mayAct(r.Viewer) {
			d.Judge, d.Outlook = c.judgeForm(f)
		}
	}
	if !f.party {
		d.Others = f.others()
	}
	v.CSV = d.Parts.Table()
	d.makeRoom(r)
	v.Data = d
	return v
}

func nextAnchor(c Case) string {
	if c.State == Open && (c.Severity < 0 || c.Lowest != c.Highest) {
		return "#judge"
	}
	return "#work"
}

func mayAct(v policy.Viewer) bool {
	return v.Hub && v.Role != policy.RoleReader && v.Role != policy.RoleNone
}

func noteFields(party, act bool) (text, who web.Field) {
	text = web.Field{Name: "text", Label: i18n.T("Note", "記録"), Kind: "textarea", Rows: 4, Required: true, Max: maxNote,
		Help: i18n.T("What was done, heard or decided. It cannot be changed afterwards.", "行ったこと、聞いたこと、決めたこと。後から書き換えることはできません。")}
	who = web.Field{Name: "for", Label: i18n.T("Who may read it", "閲覧範囲"), Kind: "select", Options: []web.Option{
		{Value: "hub", Text: i18n.T("the hub's people only", "ハブの担当者のみ"), On: true},
		{Value: "parties", Text: i18n.T("the hub and the organisations in this case", "ハブと、この事案の当事者組織")},
	}}
	switch {
	case !party && !act:
		who.Options = who.Options[:1]
	case party:
		who.Options = []web.Option{{Value: "hub", Text: i18n.T("the hub and your own organisation", "ハブと自組織"), On: true}}
	}
	return text, who
}

func (f file) buttons(v policy.Viewer) []stateButton {
	if !mayAct(v) {
		return nil
	}
	switch f.State {
	case Open:
		return []stateButton{{Contained, i18n.T("Mark as contained", "封じ込め済みにする"), true}, {Closed, i18n.T("Close the case", "事案を終結する"), false}}
	case Contained:
		return []stateButton{{Closed, i18n.T("Close the case", "事案を終結する"), true}, {Open, i18n.T("Open it again", "対応中に戻す"), false}}
	}
	return []stateButton{{Open, i18n.T("Open it again", "対応中に戻す"), false}}
}

// lead is the newest judgement on the scale that people judge on, or on any.
func (f file) lead(scale string) (*Judgement, bool) {
	for i, j := range f.judgements {
		if j.Scale == scale || scale == "" {
			return &f.judgements[i], true
		}
	}
	return nil, false
}

func (f file) facts() []web.Fact {
	if f.party {
		hosts := web.Run{}
		seen := map[string]bool{}
		for _, p := range f.parts {
			if p.Host != "" && !seen[p.Host] {
				hosts, seen[p.Host] = append(hosts, web.Mono(p.Host)), true
			}
		}
		out := []web.Fact{
			{Name: i18n.T("Your first finding", "自組織の最初の検知"), Value: f.Opened},
			{Name: i18n.T("Your findings", "自組織の検知"), Value: f.Findings},
		}
		if len(hosts) > 0 {
			out = append(out, web.Fact{Name: i18n.T("Machines", "端末"), Value: hosts})
		}
		return out
	}
	who := web.Run{}
	listed := map[string]bool{}
	for _, p := range f.parts {
		if !listed[p.Member] {
			listed[p.Member] = true
			who = append(who, web.Link{Text: f.names[p.Member], Path: web.Path("/members/{0}", p.Member)})
		}
	}
	out := []web.Fact{
		{Name: i18n.T("Opened", "開設"), Value: f.Opened},
		{Name: i18n.T("First malicious event", "最初の不審な事象"), Value: f.Sensed, Note: i18n.T("by the hub's clock", "ハブの時計による")},
		{Name: i18n.T("Organisations", "関係組織"), Value: who},
		{Name: i18n.T("Sectors", "分野"), Value: sectorNames(f.Sectors)},
		{Name: i18n.T("Findings", "検知"), Value: f.Findings},
		{Name: i18n.T("Highest level", "最高の重要度"), Value: web.Level(f.Level)},
	}
	if len(f.Tactics) > 0 {
		t := web.Run{}
		for _, x := range f.Tactics {
			if name, ok := event.TacticText(x); ok {
				t = append(t, name)
			} else {
				t = append(t, x)
			}
		}
		out = append(out, web.Fact{Name: i18n.T("ATT&CK tactics", "ATT&CK 戦術"), Value: t, Note: i18n.T("from the tags of the rules that matched", "一致したルールのタグによる")})
	}
	if !f.Closed.IsZero() {
		out = append(out, web.Fact{Name: i18n.T("Closed", "終結"), Value: f.Closed})
	}
	return out
}

func look(kind string) (icon string, mood web.Mood) {
	switch kind {
	case "opened":
		return "cases", web.Info
	case "finding":
		return "findings", web.Warn
	case "severity":
		return "warn", web.Info
	case "indicator":
		return "indicators", web.Good
	case "sighting":
		return "hunt", web.Warn
	case "note":
		return "note", web.Calm
	case "state":
		return "check", web.Good
	}
	return "info", web.Dim
}

func (f file) timeline() []web.Entry {
	out := make([]web.Entry, 0, len(f.entries))
	about := map[string]web.Link{} // the indicators that entries are about
	for _, in := range f.indicators {
		about[in.ID] = web.Link{Text: in.label(), Path: web.Path("/indicators/{0}", in.ID)}
	}
	for _, e := range f.entries {
		icon, mood := look(e.Kind)
		said := e.Text(web.Defang)
		who := f.names[e.Member]
		if e.By != "" {
			if who != "" {
				who = e.By + " / " + who
			} else {
				who = e.By
			}
		}
		mark := policy.Handling{TLP: e.Handling.TLP}
		w := web.Entry{At: e.At, Icon: icon, Mood: mood, Who: who, Text: said, Key: entryKey(f.party, e), Mark: &mark, Quiet: e.Kind == "severity" && e.By == ""}
		if e.Kind == "note" {
			w.Text = i18n.T("wrote", "の記録")
			w.Body = i18n.Same(web.DefangText(said.EN)) // people paste what attackers chose
		}
		if link, ok := about[e.Subject]; ok {
			w.Text = web.Run{said, link}
		}
		if !f.party && e.Kind == "note" && len(e.Handling.Audience) > 0 {
			w.Text = i18n.T("wrote to the parties", "の記録（当事者へ公開）")
		}
		out = append(out, w)
	}
	return out
}

// entryKey names an entry on the page.
func entryKey(party bool, e Entry) string {
	if party {
		return e.Kind + strconv.FormatInt(e.At.UnixMicro(), 36)
	}
	return e.ID
}

var whyNames = map[string]i18n.Text{
	"opened":     i18n.T("it opened the case", "この検知で開設"),
	"indicator":  i18n.T("a shared indicator matched", "共有指標に一致"),
	"observable": i18n.T("the same value was seen", "同じ観測値を検出"),
	"host":       i18n.T("on the same machine", "同じ端末で発生"),
	"rule":       i18n.T("the same rule matched", "同じルールに一致"),
}

func (f file) partList() web.List {
	l := web.List{ID: "parts", Caption: i18n.T("Findings in this case", "この事案の検知"), Count: web.Exactly(int64(len(f.parts))), Dense: true, Columns: []web.ListColumn{
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
		{Key: "finding", Text: i18n.T("Finding", "検知"), Role: web.RoleMain},
		{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		{Key: "why", Text: i18n.T("Why it is here", "関連の理由")},
		{Key: "events", Text: i18n.T("Events", "事象"), Role: web.RoleNum},
		{Key: "at", Text: i18n.T("Arrived", "受信"), Role: web.RoleTime},
	}, Empty: &web.Empty{Icon: "findings", Text: i18n.T("No findings that you may see", "閲覧できる検知はありません"), How: i18n.T("The findings of other organisations are theirs and the hub's.", "他組織の検知は、その組織とハブだけが閲覧できます。")}}
	for _, p := range f.parts {
		sub := web.Run{}
		if !f.party {
			sub = append(sub, f.names[p.Member])
		}
		if p.Host != "" {
			sub = append(sub, web.Mono(p.Host))
		}
		if p.Retro {
			sub = append(sub, i18n.T("in the past", "過去の痕跡"))
		}
		why := whyNames[p.Why]
		if f.party {
			why = i18n.T("related to this case", "この事案に関連")
		}
		l.Rows = append(l.Rows, web.Row{Key: p.Finding, Path: web.Path("/findings/{0}", p.Finding), Cells: []any{web.Level(p.Level), web.Lines{web.Title(p.Title), sub}, policy.Handling{TLP: p.Handling.TLP}, why, p.Count, web.Brief(p.At)}})
	}
	return l
}

// label is what an indicator is called: its value defanged, or its rule's title.
func (in IndicatorLine) label() string {
	if in.Kind == "sigma" || in.Value == "" {
		return in.Name
	}
	return web.Defang(in.Value)
}

func (f file) indicatorList() web.List {
	l := web.List{ID: "indicators", Caption: i18n.T("Indicators out of this case", "この事案から出た指標"), Count: web.Exactly(int64(len(f.indicators))), Dense: true, Columns: []web.ListColumn{
		{Key: "indicator", Text: i18n.T("Indicator", "指標"), Role: web.RoleMain},
		{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
	}, Empty: &web.Empty{Icon: "indicators", Text: i18n.T("No indicator yet", "指標はまだありません"), How: i18n.T("What is distinctive in a finding becomes an indicator, once the member behind it lets it go.", "検知に特徴的な値があり、構成員が提供を認めると、指標になります。")}}
	if !f.party {
		l.Columns = append(l.Columns, web.ListColumn{Key: "armed", Text: i18n.T("Armed", "防御済み"), Role: web.RoleNum}, web.ListColumn{Key: "hunted", Text: i18n.T("Past searched", "遡及済み"), Role: web.RoleNum},
			web.ListColumn{Key: "sightings", Text: i18n.T("Sightings", "観測報告"), Role: web.RoleNum})
	}
	l.Columns = append(l.Columns, web.ListColumn{Key: "until", Text: i18n.T("Valid until", "有効期限"), Role: web.RoleTime})
	for _, in := range f.indicators {
		name := any(in.Name)
		if in.Kind != "sigma" && in.Value != "" {
			name = web.Title(in.Value)
		}
		sub := web.Run{web.KindText(in.Kind)}
		if in.Kind != "sigma" && in.Name != in.Value {
			sub = append(sub, web.Defang(in.Name))
		}
		cells := []any{web.Lines{name, sub}, policy.Handling{TLP: in.Handling.TLP}}
		if !f.party {
			of := func(n int) string { return strconv.Itoa(n) + " / " + strconv.Itoa(in.Entitled) }
			cells = append(cells, of(in.Armed), of(in.Hunted), in.Sightings)
		}
		until := any(web.Day(in.Until))
		if in.Withdrawn {
			until = web.Badge{Text: i18n.T("withdrawn", "取下げ"), Mood: web.Dim}
		}
		l.Rows = append(l.Rows, web.Row{Key: in.ID, Path: web.Path("/indicators/{0}", in.ID), Cells: append(cells, until), Dim: in.Withdrawn})
	}
	return l
}

// levelSeverity maps a rule's level to the glyph beside it.
func levelSeverity(level string) int {
	switch level {
	case "low":
		return 1
	case "medium":
		return 2
	case "high":
		return 3
	case "critical":
		return 4
	}
	return 0
}

// graph ties organisations to what they found, and that to what came of it.
// Findings of one rule are one node.
func (f file) graph() *svg.Graph {
	if len(f.parts) == 0 {
		return nil
	}
	here := web.Path("/cases/{0}", f.Number)
	g := &svg.Graph{Rest: map[svg.NodeKind]string{svg.KindFinding: here + "#parts", svg.KindIndicator: here + "#indicators"}, Note: i18n.T("organisations, the rules that matched there, the case, and the indicators out of it", "組織、一致したルール、事案、そこから出た指標")}
	have := map[string]bool{}
	node := func(n svg.Node) {
		if !have[n.ID] {
			have[n.ID] = true
			g.Nodes = append(g.Nodes, n)
		}
	}
	type pair struct{ from, to string }
	events := map[pair]int{}
	var order []pair
	ruleOf := map[string]string{}
	members := map[string]bool{}
	for _, p := range f.parts {
		members[p.Member] = true
		m, rule := "m "+p.Member, "r "+p.Rule
		ruleOf[p.Finding] = rule
		n := svg.Node{ID: m, Kind: svg.KindMember, Label: f.names[p.Member], Sev: -1}
		if !f.party {
			n.Path = web.Path("/members/{0}", p.Member)
		}
		node(n)
		node(svg.Node{ID: rule, Kind: svg.KindFinding, Label: web.Defang(p.Title), Sub: i18n.T("rule or indicator", "ルール・指標"), Sev: levelSeverity(p.Level), Path: web.Path("/findings/{0}", p.Finding)})
		k := pair{m, rule}
		if events[k] == 0 {
			order = append(order, k)
		}
		events[k] += max(p.Count, 1)
	}
	for _, k := range order {
		g.Edges = append(g.Edges, svg.Edge{From: k.from, To: k.to, Text: i18n.T("matched events: {0}", "{0} 件の事象に一致").With(events[k])})
	}
	node(svg.Node{ID: "case", Kind: svg.KindCase, Label: f.Number, Sub: f.State.Name(), Sev: f.Severity})
	rules := map[string]bool{}
	for _, k := range order {
		if !rules[k.to] {
			rules[k.to] = true
			g.Edges = append(g.Edges, svg.Edge{From: k.to, To: "case", Text: i18n.T("belongs to", "所属")})
		}
	}
	for _, in := range f.indicators {
		node(svg.Node{ID: "i " + in.ID, Kind: svg.KindIndicator, Label: in.label(), Sub: web.KindText(in.Kind), Sev: -1, Path: web.Path("/indicators/{0}", in.ID)})
		g.Edges = append(g.Edges, svg.Edge{From: "case", To: "i " + in.ID, Text: i18n.T("gave", "作成")})
	}
	if f.party {
		g.Text = i18n.T("Your findings in this case: {0}", "この事案における自組織の検知 {0} 件").With(len(f.parts))
	} else {
		g.Text = i18n.T("Organisations: {0}, rules: {1}, indicators: {2}", "{0} 組織・ルール {1} 件・指標 {2} 件").With(len(members), len(rules), len(f.indicators))
	}
	return g
}

// history lists the judgements as a timeline.
func (f file) history() []web.Entry {
	var out []web.Entry
	for _, j := range f.judgements {
		if f.party && j.At.Before(f.Opened) {
			continue // before this organisation came, it was about others
		}
		who, icon := j.By, "user"
		text := web.Run{web.Sev(j.Likely), i18n.T("between {0} and {1}", "区間 {0}–{1}").With(j.Lowest, j.Highest)}
		if j.Automatic {
			who, icon = "", "auto"
			text = append(text, i18n.T("automatic", "自動"))
		}
		if f.party {
			who = ""
		}
		body := web.Lines{j.ScaleName}
		for _, in := range j.Inputs {
			answer := in.Answer
			if answer.Zero() {
				answer = i18n.T("unknown", "不明")
			}
			line := web.Run{i18n.T("{0}: {1}", "{0}: {1}").With(in.Name, answer)}
			if in.Confidence == sureEstimated {
				line = append(line, i18n.T("estimated", "推定"))
			}
			if !in.Why.Zero() && !f.party {
				line = append(line, in.Why)
			}
			body = append(body, line)
		}
		out = append(out, web.Entry{At: j.At, Icon: icon, Who: who, Text: text, Quiet: j.Automatic, Key: "j" + strconv.FormatInt(j.At.UnixMicro(), 36), Body: body})
	}
	return out
}

// judgeForm asks for each axis of the scale; what was judged before is filled in.
func (c PageConfig) judgeForm(f file) (out []judgeAxis, outlook web.Field) {
	last := map[string]JudgedAxis{}
	ask := i18n.Text{}
	outlookNow := ""
	if j, ok := f.lead(c.Scale.ID); ok {
		ask, outlookNow = j.Ask, j.OutlookID
		for _, in := range j.Inputs {
			last[in.Axis] = in
		}
	}
	for _, a := range c.Scale.Axes {
		before := last[a.ID]
		answer := web.Field{Name: "axis." + a.ID, Label: a.Name, Kind: "select", Options: []web.Option{{Text: i18n.T("unknown", "不明"), On: before.Value == ""}}}
		for _, o := range a.Options {
			answer.Options = append(answer.Options, web.Option{Value: o.ID, Text: o.Name, On: o.ID == before.Value})
		}
		sure := web.Field{Name: "sure." + a.ID, Label: i18n.T("How sure", "確度"), Kind: "select", Options: []web.Option{
			{Value: sureKnown, Text: i18n.T("confirmed", "確認済み"), On: before.Confidence != sureEstimated},
			{Value: sureEstimated, Text: i18n.T("estimated", "推定"), On: before.Confidence == sureEstimated},
		}}
		out = append(out, judgeAxis{Answer: answer, Sure: sure, Ask: !ask.Zero() && ask == a.Name, Means: a.Options})
	}
	outlook = web.Field{Name: "outlook", Label: i18n.T("The next 6 hours", "今後 6 時間の見通し"), Kind: "select"}
	for _, o := range c.Scale.Outlooks {
		outlook.Options = append(outlook.Options, web.Option{Value: o.ID, Text: o.Name, On: o.ID == outlookNow})
	}
	return out, outlook
}
