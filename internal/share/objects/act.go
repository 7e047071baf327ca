package objects

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// mayChange reports whether a viewer may change an object: their organisation gave it, and
// it is none of the cycle's, which are changed on their own page.
func (p *pages) mayChange(v policy.Viewer, f file) bool { return p.composes(v) && f.owner && !f.cycle }

// forms are what can be done with an object by the reader.
func (p *pages) forms(r *web.Request, f file, d *oneData) error {
	v := r.Viewer
	ended := f.Flags&object.Revoked != 0
	versioned := f.Flags&object.Unversioned == 0 && !f.o.Modified().IsZero()
	if p.mayChange(v, f) && !ended {
		d.MayMark = true
		d.MarkRows = p.markRows(v, f.Handling)
		d.MayEdit, d.MayEnd = versioned, versioned
		d.EditRows = editRows(f.o)
		d.EndField = web.Field{Name: "confirm", Label: i18n.T("Type “revoke” to confirm", "確認のため「取り消し」と入力"),
			Required: true,
			Auto:     "off", Max: 20}
	}
	if p.composes(v) {
		d.MayNote, d.NoteRows = true, p.noteRows(v, f)
	}
	if f.owner && f.Type() == "report" {
		err := p.DB.Read(r.Context(), store.System("objects: a writer's draft"), func(tx *store.Tx) error {
			ids, err := store.Query[string](tx, `SELECT id FROM share_draft WHERE report = $1 AND writer = $2`, f.ID,
				v.User)
			if len(ids) > 0 {
				d.Drawn = web.Path("/share/drafts/{0}", ids[0])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// markRows are the fields of a marking. For hub people the audience may name members.
func (p *pages) markRows(v policy.Viewer, h policy.Handling) []web.Field {
	return []web.Field{
		{Name: "tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"), Required: true, Value: h.TLP.OrRed().Slug(),
			Options: marking.TLPOptions(policy.Clear, h.TLP.OrRed()),
			Help: i18n.T("Those who may not have it any more are told to forget it at once.",
				"閲覧できなくなる相手には、直ちに破棄が伝わります。")},
		{Name: "audience", Label: i18n.T("Addressed to", "宛先"), Value: strings.Join(h.Audience, " "), Max: 2000,
			Mono: true, Help: i18n.T("For AMBER: community, sector:NAME, member:ID or hub, with spaces between them. "+
				"Empty: the hub's people and your own organisation alone.",
				"AMBER の場合：community、sector:分野、member:番号、hub を空白区切りで。空欄ならハブの担当者と自組織のみ。")},
	}
}

func editRows(o *stix.Object) []web.Field {
	out := []web.Field{}
	if o.Text("name") != "" || o.Type() != "relationship" && o.Type() != "note" && o.Type() != "opinion" {
		out = append(out, web.Field{Name: "name", Label: i18n.T("Name", "名称"), Value: o.Text("name"), Max: 300})
	}
	out = append(out,
		web.Field{Name: "description", Kind: "textarea", Label: i18n.T("Description", "説明"),
			Value: o.Text("description"),
			Max:   100_000},
		web.Field{Name: "labels", Label: i18n.T("Labels, with commas between them", "ラベル（カンマ区切り）"),
			Value: strings.Join(o.Labels(), ", "), Max: 2000})
	n, _ := o.Confidence()
	c := web.Field{Name: "confidence", Kind: "number", Label: i18n.T("Confidence, 0 to 100", "確度（0〜100）")}
	if _, ok := o.Confidence(); ok {
		c.Value = strconv.Itoa(n)
	}
	out = append(out, c)
	if o.Type() == "indicator" {
		until := web.Field{Name: "valid_until", Kind: "date", Label: i18n.T("Valid until (UTC)", "有効期限（UTC）")}
		if t, ok := o.Time("valid_until"); ok {
			until.Value = t.Time().Format(time.DateOnly)
		}
		out = append(out, until)
	}
	return out
}

// The readers of a note.
const (
	noteForHub = "hub"
	noteForAll = "all"
)

func (p *pages) noteRows(v policy.Viewer, f file) []web.Field {
	out := []web.Field{
		{Name: "opinion", Kind: "select", Label: i18n.T("Your opinion of it", "この情報への評価"), Options: []web.Option{
			{Text: i18n.T("none, only a note", "なし（注記のみ）")},
			{Value: "strongly-agree", Text: opinionText("strongly-agree")}, {Value: "agree",
				Text: opinionText("agree")},
			{Value: "neutral", Text: opinionText("neutral")}, {Value: "disagree", Text: opinionText("disagree")},
			{Value: "strongly-disagree", Text: opinionText("strongly-disagree")}}},
		{Name: "text", Kind: "textarea", Label: i18n.T("What you have to say", "内容"), Max: 20_000, Rows: 4},
		{Name: "for", Kind: "select", Label: i18n.T("Who may read it", "閲覧範囲"), Value: noteForHub,
			Options: []web.Option{
				{Value: noteForHub, Text: noteHub(v)}}},
	}
	if _, ok := noteReach(v, f.Handling); ok {
		out[2].Options = append(out[2].Options, web.Option{Value: noteForAll,
			Text: i18n.T("whoever may see this object", "このオブジェクトを閲覧できる全員")})
	}
	return out
}

func noteHub(v policy.Viewer) i18n.Text {
	if v.Hub {
		return i18n.T("the hub's people", "ハブの担当者")
	}
	return i18n.T("the hub's people and my organisation", "ハブの担当者と自組織")
}

// noteReach is the handling of a note for whoever may see an object. A member knows of an
// audience only what it is in itself, so for a member it is the community or nothing.
func noteReach(v policy.Viewer, h policy.Handling) (policy.Handling, bool) {
	out := policy.Handling{TLP: h.TLP, Owner: v.Member}
	switch {
	case h.TLP == policy.Clear, h.TLP == policy.Green:
		out.TLP = policy.Green
		return out, true
	case !h.TLP.Known() || h.TLP == policy.Red:
		return out, false
	case v.Hub:
		out.Audience = slices.Clone(h.Audience)
		if h.Owner != "" {
			out.Audience = append(out.Audience, policy.ToMember(h.Owner))
		}
		return out, true
	case slices.Contains(h.Audience, policy.Community):
		out.Audience = policy.Audience{policy.Community}
		return out, true
	}
	return out, false
}

// identity is the STIX identity in whose name objects are made at this hub. Members give in
// its name too: what a member gave does not show it.
func (p *pages) identity(ctx context.Context) (string, error) {
	id, _, err := p.DB.Setting(ctx, indicator.SettingIdentity)
	return id, err
}

// put keeps one object, and returns what is wrong with it as the error of a form.
func (p *pages) put(tx *store.Tx, o *stix.Object, realm string, h policy.Handling) error {
	if bad := stix.Validate(o); len(bad) > 0 {
		return fault.Wrap(fault.Invalid, i18n.T("the object would not be valid", "オブジェクトの内容が正しくありません"), bad[0])
	}
	out, err := p.Objects.Put(tx, []object.Item{{Object: o, Handling: h, Realm: realm, Source: "console"}})
	if err != nil {
		return err
	}
	return out[0].Err
}

// change reads an object as its owner's person and makes a new version of it.
func (p *pages) change(r *web.Request, edit func(tx *store.Tx, f file) error) error {
	f, err := p.load(r.Context(), r.Viewer, realmOf(r), r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	if !p.mayChange(r.Viewer, f) {
		return denied(i18n.T("only the organisation that gave it may change it", "変更できるのは提供した組織だけです"))
	}
	if f.Flags&object.Revoked != 0 {
		return fault.New(fault.Conflict, i18n.T("it is revoked already", "すでに取り消されています"))
	}
	err = p.DB.Write(r.Context(), store.System("objects: change what a viewer's organisation gave"),
		func(tx *store.Tx) error { return edit(tx, f) })
	if err == nil {
		p.notify()
	}
	return err
}

// back is where an action leads when it is done, or the page again with what is wrong.
func (p *pages) back(r *web.Request, field string, err error) (string, error) {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		form := web.FormOf(r)
		form.Wrong(field, fault.TextOf(err))
		return "", r.Again("/objects/{id}", form)
	}
	if err != nil {
		return "", err
	}
	to := web.Path("/objects/{0}", r.PathValue("id"))
	if realm := realmOf(r); realm != live {
		to += "?realm=" + realm
	}
	return to, nil
}

func (p *pages) note(r *web.Request) (string, error) {
	f, err := p.load(r.Context(), r.Viewer, realmOf(r), r.PathValue("id"), 0)
	if err != nil {
		return "", err
	}
	if !p.composes(r.Viewer) {
		return "", denied(fault.Denied.Title())
	}
	text, opinion := r.Value("text"), r.Value("opinion")
	if text == "" && opinion == "" {
		return p.back(r, "text", invalid(i18n.T("this must be filled in", "入力してください")))
	}
	h := policy.Handling{TLP: policy.AmberStrict, Owner: r.Viewer.Member}
	if r.Value("for") == noteForAll {
		wide, ok := noteReach(r.Viewer, f.Handling)
		if !ok {
			return p.back(r, "for", invalid(i18n.T("a note to those is not possible here", "この範囲は選べません")))
		}
		h = wide
	}
	by, err := p.identity(r.Context())
	if err != nil {
		return "", err
	}
	now := stix.TimestampOf(p.DB.Now())
	common := stix.Common{CreatedByRef: by, Created: now, Modified: now, ObjectMarkingRefs: markingRefs(h.TLP)}
	var o *stix.Object
	if opinion != "" {
		o, err = stix.Opinion{Common: common, Opinion: opinion, Explanation: text, ObjectRefs: []string{f.ID}}.Object()
	} else {
		o, err = stix.Note{Common: common, Content: text, ObjectRefs: []string{f.ID}}.Object()
	}
	if err != nil {
		return p.back(r, "text", fault.Wrap(fault.Invalid, i18n.T("this cannot be kept", "この内容は保存できません"), err))
	}
	err = p.DB.Write(r.Context(), store.System("objects: a note of a viewer"), func(tx *store.Tx) error {
		return p.put(tx, o, f.Realm, h)
	})
	if err == nil {
		p.notify()
		r.Flash(i18n.T("Added.", "追加しました。"))
	}
	return p.back(r, "text", err)
}

func markingRefs(t policy.TLP) []string {
	id, ok := stix.TLPMarkingID(t.String())
	if !ok {
		return nil
	}
	return []string{id}
}

func (p *pages) edit(r *web.Request) (string, error) {
	changes := map[string]any{}
	text := func(name string) {
		if _, sent := r.PostForm[name]; !sent {
			return
		}
		if changes[name] = nil; r.Value(name) != "" {
			changes[name] = r.Value(name)
		}
	}
	text("name")
	text("description")
	if _, sent := r.PostForm["labels"]; sent {
		if changes["labels"] = nil; len(splitList(r.Value("labels"))) > 0 {
			changes["labels"] = splitList(r.Value("labels"))
		}
	}
	n, err := r.Int("confidence", -1, 0, 100)
	if err != nil {
		return p.back(r, "confidence", err)
	}
	if changes["confidence"] = nil; n >= 0 {
		changes["confidence"] = n
	}
	if _, sent := r.PostForm["valid_until"]; sent {
		changes["valid_until"] = nil
		if s := r.Value("valid_until"); s != "" {
			t, err := time.Parse(time.DateOnly, s)
			if err != nil {
				return p.back(r, "valid_until", invalid(i18n.T("a day such as 2027-01-31",
					"日付は 2027-01-31 の形で指定してください")))
			}
			changes["valid_until"] = stix.TimestampOf(t).String()
		}
	}
	err = p.change(r, func(tx *store.Tx, f file) error {
		next, err := stix.NewVersion(f.o, tx.Now(), changes)
		if err != nil {
			return fault.Wrap(fault.Invalid, i18n.T("this cannot be kept", "この内容は保存できません"), err)
		}
		return p.put(tx, next, f.Realm, f.Handling)
	})
	if err == nil {
		r.Flash(i18n.T("A new version was made.", "新しい版を作成しました。"))
	}
	return p.back(r, "name", err)
}

// splitList reads values with commas between them, each once.
func splitList(s string) (out []string) {
	for x := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '、' || r == '\n' }) {
		if x = strings.TrimSpace(x); x != "" && !slices.Contains(out, x) && len(out) < 50 {
			out = append(out, x)
		}
	}
	return out
}

// handlingOf reads the fields of a marking. The owner is the viewer's organisation.
func handlingOf(r *web.Request) (policy.Handling, error) {
	t, ok := policy.ParseTLP(r.Value("tlp"))
	if !ok {
		return policy.Handling{}, invalid(i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	h := policy.Handling{TLP: t, Owner: r.Viewer.Member}
	for x := range strings.FieldsSeq(strings.ReplaceAll(r.Value("audience"), ",", " ")) {
		h.Audience = append(h.Audience, marking.Party(x))
	}
	return h, marking.Check(h.Audience)
}

func (p *pages) setMarking(r *web.Request) (string, error) {
	h, err := handlingOf(r)
	if err == nil {
		err = p.change(r, func(tx *store.Tx, f file) error { return p.mark(tx, f, h) })
	}
	if err == nil {
		r.Flash(i18n.T("Marked {0}.", "{0} に変更しました。").With(h.TLP.String()))
		if !policy.MaySee(r.Viewer, h) {
			return "/objects", nil
		}
	}
	return p.back(r, "tlp", err)
}

// mark gives an object another handling: a version that names its marking, where it has
// versions.
func (p *pages) mark(tx *store.Tx, f file, h policy.Handling) error {
	if f.Flags&object.Unversioned != 0 || f.o.Modified().IsZero() {
		return p.Objects.SetHandling(tx, f.Realm, f.ID, f.Handling.Owner, h)
	}
	refs := slices.DeleteFunc(f.o.ObjectMarkingRefs(), func(id string) bool { _, tlp := stix.TLPName(id); return tlp })
	next, err := stix.NewVersion(f.o, tx.Now(), map[string]any{"object_marking_refs": append(refs,
		markingRefs(h.TLP)...)})
	if err != nil {
		return err
	}
	h.Owner = f.Handling.Owner
	return p.put(tx, next, f.Realm, h)
}

func (p *pages) revoke(r *web.Request) (string, error) {
	word := strings.ToLower(strings.Trim(r.Value("confirm"), "“”\"「」 "))
	if word != "revoke" && word != "取り消し" {
		return p.back(r, "confirm", invalid(i18n.T("type “revoke”; it cannot be taken back",
			"「取り消し」と入力してください。元に戻せません")))
	}
	err := p.change(r, func(tx *store.Tx, f file) error {
		next, err := stix.Revoke(f.o, tx.Now())
		if err != nil {
			return fault.Wrap(fault.Invalid, i18n.T("it cannot be revoked", "取り消せない種類のオブジェクトです"), err)
		}
		return p.put(tx, next, f.Realm, f.Handling)
	})
	if err == nil {
		r.Flash(i18n.T("Revoked. Whoever has it is told.", "取り消しました。受け取った相手に伝わります。"))
	}
	return p.back(r, "confirm", err)
}
