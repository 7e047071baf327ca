package objects

import (
	"strings"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// Bounds of a list that is looked up: its lines, and what is shown of each value.
const (
	maxLines     = 2000
	shownOfValue = 5
)

type lookupData struct {
	Form  *web.Form
	Field web.Field
	List  *web.List
}

// lookup is the form of a list of values; lookupAction answers each line of it.
func (p *pages) lookup(r *web.Request) (*web.View, error) {
	return p.lookupView(r, nil, nil), nil
}

func (p *pages) lookupView(r *web.Request, form *web.Form, l *web.List) *web.View {
	return &web.View{Template: "objects/lookup", Title: i18n.T("Look up a list", "一括照会"), Nav: "objects",
		Lede: i18n.T("Paste values: which are known here, and what about them?", "値を貼り付けると、登録の有無と内容を調べます"),
		Tabs: p.tabsOf(r.Viewer, "/objects/lookup"),
		Data: lookupData{Form: form, List: l, Field: web.Field{Name: "values", Kind: "textarea", Mono: true, Rows: 8,
			Label: i18n.T("Values, one a line; defanged ones too", "値（1 行に 1 件。無害化した表記も可）"), Required: true}}}
}

func (p *pages) lookupAction(r *web.Request) (string, error) {
	lines := strings.FieldsFunc(r.PostFormValue("values"), func(c rune) bool { return c == '\n' || c == '\r' })
	form := web.FormOf(r)
	if len(lines) > maxLines {
		form.Wrong("values", i18n.T("at most {0} lines; these are {1}", "最大 {0} 行です（現在 {1} 行）").With(maxLines,
			len(lines)))
		return "", web.Again(p.lookupView(r, form, nil), form.Err())
	}
	l := web.List{ID: "answers", Caption: i18n.T("Answers", "照会結果"), Columns: []web.ListColumn{
		{Key: "value", Text: i18n.T("Line", "入力"), Role: web.RoleMain},
		{Key: "known", Text: i18n.T("Known here", "登録")},
		{Key: "what", Text: i18n.T("What about it", "内容"), Role: web.RoleNote},
	}, Dense: true}
	err := p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		for _, line := range lines {
			if strings.TrimSpace(line) == "" {
				continue
			}
			row, err := p.answer(tx, line)
			if err != nil {
				return err
			}
			l.Rows = append(l.Rows, row)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	l.Count = web.Exactly(int64(len(l.Rows)))
	return "", web.Show(p.lookupView(r, form, &l))
}

// answer is what is known of one line of a list.
func (p *pages) answer(tx *store.Tx, line string) (web.Row, error) {
	list := event.ParseObservables(line)
	if len(list) == 0 {
		return web.Row{Cells: []any{clip(strings.TrimSpace(line), 200),
			web.Badge{Text: i18n.T("not recognised", "認識できません"), Mood: web.Warn},
			i18n.T("no address, domain, URL, mail address or hash is in it",
				"アドレス・ドメイン・URL・メールアドレス・ハッシュ値が含まれていません")}}, nil
	}
	v := list[0]
	hits, err := object.ByValue(tx, live, v, shownOfValue+1)
	if err != nil {
		return web.Row{}, err
	}
	main := web.Lines{web.Value(v.Value), web.KindText(string(v.Type))}
	if len(list) > 1 {
		main = append(main, i18n.T("the first of {0} values in the line", "この行の {0} 件の値のうち先頭").With(len(list)))
	}
	says := p.nothing(v, exclusion.CommunityAssets{})
	if len(hits) == 0 {
		what := any(i18n.T("nothing that you may see is about it", "閲覧できる範囲に情報はありません"))
		if !says.Zero() {
			what = says
		}
		return web.Row{Cells: []any{main, web.Badge{Text: i18n.T("not known", "なし"), Mood: web.Dim}, what},
			Dim: true}, nil
	}
	what := web.Lines{}
	for i, h := range hits {
		if i == shownOfValue {
			what = append(what, web.Link{Text: i18n.T("all", "すべて表示"), Path: web.Path("/objects?q={0}", v.Value)})
			break
		}
		title := h.ID
		if o, err := stix.Parse(h.Body); err == nil {
			title = titleOf(o)
		}
		what = append(what, web.Run{kindOf(h.Type()).text, web.Link{Text: clip(title, 80), Path: pathOf(h)},
			h.Handling.TLP})
	}
	if !says.Zero() {
		what = append(what, says)
	}
	return web.Row{Key: v.Value, Path: web.Path("/objects?q={0}", v.Value), Cells: []any{main,
		web.Badge{Text: i18n.T("known", "あり"), Mood: web.Good}, what}}, nil
}

// nothing is why a value says nothing by itself; the zero Text of one that may say something.
func (p *pages) nothing(v event.Observable, own exclusion.CommunityAssets) i18n.Text {
	if code := exclusion.Reason(v, own); code != "" {
		return i18n.T("says nothing by itself: {0}", "この値だけでは意味を持ちません：{0}").With(excludedText(code))
	}
	if p.Warn != nil {
		for _, h := range p.Warn(v) {
			return i18n.T("on the warninglist “{0}”", "警告リスト「{0}」に掲載").With(h.List)
		}
	}
	return i18n.Text{}
}

// may reports who may read a page of a viewer's own work.
func (p *pages) may(v policy.Viewer) error {
	if !p.composes(v) {
		return denied(i18n.T("your role does not allow this", "この操作を行う権限がありません"))
	}
	return nil
}

// excludedText says why a value says nothing, by the reason of package exclusion.
func excludedText(why string) i18n.Text {
	switch why {
	case "private or reserved range":
		return i18n.T("private or reserved address", "私設または予約済みのアドレス")
	case "the community's own network":
		return i18n.T("the community's own network", "共同体自身のネットワーク")
	case "the community's own domain":
		return i18n.T("the community's own domain", "共同体自身のドメイン名")
	case "public service":
		return i18n.T("public service", "広く使われるサービス")
	case "local name":
		return i18n.T("local name", "内部だけで使われる名前")
	case "hash of an empty file":
		return i18n.T("hash of an empty file", "空ファイルのハッシュ値")
	case "not a hash":
		return i18n.T("not a hash", "ハッシュ値ではありません")
	}
	return i18n.Same(why)
}
