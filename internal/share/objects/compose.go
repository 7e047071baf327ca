package objects

import (
	"context"
	"io"
	"strings"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// shownLines bounds the lines of a draft that its page shows to be corrected. What is
// behind them is taken as it was found.
const shownLines = 400

// What the buttons of a draft do.
const (
	doSave  = "save"
	doShare = "share"
	doDrop  = "drop"
	doBack  = "withdraw"
)

type pasteData struct {
	Form   *web.Form
	Fields []web.Field
}

func (p *pages) compose(r *web.Request) (*web.View, error) {
	if err := p.may(r.Viewer); err != nil {
		return nil, err
	}
	return p.pasteView(r, nil), nil
}

func (p *pages) pasteView(r *web.Request, form *web.Form) *web.View {
	return &web.View{Template: "share/new", Title: i18n.T("Share something", "情報を共有する"), Nav: "objects",
		Lede: i18n.T("Paste it as it is; nothing leaves before you have seen who gets what.",
			"そのまま貼り付けてください。誰に何が届くかを確認するまで、何も送信されません。"),
		Tabs: p.tabsOf(r.Viewer, "/share/new"),
		Data: pasteData{form, []web.Field{
			{Name: "text", Kind: "textarea", Rows: 14, Label: i18n.T("A report, a mail, a list of values",
				"レポート・メール・値の一覧"),
				Help: i18n.T("In Japanese or English, defanged or not, with the text of a PDF as it was copied.",
					"日本語・英語、無害化の有無を問いません。PDF は本文をコピーして貼り付けてください。")},
		}}}
}

// paste reads what was pasted or sent as a file, and keeps it as a draft.
func (p *pages) paste(r *web.Request) (string, error) {
	if err := p.may(r.Viewer); err != nil {
		return "", err
	}
	text, name, err := sent(r)
	if err == nil && strings.TrimSpace(text) == "" {
		err = invalid(i18n.T("paste a text or choose a file", "テキストを貼り付けるか、ファイルを選んでください"))
	}
	if fault.Is(err, fault.Invalid) {
		form := web.FormOf(r)
		form.Wrong("text", fault.TextOf(err))
		return "", web.Again(p.pasteView(r, form), form.Err())
	}
	if err != nil {
		return "", err
	}
	own, err := p.own(r.Context(), r.Viewer)
	if err != nil {
		return "", err
	}
	b := Body{Title: titleIn(text), Confidence: -1, Days: 90, TLP: policy.AmberStrict.Slug()}
	if hardest := withdrawn(r.Viewer.Member); policy.MaySee(r.Viewer, hardest) {
		b.TLP, b.Audience = hardest.TLP.Slug(), hardest.Audience
	}
	err = p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		known, err := p.catalogue(tx)
		b.Lines = p.recognise(text, own, known)
		return err
	})
	if err != nil {
		return "", err
	}
	var d Draft
	err = p.DB.Write(r.Context(), store.System("objects: a writer's draft"), func(tx *store.Tx) (err error) {
		if err = pruneDrafts(tx); err == nil {
			d, err = newDraft(tx, r.Viewer, text, name, b)
		}
		return err
	})
	return web.Path("/share/drafts/{0}", d.ID), err
}

// sent is the text that a form brings: what was pasted, and behind it that of a file.
func sent(r *web.Request) (text, name string, err error) {
	pasted, err := textOf([]byte(r.PostFormValue("text")))
	if err != nil || r.MultipartForm == nil {
		return pasted, "", err
	}
	for _, h := range r.MultipartForm.File["file"] {
		f, err := h.Open()
		if err != nil {
			return "", "", err
		}
		raw, err := io.ReadAll(io.LimitReader(f, maxIntake+1))
		_ = f.Close()
		if err != nil {
			return "", "", err
		}
		more, err := textOf(raw)
		if err != nil {
			return "", "", err
		}
		pasted, name = strings.TrimLeft(pasted+"\n"+more, "\n"), event.Clip(h.Filename, 200)
	}
	return pasted, name, nil
}

// own is what belongs to the community, of which members know their own part alone.
func (p *pages) own(ctx context.Context, v policy.Viewer) (exclusion.CommunityAssets, error) {
	if p.Own == nil || !v.Hub {
		return exclusion.CommunityAssets{}, nil
	}
	return p.Own(ctx)
}

// titleIn is the first line of a text that can be a title.
func titleIn(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#=-*■●◆【 "))
		line = strings.TrimSuffix(strings.TrimPrefix(line, "Subject: "), "】")
		if len([]rune(line)) >= 4 && len(event.ParseObservables(line)) == 0 {
			return clip(line, 120)
		}
	}
	return ""
}

func (p *pages) drafts(r *web.Request) (*web.View, error) {
	if err := p.may(r.Viewer); err != nil {
		return nil, err
	}
	var list []Draft
	err := p.DB.Read(r.Context(), store.System("objects: a writer's drafts"), func(tx *store.Tx) (err error) {
		list, err = store.Query[Draft](tx, `SELECT `+draftColumns+` FROM share_draft WHERE writer = $1 AND member = $2
			ORDER BY updated DESC, id LIMIT 500`, r.Viewer.User, r.Viewer.Member)
		return err
	})
	if err != nil {
		return nil, err
	}
	l := web.List{ID: "drafts", Caption: i18n.T("My drafts", "自分の下書き"), Bare: true,
		Count: web.Exactly(int64(len(list))),
		Columns: []web.ListColumn{
			{Key: "title", Text: i18n.T("Title", "件名"), Role: web.RoleMain},
			{Key: "values", Text: i18n.T("Ticked", "選択"), Role: web.RoleNum},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
			{Key: "state", Text: i18n.T("State", "状態")},
			{Key: "updated", Text: i18n.T("Last change", "最終更新"), Role: web.RoleTime},
		}, Empty: &web.Empty{Icon: "note", Text: i18n.T("No drafts", "下書きはありません"),
			How: i18n.T("What you paste is kept here until you share it, for 90 days.",
				"貼り付けた内容は、共有するまで 90 日間ここに残ります。"),
			Do: &web.Link{Text: i18n.T("Share something", "情報を共有する"), Path: "/share/new"}}}
	for _, d := range list {
		title := any(d.Body.Title)
		if d.Body.Title == "" {
			title = i18n.T("without a title", "（無題）")
		}
		l.Rows = append(l.Rows, web.Row{Key: d.ID, Path: web.Path("/share/drafts/{0}", d.ID), Dim: d.Report != "",
			Cells: []any{title, d.ticked(), policy.Handling{TLP: d.handling().TLP}, d.state(), web.Brief(d.Updated)}})
	}
	return &web.View{Template: "objects/list", Title: i18n.T("My drafts", "自分の下書き"), Nav: "objects",
		Tabs: p.tabsOf(r.Viewer, "/share/drafts"), Data: l}, nil
}

func (d Draft) ticked() (n int) {
	for _, l := range d.Body.Lines {
		if l.Take {
			n++
		}
	}
	return n
}

func (d Draft) state() web.Badge {
	switch {
	case d.Body.Withdrawn:
		return web.Badge{Text: i18n.T("withdrawn", "取下げ"), Mood: web.Dim}
	case d.Report != "":
		return web.Badge{Text: i18n.T("shared", "共有済み"), Mood: web.Good}
	}
	return web.Badge{Text: i18n.T("draft", "下書き"), Mood: web.Info}
}
