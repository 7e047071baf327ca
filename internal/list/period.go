package list

import (
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
)

// spans are the times back from now that a reader can choose.
var spans = []struct {
	value string
	back  time.Duration
	text  i18n.Text
}{
	{"1h", time.Hour, i18n.T("in the last hour", "1時間以内")},
	{"24h", 24 * time.Hour, i18n.T("in the last 24 hours", "24時間以内")},
	{"7d", 7 * 24 * time.Hour, i18n.T("in the last 7 days", "7日以内")},
	{"30d", 30 * 24 * time.Hour, i18n.T("in the last 30 days", "30日以内")},
}

// Period returns the filters since and until of a list by a time of its rows.
// since takes 1h, 24h, 7d or 30d back from now, or, like until, a time as RFC 3339
// has it or a day in UTC; since is inclusive, until is not.
func Period[T any](text i18n.Text, column string, of func(T) time.Time, now time.Time) []Filter[T] {
	since := Filter[T]{Name: "since", Text: text, Other: true,
		Options: []Option{{Text: i18n.T("at any time", "全期間")}},
		Knows:   func(value string) bool { _, ok := momentOf(value, now); return ok },
		Where: func(value string) Cond {
			at, _ := momentOf(value, now)
			return Where(column+" >= ?", clock.Micros(at))
		},
		Match: func(row T, value string) bool { at, _ := momentOf(value, now); return !of(row).Before(at) },
		Say: func(value string) i18n.Text {
			for _, x := range spans {
				if x.value == value {
					return x.text
				}
			}
			return i18n.T("since {0}", "{0} 以降").With(value)
		}}
	for _, x := range spans {
		since.Options = append(since.Options, Option{Value: x.value, Text: x.text})
	}
	until := Filter[T]{Name: "until", Kind: Linked, Knows: since.Knows,
		Where: func(value string) Cond {
			at, _ := momentOf(value, now)
			return Where(column+" < ?", clock.Micros(at))
		},
		Match: func(row T, value string) bool { at, _ := momentOf(value, now); return of(row).Before(at) },
		Say:   func(value string) i18n.Text { return i18n.T("until {0}", "{0} まで").With(value) }}
	return []Filter[T]{since, until}
}

// Moment returns the time that a value of the filters since and until stands for.
func Moment(value string, now time.Time) (time.Time, bool) { return momentOf(value, now) }

// momentOf returns the time that a value of since or until stands for.
func momentOf(value string, now time.Time) (time.Time, bool) {
	for _, x := range spans {
		if x.value == value {
			return now.Add(-x.back), true
		}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
