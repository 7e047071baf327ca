package identity

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Sector is a kind of organisation.
type Sector struct {
	Slug     string
	Name     i18n.Text
	Critical bool     // one of the 14 critical infrastructure sectors of the 2018 strategy
	also     []string // synonyms that are read as this sector
}

// Sectors lists the sectors: the fourteen critical infrastructure sectors that
// the Cybersecurity Strategy of 2018 and the fourth action plan name, in that
// order, and the other organisations that a community has. The list is closed.
// Synonyms that a person may type are read as follows:
//
//	ict               telecom telecommunications communications information it
//	finance           financial bank banking insurance securities
//	aviation          airline airlines
//	airport           airports
//	rail              railway railways train
//	power             electric electricity energy utility
//	government        state ministry administration public national-government
//	medical           hospital health healthcare
//	water             waterworks
//	logistics         transport shipping freight
//	chemical          chemistry chemicals
//	credit            credit-card card payment
//	oil               petroleum
//	local-government  city prefecture municipality town village
//	university        education academic research school college
//	small-firm        sme small-business small-company
//
// The Japanese names are read as well, in any width.
func Sectors() []Sector {
	return []Sector{
		{"ict", i18n.T("Information and communication", "情報通信"), true,
			words("telecom telecommunications communications information it 通信")},
		{"finance", i18n.T("Finance", "金融"), true, words("financial bank banking insurance securities 銀行 保険 証券")},
		{"aviation", i18n.T("Aviation", "航空"), true, words("airline airlines")},
		{"airport", i18n.T("Airports", "空港"), true, words("airports")},
		{"rail", i18n.T("Railways", "鉄道"), true, words("railway railways train")},
		{"power", i18n.T("Electric power", "電力"), true, words("electric electricity energy utility 電気")},
		{"gas", i18n.T("Gas", "ガス"), true, nil},
		{"government", i18n.T("Government and administration", "政府・行政サービス"), true,
			words("state ministry administration public national-government 政府 行政 官公庁")},
		{"medical", i18n.T("Medical services", "医療"), true, words("hospital health healthcare 病院")},
		{"water", i18n.T("Water", "水道"), true, words("waterworks")},
		{"logistics", i18n.T("Logistics", "物流"), true, words("transport shipping freight 運輸")},
		{"chemical", i18n.T("Chemical industry", "化学"), true, words("chemistry chemicals")},
		{"credit", i18n.T("Credit cards", "クレジット"), true, words("credit-card card payment")},
		{"oil", i18n.T("Petroleum", "石油"), true, words("petroleum")},
		{"local-government", i18n.T("Local government", "地方公共団体"), false,
			words("city prefecture municipality town village 自治体 市 県 町 村")},
		{"university", i18n.T("University or research", "大学・研究機関"), false,
			words("education academic research school college 大学 学校 研究")},
		{"small-firm", i18n.T("Small or medium-sized firm", "中小企業"), false, words("sme small-business small-company")},
		{"other", i18n.T("Other", "その他"), false, nil},
	}
}

func words(s string) []string { return strings.Fields(s) }

// SectorOf returns a sector by its slug.
func SectorOf(slug string) (Sector, bool) {
	for _, s := range Sectors() {
		if s.Slug == slug {
			return s, true
		}
	}
	return Sector{}, false
}

// ParseSector reads a slug, a Japanese or English name, or one of the synonyms
// that Sectors lists, in any case. Anything else is fault.Invalid and says what
// there is to choose from.
func ParseSector(text string) (slug string, err error) {
	t := strings.ToLower(strings.TrimSpace(norm.NFKC.String(text)))
	dashed := strings.ReplaceAll(strings.ReplaceAll(t, " ", "-"), "_", "-")
	var all []string
	for _, s := range Sectors() {
		all = append(all, s.Slug)
		if dashed == s.Slug || t == s.Name.JA || t == strings.ToLower(s.Name.EN) || slices.Contains(s.also, dashed) {
			return s.Slug, nil
		}
	}
	list := strings.Join(all, ", ")
	return "", fault.New(fault.Invalid, i18n.T("there is no sector {0}", "分野 {0} はありません").With(quote(text))).
		WithHint(i18n.T("choose one of: {0}", "次から選んでください: {0}").With(list))
}

// quote shows a user's own input back, bounded and without control characters.
func quote(s string) string {
	r := []rune(strings.Map(printable, strings.ToValidUTF8(s, "\uFFFD")))
	if len(r) > 60 {
		r = append(r[:60], '…')
	}
	return "“" + string(r) + "”"
}
