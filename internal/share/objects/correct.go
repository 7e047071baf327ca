package objects

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

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
