package reason

// ofReceipts are what a node or a hub says of what it was sent. Between nodes a
// refusal goes in English, so that the reader's side says it in the reader's
// language; a test holds these against the texts where they are made.
func ofReceipts() []entry {
	return []entry{
		// the kind of a fault, in front of the hub's reason
		{"invalid", "不正"},
		{"denied", "許可なし"},
		{"not-found", "該当なし"},
		{"conflict", "競合"},
		{"gone", "取り下げ済み"},
		{"too-large", "過大"},
		{"unsupported", "未対応"},

		// internal/detect
		{"this is not a valid STIX indicator", "有効な STIX 指標ではありません"},
		{"valid_until is not a time", "valid_until が時刻ではありません"},
		{"indicators of pattern type %s are not matched", "パターン種別 {0} の指標は照合できません"},
		{"the Sigma rule in this indicator cannot be used: %s", "この指標の Sigma 規則は使用できません：{0~}"},
		{"the indicator does not hold one Sigma rule", "この指標に含まれる Sigma 規則が1件ではありません"},
		{"the pattern of this indicator is not valid: %s", "この指標のパターンは正しくありません：{0~}"},
		{"the pattern asks for nothing", "パターンが何も求めていません"},
		{"this pattern cannot be matched in full: %s", "このパターンは完全には照合できません：{0~}"},
		{"no event tells this", "これを示す事象はありません"},
		{"it is no value", "値ではありません"},
		{"it is never a %s", "{0} ではありえません"},
		{"it is no address", "アドレスではありません"},
		{"it is compared in lower case, and %s has capitals", "小文字で比較されますが、{0} に大文字があります"},
		{"write the registry's root in full, such as HKEY_LOCAL_MACHINE", "レジストリのルートは HKEY_LOCAL_MACHINE のように略さずに書いてください"},
		{"%s cannot be a value of it", "{0} はその値になりえません"},
		{"it has no order here", "ここでは大小を比べられません"},
		{"%s patterns over several events are armed already", "複数の事象にわたるパターンは既に {0} 件あります"},
		{"%s correlations are armed already", "相関規則の指標は既に {0} 件あります"},
		{"the finding is not readable", "検知を読み取れません"},
		{"this finding belongs to another member", "この検知は別の構成員のものです"},
		{"the finding has no valid %s", "検知の {0} が正しくありません"},
		{"the rule counts have no valid %s", "規則の集計の {0} が正しくありません"},

		// internal/share, internal/hub
		{"not a valid STIX object", "有効な STIX オブジェクトではありません"},
		{"not the indicator that was announced", "告げられた指標ではありません"},
		{"this hub does not take messages of kind %s", "このハブは種別 {0} のメッセージを受け付けません"},
		{"the offer is not readable", "提供内容を読み取れません"},
		{"the offer has no valid %s", "提供内容の {0} が正しくありません"},
		{"the receipt is not readable", "受領通知を読み取れません"},
		{"the receipt has an unknown state", "受領通知の状態が不明です"},
		{"no such object was delivered to you", "その対象は貴組織に配布されていません"},
		{"the sighting is not readable", "目撃情報を読み取れません"},
		{"the sighting is not valid", "目撃情報が正しくありません"},
	}
}
