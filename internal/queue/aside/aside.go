// Package aside is what an administrator of a hub sees of the messages that a consumer
// of the queue could not handle and that were set aside, and what can be done about
// them: to try one or all again, or to drop one with a reason. Each of these is in the
// audit trail. What is in a message is not shown: its parts may be marked for others.
package aside

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
)

// Message is a message that was set aside, without what is in it.
type Message struct {
	Consumer string    `db:"consumer"`
	Seq      int64     `db:"seq"`
	ID       string    `db:"id"`
	Topic    string    `db:"topic"`
	Lane     string    `db:"lane"` // the member whose doing it is; "" is the hub itself
	At       time.Time `db:"at"`   // when it was emitted
	Failed   time.Time `db:"failed"`
	Tries    int64     `db:"tries"` // how often it was set aside
	Asked    time.Time `db:"asked"` // since when it waits to be tried again; zero: it does not
	Kind     string    `db:"kind"`  // of the fault
	Reason   string    `db:"reason"`
	Size     int64     `db:"size"`    // bytes
	Handled  bool      `db:"handled"` // by a consumer of this version
}

// Why returns why the message was set aside, in a text that anybody may read.
func (m Message) Why() i18n.Text { return reason.Read(m.Reason).Say() }

// MessagePart is a part of a message: its name, and how large it is.
type MessagePart struct {
	Name string `json:"name"`
	Size int    `json:"size" doc:"bytes | バイト数"`
}

const columns = `m.consumer, m.seq, m.id, m.topic, m.lane, m.at, m.failed, m.tries, m.asked, m.kind, m.reason,
	length(m.body) AS size, EXISTS (SELECT 1 FROM outbox_consumer c WHERE c.consumer = m.consumer AND c.topic = m.topic)
	AS handled`

// System is the scope in which messages are listed and changed, after May.
func System() store.Scope { return store.System("queue: what was set aside") }

// May refuses everybody but the hub's own administrators.
func May(v policy.Viewer) error {
	if v.Hub && v.Role == policy.RoleAdmin {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("messages that could not be handled are for the hub's administrators",
		"処理できなかったメッセージは、ハブの管理者だけが扱えます"))
}

// messages describes the list of what was set aside.
func messages(consumers []string) list.Spec[Message] {
	term := func(sql string, of func(Message) any, desc bool) list.Term[Message] {
		return list.Term[Message]{SQL: sql, Of: of, Desc: desc}
	}
	newest := term("m.failed", func(m Message) any { return m.Failed }, true)
	s := list.Spec[Message]{
		Select: columns, From: "outbox_aside m",
		Key: []list.Term[Message]{
			term("m.consumer", func(m Message) any { return m.Consumer }, true),
			term("m.seq", func(m Message) any { return m.Seq }, true),
		},
		Sorts: []list.Sort[Message]{
			{Name: "failed", Text: i18n.T("last failed first", "失敗の新しい順"),
				Back: i18n.T("first failed first", "失敗の古い順"), By: []list.Term[Message]{newest}},
			{Name: "consumer", Text: i18n.T("by consumer", "処理担当順"), Back: i18n.T("by consumer, reversed", "処理担当の逆順"),
				By: []list.Term[Message]{term("m.consumer", func(m Message) any { return m.Consumer }, false), newest}},
			{Name: "topic", Text: i18n.T("by topic", "トピック順"), Back: i18n.T("by topic, reversed", "トピックの逆順"),
				By: []list.Term[Message]{term("m.topic", func(m Message) any { return m.Topic }, false), newest}},
			{Name: "tries", Text: i18n.T("most tries first", "失敗回数の多い順"),
				Back: i18n.T("fewest tries first", "失敗回数の少ない順"),
				By:   []list.Term[Message]{term("m.tries", func(m Message) any { return m.Tries }, true), newest}},
			{Name: "size", Text: i18n.T("largest first", "サイズの大きい順"), Back: i18n.T("smallest first", "サイズの小さい順"),
				By: []list.Term[Message]{term("length(m.body)", func(m Message) any { return m.Size }, true), newest}},
		},
		Filters: []list.Filter[Message]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Topic, id or member id", "トピック・番号・構成員の番号"),
				Where: func(typed string) list.Cond {
					return list.Contains("lower(m.topic || ' ' || m.id || ' ' || m.lane)", typed)
				}},
			{Name: "consumer", Kind: list.Choice, Text: i18n.T("Consumer", "処理担当"), Other: true,
				Options: []list.Option{{Text: i18n.T("all consumers", "すべての処理担当")}},
				Where:   func(name string) list.Cond { return list.Where("m.consumer = ?", name) },
				Say: func(name string) i18n.Text {
					return i18n.T("of the consumer {0}", "処理担当：{0}").With(name)
				}},
		},
	}
	for _, name := range consumers {
		f := &s.Filters[1]
		f.Options = append(f.Options, list.Option{Value: name, Text: i18n.Same(name)})
	}
	return s
}

func consumersOf(tx *store.Tx) ([]string, error) {
	return store.Query[string](tx, `SELECT DISTINCT consumer FROM outbox_aside ORDER BY consumer`)
}

// Page returns a page of what was set aside. Filters are q and consumer.
func Page(tx *store.Tx, ask list.Ask) (list.Page[Message], error) { return messages(nil).Read(tx, ask) }

// Count returns how many messages are set aside and do not wait to be tried again.
func Count(tx *store.Tx) (int64, error) {
	return store.One[int64](tx, `SELECT count(*) FROM outbox_aside WHERE asked = 0`)
}

// Get returns one message and of what it consists.
func Get(tx *store.Tx, consumer string, seq int64) (Message, []MessagePart, error) {
	m, err := store.One[Message](tx, `SELECT `+columns+` FROM outbox_aside m WHERE m.consumer = $1 AND m.seq = $2`,
		consumer, seq)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, i18n.T("this message is not set aside, or no longer",
			"そのメッセージはないか、既に処理されています"))
	}
	if err != nil {
		return m, nil, err
	}
	body, err := store.One[[]byte](tx, `SELECT body FROM outbox_aside WHERE consumer = $1 AND seq = $2`, consumer, seq)
	return m, parts(body), err
}

// parts lists the parts of a message, the largest first; none if it is no object.
func parts(body []byte) (out []MessagePart) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return nil
	}
	for name, v := range fields {
		out = append(out, MessagePart{name, len(v)})
	}
	slices.SortFunc(out, func(a, b MessagePart) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name))
	})
	return out
}

type detail map[string]any

// Retry asks for a message to be tried again, which its consumer does within a second.
func Retry(tx *store.Tx, by policy.Viewer, consumer string, seq int64) error {
	if err := May(by); err != nil {
		return err
	}
	m, _, err := Get(tx, consumer, seq)
	if err != nil {
		return err
	}
	if !m.Handled {
		return fault.New(fault.Conflict, i18n.T("nothing in this version handles this message",
			"この版には、このメッセージを処理する機能がありません")).
			WithHint(i18n.T("drop it, or install a version that does", "破棄するか、処理できる版を導入してください"))
	}
	_, err = tx.Exec(`UPDATE outbox_aside SET asked = $1 WHERE consumer = $2 AND seq = $3`, tx.Now(), consumer, seq)
	if err != nil {
		return err
	}
	return identity.Audit(tx, by, "message.retry", m.ID, detail{"consumer": m.Consumer, "topic": m.Topic})
}

// RetryAll asks for all messages to be tried again that a consumer of this version can
// take, and returns how many they are.
func RetryAll(tx *store.Tx, by policy.Viewer) (n int64, err error) {
	if err := May(by); err != nil {
		return 0, err
	}
	n, err = tx.Exec(`UPDATE outbox_aside SET asked = $1 WHERE asked = 0 AND EXISTS (SELECT 1 FROM outbox_consumer c
		WHERE c.consumer = outbox_aside.consumer AND c.topic = outbox_aside.topic)`, tx.Now())
	if err != nil || n == 0 {
		return n, err
	}
	return n, identity.Audit(tx, by, "message.retry-all", "", detail{"messages": n})
}

// MaxReason bounds the reason for which a message is dropped, in bytes.
const MaxReason = 1000

// Drop deletes a message. Why is kept in the audit trail.
func Drop(tx *store.Tx, by policy.Viewer, consumer string, seq int64, why string) error {
	if err := May(by); err != nil {
		return err
	}
	why = strings.TrimSpace(why)
	switch {
	case why == "":
		return fault.New(fault.Invalid, i18n.T("say why it is dropped", "破棄する理由を書いてください"))
	case len(why) > MaxReason:
		return fault.New(fault.TooLarge, i18n.T("the reason is longer than {0} bytes", "理由が {0} バイトを超えています").
			With(MaxReason))
	}
	m, _, err := Get(tx, consumer, seq)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM outbox_aside WHERE consumer = $1 AND seq = $2`, consumer, seq); err != nil {
		return err
	}
	return identity.Audit(tx, by, "message.drop", m.ID,
		detail{"consumer": m.Consumer, "topic": m.Topic, "member": m.Lane, "reason": why})
}
