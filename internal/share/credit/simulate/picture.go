package simulate

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

// Picture is what each group has over the time of the scenario.
func (o Outcome) Picture() svg.Lines {
	p := svg.Lines{Text: o.Finding(), Unit: i18n.T("points of a member (mean)", "1 組織あたりの点数（平均）"),
		Note: i18n.T("A simulated community; seed {0}", "模擬の共同体（シード {0}）").With(o.Seed)}
	for _, d := range o.Looks {
		p.Steps = append(p.Steps, i18n.T("day {0}", "{0} 日").With(d))
	}
	for _, r := range o.Rows {
		p.Series = append(p.Series, svg.Series{Name: i18n.Text{EN: r.Name, JA: r.NameJA}, Values: r.Over})
	}
	return p
}

// Finding says in a sentence who gains most, and what those gain who cheat.
func (o Outcome) Finding() i18n.Text {
	if len(o.Rows) == 0 {
		return i18n.Text{}
	}
	best := slices.MaxFunc(o.Rows, func(a, b Row) int { return cmp.Compare(a.Mean, b.Mean) })
	cheats := 0.0
	for _, r := range o.Rows {
		if r.Kind != Honest {
			cheats = max(cheats, r.Most)
		}
	}
	if best.Mean == 0 {
		return i18n.T("After {0} days nobody has gained anything", "{0} 日後、得点した構成員はいない").With(o.Days)
	}
	return i18n.T("After {0} days: {1} have {2} points each; whoever does not give honestly has at most {3}",
		"{0} 日後：{1}は平均 {2} 点、誠実に提供しない者は最大 {3} 点").With(o.Days,
		i18n.Text{EN: lower(best.Name), JA: best.NameJA}, Decimal(best.Mean), Decimal(cheats))
}

func lower(s string) string { return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):] }

// Decimal writes a number of points with one decimal.
func Decimal(f float64) string { return strconv.FormatFloat(math.Trunc(f*10)/10, 'f', 1, 64) }

// Table is what each group has at the end.
func (o Outcome) Table() svg.Table {
	t := svg.Table{Name: o.Finding(), Columns: []svg.Column{
		{Key: "group", Text: i18n.T("Members who are", "構成員の種類")},
		{Key: "members", Text: i18n.T("Members", "構成員数"), Number: true},
		{Key: "given", Text: i18n.T("Given", "提供"), Number: true},
		{Key: "confirmed", Text: i18n.T("Confirmed", "確認済み"), Number: true},
		{Key: "mistakes", Text: i18n.T("False", "誤り"), Number: true},
		{Key: "mean", Text: i18n.T("Points (mean)", "平均点"), Number: true},
		{Key: "least", Text: i18n.T("Least", "最小"), Number: true},
		{Key: "most", Text: i18n.T("Most", "最大"), Number: true},
	}}
	for _, r := range o.Rows {
		t.Rows = append(t.Rows, []any{i18n.Text{EN: r.Name, JA: r.NameJA}, r.Members, r.Given, r.Confirmed, r.Mistakes,
			Decimal(r.Mean), Decimal(r.Least), Decimal(r.Most)})
	}
	return t
}
