package situation

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
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

func (rep RuleReport) view(r *web.Request) (*web.View, error) {
	refused := r.Value("show") == "refused"
	v := &web.View{Template: "situation/rules", Title: i18n.T("Rules", "ルール"), Nav: "rules",
		Back: &web.Link{Text: i18n.T("Situation", "状況"), Path: "/"}, Wide: true,
		Lede: i18n.T(
			"What this node matches every event with. A rule that is not fully understood is refused as a whole, "+
				"never half-loaded.", "このノードがすべての事象に照合するルールです。完全に解釈できないルールは、一部だけ読み込まず、全体を読み込みません。"),
		Tabs: []web.Tab{
			{Text: i18n.T("Health", "健全性"), Path: "/rules/health"},
			{Text: i18n.T("Correlation", "相関"), Path: "/rules/correlation"},
			{Text: i18n.T("Loaded", "読込済み"), Path: "/rules", On: !refused, Count: len(rep.Loaded)},
			{Text: i18n.T("Refused", "読込不可"), Path: "/rules?show=refused", On: refused, Count: len(rep.Refused)},
		}}
	var err error
	if refused {
		spec := refusedList()
		var p list.Page[RefusedRule]
		if p, err = spec.Of(rep.Refused, spec.Ask(r)); err == nil {
			v.Data, v.CSV = spec.View(r, p), spec.Table(p)
		}
	} else {
		spec := loadedList()
		var p list.Page[RuleLine]
		if p, err = spec.Of(rep.Loaded, spec.Ask(r)); err == nil {
			v.Data, v.CSV = spec.View(r, p), spec.Table(p)
		}
	}
	return v, err
}

// loadedList describes the list of rules that are matched.
func loadedList() list.Spec[RuleLine] {
	level := list.ByLevel("", func(x RuleLine) string { return x.Level })
	title := list.Term[RuleLine]{Of: func(x RuleLine) any { return x.Title }}
	levels := []list.Option{{Text: i18n.T("any", "すべて")}}
	for _, l := range slices.Backward(web.Levels()) {
		levels = append(levels, list.Option{Value: l, Text: web.LevelText(l)})
	}
	return list.Spec[RuleLine]{
		Key: []list.Term[RuleLine]{{Of: func(x RuleLine) any { return x.ID }}},
		Sorts: []list.Sort[RuleLine]{
			{Name: "title", Text: i18n.T("by title", "題名順"), By: []list.Term[RuleLine]{title}},
			{Name: "level", Text: i18n.T("highest level first", "重要度の高い順"),
				Back: i18n.T("lowest level first", "重要度の低い順"),
				By:   []list.Term[RuleLine]{level, title}},
		},
		Filters: []list.Filter[RuleLine]{
			{Name: "level", Text: i18n.T("Level", "重要度"), Options: levels,
				Match: func(x RuleLine, level string) bool { return x.Level == level },
				Say: func(level string) i18n.Text {
					return i18n.T("of level {0}", "重要度が「{0}」").With(web.LevelText(level))
				}},
			{Name: "q", Kind: list.Words, Text: i18n.T("Title, author, file or id", "題名・作者・ファイル・番号"),
				Match: func(x RuleLine, typed string) bool {
					return list.Holds(x.Title+"\n"+x.Author+"\n"+x.File+"\n"+x.ID, typed)
				}},
		},
		Name: "rules", Path: "/rules", Caption: i18n.T("Rules", "ルール"), All: i18n.T("rules", "ルール"), Dense: true,
		Columns: []list.Column[RuleLine]{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev, Sort: "level",
				Cell: func(x RuleLine) any { return web.Level(x.Level) }},
			{Key: "title", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain, Sort: "title", Cell: ruleCell},
			{Key: "author", Text: i18n.T("Author and licence", "作者とライセンス"), Role: web.RoleNote,
				Cell: func(x RuleLine) any { return web.Run{x.Author, x.License} }},
			{Key: "id", Text: i18n.Same("ID"), Role: web.RoleWide,
				Cell: func(x RuleLine) any { return web.Mono(x.ID) }},
		},
		Row: func(x RuleLine) web.Row { return web.Row{Key: x.ID, Path: web.Path("/rules/{0}", x.ID)} },
		Empty: &web.Empty{Icon: "rules", Text: i18n.T("No rules", "ルールがありません"),
			How: i18n.T("Start the node with --rules DIR; indicators of the community are matched all the same.",
				"--rules フォルダー を付けて起動してください。共同体の指標は、ルールがなくても照合されます。")},
		NoMatch: &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"),
			Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules"}},
	}
}

func ruleCell(x RuleLine) any {
	sub := web.Run{web.Mono(x.File)}
	if x.Correlation {
		sub = append(sub, web.Badge{Text: i18n.T("correlation", "相関"), Mood: web.Info})
	}
	return web.Lines{x.Title, sub}
}

// refusedList describes the list of rules that are not matched.
func refusedList() list.Spec[RefusedRule] {
	file := list.Term[RefusedRule]{Of: func(x RefusedRule) any { return x.File }}
	line := list.Term[RefusedRule]{Of: func(x RefusedRule) any { return x.Line }}
	return list.Spec[RefusedRule]{
		Key:   []list.Term[RefusedRule]{file, line, {Of: func(x RefusedRule) any { return x.Reason.EN }}},
		Sorts: []list.Sort[RefusedRule]{{Name: "file", Text: i18n.T("by file", "ファイル順")}},
		Filters: []list.Filter[RefusedRule]{
			{Name: "show", Kind: list.Tab, Missing: "refused", Match: func(RefusedRule, string) bool { return true }},
			{Name: "q", Kind: list.Words, Text: i18n.T("File or reason", "ファイル・理由"),
				Match: func(x RefusedRule, typed string) bool {
					return list.Holds(x.File+"\n"+x.Reason.EN+"\n"+x.Reason.JA, typed)
				}},
		},
		Name: "rules", Path: "/rules", Caption: i18n.T("Rules", "ルール"), All: i18n.T("refused rules",
			"読込不可のルール"), Dense: true,
		Columns: []list.Column[RefusedRule]{
			{Key: "file", Text: i18n.T("File", "ファイル"), Role: web.RoleMain, Sort: "file",
				Cell: func(x RefusedRule) any {
					dir, base := path.Split(filepath.ToSlash(x.File))
					return web.Lines{base, strings.TrimSuffix(dir, "/")}
				}},
			{Key: "line", Text: i18n.T("Line", "行"), Role: web.RoleNum, Cell: func(x RefusedRule) any {
				if x.Line == 0 {
					return nil
				}
				return x.Line
			}},
			{Key: "reason", Text: i18n.T("Reason", "理由"), Role: web.RoleNote,
				Cell: func(x RefusedRule) any { return x.Reason }},
		},
		Row: func(x RefusedRule) web.Row { return web.Row{Key: x.File + ":" + strconv.Itoa(x.Line)} },
		Empty: &web.Empty{Icon: "check", Text: i18n.T("No rule was refused", "読み込めなかったルールはありません"),
			How: i18n.T(
				"Rules with unknown modifiers or broken conditions would be listed here with file, line and reason.",
				"未知の修飾子や壊れた条件を含むルールがあれば、ファイル・行・理由とともにここに並びます。")},
		NoMatch: &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"),
			Do: &web.Link{Text: i18n.T("Show all refused rules", "読込不可のルールをすべて表示"), Path: "/rules?show=refused"}},
	}
}
