package feed

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
)

// meaning is what a type's name in a feed means.
type meaning struct {
	typ   event.ObservableType // "" with addr or hash: told by the value
	match watchlist.Match
	addr  bool // IPv4 or IPv6, perhaps with a port
	hash  bool // MD5, SHA-1 and so on by its length
	only  bool // the name is that of a type and never that of a column of values
}

// typeNames are the names that feeds give to types, in lower case, without
// space, hyphen and underscore.
var typeNames = map[string]meaning{
	"ip": {addr: true}, "ipaddr": {addr: true}, "ipaddress": {addr: true}, "ipsrc": {addr: true}, "ipdst": {addr: true},
	"address": {addr: true}, "dstip": {addr: true}, "srcip": {addr: true}, "ip:port": {addr: true},
	"ipport": {addr: true},
	"cidr":   {addr: true}, "network": {addr: true}, "netblock": {addr: true}, "subnet": {addr: true},
	"ipアドレス": {addr: true}, "アドレス": {addr: true}, "intel::addr": {addr: true}, "intel::subnet": {addr: true},
	"送信元ip": {addr: true}, "宛先ip": {addr: true}, "送信元ipアドレス": {addr: true}, "宛先ipアドレス": {addr: true},
	"ipv4アドレス": {typ: event.IPv4}, "ipv6アドレス": {typ: event.IPv6},
	"ipv4": {typ: event.IPv4}, "ipv4addr": {typ: event.IPv4}, "ipv6": {typ: event.IPv6}, "ipv6addr": {typ: event.IPv6},
	"domain": {typ: event.Domain}, "domainname": {typ: event.Domain}, "hostname": {typ: event.Domain},
	"host": {typ: event.Domain}, "fqdn": {typ: event.Domain}, "intel::domain": {typ: event.Domain},
	"ドメイン": {typ: event.Domain}, "ドメイン名": {typ: event.Domain}, "ホスト": {typ: event.Domain},
	"ホスト名": {typ: event.Domain}, "intel::certhost": {typ: event.Domain},
	"domainsuffix": {typ: event.Domain, match: watchlist.Tree},
	"domaintree":   {typ: event.Domain, match: watchlist.Tree},
	"url":          {typ: event.URL}, "uri": {typ: event.URL}, "link": {typ: event.URL, only: true},
	"intel::url": {typ: event.URL}, "通信先url": {typ: event.URL},
	"urlprefix": {typ: event.URL, match: watchlist.Prefix},
	"email":     {typ: event.Email}, "emailaddr": {typ: event.Email}, "emailaddress": {typ: event.Email},
	"mail": {typ: event.Email}, "emailsrc": {typ: event.Email}, "emaildst": {typ: event.Email},
	"emailreplyto": {typ: event.Email}, "intel::email": {typ: event.Email}, "メール": {typ: event.Email},
	"メールアドレス": {typ: event.Email}, "差出人": {typ: event.Email},
	"hash": {hash: true}, "filehash": {hash: true}, "ハッシュ": {hash: true}, "ハッシュ値": {hash: true},
	"intel::filehash": {hash: true}, "検体ハッシュ": {hash: true}, "検体ハッシュ値": {hash: true},
	"md5": {typ: event.MD5}, "md5hash": {typ: event.MD5}, "filehashmd5": {typ: event.MD5}, "sha1": {typ: event.SHA1},
	"sha1hash": {typ: event.SHA1}, "filehashsha1": {typ: event.SHA1}, "filehashsha256": {typ: event.SHA256},
	"sha256": {typ: event.SHA256}, "sha256hash": {typ: event.SHA256}, "sha224": {typ: watchlist.SHA224},
	"sha384": {typ: watchlist.SHA384},
	"sha512": {typ: watchlist.SHA512}, "sha512hash": {typ: watchlist.SHA512}, "sha3256": {typ: watchlist.SHA3256},
	"sha3512": {typ: watchlist.SHA3512}, "filehashsha512": {typ: watchlist.SHA512},
	"imphash": {typ: watchlist.ImpHash}, "ssdeep": {typ: watchlist.SSDeep}, "tlsh": {typ: watchlist.TLSH},
	"filehashimphash": {typ: watchlist.ImpHash}, "filehashssdeep": {typ: watchlist.SSDeep},
	"ja3": {typ: watchlist.JA3}, "ja3fingerprintmd5": {typ: watchlist.JA3},
	"filename": {typ: watchlist.FileName}, "file": {typ: watchlist.FileName}, "filepath": {typ: watchlist.FilePath},
	"path": {typ: watchlist.FilePath}, "ファイル名": {typ: watchlist.FileName}, "ファイルパス": {typ: watchlist.FilePath},
	"intel::filename": {typ: watchlist.FileName},
	"regkey":          {typ: watchlist.RegistryKey}, "registry": {typ: watchlist.RegistryKey},
	"registrykey": {typ: watchlist.RegistryKey}, "windowsregistrykey": {typ: watchlist.RegistryKey},
	"レジストリ": {typ: watchlist.RegistryKey}, "レジストリキー": {typ: watchlist.RegistryKey},
	"mutex": {typ: watchlist.Mutex}, "useragent": {typ: watchlist.UserAgent}, "mac": {typ: watchlist.MAC},
	"macaddr": {typ: watchlist.MAC}, "macaddress": {typ: watchlist.MAC}, "intel::software": {typ: watchlist.UserAgent},
}

var filler = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "")

// plain is a name as typeNames has it; what is longer than any name is none.
func plain(name string) string {
	if name = strings.TrimSpace(name); len(name) > 64 {
		return ""
	}
	return filler.Replace(strings.ToLower(norm.NFKC.String(name)))
}

func typeNamed(name string) (meaning, bool) {
	m, ok := typeNames[plain(name)]
	return m, ok
}

// hashTypes are the hashes of a whole file, by the length of their hexadecimal form.
var hashTypes = map[int]event.ObservableType{32: event.MD5, 40: event.SHA1, 56: watchlist.SHA224,
	64: event.SHA256, 96: watchlist.SHA384, 128: watchlist.SHA512}

// wholeFile reports whether a type is the hash of a whole file, so that several on a row are one thing.
func wholeFile(t event.ObservableType) bool {
	for _, h := range hashTypes {
		if h == t {
			return true
		}
	}
	return t == watchlist.SHA3256 || t == watchlist.SHA3512
}

// The columns that a table may have beside its values.
const (
	colValue = iota
	colType
	colMatch
	colUntil
	colTLP
	colSource
	colID
	colPort
	colName
	colNote
	colLabels
	colReference
	colConfidence
	colFirst
	colLast
	colStart
	colEnd
	colNetblock
	columnCount
)

// columnNames are the names of columns as plain writes them, the best first.
var columnNames = [columnCount][]string{
	colValue: {"value", "indicator", "ioc", "iocvalue", "observable", "indicatorvalue", "値", "指標", "インジケーター",
		"インジケータ", "観測値", "wert", "通信先", "iocの値"},
	colType: {"type", "ioctype", "indicatortype", "observabletype", "kind", "種別", "種類", "型", "タイプ", "typ",
		"区分", "分類"},
	colMatch:  {"match", "matchtype"},
	colUntil:  {"validuntil", "expires", "expiration", "expirationdate", "expiry", "expiresat", "有効期限", "期限"},
	colTLP:    {"tlp", "marking", "tlplabel", "取扱区分", "取扱い区分"},
	colSource: {"source", "feed", "provider", "出所", "情報源"},
	colID:     {"id", "uuid", "iocid", "indicatorid", "stixid"},
	colPort:   {"port", "dstport", "ポート", "ポート番号"},
	colName: {"malwareprintable", "signature", "malwarefamily", "family", "malware", "マルウェア", "マルウェア名",
		"filename", "title"},
	colNote: {"description", "comment", "note", "notes", "desc", "metadesc", "備考", "説明", "コメント", "内容", "摘要",
		"kommentar", "threat", "threattype"},
	colLabels:     {"tags", "tag", "labels", "タグ"},
	colReference:  {"reference", "ref", "link", "url_reference", "urlhauslink", "metaurl", "参照", "参考"},
	colConfidence: {"confidence", "confidencelevel", "確度", "信頼度", "metaconfidence"},
	colFirst:      {"firstseenutc", "firstseen", "dateadded", "created", "date", "初回観測", "日時", "日付", "確認日"},
	colLast:       {"lastseenutc", "lastseen", "lastonline"},
	colStart:      {"start", "startip", "ipstart", "開始"},
	colEnd:        {"end", "endip", "ipend", "終了"},
	colNetblock:   {"netblock", "prefixlength", "prefix", "mask"},
}
