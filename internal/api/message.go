package api

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// saying is a message that huma makes about a wrong value, cut at its holes, and
// the Japanese for it with numbered holes.
type saying struct {
	en string // holes are %
	ja i18n.Text
}

// sayings are huma's validation messages (its package validation, v2.37). What is
// not listed is shown in English; a test holds the list against the package.
var sayings = []saying{
	{"unexpected property", i18n.T("unexpected property", "定義されていない項目です")},
	{"unknown query parameter", i18n.T("unknown query parameter", "定義されていないクエリパラメーターです")},
	{"required query parameter is missing", i18n.T("required query parameter is missing", "必須のクエリパラメーターがありません")},
	{"required path parameter is missing", i18n.T("required path parameter is missing", "必須のパスパラメーターがありません")},
	{"required header parameter is missing", i18n.T("required header parameter is missing", "必須のヘッダーがありません")},
	{"request body is required", i18n.T("request body is required", "要求の本文が必要です")},
	{"invalid integer", i18n.T("invalid integer", "整数ではありません")},
	{"invalid float", i18n.T("invalid float", "数値ではありません")},
	{"invalid boolean", i18n.T("invalid boolean", "真偽値ではありません")},
	{"invalid date/time for format %", i18n.T("invalid date/time for format {0}", "日時の書式が {0} ではありません")},
	{"expected string to be RFC 3339 date-time", i18n.T("expected an RFC 3339 date-time", "RFC 3339 の日時で指定してください")},
	{"expected string to be RFC 1123 date-time", i18n.T("expected an RFC 1123 date-time", "RFC 1123 の日時で指定してください")},
	{"expected string to be RFC 3339 date", i18n.T("expected an RFC 3339 date", "RFC 3339 の日付で指定してください")},
	{"expected string to be RFC 3339 time", i18n.T("expected an RFC 3339 time", "RFC 3339 の時刻で指定してください")},
	{"expected string to be RFC 5322 email: %", i18n.T("expected a mail address: {0}", "メールアドレスで指定してください: {0}")},
	{"expected string to be RFC 5890 hostname", i18n.T("expected a host name", "ホスト名で指定してください")},
	{"expected string to be RFC 2673 ipv4", i18n.T("expected an IPv4 address", "IPv4 アドレスで指定してください")},
	{"expected string to be RFC 2373 ipv6", i18n.T("expected an IPv6 address", "IPv6 アドレスで指定してください")},
	{"expected string to be either RFC 2673 ipv4 or RFC 2373 ipv6",
		i18n.T("expected an IP address", "IP アドレスで指定してください")},
	{"expected string to be RFC 3986 uri: %", i18n.T("expected a URI: {0}", "URI で指定してください: {0}")},
	{"expected string to be RFC 4122 uuid: %", i18n.T("expected a UUID: {0}", "UUID で指定してください: {0}")},
	{"expected string to be RFC 6570 uri-template", i18n.T("expected a URI template", "URI テンプレートで指定してください")},
	{"expected string to be RFC 6901 json-pointer", i18n.T("expected a JSON pointer", "JSON ポインターで指定してください")},
	{"expected string to be RFC 6901 relative-json-pointer",
		i18n.T("expected a relative JSON pointer", "相対 JSON ポインターで指定してください")},
	{"expected string to be regex: %", i18n.T("expected a regular expression: {0}", "正規表現で指定してください: {0}")},
	{"expected value to match at least one schema but matched none",
		i18n.T("the value has none of the allowed shapes", "許可された形式のいずれにも合いません")},
	{"expected value to match exactly one schema but matched none",
		i18n.T("the value has none of the allowed shapes", "許可された形式のいずれにも合いません")},
	{"expected value to match exactly one schema but matched multiple",
		i18n.T("the value has several of the allowed shapes at once", "許可された形式の複数に同時に合っています")},
	{"expected value to not match schema", i18n.T("the value has a shape that is not allowed", "許可されていない形式です")},
	{"expected propertyName value to be present in object",
		i18n.T("the property that tells the shape is missing", "形式を示す項目がありません")},
	{"expected boolean", i18n.T("expected a boolean", "真偽値で指定してください")},
	{"expected duration: %", i18n.T("expected a duration: {0}", "期間で指定してください: {0}")},
	{"expected number", i18n.T("expected a number", "数値で指定してください")},
	{"expected integer", i18n.T("expected an integer", "整数で指定してください")},
	{"expected string", i18n.T("expected a string", "文字列で指定してください")},
	{"expected string to be base64 encoded", i18n.T("expected base64", "base64 で指定してください")},
	{"expected array", i18n.T("expected an array", "配列で指定してください")},
	{"expected object", i18n.T("expected an object", "オブジェクトで指定してください")},
	{"expected array items to be unique", i18n.T("an item is there twice", "要素が重複しています")},
	{"expected value to be one of \"%\"", i18n.T("expected one of {0}", "次のいずれかで指定してください: {0}")},
	{"expected number >= %", i18n.T("expected a number of at least {0}", "{0} 以上で指定してください")},
	{"expected number > %", i18n.T("expected a number greater than {0}", "{0} より大きい値で指定してください")},
	{"expected number <= %", i18n.T("expected a number of at most {0}", "{0} 以下で指定してください")},
	{"expected number < %", i18n.T("expected a number less than {0}", "{0} より小さい値で指定してください")},
	{"expected number to be a multiple of %", i18n.T("expected a multiple of {0}", "{0} の倍数で指定してください")},
	{"expected length >= %", i18n.T("expected at least {0} characters", "{0} 文字以上で指定してください")},
	{"expected length <= %", i18n.T("expected at most {0} characters", "{0} 文字以下で指定してください")},
	{"expected string to be %", i18n.T("expected {0}", "{0} で指定してください")},
	{"expected string to match pattern %", i18n.T("expected text that matches {0}", "{0} に合う文字列で指定してください")},
	{"expected array length >= %", i18n.T("expected at least {0} items", "{0} 件以上で指定してください")},
	{"expected array length <= %", i18n.T("expected at most {0} items", "{0} 件以下で指定してください")},
	{"expected object with at least % properties", i18n.T("expected at least {0} properties", "{0} 個以上の項目で指定してください")},
	{"expected object with at most % properties", i18n.T("expected at most {0} properties", "{0} 個以下の項目で指定してください")},
	{"expected required property % to be present", i18n.T("required property {0} is missing", "必須の項目 {0} がありません")},
	{"expected property % to be present when % is present",
		i18n.T("property {0} is required with {1}", "項目 {1} を指定する場合は {0} も必要です")},
}

// say returns huma's message in l. Where several sayings fit, the one with the
// longest fixed text is meant.
func say(msg string, l i18n.Lang) string {
	best, longest := msg, -1
	for _, s := range sayings {
		args, ok := s.match(msg)
		if ok && len(s.en) > longest {
			best, longest = s.ja.With(args...).In(l), len(s.en)
		}
	}
	return best
}

// match reports whether msg is s, and what is in the holes.
func (s saying) match(msg string) (args []any, ok bool) {
	parts := strings.Split(s.en, "%")
	rest, ok := strings.CutPrefix(msg, parts[0])
	if !ok {
		return nil, false
	}
	for i, p := range parts[1:] {
		end := strings.Index(rest, p)
		if p == "" && i == len(parts)-2 {
			end = len(rest)
		}
		if end < 0 {
			return nil, false
		}
		args = append(args, rest[:end])
		rest = rest[end+len(p):]
	}
	return args, rest == ""
}
