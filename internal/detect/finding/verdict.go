package finding

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Verdict is what was decided of one value of a finding: whether others are
// offered it, and why.
type Verdict struct {
	Finding string `db:"finding"`
	Value   string `db:"value"` // type:value, or sigma: and the id of a rule
	Why     string `db:"why"`
	Offered bool   `db:"offered"`
}

// Why a value is offered or not. A value may also be excluded for what it is;
// those reasons are in reasonText.
const (
	ReasonCommon   = "common in the member's own past"
	ReasonReserved = "on the watchlist under a marking that keeps it here"
	ReasonSystem   = "program of the system"
	ReasonAccount  = "an account of the member, or beside one"
	ReasonUnseen   = "not in the member's past without findings"
	ReasonBehavior = "no distinctive value: the behaviour itself"
)

// Verdicts returns the verdicts on a finding's values.
func Verdicts(tx *store.Tx, finding string) ([]Verdict, error) {
	return store.Query[Verdict](tx, `SELECT finding, value, why, offered FROM finding_offer WHERE finding = $1
		ORDER BY offered DESC, value`, finding)
}

// SaveVerdict writes the verdict on a value that has none yet.
func SaveVerdict(tx *store.Tx, v Verdict) error {
	return store.Insert(tx, "finding_offer", []Verdict{v})
}

// WasOffered reports whether a value was offered before, by any finding.
func WasOffered(tx *store.Tx, value string) (bool, error) {
	n, err := store.One[int64](tx, `SELECT count(*) FROM finding_offer WHERE value = $1 AND offered = $2`, value, true)
	return n > 0, err
}

// reasonText is a verdict's reason in both languages. One that an older version
// wrote is shown as it is.
func reasonText(o Verdict) i18n.Text {
	switch o.Why {
	case ReasonCommon:
		return i18n.T("common in our own past, so it says nothing about the attack", "自組織の過去に普通に現れるため、攻撃の印にならない")
	case ReasonSystem:
		return i18n.T("belongs to a program that came with the system", "システム付属のプログラムのもの")
	case ReasonAccount:
		return i18n.T("names somebody of our own", "自組織の人のアドレス")
	case ReasonReserved:
		return i18n.T("on our watchlist, under a marking that does not let it be passed on",
			"監視リストにあり、その取扱い区分では第三者に渡せない")
	case ReasonUnseen:
		if !o.Offered {
			return i18n.T("distinctive, and the community has it already", "特徴的だが、既に共有済み")
		}
		return i18n.T("distinctive: our past holds it nowhere else", "特徴的。過去のほかの記録には現れない")
	case ReasonBehavior:
		if !o.Offered {
			return i18n.T("no value is distinctive, and the community has this rule already", "特徴的な値がなく、このルールは既に共有済み")
		}
		return i18n.T("no value is distinctive, so the behaviour itself is what others can match",
			"特徴的な値がないため、振る舞いそのものを提供")
	}
	return ExclusionText(o.Why)
}

// ExclusionText is a reason of package exclusion in both languages.
func ExclusionText(why string) i18n.Text {
	switch why {
	case "private or reserved range":
		return i18n.T("private or reserved address", "私設または予約済みのアドレス")
	case "the community's own network":
		return i18n.T("the community's own network", "共同体自身のネットワーク")
	case "the community's own domain":
		return i18n.T("the community's own domain", "共同体自身のドメイン")
	case "public service":
		return i18n.T("a public service that everyone talks to", "誰もが使う公共のサービス")
	case "local name":
		return i18n.T("a local name", "内部だけの名前")
	case "hash of an empty file":
		return i18n.T("hash of an empty file", "空のファイルのハッシュ")
	case "not a hash", "not an address", "not a URL":
		return i18n.T("not a real value", "実体のない値")
	}
	return i18n.Same(why)
}
