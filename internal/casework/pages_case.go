package casework

import (
	"cmp"
	"strconv"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// caseData is the dot of cases/case.
type caseData struct {
	Number   string
	Party    bool
	Facts    []web.Fact
	Panels   web.Panels // of other capabilities
	Graph    *svg.Graph
	Entries  []web.Entry
	Before   *web.Link // to the entries before those
	Whole    string    // address of the page with all, where this one leaves something out
	Parts    web.List
	Form     *web.Form
	NoteText web.Field
	NoteFor  web.Field
	States   []stateButton
	Others   []web.Link // to what each organisation in the case sees
	As       *asData    // it is such a preview
}

type stateButton struct {
	State State
	Text  i18n.Text
	Main  bool
}

func (c *PageConfig) caseView(r *web.Request, f file) *web.View {
	// Whom a case is addressed to stays here; the page shows the label only.
	mark := policy.Handling{TLP: f.Handling.TLP}
	v := &web.View{Template: "cases/case", Title: i18n.Same(web.Defang(f.Title)), Nav: "cases",
		Back: &web.Link{Text: i18n.T("Cases", "事案"), Path: "/cases"},
		Lede: web.Run{web.Mono(f.Number), f.Opened}, State: f.State.badge(), Handling: &mark, Realm: f.Realm,
		Live: []string{"cases", "indicators"}, Wide: true}
	if f.Severity >= 0 {
		v.Severity = cmp.Or(f.panels.Severity(), &web.Severity{Likely: f.Severity, Low: f.Lowest, High: f.Highest})
	}
	v.Next = f.panels.Next()
	d := caseData{Number: f.Number, Party: f.party, Facts: f.facts(), Panels: f.panels, Graph: f.graph(),
		Entries: f.timeline(), Parts: f.partList(), Form: r.Sent}
	d.NoteText, d.NoteFor = noteFields(f.party, MayAct(r.Viewer))
	if !f.party {
		d.States, d.Others = f.buttons(r.Viewer), f.others()
		if what, by := f.NextStep(); !what.Zero() {
			v.Next = append(v.Next, web.Next{Text: what, Path: web.Path("/cases/{0}", f.Number) + nextAnchor(f.Case),
				By: by})
		}
	}
	v.CSV = d.Parts.Table()
	d.makeRoom(r)
	v.Data = d
	return v
}

func nextAnchor(c Case) string {
	if c.State == Open && (c.Severity < 0 || c.Lowest != c.Highest) {
		return "#assess"
	}
	return "#work"
}

func noteFields(party, act bool) (text, who web.Field) {
	text = web.Field{Name: "text", Label: i18n.T("Note", "記録"), Kind: "textarea", Rows: 4, Required: true, Max: maxNote,
		Help: i18n.T("What was done, heard or decided. It cannot be changed afterwards.",
			"行ったこと、聞いたこと、決めたこと。後から書き換えることはできません。")}
	who = web.Field{Name: "for", Label: i18n.T("Who may read it", "閲覧範囲"), Kind: "select", Options: []web.Option{
		{Value: "hub", Text: i18n.T("the hub's people only", "ハブの担当者のみ"), On: true},
		{Value: "parties", Text: i18n.T("the hub and the organisations in this case", "ハブと、この事案の当事者組織")},
	}}
	switch {
	case !party && !act:
		who.Options = who.Options[:1]
	case party:
		who.Options = []web.Option{{Value: "hub", Text: i18n.T("the hub and your own organisation", "ハブと自組織"),
			On: true}}
	}
	return text, who
}

func (f file) buttons(v policy.Viewer) []stateButton {
	if !MayAct(v) {
		return nil
	}
	switch f.State {
	case Open:
		return []stateButton{{Contained, i18n.T("Mark as contained", "封じ込め済みにする"), true},
			{Closed, i18n.T("Close the case", "事案を終結する"), false}}
	case Contained:
		return []stateButton{{Closed, i18n.T("Close the case", "事案を終結する"), true},
			{Open, i18n.T("Open it again", "対応中に戻す"), false}}
	}
	return []stateButton{{Open, i18n.T("Open it again", "対応中に戻す"), false}}
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
		{Name: i18n.T("First malicious event", "最初の不審な事象"), Value: f.Sensed,
			Note: i18n.T("by the hub's clock", "ハブの時計による")},
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
		out = append(out, web.Fact{Name: i18n.T("ATT&CK tactics", "ATT&CK 戦術"), Value: t,
			Note: i18n.T("from the tags of the rules that matched", "一致したルールのタグによる")})
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
	for _, in := range f.panels.Related(svg.KindIndicator) {
		about[in.ID] = web.Link{Text: in.Text, Path: in.Path}
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
		w := web.Entry{At: e.At, Icon: icon, Mood: mood, Who: who, Text: said, Key: entryKey(f.party, e), Mark: &mark,
			Quiet: e.Kind == "severity" && e.By == ""}
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
	l := web.List{ID: "parts", Caption: i18n.T("Findings in this case", "この事案の検知"),
		Count: web.Exactly(int64(len(f.parts))), Dense: true, Columns: []web.ListColumn{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
			{Key: "finding", Text: i18n.T("Finding", "検知"), Role: web.RoleMain},
			{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
			{Key: "why", Text: i18n.T("Why it is here", "関連の理由")},
			{Key: "events", Text: i18n.T("Events", "事象"), Role: web.RoleNum},
			{Key: "at", Text: i18n.T("Arrived", "受信"), Role: web.RoleTime},
		}, Empty: &web.Empty{Icon: "findings", Text: i18n.T("No findings that you may see", "閲覧できる検知はありません"),
			How: i18n.T("The findings of other organisations are theirs and the hub's.", "他組織の検知は、その組織とハブだけが閲覧できます。")}}
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
		l.Rows = append(l.Rows, web.Row{Key: p.Finding, Path: web.Path("/findings/{0}", p.Finding),
			Cells: []any{web.Level(p.Level), web.Lines{web.Title(p.Title), sub}, policy.Handling{TLP: p.Handling.TLP},
				why, p.Count, web.Brief(p.At)}})
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
	g := &svg.Graph{Rest: map[svg.NodeKind]string{svg.KindFinding: here + "#parts",
		svg.KindIndicator: here + "#indicators"},
		Note: i18n.T("organisations, the rules that matched there, the case, and the indicators out of it",
			"組織、一致したルール、事案、そこから出た指標")}
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
		node(svg.Node{ID: rule, Kind: svg.KindFinding, Label: web.Defang(p.Title), Sub: i18n.T("rule or indicator",
			"ルール・指標"), Sev: levelSeverity(p.Level), Path: web.Path("/findings/{0}", p.Finding)})
		k := pair{m, rule}
		if events[k] == 0 {
			order = append(order, k)
		}
		events[k] += max(p.Count, 1)
	}
	for _, k := range order {
		g.Edges = append(g.Edges,
			svg.Edge{From: k.from, To: k.to, Text: i18n.T("matched events: {0}", "{0} 件の事象に一致").With(events[k])})
	}
	node(svg.Node{ID: "case", Kind: svg.KindCase, Label: f.Number, Sub: f.State.Name(), Sev: f.Severity})
	rules := map[string]bool{}
	for _, k := range order {
		if !rules[k.to] {
			rules[k.to] = true
			g.Edges = append(g.Edges, svg.Edge{From: k.to, To: "case", Text: i18n.T("belongs to", "所属")})
		}
	}
	indicators := f.panels.Related(svg.KindIndicator)
	for _, in := range indicators {
		node(svg.Node{ID: "i " + in.ID, Kind: svg.KindIndicator, Label: in.Text, Sub: in.Sub, Sev: -1, Path: in.Path})
		g.Edges = append(g.Edges, svg.Edge{From: "case", To: "i " + in.ID, Text: i18n.T("gave", "作成")})
	}
	if f.party {
		g.Text = i18n.T("Your findings in this case: {0}", "この事案における自組織の検知 {0} 件").With(len(f.parts))
	} else {
		g.Text = i18n.T("Organisations: {0}, rules: {1}, indicators: {2}", "{0} 組織・ルール {1} 件・指標 {2} 件").With(
			len(members), len(rules), len(indicators),
		)
	}
	return g
}
