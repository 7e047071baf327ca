package situation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/svg"
)

// Picture draws the cycle for people who may know every member of it: the hub's.
// name gives what a member is called.
func (c Cycle) Picture(name func(member string) string) svg.Cycle {
	im := c.Immunity("")
	p := svg.Cycle{Text: c.finding(im), Note: i18n.T("case {0}", "事案 {0}").With(c.Number)}
	add := func(n i18n.Text, at time.Time, done bool, detail i18n.Text) {
		s := svg.Step{Name: n, Done: done, Detail: detail}
		if done {
			s.At = max(at.Sub(c.Sensed), 0)
		}
		p.Steps = append(p.Steps, s)
	}
	first := func(key string, n i18n.Text, detail func(Step) i18n.Text) {
		s, ok := c.First(key)
		var d i18n.Text
		if ok {
			d = detail(s)
		}
		add(n, s.At, ok, d)
	}
	member := func(s Step) i18n.Text { return i18n.Same(name(s.Member)) }
	first(Sensed, i18n.T("Sensed", "感知"), member)
	first(Detected, i18n.T("Detected", "検知"), member)
	first(Opened, i18n.T("Case", "事案"), func(Step) i18n.Text { return i18n.Same(c.Number) })
	first(Assessed, i18n.T("Severity", "深刻度"), func(s Step) i18n.Text {
		return i18n.T("first: {0}", "初回：{0}").With(s.N)
	})
	if made := c.of(Indicator, im.Indicator); made != nil {
		add(i18n.T("Indicator", "指標"), made.At, true, i18n.T("{0} in all", "全 {0} 件").With(len(c.Indicators())))
	} else {
		add(i18n.T("Indicator", "指標"), time.Time{}, false, i18n.Text{})
	}
	if sent := c.of(Pushed, im.Indicator); sent != nil {
		entitled := int64(0)
		if made := c.of(Indicator, im.Indicator); made != nil {
			entitled = made.N
		}
		add(i18n.T("Shared", "配布"), sent.At, true, i18n.T("to {0} {0:member|members}", "対象 {0} 構成員").With(entitled))
	} else {
		add(i18n.T("Shared", "配布"), time.Time{}, false, i18n.Text{})
	}
	add(i18n.T("Armed", "防御"), c.Sensed.Add(im.ArmedTime), im.Connected > 0 && im.Armed == im.Connected,
		ratio(im.Armed, im.Connected))
	add(i18n.T("Past searched", "遡及"), c.Sensed.Add(im.Time), im.Done, ratio(im.Hunted, im.Connected))
	if s, traces := c.traces(im.Indicator); traces > 0 {
		add(i18n.T("Trace found", "痕跡"), s.At, true, i18n.T("{0}: {1}", "{0}：{1} 件").With(name(s.Member), traces))
	}
	// The natural order is the order of the words; where two steps overlap, time decides.
	slices.SortStableFunc(p.Steps, func(a, b svg.Step) int {
		if a.Done && b.Done {
			return cmp.Compare(a.At, b.At)
		}
		return 0
	})
	return p
}

func ratio(n, of int) i18n.Text {
	if of == 0 {
		return i18n.Text{}
	}
	return i18n.Same(strconv.Itoa(n) + " / " + strconv.Itoa(of))
}

// of gives the first step of a name about a subject.
func (c Cycle) of(name, subject string) *Step {
	for i, s := range c.Steps {
		if s.Name == name && s.Subject == subject {
			return &c.Steps[i]
		}
	}
	return nil
}

// traces gives the first sighting of an indicator and how many events all hold.
func (c Cycle) traces(indicator string) (first Step, n int64) {
	for _, s := range c.Steps {
		if s.Name != Sighted || s.Subject != indicator {
			continue
		}
		if n == 0 {
			first = s
		}
		n += s.N
	}
	return first, n
}

// finding states what the picture shows.
func (c Cycle) finding(im Immunity) i18n.Text {
	switch {
	case im.Done:
		return i18n.T("{0}: all {1} connected members are armed and have searched their past",
			"{0}で、接続中の {1} 構成員すべてが防御と遡及調査を完了").With(took(im.Time), im.Connected)
	case im.Connected > 0 && im.Armed == im.Connected:
		return i18n.T("{0}: all {1} connected members are armed; {2} have searched their past",
			"{0}で、接続中の {1} 構成員すべてが防御済み。遡及調査は {2} 構成員が完了").With(took(im.ArmedTime), im.Connected, im.Hunted)
	case im.Connected > 0:
		return i18n.T("Under way: {0} of {1} connected members are armed", "進行中：接続中の {1} 構成員のうち {0} が防御済み").With(
			im.Armed, im.Connected,
		)
	case im.Indicator != "":
		return i18n.T("No member was connected when the indicator was made", "指標の作成時に接続中の構成員はありませんでした")
	}
	return i18n.T("Nothing to share has come out of this case yet", "この事案からは、まだ共有する指標が出ていません")
}

// took writes a time to immunity: hundredths of a second where it is short.
func took(d time.Duration) i18n.Text {
	if d >= 0 && d < 10*time.Second {
		s := strconv.FormatFloat(d.Seconds(), 'f', 2, 64)
		return i18n.T("{0} s", "{0} 秒").With(s)
	}
	n, unit, _ := strings.Cut(svg.Millis(d), " ")
	switch unit {
	case "s":
		return i18n.T("{0} s", "{0} 秒").With(n)
	case "min":
		return i18n.T("{0} min", "{0} 分").With(n)
	case "h":
		return i18n.T("{0} h", "{0} 時間").With(n)
	}
	return i18n.T("{0} {0:day|days}", "{0} 日").With(n)
}
