package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/queue/aside"
)

type queueCmd struct {
	List  queueList  `cmd:"" help:"List the messages that could not be handled." ja:"処理できなかったメッセージの一覧を表示"`
	Show  queueShow  `cmd:"" help:"Show one of them, without what is in it." ja:"1 件を表示（内容を除く）"`
	Retry queueRetry `cmd:"" help:"Have the running hub try one again, or all." ja:"動作中のハブに 1 件またはすべてを再処理させる"`
	Drop  queueDrop  `cmd:"" help:"Drop one, for a reason that the audit trail keeps." ja:"1 件を破棄（理由は監査記録に残る）"`
}

// setAsideID names a message that was set aside: CONSUMER/NUMBER.
type setAsideID string

func (id setAsideID) parse() (consumer string, seq int64, err error) {
	consumer, number, _ := strings.Cut(string(id), "/")
	seq, err = strconv.ParseInt(number, 10, 64)
	if err != nil || consumer == "" {
		return "", 0, fault.Wrap(fault.Invalid, i18n.T("{0} does not name a message", "{0} はメッセージの指定ではありません").
			With(string(id)), err).
			WithHint(i18n.T("write it as meneki queue list does: CONSUMER/NUMBER",
				"meneki queue list の表示と同じ 処理担当/通番 で指定してください"))
	}
	return consumer, seq, nil
}

type queueList struct {
	adminFlags
	Limit int `help:"How many to list." ja:"表示する件数" placeholder:"N" jaholder:"件数" default:"100"`
}

// Run lists.
func (c *queueList) Run(s *session) error {
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	list, total, err := d.SetAside(s.ctx, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		out := make([]aside.MessageOut, 0, len(list))
		for _, m := range list {
			out = append(out, m.Out())
		}
		return c.print(s, map[string]any{"total": total, "messages": out})
	}
	if total == 0 {
		s.say(i18n.T("Every message was handled.", "処理できなかったメッセージはありません。"))
		return nil
	}
	for _, m := range list {
		again := ""
		if !m.Asked.IsZero() {
			again = "  " + i18n.T("(being tried again)", "（再処理中）").In(s.lang)
		}
		fmt.Fprintf(s.out, "%s  %s  %s  %s%s\n", pad(fmt.Sprintf("%s/%d", m.Consumer, m.Seq), 24), pad(m.Topic, 24),
			m.Failed.Local().Format("2006-01-02 15:04 MST"), m.Why().In(s.lang), again)
	}
	if n := total - int64(len(list)); n > 0 {
		s.say(i18n.T("{0} more; see --limit", "ほか {0} 件。--limit で件数を指定できます").With(n))
	}
	return nil
}

type queueShow struct {
	adminFlags
	Message setAsideID `arg:"" jaholder:"メッセージ" help:"CONSUMER/NUMBER, as list prints it." ja:"CONSUMER/NUMBER（処理担当/通番）。一覧の表示と同じ形式"`
}

// Run shows.
func (c *queueShow) Run(s *session) error {
	consumer, seq, err := c.Message.parse()
	if err != nil {
		return err
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	m, of, err := d.OneSetAside(s.ctx, consumer, seq)
	if err != nil {
		return err
	}
	if c.JSON {
		out := m.Out()
		out.Parts = of
		return c.print(s, out)
	}
	line := func(name i18n.Text, value any) { fmt.Fprintf(s.out, "%s  %v\n", pad(name.In(s.lang), 16), value) }
	const day = "2006-01-02 15:04:05 MST"
	line(i18n.T("topic", "トピック"), m.Topic)
	line(i18n.T("id", "番号"), m.ID)
	line(i18n.T("member", "構成員"), m.Lane)
	line(i18n.T("sent", "発生"), m.At.Local().Format(day))
	line(i18n.T("last failed", "最終失敗"), m.Failed.Local().Format(day))
	line(i18n.T("tries", "失敗回数"), m.Tries)
	line(i18n.T("kind of error", "エラーの種別"), m.Kind)
	line(i18n.T("why", "理由"), m.Why().In(s.lang))
	line(i18n.T("bytes", "バイト数"), m.Size)
	for _, p := range of {
		fmt.Fprintf(s.out, "  %s  %d\n", pad(p.Name, 24), p.Size)
	}
	return nil
}

type queueRetry struct {
	adminFlags
	Message setAsideID `arg:"" optional:"" jaholder:"メッセージ" help:"CONSUMER/NUMBER, as list prints it." ja:"CONSUMER/NUMBER（処理担当/通番）。一覧の表示と同じ形式"`
	All     bool       `help:"All that were set aside." ja:"すべて"`
}

// Run retries.
func (c *queueRetry) Run(s *session) error {
	if c.All == (c.Message != "") {
		return fault.New(fault.Invalid, i18n.T("name a message, or give --all", "メッセージか --all のどちらかを指定してください"))
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	n := int64(1)
	if c.All {
		n, err = d.RetryAllSetAside(s.ctx)
	} else {
		var consumer string
		var seq int64
		if consumer, seq, err = c.Message.parse(); err == nil {
			err = d.RetrySetAside(s.ctx, consumer, seq)
		}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]int64{"messages": n})
	}
	s.say(i18n.T("The hub tries {0} {0:message|messages} again as soon as it runs.", "ハブが {0} 件を再処理します（停止中の場合は起動後）。").
		With(n))
	return nil
}

type queueDrop struct {
	adminFlags
	Message setAsideID `arg:"" jaholder:"メッセージ" help:"CONSUMER/NUMBER, as list prints it." ja:"CONSUMER/NUMBER（処理担当/通番）。一覧の表示と同じ形式"`
	Reason  string     `help:"Why; the audit trail keeps it." ja:"理由。監査記録に残る" placeholder:"TEXT" jaholder:"文" required:""`
}

// Run drops.
func (c *queueDrop) Run(s *session) error {
	consumer, seq, err := c.Message.parse()
	if err != nil {
		return err
	}
	d, err := c.open(s)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.DropSetAside(s.ctx, consumer, seq, c.Reason); err != nil {
		return err
	}
	if c.JSON {
		return c.print(s, map[string]string{"dropped": string(c.Message)})
	}
	s.say(i18n.T("The message is dropped.", "メッセージを破棄しました。"))
	return nil
}
