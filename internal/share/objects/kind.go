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
	k := func(typ, en, ja, meansEN, meansJA string) kind {
		return kind{typ, i18n.T(en, ja), i18n.T(meansEN, meansJA)}
	}
	return []kind{
		k("report", "report", "レポート", "objects on one topic, published together", "ひとつの主題についてまとめて公開された情報"),
		k("indicator", "indicator", "指標", "what to look for, and until when", "探すべきものとその期限"),
		k("malware", "malware", "マルウェア", "a malicious program or family", "悪意のあるプログラムまたはその系統"),
		k("threat-actor", "threat actor", "攻撃者", "people or groups who attack", "攻撃を行う個人または集団"),
		k("intrusion-set", "intrusion set", "攻撃グループ", "attacks that are taken to come from one group",
			"同一の集団によるとみられる一連の攻撃"),
		k("campaign", "campaign", "攻撃キャンペーン", "attacks with one aim over some time", "一定期間に同じ目的で行われた攻撃"),
		k("attack-pattern", "technique", "攻撃手法", "a way in which attackers proceed", "攻撃者の手口"),
		k("tool", "tool", "ツール", "a legitimate program that attackers use", "攻撃に使われる正規のプログラム"),
		k("vulnerability", "vulnerability", "脆弱性", "a weakness that attackers can use", "攻撃に使われる弱点"),
		k("infrastructure", "infrastructure", "攻撃基盤", "systems that attackers run or use", "攻撃者が使うシステム"),
		k("incident", "incident", "インシデント", "something that happened to an organisation", "組織に起きた出来事"),
		k("course-of-action", "course of action", "対処策", "what can be done against it", "取りうる対策"),
		k("malware-analysis", "malware analysis", "マルウェア解析", "what an analysis of a sample found", "検体の解析結果"),
		k("grouping", "grouping", "グループ", "objects that belong together, not yet a report", "関連する情報のまとまり（レポート前）"),
		k("note", "note", "注記", "a comment on other objects", "ほかのオブジェクトへの注記"),
		k("opinion", "opinion", "評価", "whether somebody holds other objects to be right", "ほかのオブジェクトの正しさについての意見"),
		k("sighting", "sighting", "観測報告", "somebody's word that they saw something", "観測したという報告"),
		k("observed-data", "observed data", "観測データ", "what was seen on systems, and how often", "システム上で観測されたものと回数"),
		k("relationship", "relationship", "関係", "how two objects hang together", "二つのオブジェクトの関係"),
		k("identity", "identity", "組織・人物", "a person, an organisation or a group of them", "個人・組織・業種など"),
		k("location", "location", "場所", "a place", "場所"),
		k("ipv4-addr", "IPv4 address", "IPv4 アドレス", "an address on the internet", "インターネット上のアドレス"),
		k("ipv6-addr", "IPv6 address", "IPv6 アドレス", "an address on the internet", "インターネット上のアドレス"),
		k("domain-name", "domain", "ドメイン名", "a name on the internet", "インターネット上の名前"),
		k("url", "URL", "URL", "the address of a resource on the web", "ウェブ上の所在"),
		k("email-addr", "mail address", "メールアドレス", "a mail address", "メールアドレス"),
		k("email-message", "mail", "メール", "one mail", "メール 1 通"),
		k("file", "file", "ファイル", "a file, by its name and hashes", "名前とハッシュ値で示すファイル"),
		k("artifact", "artifact", "検体", "content of a file", "ファイルの内容"),
		k("directory", "directory", "フォルダー", "a folder", "フォルダー"),
		k("autonomous-system", "autonomous system", "AS 番号", "a network of one operator", "一事業者のネットワーク"),
		k("mac-addr", "MAC address", "MAC アドレス", "the address of a network card", "ネットワーク機器の番号"),
		k("mutex", "mutex", "ミューテックス", "a name by which a program knows that it runs", "プログラムが多重起動を防ぐために使う名前"),
		k("network-traffic", "network traffic", "通信", "a connection", "通信の記録"),
		k("process", "process", "プロセス", "a running program", "実行中のプログラム"),
		k("software", "software", "ソフトウェア", "a product", "製品"),
		k("user-account", "account", "アカウント", "an account of a person or a program", "利用者またはプログラムのアカウント"),
		k("windows-registry-key", "registry key", "レジストリキー", "an entry of the Windows registry", "Windows レジストリの項目"),
		k("x509-certificate", "certificate", "証明書", "a certificate", "証明書"),
		k("language-content", "translation", "翻訳", "texts of an object in another language", "別の言語での記述"),
		k("marking-definition", "marking", "取扱区分", "how something may be handled", "情報の取扱いの定め"),
		k("extension-definition", "extension", "拡張", "properties beyond STIX 2.1", "STIX 2.1 にない項目の定義"),
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
	if !strings.ContainsAny(s, " 　\n") && len(event.ParseObservables(s)) == 1 {
		return web.Defang(s)
	}
	return web.DefangText(s)
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
