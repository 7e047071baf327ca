package objects

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// maxPicked bounds what is done at once.
const maxPicked = 500

// What can be done with the ticked rows of a list.
const (
	doExport   = "export"
	doTag      = "tag"
	doMark     = "mark"
	doWithdraw = "withdraw"
	doUndo     = "undo"
)

// selection is what a viewer can do with ticked objects.
func (p *pages) selection(v policy.Viewer) *web.Select {
	s := &web.Select{Path: "/objects/selected", Do: []web.Option{
		{Value: doExport, Text: i18n.T("Export (STIX)", "書き出す（STIX）")}}}
	if !p.composes(v) {
		return s
	}
	s.Fields = []web.Field{
		{Name: "tag", Label: i18n.T("Label", "ラベル"), Max: 100},
		{Name: "tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"), Options: marking.TLPOptions(policy.Clear,
			policy.AmberStrict)},
	}
	s.Do = append(s.Do,
		web.Option{Value: doTag, Text: i18n.T("Add the label", "ラベルを付ける")},
		web.Option{Value: doMark, Text: i18n.T("Change the marking", "取扱区分を変更")},
		web.Option{Value: doWithdraw, Text: i18n.T("Withdraw", "取り下げる")})
	return s
}

// undo is what takes an action back: the objects as they were.
type undo struct {
	do    string
	tag   string
	items []before
}

// before is an object as it was.
type before struct {
	realm, id string
	handling  policy.Handling
}

// selected does something with ticked objects. What is not the viewer's organisation's is
// left as it is, and said.
func (p *pages) selected(r *web.Request) (string, error) {
	do := r.PostFormValue("do")
	if do == doUndo {
		return p.undoSelected(r)
	}
	ids := r.PostForm["id"]
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		r.FlashMood(web.Warn, i18n.T("No row is ticked.", "行が選択されていません。"))
		return "", nil
	}
	if len(ids) > maxPicked {
		return "", invalid(i18n.T("at most {0} objects at once", "一度に扱えるのは {0} 件までです").With(maxPicked))
	}
	realm := realmOf(r)
	if do == doExport {
		var list []object.Object
		err := p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
			page, err := p.Objects.Read(tx, object.Ask{Realm: realm, IDs: ids, Limit: maxPicked, Bodies: true})
			list = page.Objects
			return err
		})
		if err != nil {
			return "", err
		}
		return "", web.Answer(func(w http.ResponseWriter) error { return writeBundle(w, list, "meneki-objects") })
	}
	if err := p.may(r.Viewer); err != nil {
		return "", err
	}
	tlp, _ := policy.ParseTLP(r.Value("tlp"))
	u := undo{do: do, tag: r.Value("tag")}
	if do == doTag && u.tag == "" {
		r.FlashMood(web.Warn, i18n.T("Write the label first.", "ラベルを入力してください。"))
		return "", nil
	}
	left := 0
	err := p.DB.Write(r.Context(), store.System("objects: change what a viewer's organisation gave"),
		func(tx *store.Tx) error {
			u.items, left = nil, 0
			for _, id := range ids {
				f, ok, err := p.mine(tx, r.Viewer, realm, id)
				if err != nil {
					return err
				}
				if !ok {
					left++
					continue
				}
				switch do {
				case doTag:
					ok, err = p.tag(tx, f, u.tag, true)
				case doMark:
					h := f.Handling
					h.TLP = tlp
					err = p.mark(tx, f, h)
				case doWithdraw:
					err = p.Objects.SetHandling(tx, f.Realm, f.ID, f.Handling.Owner, withdrawn(f.Handling.Owner))
				default:
					return invalid(i18n.T("choose what to do", "操作を選んでください"))
				}
				if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) {
					ok, err = false, nil
				}
				if err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				if !ok {
					left++
					continue
				}
				u.items = append(u.items, before{f.Realm, f.ID, f.Handling})
			}
			return nil
		})
	if err != nil {
		return "", err
	}
	p.notify()
	r.Flash(i18n.T("Done with {0} {0:object|objects}.", "{0} 件を処理しました。").With(len(u.items)))
	if left > 0 {
		r.FlashMood(web.Warn,
			i18n.T("{0} {0:was|were} left as {0:it is|they are}: another organisation's, the cycle's, "+
				"or not changed by this.",
				"{0} 件はそのままです（ほかの組織のもの、検知から作られた指標、または変更の必要がないもの）。").With(left))
	}
	if len(u.items) == 0 {
		return "/objects", nil
	}
	return web.Path("/objects?undo={0}", p.undos.Put(r.Viewer.User, u)), nil
}

// withdrawn is the handling of what its owner has taken back: its own people's alone, at the
// hub its coordinators'.
func withdrawn(owner string) policy.Handling {
	h := policy.Handling{TLP: policy.Red, Owner: owner}
	if owner == "" {
		h.Audience = policy.Audience{policy.Coordinators}
	}
	return h
}

// mine returns an object that the viewer's organisation gave and may change.
func (p *pages) mine(tx *store.Tx, v policy.Viewer, realm, id string) (f file, ok bool, err error) {
	list, err := object.Versions(tx, realm, id)
	if fault.Is(err, fault.NotFound) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	f.Object = list[len(list)-1]
	if f.Handling.Owner != v.Member || !policy.MaySee(v, f.Handling) || f.Flags&object.Revoked != 0 {
		return f, false, nil
	}
	sources, err := object.Sources(tx, f.Object)
	if err != nil {
		return f, false, err
	}
	if slices.ContainsFunc(sources, func(s object.Source) bool { return s.Source == "cycle" }) {
		return f, false, nil
	}
	f.o, err = stix.Parse(f.Body)
	return f, err == nil, err
}

// tag adds a label to an object or takes it away; ok is false if that changes nothing.
func (p *pages) tag(tx *store.Tx, f file, tag string, on bool) (ok bool, err error) {
	labels := f.o.Labels()
	if slices.Contains(labels, tag) == on {
		return false, nil
	}
	if on {
		labels = append(labels, tag)
	} else {
		labels = slices.DeleteFunc(labels, func(l string) bool { return l == tag })
	}
	changes := map[string]any{"labels": labels}
	if len(labels) == 0 {
		changes["labels"] = nil
	}
	next, err := stix.NewVersion(f.o, tx.Now(), changes)
	if err != nil {
		return false, nil //nolint:nilerr // an observable has no versions and no labels
	}
	return true, p.put(tx, next, f.Realm, f.Handling)
}

// undoSelected makes things as they were.
func (p *pages) undoSelected(r *web.Request) (string, error) {
	u, ok := p.undos.Take(r.Viewer.User, r.PostFormValue("key"))
	if !ok {
		return "", fault.New(fault.NotFound, i18n.T("this cannot be undone any more", "元に戻せる時間を過ぎました"))
	}
	err := p.DB.Write(r.Context(), store.System("objects: undo what a viewer did"), func(tx *store.Tx) error {
		for _, b := range u.items {
			list, err := object.Versions(tx, b.realm, b.id)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			f := file{Object: list[len(list)-1]}
			if f.Handling.Owner != r.Viewer.Member {
				continue
			}
			if f.o, err = stix.Parse(f.Body); err != nil {
				return err
			}
			switch u.do {
			case doTag:
				_, err = p.tag(tx, f, u.tag, false)
			case doMark:
				err = p.mark(tx, f, b.handling)
			case doWithdraw:
				err = p.Objects.SetHandling(tx, b.realm, b.id, b.handling.Owner, b.handling)
			}
			if err != nil && !fault.Is(err, fault.Conflict) {
				return err
			}
		}
		return nil
	})
	if err == nil {
		p.notify()
		r.Flash(i18n.T("Undone.", "元に戻しました。"))
	}
	return "/objects", err
}
