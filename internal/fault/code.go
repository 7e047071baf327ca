package fault

import (
	"fmt"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Code names a sentence that one process of meneki says to another. It travels with
// its arguments beside the text, so that the reader's program makes the sentence, in
// the reader's language. A program that does not know a code shows the text.
type Code string

// What a hub says to its members.
const (
	HubBusy            Code = "hub.busy"
	HubUnknownTopic    Code = "hub.unknown_topic"  // topic
	HubUnknownKind     Code = "hub.unknown_kind"   // kind of the message
	HubUnreadable      Code = "hub.unreadable"     // a request
	HubBadBatch        Code = "hub.bad_batch"      // not JSON, or too many messages
	HubNotMember       Code = "hub.not_member"     // the sender was revoked
	HubBadFinding      Code = "hub.bad_finding"    // not JSON
	HubFindingField    Code = "hub.finding_field"  // field
	HubFindingTaken    Code = "hub.finding_taken"  // the id is another member's
	HubBadOffer        Code = "hub.bad_offer"      // not JSON
	HubOfferField      Code = "hub.offer_field"    // field
	HubBadReceipt      Code = "hub.bad_receipt"    // not JSON
	HubReceiptState    Code = "hub.receipt_state"  // none of the states
	HubNotDelivered    Code = "hub.not_delivered"  // the object a receipt or sighting is about
	HubBadSighting     Code = "hub.bad_sighting"   // not JSON
	HubSightingInvalid Code = "hub.sighting_value" // id or count out of bounds
	HubRuleCounts      Code = "hub.rule_counts"    // field
)

// What a node says to a command beside it.
const (
	NodeUnreadable   Code = "node.unreadable"    // a request
	NodeImportEnded  Code = "node.import_ended"  // before its last line
	NodeImportBusy   Code = "node.import_busy"   // another import
	NodeImportEmpty  Code = "node.import_empty"  // source
	NodeNoSource     Code = "node.no_source"     // source
	NodeNoIndicators Code = "node.no_indicators" // the watchlist is empty
)

// What the store says, wherever it is.
const (
	StoreBusy        Code = "store.busy"
	StoreUnreachable Code = "store.unreachable"
)

type sentence struct {
	kind Kind
	text i18n.Text
	hint i18n.Text
}

var sentences = map[Code]sentence{
	HubBusy:         {Busy, i18n.T("the hub has too many of your requests waiting", "ハブで処理待ちの要求が多すぎます"), i18n.Text{}},
	HubUnknownTopic: {Unsupported, i18n.T("this hub does not know {0}", "このハブは {0} に対応していません"), i18n.Text{}},
	HubUnknownKind: {Unsupported, i18n.T("this hub does not take messages of kind {0}",
		"このハブは種別 {0} のメッセージを受け付けません"), i18n.Text{}},
	HubUnreadable:   {Invalid, i18n.T("the message is not readable", "メッセージを読み取れません"), i18n.Text{}},
	HubBadBatch:     {Invalid, i18n.T("the batch is not readable", "送信内容を読み取れません"), i18n.Text{}},
	HubNotMember:    {Denied, i18n.T("not a member", "構成員ではありません"), i18n.Text{}},
	HubBadFinding:   {Invalid, i18n.T("the finding is not readable", "検知を読み取れません"), i18n.Text{}},
	HubFindingField: {Invalid, i18n.T("the finding has no valid {0}", "検知の {0} が正しくありません"), i18n.Text{}},
	HubFindingTaken: {Denied, i18n.T("this finding belongs to another member", "この検知は別の構成員のものです"), i18n.Text{}},
	HubBadOffer:     {Invalid, i18n.T("the offer is not readable", "提供内容を読み取れません"), i18n.Text{}},
	HubOfferField:   {Invalid, i18n.T("the offer has no valid {0}", "提供内容の {0} が正しくありません"), i18n.Text{}},
	HubBadReceipt:   {Invalid, i18n.T("the receipt is not readable", "受領通知を読み取れません"), i18n.Text{}},
	HubReceiptState: {Invalid, i18n.T("the receipt has an unknown state", "受領通知の状態が不明です"), i18n.Text{}},
	HubNotDelivered: {NotFound, i18n.T("no such object was delivered to you", "その対象は貴組織に配布されていません"),
		i18n.Text{}},
	HubBadSighting:     {Invalid, i18n.T("the sighting is not readable", "観測報告を読み取れません"), i18n.Text{}},
	HubSightingInvalid: {Invalid, i18n.T("the sighting is not valid", "観測報告が正しくありません"), i18n.Text{}},
	HubRuleCounts: {Invalid, i18n.T("the rule counts have no valid {0}", "ルールの集計の {0} が正しくありません"),
		i18n.Text{}},

	NodeUnreadable: {Invalid, i18n.T("the request is not readable", "要求を読み取れません"), i18n.Text{}},
	NodeImportEnded: {Invalid, i18n.T("the import ended before its last line; nothing of it was taken",
		"取り込みが途中で終わりました。何も取り込まれていません"), i18n.Text{}},
	NodeImportBusy: {Busy, i18n.T("another import is under way", "別の取り込みが進行中です"), i18n.Text{}},
	NodeImportEmpty: {Invalid, i18n.T("there is nothing to import; what {0} had before stays",
		"取り込む項目がありません。{0} の既存の項目はそのままです"),
		i18n.T("to empty a source on purpose: meneki indicators remove --source NAME",
			"意図して空にするには：meneki indicators remove --source 名前")},
	NodeNoSource: {NotFound, i18n.T("the watchlist has no source {0}", "監視リストに出所 {0} はありません"),
		i18n.T("meneki indicators list names them", "meneki indicators list で一覧を確認できます")},
	NodeNoIndicators: {NotFound, i18n.T("the watchlist is empty", "監視リストは空です"), i18n.Text{}},

	StoreBusy: {Busy, i18n.T("the database is busy", "データベースが混み合っています"), i18n.Text{}},
	StoreUnreachable: {Unavailable, i18n.T("the database server cannot be reached", "データベースサーバーに接続できません"),
		i18n.T("check that PostgreSQL runs and that the address is right", "PostgreSQL が動いていることと接続先を確認してください")},
}

// Coded makes the fault that a code names, around err, which may be nil. A code that is
// none is Internal.
func Coded(code Code, err error, args ...any) *Error {
	s, ok := sentences[code]
	if !ok {
		return Wrap(Internal, Internal.Title(), fmt.Errorf("fault: no sentence for the code %q: %w", code, err))
	}
	e := &Error{Kind: s.kind, Text: s.text.With(args...), Hint: s.hint, Err: err, Code: code}
	for _, a := range args {
		e.Args = append(e.Args, fmt.Sprint(a))
	}
	return e
}

// Say returns the sentence that a code and its arguments are; ok is false for a code
// that this program does not know, and for another number of arguments.
func Say(code Code, args []string) (text i18n.Text, ok bool) {
	s, ok := sentences[code]
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	if !ok || strings.Count(s.text.EN, "{") != len(args) {
		return i18n.Text{}, false
	}
	return s.text.With(list...), true
}
