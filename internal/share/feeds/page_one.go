package feeds

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/web"
)

// oneData is the dot of feeds/one.
type oneData struct {
	Feed    Feed
	Facts   []web.Fact
	Notes   []shownNote
	More    int64
	Form    *web.Form
	Edit    []web.Field // empty: this viewer changes nothing
	Confirm web.Field
	Looked  *looked
}

// shownNote is a note on screen.
type shownNote struct {
	Kind  i18n.Text
	Where string
	Text  i18n.Text
}

// kindTexts name what became of something.
var kindTexts = map[convert.Kind]i18n.Text{
	convert.Refused: i18n.T("refused", "拒否"), convert.NotCovered: i18n.T("not covered", "対象外"),
	convert.Wider: i18n.T("matches wider", "より広く一致"), convert.Silent: i18n.T("kept, does not act", "保持のみ（照合しない）"),
	convert.Changed: i18n.T("changed", "変更"),
}

func shown(list []noteLine) (out []shownNote) {
	for _, n := range list {
		where := n.Object
		if n.Line > 0 {
			where = fmt.Sprint(n.Line)
		}
		out = append(out, shownNote{kindTexts[n.Kind], where, i18n.Text{EN: n.EN, JA: n.JA}})
	}
	return out
}

// looked is what a look at a source found.
type looked struct {
	at      time.Time
	Error   i18n.Text
	Told    string
	Records int64
	Things  int
	New     int
	Gone    int
	Refused int64
	Silent  int64
	Held    i18n.Text
	First   []string // of what would come
	Notes   []shownNote
}

// maxFirst is how much of what would come is shown.
const maxFirst = 20

// try fetches a source and says what would come; nothing is kept.
func (s *Service) try(ctx context.Context, f Feed) (l looked) {
	f.ETag, f.Changed = "", ""
	fail := func(err error) looked {
		l.Error = problem(err)
		return l
	}
	if f.Kind != List {
		if err := s.reachable(ctx, f, &l); err != nil {
			return fail(err)
		}
		return l
	}
	r, o, err := s.document(ctx, f, maxLook)
	if err != nil {
		return fail(err)
	}
	have, err := s.rows(ctx, f.ID)
	if err != nil {
		return fail(err)
	}
	l.Told, l.Records, l.Things, l.Refused, l.Silent, l.Notes = o.told, o.records, len(r.Things), o.refused, o.silent,
		shown(o.notes)
	there, live := map[string]bool{}, 0
	for _, t := range r.Things {
		there[t.ID] = true
		if k, ok := have[t.ID]; !ok || k.Hash != t.Hash() || !k.Ended.IsZero() {
			l.New++
		}
		if len(l.First) < maxFirst {
			l.First = append(l.First, t.Title())
		}
	}
	for id, k := range have {
		if k.Ended.IsZero() {
			live++
			if f.Complete && !there[id] {
				l.Gone++
			}
		}
	}
	l.Held = held(f, live, len(r.Things))
	return l
}

// reachable asks a server for its description alone.
func (s *Service) reachable(ctx context.Context, f Feed, l *looked) error {
	c, err := s.client(ctx, maxLook)
	if err != nil {
		return err
	}
	if f.Kind == MISP {
		body, err := s.small(ctx, c, f, strings.TrimSuffix(strings.TrimSuffix(f.Address, "manifest.json"),
			"/")+"/manifest.json",
			maxManifest)
		if err != nil {
			return err
		}
		list, notes, err := misp.ReadManifest(body)
		if err != nil {
			return err
		}
		l.Told, l.Records, l.Refused = "misp", int64(len(list)), int64(len(notes))
		for _, n := range notes {
			l.Notes = append(l.Notes, shownNote{kindTexts[convert.Refused], n.Where, n.Text})
		}
		for _, e := range list[:min(len(list), maxFirst)] {
			l.First = append(l.First, e.UUID+"  "+event.Clip(e.Info, 200))
		}
		return nil
	}
	if f.Kind == CSAF {
		body, err := s.small(ctx, c, f, strings.TrimSuffix(strings.TrimSuffix(f.Address, "changes.csv"),
			"/")+"/changes.csv", maxChanges)
		if err != nil {
			return err
		}
		list, notes := changes(body)
		l.Told, l.Records, l.Refused, l.Notes = "csaf", int64(len(list)), int64(len(notes)), shown(keep(notes))
		for i := len(list) - 1; i >= 0 && len(l.First) < maxFirst; i-- {
			l.First = append(l.First, list[i].path)
		}
		return nil
	}
	root, id, err := f.taxii()
	if err != nil {
		return err
	}
	t, err := f.taxiiClient(c)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, maxLook)
	defer cancel()
	list, err := t.Collections(within, root)
	if err != nil {
		return c.Fault(root, err)
	}
	l.Told = "taxii"
	for _, x := range list {
		l.First = append(l.First, x.ID+"  "+x.Title)
		if x.ID == id || x.Alias == id {
			if !x.CanRead {
				return fault.New(fault.Denied, i18n.T("the collection may not be read with this sign-in",
					"この認証ではコレクションを読み取れません"))
			}
			l.First = []string{x.ID + "  " + x.Title}
			return nil
		}
	}
	return fault.New(fault.NotFound, i18n.T("there is no collection {0} there", "コレクション {0} はありません").With(id))
}

func (s *Service) lookAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	f, err := s.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return "", err
	}
	s.keepLook(r.Viewer.User, f.ID, s.try(r.Context(), f))
	return web.Path("/feeds/{0}", f.ID), nil
}

func (s *Service) oneView(r *web.Request, form *web.Form) (*web.View, error) {
	if err := mustBeHub(r.Viewer); err != nil {
		return nil, err
	}
	f, err := s.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	badge, h := f.badge(), f.handling(0)
	v := &web.View{Template: "feeds/one", Title: i18n.Same(f.Name), Nav: "feeds", Live: []string{"feeds"},
		State: &badge, Handling: &h,
		Back: &web.Link{Text: i18n.T("Feeds", "フィード"), Path: "/feeds"}, Lede: web.Run{f.kindText(),
			intervalText(f.Every)}}
	d := oneData{Feed: f, Form: form, Notes: shown(f.Notes), More: max(0, f.Refused+f.Silent-int64(len(f.Notes)))}
	d.Facts = []web.Fact{
		{Name: i18n.T("Address", "アドレス"), Value: web.Mono(f.Address)},
		{Name: i18n.T("Last read", "最終取得"), Value: ago(f.Succeeded)},
		{Name: i18n.T("Last tried", "最終試行"), Value: ago(f.Tried)},
		{Name: i18n.T("Taken for", "判別した形式"), Value: f.Told},
		{Name: i18n.T("Objects of it", "保持しているオブジェクト"), Value: f.Live},
		{Name: i18n.T("Set up by", "設定者"), Value: f.By},
	}
	if !f.Succeeded.IsZero() {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Last time", "前回"),
			Value: i18n.T("{0} records, {1} new or changed, {2} refused, {3} that do not act",
				"記録 {0}、新規・変更 {1}、拒否 {2}、照合しないもの {3}").With(f.Records, f.Taken, f.Refused, f.Silent)})
	}
	if !f.Paused {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Next", "次回"), Value: f.Due})
	}
	if f.Failures > 0 {
		d.Facts = append(d.Facts, web.Fact{Name: i18n.T("Failures", "連続失敗"), Value: f.Failures})
	}
	if x := f.doing(); !x.Zero() {
		d.Facts = append([]web.Fact{{Name: i18n.T("Now", "現在"), Value: x}}, d.Facts...)
	}
	if keeps(r.Viewer) {
		d.Edit = fields(f, false)
		d.Confirm = web.Field{Name: "confirm", Label: i18n.T("Type its name to remove it", "確認のため名前を入力"), Auto: "off",
			Max:  maxName,
			Hint: f.Name}
		v.Next = f.next()
		d.Looked = s.lookOf(r.Viewer.User, f.ID)
	}
	v.Data = d
	return v, nil
}

// next is what to do with a source.
func (f Feed) next() []web.Next {
	act := func(name string, t i18n.Text) web.Next {
		return web.Next{Text: t, Path: web.Path("/feeds/{0}/"+name, f.ID), Post: true}
	}
	look := act("look", i18n.T("See what would come", "内容を確認"))
	switch f.state() {
	case stateRunning:
		return nil
	case stateHeld:
		return []web.Next{look, act("take", i18n.T("Take it all the same", "このまま取り込む")), act("pause",
			i18n.T("Pause it", "停止する"))}
	case stateNew, statePaused:
		return []web.Next{look, act("start", i18n.T("Start it", "開始する"))}
	}
	return []web.Next{act("run", i18n.T("Read it now", "今すぐ取得")), look, act("pause", i18n.T("Pause it", "停止する"))}
}
