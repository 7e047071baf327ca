package timeline

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// tactics are those of ATT&CK for Enterprise as rules tag them, in the order of
// the matrix. Tags of the years before are written with hyphens or underscores.
var tactics = [...]struct {
	tag  string
	name i18n.Text
}{
	{"reconnaissance", i18n.T("Reconnaissance", "偵察")},
	{"resource-development", i18n.T("Resource development", "攻撃基盤の準備")},
	{"initial-access", i18n.T("Initial access", "初期侵入")},
	{"execution", i18n.T("Execution", "実行")},
	{"persistence", i18n.T("Persistence", "永続化")},
	{"privilege-escalation", i18n.T("Privilege escalation", "権限昇格")},
	{"stealth", i18n.T("Stealth", "隠密")},
	{"defense-evasion", i18n.T("Defence evasion", "防御回避")},
	{"defense-impairment", i18n.T("Defence impairment", "防御妨害")},
	{"credential-access", i18n.T("Credential access", "認証情報の窃取")},
	{"discovery", i18n.T("Discovery", "探索")},
	{"lateral-movement", i18n.T("Lateral movement", "横展開")},
	{"collection", i18n.T("Collection", "収集")},
	{"command-and-control", i18n.T("Command and control", "遠隔操作")},
	{"exfiltration", i18n.T("Exfiltration", "持ち出し")},
	{"impact", i18n.T("Impact", "影響")},
}

// Tactic gives the name of the ATT&CK tactic that a tag names, and its phase
// name as STIX has it; ok is false if it names none.
func Tactic(tag string) (name i18n.Text, phase string, ok bool) {
	t, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
	if !ok {
		return i18n.Text{}, "", false
	}
	t = strings.ReplaceAll(t, "_", "-")
	for _, x := range tactics {
		if x.tag == t {
			return x.name, t, true
		}
	}
	return i18n.Text{}, "", false
}
