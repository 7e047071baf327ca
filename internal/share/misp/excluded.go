package misp

import (
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/warninglist"
)

// reasons are those of package exclusion in both languages.
var reasons = map[string]i18n.Text{
	"not an address":              i18n.T("not an address", "IP アドレスではありません"),
	"private or reserved range":   i18n.T("private or reserved range", "プライベートアドレスまたは予約済みの範囲です"),
	"the community's own network": i18n.T("the community's own network", "共同体自身のネットワークです"),
	"public service":              i18n.T("public service", "多くの組織が使う公開サービスです"),
	"the community's own domain":  i18n.T("the community's own domain", "共同体自身のドメインです"),
	"hash of an empty file":       i18n.T("hash of an empty file", "空のファイルのハッシュ値です"),
	"not a hash":                  i18n.T("not a hash", "ハッシュ値ではありません"),
	"local name":                  i18n.T("local name", "組織内の名前です"),
	"not a URL":                   i18n.T("not a URL", "URL ではありません"),
}

// Excluded returns what Options.Excluded asks for: what belongs to the community itself or
// to everybody, and what is on lists of values that say nothing. A list's name and its entry
// are the reason.
func Excluded(own exclusion.CommunityAssets, lists warninglist.Set) func(event.Observable) i18n.Text {
	return func(o event.Observable) i18n.Text {
		if why := exclusion.Reason(o, own); why != "" && !(why == "not an address" && network(o)) {
			if t, ok := reasons[why]; ok {
				return t
			}
			return i18n.Same(why)
		}
		if network(o) && reserved(o, own) {
			return reasons["private or reserved range"]
		}
		if hits := lists.Find(o); len(hits) > 0 {
			return i18n.T("on the list {0}: {1}", "リスト「{0}」に載っています：{1}").With(hits[0].List, hits[0].Entry)
		}
		return i18n.Text{}
	}
}
