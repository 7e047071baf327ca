package objects

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
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

// draftData is the dot of share/draft.
type draftData struct {
	Draft     Draft
	Path      string
	Form      *web.Form
	Head      []web.Field
	Lines     []draftLine
	Hidden    int // lines behind those that are shown
	N         int
	Types     []web.Option
	More      web.Field
	Marking   []web.Field
	Parties   []web.Option
	Against   []i18n.Text
	Who       []web.Fact
	Names     []web.Link // members as whom it can be looked at
	As        *asList
	Done      bool
	Report    string
	MayReturn bool
}

// draftLine is a line with its place and what is known of it.
type draftLine struct {
	Line
	N     int
	Why   i18n.Text
	Known int
	Find  string
	Types []web.Option
}

// asList is what a member would get.
type asList struct {
	Name  string
	Gets  bool
	Lines []string
}

func (p *pages) draft(r *web.Request) (*web.View, error) {
	d, err := p.readDraft(r)
	if err != nil {
		return nil, err
	}
	return p.draftView(r, d, r.Sent)
}

func (p *pages) readDraft(r *web.Request) (d Draft, err error) {
	if err = p.may(r.Viewer); err != nil {
		return d, err
	}
	err = p.DB.Read(r.Context(), store.System("objects: a writer's draft"), func(tx *store.Tx) error {
		d, err = draftOf(tx, r.Viewer, r.PathValue("id"))
		return err
	})
	return d, err
}

func (p *pages) draftView(r *web.Request, d Draft, form *web.Form) (*web.View, error) {
	b := d.Body
	h := d.handling()
	data := draftData{Draft: d, Path: web.Path("/share/drafts/{0}", d.ID), Form: form, N: min(len(b.Lines), shownLines),
		Hidden: max(0, len(b.Lines)-shownLines), Done: d.Report != "", Report: web.Path("/objects/{0}", d.Report),
		MayReturn: d.Report != "" && !b.Withdrawn}
	n := ""
	if b.Confidence >= 0 {
		n = strconv.Itoa(b.Confidence)
	}
	data.Head = []web.Field{
		{Name: "title", Label: i18n.T("Title", "件名"), Required: true, Max: 300, Value: b.Title},
		{Name: "summary", Kind: "textarea", Label: i18n.T("What happened, and what to do", "概要と対処"), Rows: 5,
			Max:   100_000,
			Value: b.Summary},
		{Name: "tags", Label: i18n.T("Labels, with commas between them", "ラベル（カンマ区切り）"), Max: 2000,
			Value: strings.Join(b.Tags, ", ")},
		{Name: "confidence", Kind: "number", Label: i18n.T("Confidence, 0 to 100; empty: not said",
			"確度（0〜100、空欄：未記載）"), Value: n},
		{Name: "days", Kind: "number", Label: i18n.T("Days for which the indicators hold; 0: no end",
			"指標の有効日数（0：期限なし）"),
			Value: strconv.Itoa(b.Days)},
	}
	data.More = web.Field{Name: "more", Kind: "textarea", Mono: true, Rows: 3,
		Label: i18n.T("Add by hand, one a line", "手動で追加（1 行に 1 件）")}
	data.Marking = []web.Field{
		{Name: "tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"), Value: h.TLP.Slug(),
			Options: marking.TLPOptions(policy.Clear, h.TLP)},
		{Name: "pap", Kind: "select", Label: i18n.T("What they may do with it", "利用の制限（PAP）"), Value: b.PAP,
			Options: papOptions()},
	}
	var err error
	if data.Parties, err = p.parties(r.Context(), r.Viewer, b.Audience); err != nil {
		return nil, err
	}
	if data.Lines, err = p.draftLines(r, b); err != nil {
		return nil, err
	}
	data.Against = contradictions(d, r.Viewer)
	if who, ok := p.reach(r.Context(), r.Viewer, h); ok {
		data.Who = append(data.Who, web.Fact{Name: i18n.T("Who gets it", "届く先"), Value: who.lines()},
			web.Fact{Name: i18n.T("What they get", "届く内容"), Value: i18n.T("a report with {0} ticked {0:thing|things}",
				"レポート 1 件と、選択した {0} 件").With(d.ticked())})
		if err := p.asMembers(r, d, &data); err != nil {
			return nil, err
		}
	}
	state := d.state()
	title := i18n.Same(b.Title)
	if b.Title == "" {
		title = i18n.T("Draft", "下書き")
	}
	return &web.View{Template: "share/draft", Title: title, Nav: "objects", Handling: &h, State: &state,
		Live: []string{"objects"},
		Back: &web.Link{Text: i18n.T("My drafts", "自分の下書き"), Path: "/share/drafts"}, Data: data}, nil
}

func papOptions() []web.Option {
	return []web.Option{
		{Value: "", Text: i18n.T("not limited", "指定なし")},
		{Value: "PAP:GREEN", Text: i18n.T("PAP:GREEN: block it, too", "PAP:GREEN：遮断も可")},
		{Value: "PAP:AMBER", Text: i18n.T("PAP:AMBER: no contact with it; look it up at third parties",
			"PAP:AMBER：接触不可。第三者への照会は可")},
		{Value: "PAP:RED", Text: i18n.T("PAP:RED: nothing that anybody outside could notice",
			"PAP:RED：外部に気づかれうる行為は不可")},
	}
}

// parties are those that an audience can name. The hub's people know the members by name.
func (p *pages) parties(ctx context.Context, v policy.Viewer, on []string) (out []web.Option, err error) {
	add := func(token string, text any) {
		out = append(out, web.Option{Value: token, Text: text, On: slices.Contains(on, token)})
	}
	add(policy.Community, partyOf(policy.Community))
	add(policy.Coordinators, partyOf(policy.Coordinators))
	for _, s := range identity.Sectors() {
		add(policy.ToSector(s.Slug), s.Name)
	}
	if v.Hub {
		members, err := p.Members.Active(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range members[:min(len(members), 300)] {
			add(policy.ToMember(m.ID), m.Name)
		}
	}
	return out, nil
}

func (p *pages) draftLines(r *web.Request, b Body) (out []draftLine, err error) {
	types := lineTypes()
	err = p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		for i, l := range b.Lines[:min(len(b.Lines), shownLines)] {
			x := draftLine{Line: l, N: i, Why: whyText(l.Why), Types: types, Find: web.Path("/objects?q={0}", l.Value)}
			x.Where = web.DefangText(l.Where)
			if v, ok := event.Canonical(event.ObservableType(l.Type), l.Value); ok {
				hits, err := object.ByValue(tx, live, event.Observable{Type: event.ObservableType(l.Type), Value: v},
					10)
				if err != nil {
					return err
				}
				x.Known = len(hits)
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

// asMembers fills in as whom the hub's people can look at a draft, and what the one whom the
// address names would get.
func (p *pages) asMembers(r *web.Request, d Draft, data *draftData) error {
	if !r.Viewer.Hub {
		return nil
	}
	members, err := p.Members.Active(r.Context())
	if err != nil {
		return err
	}
	for _, m := range members[:min(len(members), 40)] {
		data.Names = append(data.Names, web.Link{Text: m.Name, Path: r.With("as", m.ID) + "#preview"})
		if m.ID != r.Value("as") {
			continue
		}
		data.As = &asList{Name: m.Name, Gets: policy.MayReceive(m.Node(), d.handling())}
		for _, l := range d.Body.Lines {
			if l.Take && data.As.Gets && len(data.As.Lines) < 100 {
				data.As.Lines = append(data.As.Lines, safe(l.Value))
			}
		}
	}
	return nil
}

// draftAction keeps what was corrected, and shares it, drops it or takes it back.
func (p *pages) draftAction(r *web.Request) (string, error) {
	d, err := p.readDraft(r)
	if err != nil {
		return "", err
	}
	back := web.Path("/share/drafts/{0}", d.ID)
	do := r.PostFormValue("do")
	if d.Report != "" {
		if do != doBack {
			return back, nil // it is shared: a form that was sent twice
		}
		return back, p.takeBack(r, d)
	}
	if do == doDrop {
		r.Flash(i18n.T("The draft was dropped.", "下書きを削除しました。"))
		return "/share/drafts", p.DB.Write(r.Context(), store.System("objects: a writer's draft"),
			func(tx *store.Tx) error {
				_, err := tx.Exec(`DELETE FROM share_draft WHERE id = $1 AND writer = $2`, d.ID, d.Writer)
				return err
			})
	}
	form := web.FormOf(r)
	if err := p.correct(r, &d, form); err != nil {
		return "", err
	}
	err = p.DB.Write(r.Context(), store.System("objects: a writer's draft"),
		func(tx *store.Tx) error { return d.save(tx) })
	if err != nil {
		return "", err
	}
	if form.Err() != nil {
		return p.wrong(r, d, form)
	}
	if do != doShare {
		return back + "#preview", nil
	}
	if d.Body.Title == "" {
		form.Wrong("title", i18n.T("this must be filled in", "入力してください"))
		return p.wrong(r, d, form)
	}
	if len(contradictions(d, r.Viewer)) > 0 {
		form.Wrong("tlp", i18n.T("the marking contradicts what stands below; nothing was shared",
			"下記のとおり区分と矛盾があります。共有していません"))
		return p.wrong(r, d, form)
	}
	return p.share(r, d, form)
}

// wrong shows a draft again with what is wrong in it.
func (p *pages) wrong(r *web.Request, d Draft, form *web.Form) (string, error) {
	v, err := p.draftView(r, d, form)
	if err != nil {
		return "", err
	}
	return "", web.Again(v, form.Err())
}

// correct takes what was typed into the form of a draft.
func (p *pages) correct(r *web.Request, d *Draft, form *web.Form) error {
	b := &d.Body
	b.Title, b.Summary, b.Tags = clip(r.Value("title"), 300), r.Value("summary"), splitList(r.Value("tags"))
	n, err := r.Int("confidence", -1, 0, 100)
	if err != nil {
		form.Wrong("confidence", fault.TextOf(err))
	}
	b.Confidence = n
	if n, err = r.Int("days", 0, 0, 3650); err != nil {
		form.Wrong("days", fault.TextOf(err))
	}
	b.Days = n
	if t, ok := policy.ParseTLP(r.Value("tlp")); ok {
		b.TLP = t.Slug()
	} else {
		form.Wrong("tlp", i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	b.PAP = ""
	if s := r.Value("pap"); slices.ContainsFunc(papOptions(), func(o web.Option) bool { return o.Value == s }) {
		b.PAP = s
	}
	known, err := p.parties(r.Context(), r.Viewer, nil)
	if err != nil {
		return err
	}
	b.Audience = nil
	for _, t := range r.PostForm["to"] {
		if slices.ContainsFunc(known, func(o web.Option) bool { return o.Value == t }) && !slices.Contains(b.Audience,
			t) {
			b.Audience = append(b.Audience, t)
		}
	}
	for i := range b.Lines[:min(len(b.Lines), shownLines)] {
		key, l := strconv.Itoa(i), &b.Lines[i]
		if !r.PostForm.Has("v" + key) {
			continue
		}
		if v := strings.TrimSpace(r.PostForm.Get("v" + key)); v != "" {
			l.Value = event.Clip(v, 2000)
		}
		if t := r.PostForm.Get("k" + key); shaped(t) {
			l.Type = t
		}
		l.Take = r.PostForm.Get("t"+key) != "" && shaped(l.Type)
	}
	return p.addLines(r, b)
}

// addLines takes what was added by hand: each line gets an answer.
func (p *pages) addLines(r *web.Request, b *Body) error {
	more := r.PostForm.Get("more")
	if strings.TrimSpace(more) == "" {
		return nil
	}
	own, err := p.own(r.Context(), r.Viewer)
	if err != nil {
		return err
	}
	for line := range strings.Lines(more) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		found := p.recognise(line, own, nil)
		if len(found) == 0 {
			found = []Line{{Type: "malware", Value: event.Clip(line, 2000), Why: whyNone}}
		}
		for _, l := range found {
			have := slices.ContainsFunc(b.Lines, func(x Line) bool { return x.Type == l.Type && x.Value == l.Value })
			if !have && len(b.Lines) < maxKept {
				b.Lines = slices.Insert(b.Lines, 0, l)
			}
		}
	}
	return nil
}

// share makes the objects of a draft and keeps them, in one transaction with what the draft
// became. A form that is sent twice shares once.
func (p *pages) share(r *web.Request, d Draft, form *web.Form) (string, error) {
	by, err := p.identity(r.Context())
	if err != nil {
		return "", err
	}
	objects, err := p.build(d, by, p.DB.Now())
	if fault.Is(err, fault.Invalid) {
		form.Wrong("more", fault.TextOf(err))
		return p.wrong(r, d, form)
	}
	if err != nil {
		return "", err
	}
	report := objects[len(objects)-1].ID()
	source := fmt.Sprintf("console %q %q", d.Member, d.Writer)
	err = p.DB.Write(r.Context(), store.System("objects: share a writer's draft"), func(tx *store.Tx) error {
		now, err := draftOf(tx, r.Viewer, d.ID)
		if err != nil {
			return err
		}
		if now.Report != "" {
			report = now.Report
			return nil
		}
		d.Body.Shared, err = p.keep(tx, objects, d.handling(), source)
		if err != nil {
			return err
		}
		d.Report = report
		return d.save(tx)
	})
	if fault.Is(err, fault.Conflict) {
		form.Wrong("more", fault.TextOf(err))
		return p.wrong(r, d, form)
	}
	if err != nil {
		return "", err
	}
	p.notify()
	r.Flash(i18n.T("Shared: {0} {0:object|objects}. It can be withdrawn on the page of the draft.",
		"共有しました（{0} 件）。下書きのページから取り下げできます。").With(len(objects)))
	return web.Path("/objects/{0}", report), nil
}

// takeBack withdraws what a draft made: those who had it are told to forget it.
func (p *pages) takeBack(r *web.Request, d Draft) error {
	err := p.DB.Write(r.Context(), store.System("objects: withdraw what a writer shared"), func(tx *store.Tx) error {
		for _, id := range d.Body.Shared {
			err := p.Objects.SetHandling(tx, live, id, d.Member, withdrawn(d.Member))
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		d.Body.Withdrawn = true
		return d.save(tx)
	})
	if err == nil {
		p.notify()
		r.Flash(i18n.T("Withdrawn. Whoever had it is told to forget it.", "取り下げました。受け取った相手には破棄が伝わります。"))
	}
	return err
}
