package credit

import (
	"time"

	"github.com/meneki/meneki/internal/i18n"
)

// Kind is what became of a gift, or why points were earned.
type Kind string

// The kinds of lines.
const (
	Confirmed   Kind = "confirmed"   // independent members saw it
	Unconfirmed Kind = "unconfirmed" // not by enough of them
	Later       Kind = "later"       // somebody else gave it before
	Harmless    Kind = "harmless"    // a list of harmless values has it
	Mistaken    Kind = "mistaken"    // it was found to be wrong
	Correction  Kind = "correction"  // the member found another's mistake
)

// Line is one entry of an account.
type Line struct {
	Object  string
	Kind    Kind
	Points  Points
	Members int // whose word counts and who saw it
	InTime  int // of them, those that saw it as it happened
	Quorum  int
	At      time.Time // of the gift; of a mistake, when it was upheld
}

// Reason says why the line has its points.
func (l Line) Reason() i18n.Text {
	switch l.Kind {
	case Confirmed:
		return i18n.T("{0} independent members saw it, {1} of them as it happened",
			"独立した {0} 組織が観測（うち {1} 組織は発生時に検知）").With(l.Members, l.InTime)
	case Later:
		return i18n.T("another member had given it before", "ほかの構成員が先に提供済み")
	case Harmless:
		return i18n.T("it is on a list of harmless values", "無害な値の一覧に載っている")
	case Mistaken:
		return i18n.T("it was found to be a false positive", "誤検知と確認された")
	case Correction:
		return i18n.T("it found a false positive of another member, which was upheld",
			"ほかの構成員の誤検知を指摘し、認められた")
	}
	if l.Members > 0 {
		return i18n.T("{0} of at least {1} independent members saw it so far",
			"独立した {1} 組織以上が必要（現在 {0} 組織）").With(l.Members, l.Quorum)
	}
	return i18n.T("nobody else has reported seeing it so far", "ほかの構成員からの観測報告はまだない")
}
