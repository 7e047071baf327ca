package situation

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/svg"
)

// hours is how far back the sectors are shown.
const hours = 12

// sectorRow is a sector over the last hours.
type sectorRow struct {
	slug   string
	values []float64 // findings in each hour, oldest first
}

func (r sectorRow) last() int   { return int(r.values[hours-1]) }
func (r sectorRow) change() int { return int(r.values[hours-1] - r.values[hours-2]) }
func (r sectorRow) total() int {
	n := 0.0
	for _, v := range r.values {
		n += v
	}
	return int(n)
}

// start is the beginning of the first hour that is shown at now.
func start(now time.Time) time.Time { return now.Truncate(time.Hour).Add(-(hours - 1) * time.Hour) }

// bySector sums counts up by the members' sectors, the busiest first.
func bySector(counts []finding.HourCount, members []member, now time.Time) []sectorRow {
	of := map[string]string{}
	rows := map[string]*sectorRow{}
	for _, m := range members {
		of[m.ID] = m.Sector
		if m.Active() && rows[m.Sector] == nil && m.Sector != "" {
			rows[m.Sector] = &sectorRow{m.Sector, make([]float64, hours)}
		}
	}
	for _, c := range counts {
		i := int(c.Start().Sub(start(now)) / time.Hour)
		r := rows[of[c.Member]]
		if r == nil || i < 0 || i >= hours || c.Start().Before(start(now)) {
			continue
		}
		r.values[i] += float64(c.N)
	}
	out := make([]sectorRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b sectorRow) int {
		return cmp.Or(cmp.Compare(b.last(), a.last()), cmp.Compare(b.total(), a.total()), cmp.Compare(a.slug, b.slug))
	})
	return out
}

func sectorName(slug string) i18n.Text {
	if s, ok := identity.SectorOf(slug); ok {
		return s.Name
	}
	return i18n.Same(slug)
}

// sectorCard is what situation/hub shows of the sectors.
type sectorCard struct {
	Text  i18n.Text // the finding
	Rows  []sectorCell
	Hours svg.Table
}

type sectorCell struct {
	Name   i18n.Text
	Spark  svg.Spark
	Last   int
	Change string
}

// cardOf shows the sectors with a line of their last hours.
func cardOf(rows []sectorRow, now time.Time, zone *time.Location) sectorCard {
	c := sectorCard{Text: i18n.T("No findings in the last 12 hours", "過去 12 時間の検知なし"),
		Hours: sectorTable(rows, now, zone)}
	top := 0.0
	for _, r := range rows {
		top = max(top, slices.Max(r.values))
	}
	for _, r := range rows {
		diff := strconv.Itoa(r.change())
		if r.change() > 0 {
			diff = "+" + diff
		} else if r.change() < 0 {
			diff = "−" + strconv.Itoa(-r.change())
		}
		c.Rows = append(c.Rows,
			sectorCell{sectorName(r.slug),
				svg.Spark{Text: i18n.T("{0}: findings per hour", "{0}：1時間ごとの検知").With(sectorName(r.slug)),
					Values: r.values, Top: top}, r.last(), diff})
	}
	if rising := slices.IndexFunc(rows, func(r sectorRow) bool {
		return r.change() > 0 && r.last() == maxLast(rows)
	}); rising >= 0 {
		c.Text = i18n.T("Rising in {0}: {1} this hour", "{0}で増加：この 1 時間に {1} 件").With(sectorName(rows[rising].slug),
			rows[rising].last())
	} else if busy := busiest(rows); busy.total() > 0 {
		c.Text = i18n.T("Most in {0}: {1} in 12 hours", "{0}が最多：12 時間で {1} 件").With(sectorName(busy.slug), busy.total())
	}
	return c
}

func maxLast(rows []sectorRow) int {
	n := 0
	for _, r := range rows {
		n = max(n, r.last())
	}
	return n
}

func busiest(rows []sectorRow) (out sectorRow) {
	out.values = make([]float64, hours)
	for _, r := range rows {
		if r.total() > out.total() {
			out = r
		}
	}
	return out
}

// sectorTable is the same as figures, hour by hour.
func sectorTable(rows []sectorRow, now time.Time, zone *time.Location) svg.Table {
	t := svg.Table{Name: i18n.T("Findings per hour by sector", "分野別・1時間ごとの検知"),
		Columns: []svg.Column{{Key: "sector", Text: i18n.T("Sector", "分野")}}}
	for i := range hours {
		h := start(now).Add(time.Duration(i) * time.Hour).In(zone).Format("15:04")
		t.Columns = append(t.Columns, svg.Column{Key: "h" + strconv.Itoa(i), Text: i18n.Same(h), Number: true})
	}
	for _, r := range rows {
		cells := []any{sectorName(r.slug)}
		for _, v := range r.values {
			cells = append(cells, int(v))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// japan is the map of the last 24 hours. Members that tell no prefecture are not in it.
func japan(counts []finding.HourCount, members []member) svg.Japan {
	of := map[string]int{}
	for _, m := range members {
		if code, err := strconv.Atoi(m.Prefecture); err == nil && code >= 1 && code <= 47 {
			of[m.ID] = code
		}
	}
	j := svg.Japan{Unit: i18n.T("findings: {0}", "検知 {0} 件"), Counts: map[int]int{},
		Text: i18n.T("No findings in any prefecture in 24 hours", "過去 24 時間、検知のある都道府県なし"),
		Note: i18n.T("Findings by prefecture in the last 24 hours", "都道府県別の検知、過去 24 時間")}
	for _, c := range counts {
		if code := of[c.Member]; code != 0 {
			j.Counts[code] += c.N
		}
	}
	codes := make([]int, 0, len(j.Counts))
	for code := range j.Counts {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b int) int {
		return cmp.Or(cmp.Compare(j.Counts[b], j.Counts[a]), cmp.Compare(a, b))
	})
	name := func(code int) i18n.Text { return svg.Prefectures()[code-1].Name }
	switch {
	case len(codes) == 1:
		j.Text = i18n.T("Findings in {0} only", "検知は{0}のみ").With(name(codes[0]))
	case len(codes) > 1:
		j.Text = i18n.T("Most findings in {0}, then {1}", "検知は{0}が最多、次いで{1}").With(name(codes[0]), name(codes[1]))
	}
	return j
}
