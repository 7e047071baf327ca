package correlation

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/sigma"
)

// conditionText says in a sentence when a correlation holds.
func conditionText(c *sigma.Correlation) i18n.Text {
	cond := &c.Condition
	fields := strings.Join(cond.Fields, ", ")
	how := i18n.Same(comparisons(cond.Comparisons))
	var what i18n.Text
	switch c.Type {
	case sigma.EventCount:
		what = i18n.T("the number of events is {0}", "事象の数が {0}").With(how)
	case sigma.ValueCount:
		what = i18n.T("the number of different values of {0} is {1}", "{0} の異なる値の数が {1}").With(fields, how)
	case sigma.ValueSum:
		what = i18n.T("the sum of {0} is {1}", "{0} の合計が {1}").With(fields, how)
	case sigma.ValueAvg:
		what = i18n.T("the average of {0} is {1}", "{0} の平均が {1}").With(fields, how)
	case sigma.ValueMedian:
		what = i18n.T("the median of {0} is {1}", "{0} の中央値が {1}").With(fields, how)
	case sigma.ValuePercentile:
		what = i18n.T("the {0}th percentile of {1} is {2}", "{1} の {0} パーセンタイルが {2}").With(
			strconv.FormatFloat(cond.Percentile, 'f', -1, 64), fields, how,
		)
	case sigma.TemporalOrdered:
		what = i18n.T("all of them come, in this order", "すべてがこの順に発生")
		if cond.Expression != "" {
			what = i18n.T("in this order: {0}", "この順に {0}").With(cond.String())
		}
	default: // temporal
		what = i18n.T("all of them come, in any order", "すべてが順不同で発生")
		switch {
		case cond.Expression != "":
			what = i18n.Same(cond.String())
		case how.EN != "" && how.EN != fmt.Sprint("≥ ", len(c.Rules)):
			what = i18n.T("the number of different rules is {0}", "異なるルールの数が {0}").With(how)
		}
	}
	return i18n.T("within {0}: {1}", "{0}以内に、{1}").With(spanText(c.Timespan), what)
}

func comparisons(list []sigma.Comparison) string {
	signs := map[string]string{"gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "eq": "=", "neq": "≠"}
	var out []string
	for _, c := range list {
		out = append(out, signs[c.Op]+" "+strconv.FormatFloat(c.Value, 'f', -1, 64))
	}
	return strings.Join(out, ", ")
}

// spanText is a timespan as rules give it: a whole number of one unit, or whole seconds.
func spanText(d time.Duration) i18n.Text {
	for _, u := range []struct {
		unit      time.Duration
		one, many i18n.Text
	}{
		{24 * time.Hour, i18n.T("a day", "1日"), i18n.T("{0} days", "{0}日")},
		{time.Hour, i18n.T("an hour", "1時間"), i18n.T("{0} hours", "{0}時間")},
		{time.Minute, i18n.T("a minute", "1分"), i18n.T("{0} minutes", "{0}分")},
		{time.Second, i18n.T("a second", "1秒"), i18n.T("{0} seconds", "{0}秒")},
	} {
		switch {
		case d == u.unit:
			return u.one
		case d > 0 && d%u.unit == 0:
			return u.many.With(int64(d / u.unit))
		}
	}
	return i18n.Same(d.String())
}

// factsOf tell what a correlation says, as far as it is not its source.
func factsOf(c *sigma.Correlation) []web.Fact {
	group := web.Fact{Name: i18n.T("For each", "集計の単位"), Value: strings.Join(c.GroupBy, ", ")}
	if len(c.GroupBy) == 0 {
		group.Value = i18n.T("all events together", "全事象をまとめて集計")
	}
	out := []web.Fact{{Name: i18n.T("Holds if", "成立条件"), Value: conditionText(c)}, group}
	var bases web.Run
	for _, ref := range c.Rules {
		switch {
		case ref.Rule != nil:
			bases = append(bases, web.Link{Text: ref.Rule.Title, Path: web.Path("/rules/{0}", ref.Rule.Key())})
		case ref.Correlation != nil:
			bases = append(bases, web.Link{Text: ref.Correlation.Title,
				Path: web.Path("/rules/{0}", ref.Correlation.Key())})
		default:
			bases = append(bases, ref.Text)
		}
	}
	base := web.Fact{Name: i18n.T("Builds on", "元になるルール"), Value: bases}
	if !c.Generate {
		base.Note = i18n.T("their own matches make no findings, unless the rules say so elsewhere",
			"元のルールの一致だけでは、原則として検知になりません")
	}
	out = append(out, base)
	if c.Silent {
		out = append(out, web.Fact{Name: i18n.T("Makes findings", "検知の作成"), Value: false,
			Note: i18n.T("It is only there for correlations that build on it.", "ほかの相関ルールの部品としてのみ働きます。")})
	}
	return append(out,
		web.Fact{Name: i18n.T("Id", "番号"), Value: web.Mono(c.Key())},
		web.Fact{Name: i18n.T("Author", "作者"), Value: c.Author},
		web.Fact{Name: i18n.T("Licence", "ライセンス"), Value: c.License},
		web.Fact{Name: i18n.T("File", "ファイル"),
			Value: web.Mono(path.Base(strings.ReplaceAll(c.Path, "\\", "/")) + ":" + strconv.Itoa(c.Line))},
		web.Fact{Name: i18n.T("Expected false alarms", "想定される誤検知"), Value: strings.Join(c.FalsePositives, "; ")},
	)
}
