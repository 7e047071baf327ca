package aside

import (
	"context"
	"embed"
	"io/fs"
	"strconv"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates
var files embed.FS

// Templates are the pages.
func Templates() fs.FS { return files }

// PageConfig says what the pages and operations stand on.
type PageConfig struct {
	DB *store.DB
	// Members names the members; nil shows their ids.
	Members identity.Names
	// Look makes the queue look at once for what is to be tried again.
	Look func()
}

// path of the list; Topic is what its pages are told to fetch again on.
const (
	path  = "/settings/set-aside"
	Topic = "set-aside"
)

// Tab is the tab in the settings, for those who may open it.
func Tab() web.MoreTab {
	return web.MoreTab{Page: "settings", For: func(v policy.Viewer) bool { return May(v) == nil },
		Tab: web.Tab{Text: i18n.T("Messages set aside", "処理できなかったメッセージ"), Path: path}}
}

// Pages adds the list, one message, and what can be done.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(Templates())
	site.Page(path, policy.RoleAdmin, c.list)
	site.Action(path+"/retry", policy.RoleAdmin, c.retryAll)
	site.Page(path+"/{consumer}/{seq}", policy.RoleAdmin, func(r *web.Request) (*web.View, error) {
		return c.one(r, nil)
	})
	site.Action(path+"/{consumer}/{seq}/retry", policy.RoleAdmin, c.retry)
	site.Action(path+"/{consumer}/{seq}/drop", policy.RoleAdmin, c.drop)
}

// Warning returns what an administrator is to do about messages that were set aside;
// none if there are none.
func Warning(ctx context.Context, db *store.DB, v policy.Viewer) ([]web.Next, error) {
	if May(v) != nil {
		return nil, nil
	}
	var n int64
	err := db.Read(ctx, System(), func(tx *store.Tx) (err error) {
		n, err = Count(tx)
		return err
	})
	if err != nil || n == 0 {
		return nil, err
	}
	return []web.Next{{Path: path, Text: i18n.T("Look at {0} {0:message|messages} that could not be handled",
		"処理できなかったメッセージ {0} 件を確認する").With(n)}}, nil
}

func pathOf(m Message) string {
	return web.Path(path+"/{0}/{1}", m.Consumer, strconv.FormatInt(m.Seq, 10))
}

// state is where a message stands.
func state(m Message) web.Badge {
	switch {
	case !m.Asked.IsZero():
		return web.Badge{Text: i18n.T("being tried again", "再処理中"), Mood: web.Info}
	case !m.Handled:
		return web.Badge{Text: i18n.T("no consumer in this version", "この版では処理不可"), Mood: web.Dim}
	}
	return web.Badge{Text: i18n.T("set aside", "要確認"), Mood: web.Warn}
}

// from is whose doing a message is.
func (c PageConfig) from(ctx context.Context, m Message) any {
	if m.Lane == "" {
		return i18n.T("the hub", "ハブ")
	}
	if c.Members == nil {
		return m.Lane
	}
	return c.Members.Name(ctx, m.Lane)
}

// spec is the list as the page shows it.
func (c PageConfig) spec(ctx context.Context, consumers []string) list.Spec[Message] {
	s := messages(consumers)
	s.Name, s.Path, s.Caption = "set-aside", path, i18n.T("Messages set aside", "処理できなかったメッセージ")
	s.All = i18n.T("messages", "メッセージ")
	s.Columns = []list.Column[Message]{
		{Key: "topic", Text: i18n.T("Message", "メッセージ"), Role: web.RoleMain, Sort: "topic",
			Cell: func(m Message) any { return web.Lines{web.Mono(m.Topic), web.Mono(m.ID)} },
			Data: func(m Message) any { return m.Topic }},
		{Key: "id", Text: i18n.T("Id", "番号"), Data: func(m Message) any { return m.ID }},
		{Key: "seq", Text: i18n.T("Number", "通番"), Data: func(m Message) any { return m.Seq }},
		{Key: "consumer", Text: i18n.T("Consumer", "処理担当"), Sort: "consumer",
			Cell: func(m Message) any { return web.Mono(m.Consumer) }, Data: func(m Message) any { return m.Consumer }},
		{Key: "why", Text: i18n.T("Why", "理由"), Role: web.RoleNote, Cell: func(m Message) any { return m.Why() }},
		{Key: "from", Text: i18n.T("From", "発生元"), Cell: func(m Message) any { return c.from(ctx, m) },
			Data: func(m Message) any { return m.Lane }},
		{Key: "failed", Text: i18n.T("Last failed", "最終失敗"), Role: web.RoleTime, Sort: "failed",
			Cell: func(m Message) any { return m.Failed }},
		{Key: "tries", Text: i18n.T("Tries", "失敗回数"), Role: web.RoleNum, Sort: "tries",
			Cell: func(m Message) any { return m.Tries }},
		{Key: "size", Text: i18n.T("Bytes", "バイト数"), Role: web.RoleNum, Sort: "size",
			Cell: func(m Message) any { return m.Size }},
		{Key: "state", Text: i18n.T("State", "状態"), Cell: func(m Message) any { return state(m) }, ScreenOnly: true},
	}
	s.Row = func(m Message) web.Row {
		return web.Row{Key: m.Consumer + "/" + strconv.FormatInt(m.Seq, 10), Path: pathOf(m)}
	}
	s.Empty = &web.Empty{Icon: "check", Text: i18n.T("Every message was handled", "処理できなかったメッセージはありません"),
		How: i18n.T("What a part of the hub cannot handle is kept here, and the work behind it goes on.",
			"ハブのある機能が処理できないメッセージはここに残り、後続の処理は続きます。")}
	s.NoMatch = &web.Empty{Icon: "search",
		Text: i18n.T("No message matches this filter", "条件に合うメッセージはありません")}
	return s
}

func (c PageConfig) list(r *web.Request) (*web.View, error) {
	if err := May(r.Viewer); err != nil {
		return nil, err
	}
	var s list.Spec[Message]
	var p list.Page[Message]
	var open int64
	err := c.DB.Read(r.Context(), System(), func(tx *store.Tx) error {
		names, err := consumersOf(tx)
		if err != nil {
			return err
		}
		if open, err = Count(tx); err != nil {
			return err
		}
		s = c.spec(r.Context(), names)
		p, err = s.Read(tx, s.Ask(r))
		return err
	})
	if err != nil {
		return nil, err
	}
	v := &web.View{
		Template: "set-aside/list", Title: s.Caption, Nav: "settings", Live: []string{Topic}, Wide: true,
		Back: &web.Link{Text: i18n.T("Settings", "設定"), Path: "/settings"},
		Lede: i18n.T("They stay until they are tried again with success, or dropped.",
			"再処理に成功するか、破棄されるまで残ります。"),
		Data: s.View(r, p), CSV: s.Table(p),
	}
	if open > 0 {
		v.Next = []web.Next{{Path: path + "/retry", Post: true, Text: i18n.T("Try all again", "すべて再処理する"),
			Note: i18n.T("{0} {0:message|messages}", "{0} 件").With(open)}}
	}
	return v, nil
}

// oneData is the dot of set-aside/one.
type oneData struct {
	Facts  []web.Fact
	Parts  []MessagePart
	Drop   string
	Form   *web.Form
	Reason web.Field
}

func (c PageConfig) one(r *web.Request, form *web.Form) (*web.View, error) {
	if err := May(r.Viewer); err != nil {
		return nil, err
	}
	consumer, seq, err := place(r)
	if err != nil {
		return nil, err
	}
	var m Message
	var of []MessagePart
	err = c.DB.Read(r.Context(), System(), func(tx *store.Tx) error {
		m, of, err = Get(tx, consumer, seq)
		return err
	})
	if err != nil {
		return nil, err
	}
	badge := state(m)
	v := &web.View{
		Template: "set-aside/one", Title: i18n.T("Message {0}", "メッセージ {0}").With(m.Topic), Nav: "settings",
		State: &badge,
		Lede:  m.Why(), Live: []string{Topic},
		Back: &web.Link{Text: i18n.T("Messages set aside", "処理できなかったメッセージ"), Path: path},
	}
	if m.Handled && m.Asked.IsZero() {
		v.Next = []web.Next{{Path: pathOf(m) + "/retry", Post: true, Text: i18n.T("Try it again", "再処理する"),
			Note: i18n.T("after what caused it is mended", "原因を取り除いたあとで")}}
	}
	d := oneData{Parts: of, Drop: pathOf(m) + "/drop", Form: form, Reason: web.Field{Name: "reason", Kind: "textarea",
		Label: i18n.T("Why it is dropped", "破棄する理由"), Required: true, Max: MaxReason / 4,
		Help: i18n.T("It is kept in the audit trail. A message that was dropped cannot be brought back.",
			"監査記録に残ります。破棄したメッセージは元に戻せません。")}}
	d.Facts = []web.Fact{
		{Name: i18n.T("Why", "理由"), Value: m.Why()},
		{Name: i18n.T("Kind of error", "エラーの種別"), Value: web.Mono(m.Kind)},
		{Name: i18n.T("Consumer", "処理担当"), Value: web.Mono(m.Consumer)},
		{Name: i18n.T("Topic", "トピック"), Value: web.Mono(m.Topic)},
		{Name: i18n.T("From", "発生元"), Value: c.from(r.Context(), m)},
		{Name: i18n.T("Id", "番号"), Value: web.Mono(m.ID)},
		{Name: i18n.T("Number in the outbox", "通番"), Value: m.Seq},
		{Name: i18n.T("Sent", "発生"), Value: m.At},
		{Name: i18n.T("Last failed", "最終失敗"), Value: m.Failed},
		{Name: i18n.T("Tries", "失敗回数"), Value: m.Tries},
		{Name: i18n.T("Bytes", "バイト数"), Value: m.Size},
	}
	v.Data = d
	return v, nil
}

// place reads which message an address is of.
func place(r *web.Request) (consumer string, seq int64, err error) {
	seq, err = strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil {
		return "", 0, fault.Wrap(fault.NotFound, fault.NotFound.Title(), err)
	}
	return r.PathValue("consumer"), seq, nil
}

func (c PageConfig) retry(r *web.Request) (string, error) {
	consumer, seq, err := place(r)
	if err == nil {
		err = c.write(r.Context(), func(tx *store.Tx) error { return Retry(tx, r.Viewer, consumer, seq) })
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("It is being tried again. If it fails, it comes back to this list with the reason.",
		"再処理しています。失敗した場合は、理由とともにこの一覧に戻ります。"))
	return path, nil
}

func (c PageConfig) retryAll(r *web.Request) (string, error) {
	var n int64
	err := c.write(r.Context(), func(tx *store.Tx) (err error) {
		n, err = RetryAll(tx, r.Viewer)
		return err
	})
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("{0} {0:message is|messages are} being tried again.", "{0} 件を再処理しています。").With(n))
	return path, nil
}

func (c PageConfig) drop(r *web.Request) (string, error) {
	consumer, seq, err := place(r)
	if err != nil {
		return "", err
	}
	err = c.write(r.Context(), func(tx *store.Tx) error {
		return Drop(tx, r.Viewer, consumer, seq, r.Value("reason"))
	})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		form := web.FormOf(r)
		form.Wrong("reason", fault.TextOf(err))
		v, verr := c.one(r, form)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("The message is dropped. The reason is in the audit trail.", "メッセージを破棄しました。理由は監査記録にあります。"))
	return path, nil
}

// write changes something and has the queue look for it.
func (c PageConfig) write(ctx context.Context, fn func(tx *store.Tx) error) error {
	err := c.DB.Write(ctx, System(), fn)
	if err == nil && c.Look != nil {
		c.Look()
	}
	return err
}
