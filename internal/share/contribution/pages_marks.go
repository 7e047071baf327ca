package contribution

import (
	"context"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// marks lists the marks that wait for a decision and those decided last.
func (c pages) marks(r *web.Request) (open, decided []markLine, err error) {
	err = c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		waits, done, err := waiting(tx)
		if err != nil {
			return err
		}
		open, err = c.lines(r.Context(), tx, waits)
		if err == nil {
			decided, err = c.lines(r.Context(), tx, done)
		}
		return err
	})
	return open, decided, err
}

func (c pages) lines(ctx context.Context, tx *store.Tx, list []Mark) (out []markLine, err error) {
	for _, m := range list {
		g, err := gift(tx, m.Object)
		if fault.Is(err, fault.NotFound) {
			continue // it is marked more strictly since
		}
		if err != nil {
			return nil, err
		}
		title := any(g.Name)
		if g.Kind != "sigma" && g.Value != "" {
			title = web.Title(g.Value)
		}
		out = append(out, markLine{Mark: m, Title: web.Link{Text: title, Path: web.Path("/indicators/{0}", m.Object)},
			Who: c.Members.Name(ctx, m.Member), State: stateBadge(m.State)})
	}
	return out, nil
}

func stateBadge(s MarkState) web.Badge {
	switch s {
	case Upheld:
		return web.Badge{Text: i18n.T("false positive", "誤検知と確認"), Mood: web.Warn}
	case Declined:
		return web.Badge{Text: i18n.T("declined", "却下"), Mood: web.Dim}
	case Undone:
		return web.Badge{Text: i18n.T("taken back", "取り消し"), Mood: web.Dim}
	}
	return web.Badge{Text: i18n.T("waits for the coordinators", "調整担当の判断待ち"), Mood: web.Info}
}

// mark takes a report that something is a false positive.
func (c pages) mark(r *web.Request) (string, error) {
	object := r.PostFormValue("object")
	if _, err := c.Report(r.Context(), r.Viewer, object, r.PostFormValue("reason")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("Reported. The hub's coordinators decide on it; you can take it back until then.",
		"報告しました。ハブの調整担当が判断します。それまでは取り消せます。"))
	return web.Path("/indicators/{0}", object), nil
}

func (c pages) decide(r *web.Request, to MarkState) (string, error) {
	if err := c.Decide(r.Context(), r.Viewer, r.PathValue("id"), to); err != nil {
		return "", err
	}
	switch to {
	case Upheld:
		r.Flash(i18n.T("Upheld: it costs the giver points, and earns who found it some. You can reopen it.",
			"誤検知と確認しました。提供元の点数が減り、指摘した組織に加点されます。再び判断待ちに戻せます。"))
	case Declined:
		r.Flash(i18n.T("Declined. You can reopen it.", "却下しました。再び判断待ちに戻せます。"))
	case Open:
		r.Flash(i18n.T("It waits for a decision again.", "判断待ちに戻しました。"))
	case Undone:
		r.Flash(i18n.T("Taken back.", "取り消しました。"))
	}
	return "", nil
}

// panelData is the dot of contribution/panel.
type panelData struct {
	Object   string
	Marks    []markLine
	MayMark  bool
	Decides  bool
	Me       string // the reader's member
	Hub      bool
	Field    web.Field
	Own      bool
	Reported bool
}

// panel is, on the page of an indicator or an object, whether it is a false positive.
func (c pages) panel(ctx context.Context, about web.Subject) (web.Part, error) {
	v := about.Viewer
	d := panelData{Object: about.ID, Me: v.Member, Hub: v.Hub,
		Decides: v.Hub && identity.AtLeast(v.Role, policy.RoleCoordinator),
		Field: web.Field{Name: "reason", Label: i18n.T("Why it is a false positive", "誤検知と判断した理由"),
			Kind: "textarea", Rows: 2, Max: maxMarkReason, Required: true,
			Help: i18n.T("The hub's people and your own see it. Who gave it learns that it was wrong once that is "+
				"upheld, and "+
				"not who said so.",
				"自組織とハブの担当者が閲覧します。提供元には、確認された時点で誤りであったことだけが伝わり、指摘した組織は示されません。")}}
	found := false
	err := c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		g, err := gift(tx, about.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		found, d.Own = true, v.Member != "" && g.Giver == v.Member
		list, err := Marks(tx, about.ID)
		if err != nil {
			return err
		}
		for _, m := range list {
			line := markLine{Mark: m, State: stateBadge(m.State)}
			if v.Hub {
				line.Who = c.Members.Name(ctx, m.Member)
			}
			d.Marks = append(d.Marks, line)
			d.Reported = d.Reported || m.Member == v.Member && (m.State == Open || m.State == Upheld)
		}
		return nil
	})
	if err != nil || !found {
		return web.Part{}, err
	}
	d.MayMark = !d.Own && !d.Reported && identity.AtLeast(v.Role, policy.RoleAnalyst)
	if len(d.Marks) == 0 && !d.MayMark {
		return web.Part{}, nil
	}
	return web.Part{Data: d}, nil
}
