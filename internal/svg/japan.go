package svg

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// Prefecture is one of Japan's 47, with its place in the tile map.
type Prefecture struct {
	Code     int // JIS X 0401, 1 to 47
	Name     i18n.Text
	short    i18n.Text // for a tile
	col, row int
}

// prefectures in the order of JIS X 0401. The places keep neighbours together
// as far as squares can.
var prefectures = []Prefecture{
	{1, i18n.T("Hokkaido", "北海道"), i18n.T("HKD", "北海道"), 13, 0},
	{2, i18n.T("Aomori", "青森県"), i18n.T("AOM", "青森"), 13, 1},
	{3, i18n.T("Iwate", "岩手県"), i18n.T("IWT", "岩手"), 13, 2},
	{4, i18n.T("Miyagi", "宮城県"), i18n.T("MYG", "宮城"), 13, 3},
	{5, i18n.T("Akita", "秋田県"), i18n.T("AKT", "秋田"), 12, 2},
	{6, i18n.T("Yamagata", "山形県"), i18n.T("YGT", "山形"), 12, 3},
	{7, i18n.T("Fukushima", "福島県"), i18n.T("FKS", "福島"), 12, 4},
	{8, i18n.T("Ibaraki", "茨城県"), i18n.T("IBR", "茨城"), 13, 5},
	{9, i18n.T("Tochigi", "栃木県"), i18n.T("TCG", "栃木"), 12, 5},
	{10, i18n.T("Gunma", "群馬県"), i18n.T("GNM", "群馬"), 11, 5},
	{11, i18n.T("Saitama", "埼玉県"), i18n.T("SIT", "埼玉"), 11, 6},
	{12, i18n.T("Chiba", "千葉県"), i18n.T("CHB", "千葉"), 13, 6},
	{13, i18n.T("Tokyo", "東京都"), i18n.T("TKY", "東京"), 12, 6},
	{14, i18n.T("Kanagawa", "神奈川県"), i18n.T("KNG", "神奈川"), 11, 7},
	{15, i18n.T("Niigata", "新潟県"), i18n.T("NGT", "新潟"), 11, 4},
	{16, i18n.T("Toyama", "富山県"), i18n.T("TYM", "富山"), 10, 4},
	{17, i18n.T("Ishikawa", "石川県"), i18n.T("IKW", "石川"), 9, 4},
	{18, i18n.T("Fukui", "福井県"), i18n.T("FKI", "福井"), 8, 5},
	{19, i18n.T("Yamanashi", "山梨県"), i18n.T("YMN", "山梨"), 10, 6},
	{20, i18n.T("Nagano", "長野県"), i18n.T("NGN", "長野"), 10, 5},
	{21, i18n.T("Gifu", "岐阜県"), i18n.T("GIF", "岐阜"), 9, 5},
	{22, i18n.T("Shizuoka", "静岡県"), i18n.T("SZO", "静岡"), 10, 7},
	{23, i18n.T("Aichi", "愛知県"), i18n.T("AIC", "愛知"), 9, 6},
	{24, i18n.T("Mie", "三重県"), i18n.T("MIE", "三重"), 8, 7},
	{25, i18n.T("Shiga", "滋賀県"), i18n.T("SIG", "滋賀"), 8, 6},
	{26, i18n.T("Kyoto", "京都府"), i18n.T("KYT", "京都"), 7, 6},
	{27, i18n.T("Osaka", "大阪府"), i18n.T("OSK", "大阪"), 6, 7},
	{28, i18n.T("Hyogo", "兵庫県"), i18n.T("HYG", "兵庫"), 6, 6},
	{29, i18n.T("Nara", "奈良県"), i18n.T("NAR", "奈良"), 7, 7},
	{30, i18n.T("Wakayama", "和歌山県"), i18n.T("WKY", "和歌山"), 7, 8},
	{31, i18n.T("Tottori", "鳥取県"), i18n.T("TTR", "鳥取"), 5, 6},
	{32, i18n.T("Shimane", "島根県"), i18n.T("SMN", "島根"), 4, 6},
	{33, i18n.T("Okayama", "岡山県"), i18n.T("OKY", "岡山"), 5, 7},
	{34, i18n.T("Hiroshima", "広島県"), i18n.T("HRS", "広島"), 4, 7},
	{35, i18n.T("Yamaguchi", "山口県"), i18n.T("YMG", "山口"), 3, 6},
	{36, i18n.T("Tokushima", "徳島県"), i18n.T("TKS", "徳島"), 5, 9},
	{37, i18n.T("Kagawa", "香川県"), i18n.T("KGW", "香川"), 5, 8},
	{38, i18n.T("Ehime", "愛媛県"), i18n.T("EHM", "愛媛"), 4, 8},
	{39, i18n.T("Kochi", "高知県"), i18n.T("KOC", "高知"), 4, 9},
	{40, i18n.T("Fukuoka", "福岡県"), i18n.T("FKO", "福岡"), 2, 7},
	{41, i18n.T("Saga", "佐賀県"), i18n.T("SAG", "佐賀"), 1, 7},
	{42, i18n.T("Nagasaki", "長崎県"), i18n.T("NGS", "長崎"), 0, 7},
	{43, i18n.T("Kumamoto", "熊本県"), i18n.T("KMM", "熊本"), 1, 8},
	{44, i18n.T("Oita", "大分県"), i18n.T("OIT", "大分"), 2, 8},
	{45, i18n.T("Miyazaki", "宮崎県"), i18n.T("MYZ", "宮崎"), 2, 9},
	{46, i18n.T("Kagoshima", "鹿児島県"), i18n.T("KGS", "鹿児島"), 1, 9},
	{47, i18n.T("Okinawa", "沖縄県"), i18n.T("OKN", "沖縄"), 0, 10},
}

// Prefectures lists all 47, in the order of JIS X 0401.
func Prefectures() []Prefecture { return slices.Clone(prefectures) }

// Japan is a tile map: each prefecture a square of the same size, so that a
// small one is seen as well as Hokkaido.
type Japan struct {
	Text   i18n.Text
	Note   i18n.Text
	Unit   i18n.Text      // "{0} findings"; the hole is the count
	Counts map[int]int    // by JIS X 0401 code; missing ones are 0
	Links  map[int]string // path that a tile leads to; may be nil
}

// Caption states the finding.
func (j Japan) Caption() i18n.Text { return j.Text }

// SVG draws the tiles, lightest for none and darkest for the most. Each says its
// count in figures.
func (j Japan) SVG(l i18n.Lang) template.HTML {
	const tile, step = 40.0, 43.0
	p := pen{lang: l}
	p.start("japan", 13*step+tile, 10*step+tile, p.in(j.Text), p.in(j.Note))
	// Okinawa is not where the square says: a corner sets it off.
	p.leaf("path", "class", "inset", "d", "M0 "+num(10*step-8)+"h"+num(step+6)+"v"+num(tile+8))
	most := 0
	for _, n := range j.Counts {
		most = max(most, n)
	}
	for _, f := range prefectures {
		n := max(j.Counts[f.Code], 0)
		x, y := float64(f.col)*step, float64(f.row)*step
		done := p.link(j.Links[f.Code])
		p.tag("g", "class", "l"+strconv.Itoa(heat(n, most)))
		p.text("title", p.in(f.Name)+" "+p.count(j.Unit, n))
		p.leaf("rect", "x", num(x), "y", num(y), "width", num(tile), "height", num(tile), "rx", "5")
		name := p.in(f.short)
		class := "name"
		if Width(name) > 2 {
			class = "name long"
		}
		at := y + 15.5
		if n == 0 {
			at = y + tile/2 + 4.5
		}
		p.text("text", name, "class", class, "x", num(x+tile/2), "y", num(at), "text-anchor", "middle")
		if class != "name" { // where there is little room, two letters that can be read instead of three that cannot
			p.text("text", string([]rune(name)[:2]), "class", "name brief", "x", num(x+tile/2), "y", num(at),
				"text-anchor", "middle")
		}
		if n > 0 {
			p.text("text", group(float64(n)), "class", "count", "x", num(x+tile/2), "y", num(y+32), "text-anchor",
				"middle")
		}
		p.end("g")
		done()
	}
	p.end("svg")
	return p.html()
}

// count puts n into a unit's hole.
func (p *pen) count(unit i18n.Text, n int) string {
	if unit.Zero() {
		return group(float64(n))
	}
	return p.in(unit.With(group(float64(n))))
}

// heat returns the step from 0 (none) to 4 (the most); by the square root, so that
// one great count does not make all others alike.
func heat(n, most int) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return min(4, max(1, int(math.Ceil(4*math.Sqrt(float64(n)/float64(most))-1e-9))))
}

// Table lists the prefectures with a count, the most first.
func (j Japan) Table() Table {
	t := Table{Name: j.Text, Columns: []Column{
		{Key: "code", Text: i18n.T("Code", "コード")},
		{Key: "prefecture", Text: i18n.T("Prefecture", "都道府県")},
		{Key: "count", Text: i18n.T("Count", "件数"), Number: true},
	}}
	sorted := slices.Clone(prefectures)
	slices.SortStableFunc(sorted, func(a, b Prefecture) int { return cmp.Compare(j.Counts[b.Code], j.Counts[a.Code]) })
	for _, f := range sorted {
		if n := j.Counts[f.Code]; n > 0 {
			t.Rows = append(t.Rows, []any{strconv.Itoa(100 + f.Code)[1:], f.Name, n})
		}
	}
	return t
}
