package relevance

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
)

// Reason is why an item matters, and what it adds to the score.
type Reason struct {
	Text   i18n.Text
	Points int
}

// Score is how much an item matters, from 0 to 100, and why: what adds most comes first.
type Score struct {
	Points  int
	Reasons []Reason
}

// What reasons add.
const (
	forPast      = 60
	forUrgent    = 50
	forQuery     = 45
	forSector    = 35
	forProduct   = 35
	forTopic     = 20
	forTechnique = 20
	forCritical  = 15
	forCountry   = 12
	forHigh      = 8
	forLanguage  = 5
	most         = 100
	each         = 2 // how many of one kind of reason add something
)

// Urgent reports whether an item protects life or a whole sector, or is of the highest level:
// no quiet hours hold it back.
func (it Item) Urgent() bool {
	return it.Level == "critical" || slices.ContainsFunc(it.Labels, func(l string) bool {
		return l == "urgent" || l == "safety" || l == "life" || l == "sector-wide"
	})
}

// Rate says how much an item matters to a member. The level and the language of an item that
// nothing else speaks for add nothing.
func (p Profile) Rate(it Item, queries []Query) (s Score) {
	add := func(points int, t i18n.Text) {
		s.Points += points
		s.Reasons = append(s.Reasons, Reason{t, points})
	}
	if it.Past > 0 {
		add(forPast, i18n.T("seen in your past {0} {0:time|times}", "自組織の過去に {0} 回の痕跡").With(it.Past))
	}
	if slices.ContainsFunc(it.Labels, func(l string) bool {
		return l == "safety" || l == "life" ||
			l == "sector-wide"
	}) {
		add(forUrgent, i18n.T("protects life or a whole sector", "人命または分野全体に関わる"))
	}
	n := 0
	for _, q := range queries {
		if q.Meets(it) && n < each {
			n++
			add(forQuery, i18n.T("meets your standing query “{0}”", "常設の条件「{0}」に一致").With(q.Name))
		}
	}
	if sector, ok := identity.SectorOf(p.Sector); ok && p.Sector != "" {
		if it.says(sector.Name.EN) || it.says(sector.Name.JA) || slices.Contains(it.Labels, "sector:"+p.Sector) {
			add(forSector, i18n.T("names your sector: {0}", "自組織の分野に言及：{0}").With(sector.Name))
		}
	}
	words := func(list []string, points int, t i18n.Text, is func(string) bool) {
		n := 0
		for _, w := range list {
			if is(w) && n < each {
				n++
				add(points, t.With(w))
			}
		}
	}
	words(p.Products, forProduct, i18n.T("product {0} of your profile", "プロフィールの製品：{0}"), it.says)
	words(p.Topics, forTopic, i18n.T("topic {0} of your profile", "プロフィールの話題：{0}"), it.says)
	words(p.Techniques, forTechnique, i18n.T("technique {0} of your profile", "プロフィールの技術：{0}"), it.has)
	words(p.Countries, forCountry, i18n.T("country {0} of your profile", "プロフィールの国：{0}"), it.says)
	if s.Points > 0 {
		switch it.Level {
		case "critical":
			add(forCritical, i18n.T("its level is critical", "重要度が最高"))
		case "high":
			add(forHigh, i18n.T("its level is high", "重要度が高い"))
		}
		if it.Lang != "" && slices.ContainsFunc(p.Languages, func(l string) bool {
			return strings.EqualFold(l, it.Lang)
		}) {
			add(forLanguage, i18n.T("written in {0}", "記述言語：{0}").With(it.Lang))
		}
	}
	s.Points = min(s.Points, most)
	slices.SortStableFunc(s.Reasons, func(a, b Reason) int { return b.Points - a.Points })
	return s
}
