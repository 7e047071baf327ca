package identity

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Prefecture is one of Japan's 47, with its code of JIS X 0401.
type Prefecture struct {
	Code string // "01" to "47"
	Name i18n.Text
}

// Prefectures lists them in the order of their codes, which is north to south.
func Prefectures() []Prefecture {
	return []Prefecture{
		{"01", i18n.T("Hokkaido", "北海道")},
		{"02", i18n.T("Aomori", "青森県")},
		{"03", i18n.T("Iwate", "岩手県")},
		{"04", i18n.T("Miyagi", "宮城県")},
		{"05", i18n.T("Akita", "秋田県")},
		{"06", i18n.T("Yamagata", "山形県")},
		{"07", i18n.T("Fukushima", "福島県")},
		{"08", i18n.T("Ibaraki", "茨城県")},
		{"09", i18n.T("Tochigi", "栃木県")},
		{"10", i18n.T("Gunma", "群馬県")},
		{"11", i18n.T("Saitama", "埼玉県")},
		{"12", i18n.T("Chiba", "千葉県")},
		{"13", i18n.T("Tokyo", "東京都")},
		{"14", i18n.T("Kanagawa", "神奈川県")},
		{"15", i18n.T("Niigata", "新潟県")},
		{"16", i18n.T("Toyama", "富山県")},
		{"17", i18n.T("Ishikawa", "石川県")},
		{"18", i18n.T("Fukui", "福井県")},
		{"19", i18n.T("Yamanashi", "山梨県")},
		{"20", i18n.T("Nagano", "長野県")},
		{"21", i18n.T("Gifu", "岐阜県")},
		{"22", i18n.T("Shizuoka", "静岡県")},
		{"23", i18n.T("Aichi", "愛知県")},
		{"24", i18n.T("Mie", "三重県")},
		{"25", i18n.T("Shiga", "滋賀県")},
		{"26", i18n.T("Kyoto", "京都府")},
		{"27", i18n.T("Osaka", "大阪府")},
		{"28", i18n.T("Hyogo", "兵庫県")},
		{"29", i18n.T("Nara", "奈良県")},
		{"30", i18n.T("Wakayama", "和歌山県")},
		{"31", i18n.T("Tottori", "鳥取県")},
		{"32", i18n.T("Shimane", "島根県")},
		{"33", i18n.T("Okayama", "岡山県")},
		{"34", i18n.T("Hiroshima", "広島県")},
		{"35", i18n.T("Yamaguchi", "山口県")},
		{"36", i18n.T("Tokushima", "徳島県")},
		{"37", i18n.T("Kagawa", "香川県")},
		{"38", i18n.T("Ehime", "愛媛県")},
		{"39", i18n.T("Kochi", "高知県")},
		{"40", i18n.T("Fukuoka", "福岡県")},
		{"41", i18n.T("Saga", "佐賀県")},
		{"42", i18n.T("Nagasaki", "長崎県")},
		{"43", i18n.T("Kumamoto", "熊本県")},
		{"44", i18n.T("Oita", "大分県")},
		{"45", i18n.T("Miyazaki", "宮崎県")},
		{"46", i18n.T("Kagoshima", "鹿児島県")},
		{"47", i18n.T("Okinawa", "沖縄県")},
	}
}

// PrefectureOf returns a prefecture by its code.
func PrefectureOf(code string) (Prefecture, bool) {
	for _, p := range Prefectures() {
		if p.Code == code {
			return p, true
		}
	}
	return Prefecture{}, false
}

// ParsePrefecture reads a code ("1" as "01"), a Japanese name with or without
// 都道府県, or an English one. The empty text is no prefecture and returns "".
// Anything else is fault.Invalid.
func ParsePrefecture(text string) (code string, err error) {
	t := strings.TrimSpace(norm.NFKC.String(text))
	if t == "" {
		return "", nil
	}
	en := strings.ToLower(strings.NewReplacer("ō", "o", "Ō", "o", "ū", "u").Replace(t))
	for _, suffix := range []string{" prefecture", "-ken", "-fu", "-to"} {
		en = strings.TrimSuffix(en, suffix)
	}
	for _, p := range Prefectures() {
		short := p.Name.JA
		if p.Code != "01" { // 北海道 is never said without its last character
			short = strings.TrimRight(short, "都府県")
		}
		if p.Code == "26" {
			short = "京都"
		}
		if t == p.Code || "0"+t == p.Code || t == p.Name.JA || t == short || en == strings.ToLower(p.Name.EN) {
			return p.Code, nil
		}
	}
	return "", fault.New(fault.Invalid, i18n.T("there is no prefecture {0}", "都道府県 {0} はありません").With(quote(text))).
		WithHint(i18n.T("give its name or its code from 01 to 47, such as Tokyo, 東京都 or 13",
			"東京都、Tokyo、13 のように、名前か 01 から 47 のコードで指定してください"))
}
