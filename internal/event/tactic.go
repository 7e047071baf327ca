package event

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// TacticText is the name of a tactic of ATT&CK, by the word that tags of Sigma
// rules use for it, with hyphens or underscores; false if there is none. It is
// the same word on every page and in every report.
func TacticText(name string) (i18n.Text, bool) {
	t, ok := tactics[strings.ReplaceAll(strings.ToLower(name), "_", "-")]
	return t, ok
}

var tactics = map[string]i18n.Text{
	"reconnaissance": i18n.T("Reconnaissance", "偵察"), "resource-development": i18n.T("Resource development", "リソース開発"),
	"initial-access": i18n.T("Initial access", "初期アクセス"), "execution": i18n.T("Execution", "実行"),
	"persistence":          i18n.T("Persistence", "永続化"),
	"privilege-escalation": i18n.T("Privilege escalation", "権限昇格"),
	"defense-evasion":      i18n.T("Defense evasion", "防御回避"),
	// version 19 divides defense evasion so
	"stealth": i18n.T("Stealth", "隠蔽"), "defense-impairment": i18n.T("Defense impairment", "防御の無効化"),
	"credential-access": i18n.T("Credential access", "認証情報アクセス"), "discovery": i18n.T("Discovery", "探索"),
	"lateral-movement": i18n.T("Lateral movement", "水平展開"),
	"collection":       i18n.T("Collection", "収集"), "command-and-control": i18n.T("Command and control", "C2 通信"),
	"exfiltration": i18n.T("Exfiltration", "持ち出し"),
	"impact":       i18n.T("Impact", "影響"),
}
