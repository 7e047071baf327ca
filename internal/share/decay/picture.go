package decay

import (
	"math"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

// points is how many points of a curve are drawn.
const points = 61

// maxCurves is how many sources are drawn each with a curve of its own.
const maxCurves = 5

// Picture draws what a thing was and will be worth, with now marked, from when the first source
// spoke until the last has fallen to nothing. As long as it is not seen again.
func (m Model) Picture(t Thing, now time.Time) svg.Lines {
	s := m.At(t, now)
	p := svg.Lines{Unit: i18n.T("score", "スコア"), Top: 100, Marked: i18n.T("today", "今日"),
		Bound: &svg.Bound{Text: i18n.T("ends below {0}", "{0} 未満で失効").With(m.Threshold), At: m.Threshold}}
	switch {
	case len(s.Parts) == 0:
		p.Text = i18n.T("Nobody stands for it", "根拠となる出所がありません")
		return p
	case s.Score < m.Threshold:
		p.Text = i18n.T("Its score is {0}, under the threshold of {1}", "スコア {0}（しきい値 {1} を下回る）").
			With(math.Round(s.Score), m.Threshold)
	default:
		p.Text = i18n.T("Its score is {0}; unless it is seen again it ends in {1} {1:day|days}",
			"スコア {0}。再び観測されなければ {1} 日後に失効").With(math.Round(s.Score), days(s.Ends.Sub(now)))
	}
	first := s.Parts[0].At
	last := now
	for _, part := range s.Parts {
		if part.At.Before(first) {
			first = part.At
		}
		if end := part.From.Add(m.Of(t.Kind).lifetime()); end.After(last) {
			last = end
		}
	}
	step := last.Sub(first) / (points - 1)
	if step <= 0 {
		step = time.Hour
	}
	parts := s.Parts[:min(len(s.Parts), maxCurves)]
	for _, part := range parts {
		p.Series = append(p.Series, svg.Series{Name: i18n.Same(part.Name)})
	}
	for i := range points {
		at := first.Add(time.Duration(i) * step)
		n := days(at.Sub(now))
		label := i18n.T("in {0} d", "{0} 日後").With(n)
		switch {
		case n == 0:
			label = i18n.T("today", "今日")
		case n < 0:
			label = i18n.T("{0} d ago", "{0} 日前").With(-n)
		}
		p.Steps = append(p.Steps, label)
		if p.Mark == 0 && !at.Before(now) {
			p.Mark = i + 1
		}
		for k, part := range parts {
			v := m.At(Thing{Kind: t.Kind, Sources: []Source{part.Source}, Seen: known(t.Seen, now)}, at)
			p.Series[k].Values = append(p.Series[k].Values, v.Score)
		}
	}
	return p
}

// known are the sightings that there were at a time.
func known(seen []time.Time, now time.Time) (out []time.Time) {
	for _, at := range seen {
		if !at.After(now) {
			out = append(out, at)
		}
	}
	return out
}

func days(d time.Duration) int { return int(math.Round(d.Hours() / 24)) }
