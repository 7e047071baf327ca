package objects

import (
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// kind is a type of objects in words.
type kind struct {
	typ   string
	text  i18n.Text
	means i18n.Text // what an object of the type states
}

// kinds are the types of STIX 2.1, in the order in which they are offered for choice.
func kinds() []kind {
	return []kind{
		{"report", i18n.T("report", "レポート"),
			i18n.T("objects on one topic, published together", "ひとつの主題についてまとめて公開された情報")},
		{"indicator", i18n.T("indicator", "指標"),
			i18n.T("what to look for, and until when", "探すべきものとその期限")},
		{"malware", i18n.T("malware", "マルウェア"),
			i18n.T("a malicious program or family", "悪意のあるプログラムまたはその系統")},
		{"threat-actor", i18n.T("threat actor", "攻撃者"),
			i18n.T("people or groups who attack", "攻撃を行う個人または集団")},
		{"intrusion-set", i18n.T("intrusion set", "攻撃グループ"),
			i18n.T("attacks that are taken to come from one group", "同一の集団によるとみられる一連の攻撃")},
		{"campaign", i18n.T("campaign", "攻撃キャンペーン"),
			i18n.T("attacks with one aim over some time", "一定期間に同じ目的で行われた攻撃")},
		{"attack-pattern", i18n.T("technique", "攻撃手法"),
			i18n.T("a way in which attackers proceed", "攻撃者の手口")},
		{"tool", i18n.T("tool", "ツール"),
			i18n.T("a legitimate program that attackers use", "攻撃に使われる正規のプログラム")},
		{"vulnerability", i18n.T("vulnerability", "脆弱性"),
			i18n.T("a weakness that attackers can use", "攻撃に使われる弱点")},
		{"infrastructure", i18n.T("infrastructure", "攻撃基盤"),
			i18n.T("systems that attackers run or use", "攻撃者が使うシステム")},
		{"incident", i18n.T("incident", "インシデント"),
			i18n.T("something that happened to an organisation", "組織に起きた出来事")},
		{"course-of-action", i18n.T("course of action", "対処策"),
			i18n.T("what can be done against it", "取りうる対策")},
		{"malware-analysis", i18n.T("malware analysis", "マルウェア解析"),
			i18n.T("what an analysis of a sample found", "検体の解析結果")},
		{"grouping", i18n.T("grouping", "グループ"),
			i18n.T("objects that belong together, not yet a report", "関連する情報のまとまり（レポート前）")},
		{"note", i18n.T("note", "注記"),
			i18n.T("a comment on other objects", "ほかのオブジェクトへの注記")},
		{"opinion", i18n.T("opinion", "評価"),
			i18n.T("whether somebody holds other objects to be right", "ほかのオブジェクトの正しさについての意見")},
		{"sighting", i18n.T("sighting", "観測報告"),
			i18n.T("somebody's word that they saw something", "観測したという報告")},
		{"observed-data", i18n.T("observed data", "観測データ"),
			i18n.T("what was seen on systems, and how often", "システム上で観測されたものと回数")},
		{"relationship", i18n.T("relationship", "関係"),
			i18n.T("how two objects hang together", "二つのオブジェクトの関係")},
		{"identity", i18n.T("identity", "組織・人物"),
			i18n.T("a person, an organisation or a group of them", "個人・組織・業種など")},
		{"location", i18n.T("location", "場所"),
			i18n.T("a place", "場所")},
		{"ipv4-addr", i18n.T("IPv4 address", "IPv4 アドレス"),
			i18n.T("an address on the internet", "インターネット上のアドレス")},
		{"ipv6-addr", i18n.T("IPv6 address", "IPv6 アドレス"),
			i18n.T("an address on the internet", "インターネット上のアドレス")},
		{"domain-name", i18n.T("domain", "ドメイン名"),
			i18n.T("a name on the internet", "インターネット上の名前")},
		{"url", i18n.T("URL", "URL"),
			i18n.T("the address of a resource on the web", "ウェブ上の所在")},
		{"email-addr", i18n.T("mail address", "メールアドレス"),
			i18n.T("a mail address", "メールアドレス")},
		{"email-message", i18n.T("mail", "メール"),
			i18n.T("one mail", "メール 1 通")},
		{"file", i18n.T("file", "ファイル"),
			i18n.T("a file, by its name and hashes", "名前とハッシュ値で示すファイル")},
		{"artifact", i18n.T("artifact", "検体"),
			i18n.T("content of a file", "ファイルの内容")},
		{"directory", i18n.T("directory", "フォルダー"),
			i18n.T("a folder", "フォルダー")},
		{"autonomous-system", i18n.T("autonomous system", "AS 番号"),
			i18n.T("a network of one operator", "一事業者のネットワーク")},
		{"mac-addr", i18n.T("MAC address", "MAC アドレス"),
			i18n.T("the address of a network card", "ネットワーク機器の番号")},
		{"mutex", i18n.T("mutex", "ミューテックス"),
			i18n.T("a name by which a program knows that it runs", "プログラムが多重起動を防ぐために使う名前")},
		{"network-traffic", i18n.T("network traffic", "通信"),
			i18n.T("a connection", "通信の記録")},
		{"process", i18n.T("process", "プロセス"),
			i18n.T("a running program", "実行中のプログラム")},
		{"software", i18n.T("software", "ソフトウェア"),
			i18n.T("a product", "製品")},
		{"user-account", i18n.T("account", "アカウント"),
			i18n.T("an account of a person or a program", "利用者またはプログラムのアカウント")},
		{"windows-registry-key", i18n.T("registry key", "レジストリキー"),
			i18n.T("an entry of the Windows registry", "Windows レジストリの項目")},
		{"x509-certificate", i18n.T("certificate", "証明書"),
			i18n.T("a certificate", "証明書")},
		{"language-content", i18n.T("translation", "翻訳"),
			i18n.T("texts of an object in another language", "別の言語での記述")},
		{"marking-definition", i18n.T("marking", "取扱区分"),
			i18n.T("how something may be handled", "情報の取扱いの定め")},
		{"extension-definition", i18n.T("extension", "拡張"),
			i18n.T("properties beyond STIX 2.1", "STIX 2.1 にない項目の定義")},
	}
}

// kindOf is a type in words; one that STIX does not have keeps its name.
func kindOf(typ string) kind {
	for _, k := range kinds() {
		if k.typ == typ {
			return k
		}
	}
	return kind{typ, i18n.Same(typ), i18n.T("a type of object that STIX 2.1 itself does not have", "STIX 2.1 の標準にない種類")}
}

// maxTitle bounds what an object is called, in letters.
const maxTitle = 160

// named is what an object is called: its name, its value or what it says. Values are as
// they are, not defanged.
func named(o *stix.Object) string {
	for _, name := range []string{"name", "value", "abstract", "subject", "display_name", "key", "path"} {
		if s := strings.TrimSpace(o.Text(name)); s != "" {
			return event.Clip(s, maxTitle)
		}
	}
	text := ""
	switch o.Type() {
	case "note":
		text = o.Text("content")
	case "opinion":
		text = o.Text("opinion")
	case "indicator":
		text = o.Text("pattern")
	case "relationship":
		text = o.Text("relationship_type")
	case "file", "artifact", "x509-certificate":
		hashes, _ := o.Get("hashes")
		if m, ok := hashes.(map[string]any); ok {
			for _, h := range []string{"SHA-256", "SHA-1", "MD5", "SHA-512"} {
				if s, ok := m[h].(string); ok {
					return event.Clip(s, maxTitle)
				}
			}
		}
	case "autonomous-system":
		if n, ok := o.Get("number"); ok {
			if s := scalar(n); s != "" {
				return "AS" + s
			}
		}
	case "process":
		text = o.Text("command_line")
	case "user-account":
		text = o.Text("account_login")
	case "location":
		text = strings.TrimSpace(o.Text("country") + " " + o.Text("region") + " " + o.Text("city"))
	}
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return o.ID()
	}
	return event.Clip(text, maxTitle)
}

// titleOf is what an object is called on screen: defanged.
func titleOf(o *stix.Object) string { return safe(named(o)) }

// safe is a text for the screen: a value as a whole, or the values in it, are defanged.
func safe(s string) string {
	found := event.ParseObservables(event.Clip(s, 20_000))
	if !strings.ContainsAny(s, " 　\n") && (len(found) == 1 || valueLike(s)) {
		return web.Defang(s)
	}
	var hosts []string
	for _, o := range found[:min(len(found), 200)] {
		if o.Type == event.Domain {
			hosts = append(hosts, o.Value)
		}
	}
	return web.DefangText(s, hosts...)
}

// valueLike reports whether a text is a name as domains are, if under no suffix that is known.
func valueLike(s string) bool {
	return strings.Contains(s, ".") && !strings.ContainsAny(s, " 　:\"'()") && strings.ToLower(s) == s
}

// inList is what an object is called, as lists show it: a value with its middle left out, a
// sentence without its end.
func inList(s string) string {
	if !strings.ContainsAny(s, " 　") && safe(s) == web.Defang(s) {
		return web.Clip(s)
	}
	return clip(safe(s), 100)
}

// scalar is a plain value as text; empty for a list or an object.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case interface{ String() string }: // json.Number
		return v.String()
	}
	return ""
}
