package situation

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// RuleReport lists the member's own rules.
type RuleReport struct {
	Loaded  []RuleLine
	Refused []RefusedRule
}

// RuleLine is a rule that is matched.
type RuleLine struct {
	ID, Title, Level string
	Author, License  string
	File             string
	Correlation      bool // it looks at the matches of other rules
}

// RefusedRule is a rule that is not matched, and why.
type RefusedRule struct {
	File   string
	Line   int // 0: the file as a whole
	Reason i18n.Text
}

// pageRules is how many rules a page shows: a node may have ten thousand.
const pageRules = 100

// levels are those of rules, the highest first.
var levels = []struct {
	name string
	text i18n.Text
}{{"critical", i18n.T("critical", "重大")}, {"high", i18n.T("high", "高")}, {"medium", i18n.T("medium", "中")}, {"low", i18n.T("low", "低")}, {"informational", i18n.T("informational", "情報")}}

func (rep RuleReport) view(r *web.Request) *web.View {
	refused := r.Value("show") == "refused"
	v := &web.View{Template: "situation/rules", Title: i18n.T("Rules", "規則"), Nav: "rules", Back: &web.Link{Text: i18n.T("Situation", "状況"), Path: "/"}, Wide: true,
		Lede: i18n.T("What this node matches every event with. A rule that is not fully understood is refused as a whole, never half-loaded.", "このノードがすべての事象に照合する規則です。完全に解釈できない規則は、一部だけ読み込まず、全体を読み込みません。"),
		Tabs: []web.Tab{
			{Text: i18n.T("Care", "手入れ"), Path: "/rules/care"},
			{Text: i18n.T("Correlation", "相関"), Path: "/rules/correlation"},
			{Text: i18n.T("Loaded", "読込済み"), Path: "/rules", On: !refused, Count: len(rep.Loaded)},
			{Text: i18n.T("Refused", "読込不可"), Path: "/rules?show=refused", On: refused, Count: len(rep.Refused)},
		}}
	l := rep.loaded(r)
	if refused {
		l = rep.refused(r)
	}
	v.CSV = l.Table()
	l.Page(r, pageRules)
	v.Data = l
	return v
}

func (rep RuleReport) loaded(r *web.Request) web.List {
	q, level := strings.ToLower(strings.TrimSpace(r.Value("q"))), r.Value("level")
	f := &web.Filter{Path: "/rules", Query: r.Value("q"), Ask: i18n.T("Title, author, file or id", "題名・作者・ファイル・番号")}
	choice := web.Choice{Name: "level", Text: i18n.T("Level", "重要度"), Options: []web.Option{{Text: i18n.T("any", "すべて"), On: true}}}
	say, known := i18n.T("all rules", "すべての規則"), false
	for _, x := range levels {
		on := x.name == level
		if on {
			say, known, choice.Options[0].On = i18n.T("rules of level {0}", "重要度が「{0}」の規則").With(x.text), true, false
		}
		choice.Options = append(choice.Options, web.Option{Value: x.name, Text: x.text, On: on})
	}
	if q != "" {
		say = i18n.T("{0}, with “{1}”", "{0}、「{1}」を含む").With(say, r.Value("q"))
	}
	f.Fields, f.Say = []web.Choice{choice}, i18n.T("{0}, by title", "{0}、題名順").With(say)
	if q != "" || known {
		f.Clear = "/rules"
	}
	l := web.List{ID: "rules", Caption: i18n.T("Rules", "規則"), Bare: true, Dense: true, Filter: f, Columns: []web.ListColumn{
		{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
		{Key: "title", Text: i18n.T("Rule", "規則"), Role: web.RoleMain},
		{Key: "author", Text: i18n.T("Author and licence", "作者とライセンス"), Role: web.RoleNote},
		{Key: "id", Text: i18n.Same("ID"), Role: web.RoleWide},
	}, Empty: &web.Empty{Icon: "rules", Text: i18n.T("No rules", "規則がありません"), How: i18n.T("Start the node with --rules DIR; indicators of the community are matched all the same.", "--rules フォルダー を付けて起動してください。共同体の指標は、規則がなくても照合されます。")}}
	if f.Clear != "" {
		l.Empty = &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合う規則はありません"), Do: &web.Link{Text: i18n.T("Show all rules", "すべての規則を表示"), Path: "/rules"}}
	}
	list := slices.Clone(rep.Loaded)
	slices.SortStableFunc(list, func(a, b RuleLine) int { return strings.Compare(a.Title, b.Title) })
	for _, x := range list {
		if known && x.Level != level || q != "" && !strings.Contains(strings.ToLower(x.Title+"\n"+x.Author+"\n"+x.File+"\n"+x.ID), q) {
			continue
		}
		sub := web.Run{web.Mono(x.File)}
		if x.Correlation {
			sub = append(sub, web.Badge{Text: i18n.T("correlation", "相関"), Mood: web.Info})
		}
		l.Rows = append(l.Rows, web.Row{Key: x.ID, Path: web.Path("/rules/{0}", x.ID), Cells: []any{web.Level(x.Level), web.Lines{x.Title, sub}, web.Run{x.Author, x.License}, web.Mono(x.ID)}})
	}
	l.Count = web.Exactly(int64(len(l.Rows)))
	return l
}

func (rep RuleReport) refused(r *web.Request) web.List {
	q := strings.ToLower(strings.TrimSpace(r.Value("q")))
	f := &web.Filter{Path: "/rules", Query: r.Value("q"), Ask: i18n.T("File or reason", "ファイル・理由"), Keep: []web.Hidden{{Name: "show", Value: "refused"}}}
	l := web.List{ID: "rules", Caption: i18n.T("Rules", "規則"), Bare: true, Dense: true, Columns: []web.ListColumn{
		{Key: "file", Text: i18n.T("File", "ファイル"), Role: web.RoleMain},
		{Key: "line", Text: i18n.T("Line", "行"), Role: web.RoleNum},
		{Key: "reason", Text: i18n.T("Reason", "理由"), Role: web.RoleNote},
	}, Empty: &web.Empty{Icon: "check", Text: i18n.T("No rule was refused", "読み込めなかった規則はありません"), How: i18n.T("Rules with unknown modifiers or broken conditions would be listed here with file, line and reason.", "未知の修飾子や壊れた条件を含む規則があれば、ファイル・行・理由とともにここに並びます。")}}
	if len(rep.Refused) > 0 {
		l.Filter = f
	}
	if q != "" {
		f.Clear = "/rules?show=refused"
		l.Empty = &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合う規則はありません"), Do: &web.Link{Text: i18n.T("Show all refused rules", "読込不可の規則をすべて表示"), Path: f.Clear}}
	}
	for _, x := range rep.Refused {
		if q != "" && !strings.Contains(strings.ToLower(x.File+"\n"+x.Reason.EN+"\n"+x.Reason.JA), q) {
			continue
		}
		dir, base := path.Split(filepath.ToSlash(x.File))
		line := any(nil)
		if x.Line > 0 {
			line = x.Line
		}
		l.Rows = append(l.Rows, web.Row{Key: x.File + ":" + strconv.Itoa(x.Line), Cells: []any{web.Lines{base, strings.TrimSuffix(dir, "/")}, line, x.Reason}})
	}
	l.Count = web.Exactly(int64(len(l.Rows)))
	return l
}
