package correlation

import (
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Whatever a condition is, it is told in one sentence of each language.
func TestConditionText(t *testing.T) {
	for _, c := range []struct {
		rule   sigma.Correlation
		en, ja string
	}{
		{sigma.Correlation{Type: sigma.ValuePercentile, Timespan: 24 * time.Hour,
			Condition: sigma.CorrelationCondition{Percentile: 99.5, Fields: []string{"ms"},
				Comparisons: []sigma.Comparison{{Op: "lt", Value: 0.5}}}},
			"within a day: the 99.5th percentile of ms is < 0.5", "1日以内に、ms の 99.5 パーセンタイルが < 0.5"},
		{sigma.Correlation{Type: sigma.Temporal, Timespan: 61 * time.Second,
			Condition: sigma.CorrelationCondition{Expression: "a and\n not b"}}, "within 61 seconds: a and not b",
			"61秒以内に、a and not b"},
		{sigma.Correlation{Type: sigma.Temporal, Timespan: time.Minute, Rules: make([]sigma.RuleRef, 3),
			Condition: sigma.CorrelationCondition{Comparisons: []sigma.Comparison{{Op: "gte", Value: 2}}}},
			"within a minute: the number of different rules is ≥ 2", "1分以内に、異なるルールの数が ≥ 2"},
		{sigma.Correlation{Type: sigma.ValueAvg, Timespan: 1500 * time.Millisecond,
			Condition: sigma.CorrelationCondition{Fields: []string{"n"},
				Comparisons: []sigma.Comparison{{Op: "neq", Value: 1}}}}, "within 1.5s: the average of n is ≠ 1",
			"1.5s以内に、n の平均が ≠ 1"},
	} {
		if got := conditionText(&c.rule); got.In("en") != c.en || got.In("ja") != c.ja {
			t.Errorf("got %q, %q; want %q, %q", got.In("en"), got.In("ja"), c.en, c.ja)
		}
	}
}
