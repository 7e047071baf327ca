package expiry

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/decay"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// panelData is the dot of decay/panel.
type panelData struct {
	Object  string
	Picture svg.Lines
	Parts   []partLine
	Steps   []Step
	Kept    bool
	Decides bool
	Auto    bool
	Ended   bool // it holds no more, whatever its score
}

// partLine is one source of a score.
type partLine struct {
	decay.Part
	Points int
}

// panel is, on the page of an indicator or an object, what it is worth and why.
func (s *Service) panel(ctx context.Context, about web.Subject) (web.Part, error) {
	v := about.Viewer
	m, err := s.Model(ctx)
	if err != nil {
		return web.Part{}, err
	}
	d := panelData{Object: about.ID, Decides: decides(v) == nil, Auto: m.Automatic}
	found := false
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		i, err := indicator.Get(tx, about.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		d.Ended = !i.Withdrawn.IsZero() || !i.ValidUntil.IsZero() && !tx.Now().Before(i.ValidUntil)
		offers, err := publish.OffersOf(tx, i.ID)
		if err != nil {
			return err
		}
		seen, err := publish.SightingsOf(tx, i.ID)
		if err != nil {
			return err
		}
		if !v.Hub { // who else offers it is not told
			offers = own(offers, v.Member)
		}
		t := thing(i, sources(offers, func(o publish.Offer, _ int) string { return s.Names.Name(ctx, o.Member) }),
			refreshes(seen))
		d.Picture = m.Picture(t, tx.Now())
		for _, p := range m.At(t, tx.Now()).Parts {
			d.Parts = append(d.Parts, partLine{p, int(math.Round(p.Score))})
		}
		if d.Steps, err = store.Query[Step](tx, `SELECT `+stepColumns+` FROM decay_step t WHERE t.object = $1
			ORDER BY t.at DESC, t.id LIMIT 20`, i.ID); err != nil {
			return err
		}
		kept, err := store.Query[string](tx, `SELECT k.object FROM decay_kept k WHERE k.object = $1`, i.ID)
		d.Kept = len(kept) > 0
		return err
	})
	if err != nil || !found {
		return web.Part{}, err
	}
	return web.Part{Data: d}, nil
}

func own(offers []publish.Offer, member string) (out []publish.Offer) {
	for _, o := range offers {
		if o.Member == member {
			out = append(out, o)
		}
	}
	return out
}

// modelData is the dot of decay/model.
type modelData struct {
	Form    *web.Form
	Field   web.Field
	Decides bool
	List    web.List
}

func (s *Service) modelPage(r *web.Request, form *web.Form) (*web.View, error) {
	m, err := s.Model(r.Context())
	if err != nil {
		return nil, err
	}
	h := policy.Handling{TLP: policy.Green}
	auto := i18n.T("The hub ends what falls under {0} by itself, and keeps longer what is seen. Each step can be "+
		"undone.",
		"{0} を下回った指標はハブが自動で失効させ、観測された指標は延長します。どちらも元に戻せます。").With(m.Threshold)
	if !m.Automatic {
		auto = i18n.T("Scores are shown; nothing is ended by them. The threshold is {0}.",
			"スコアは表示だけに使い、自動の失効はしません。しきい値は {0} です。").With(m.Threshold)
	}
	return &web.View{Template: "decay/model", Title: i18n.T("How long indicators are worth it", "指標の価値の減衰"),
		Nav: "indicators", Handling: &h, Lede: auto,
		Back: &web.Link{Text: i18n.T("Indicators", "指標"), Path: "/indicators"},
		Data: modelData{Form: form, Decides: decides(r.Viewer) == nil, List: kindList(m),
			Field: web.Field{Name: "model", Label: i18n.T("Model as YAML", "モデル（YAML）"), Kind: "textarea", Rows: 20,
				Mono: true, Required: true, Value: m.YAML()}}}, nil
}

func kindList(m decay.Model) web.List {
	l := web.List{ID: "kinds", Caption: i18n.T("Curves", "曲線"), Dense: true, Columns: []web.ListColumn{
		{Key: "kind", Text: i18n.T("Kind", "種類"), Role: web.RoleMain},
		{Key: "shape", Text: i18n.T("From 100", "100 からの推移")},
		{Key: "life", Text: i18n.T("Lifetime, days", "寿命（日）"), Role: web.RoleNum},
		{Key: "speed", Text: i18n.T("Speed", "速さ"), Role: web.RoleNum},
		{Key: "ends", Text: i18n.T("From 75 ends after, days", "75 から失効まで（日）"), Role: web.RoleNum},
	}}
	for _, k := range []string{"ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "SHA-256", "SHA-1", "MD5",
		"sigma", decay.Other} {
		c := m.Of(k)
		spark := svg.Spark{Text: i18n.T("score over the lifetime", "寿命内のスコア"), Top: 100}
		for i := range 31 {
			spark.Values = append(spark.Values, c.At(100, c.Until(100, 0)*time.Duration(i)/30))
		}
		name := web.KindText(k)
		if k == decay.Other {
			name = i18n.T("everything else", "その他")
		}
		l.Rows = append(l.Rows, web.Row{Key: k, Cells: []any{name, spark, c.LifetimeDays, c.Speed,
			int(c.Until(75, m.Threshold).Hours() / 24)}})
	}
	return l
}

func (s *Service) pages(site *web.Site) {
	site.Templates(files)
	site.Page("/indicators/decay", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return s.modelPage(r, nil)
	})
	site.Action("/indicators/decay", policy.RoleCoordinator, func(r *web.Request) (string, error) {
		form := web.FormOf(r)
		form.Require(web.Field{Name: "model", Required: true})
		m, err := decay.Parse([]byte(form.Get("model")))
		if err == nil {
			err = form.Err()
		}
		if err == nil {
			err = s.SetModel(r.Context(), r.Viewer, m)
		}
		switch {
		case fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge):
			form.Wrong("model", fault.TextOf(err))
			v, e := s.modelPage(r, form)
			if e != nil {
				return "", e
			}
			return "", web.Again(v, err)
		case err != nil:
			return "", err
		}
		r.Flash(i18n.T("Adopted. It holds from the next hour on.", "採用しました。次の 1 時間以内に反映されます。"))
		return "/indicators/decay", nil
	})
	site.Action("/indicators/decay/steps/{id}/undo", policy.RoleCoordinator, func(r *web.Request) (string, error) {
		object, err := s.Undo(r.Context(), r.Viewer, r.PathValue("id"))
		if err != nil {
			return "", err
		}
		r.Flash(i18n.T("Undone. The hub leaves this indicator alone from now on.",
			"元に戻しました。以後、この指標の期限は自動では変わりません。"))
		return web.Path("/indicators/{0}", object), nil
	})
	site.Action("/indicators/{id}/fade", policy.RoleCoordinator, func(r *web.Request) (string, error) {
		alone := r.PostFormValue("alone") == "1"
		if err := s.Keep(r.Context(), r.Viewer, r.PathValue("id"), alone); err != nil {
			return "", err
		}
		r.Flash(i18n.T("Noted.", "反映しました。"))
		return web.Path("/indicators/{0}", r.PathValue("id")), nil
	})
}

type modelOut struct{ Body decay.Model }

// Module is the worth of indicators at a hub.
func Module(s *Service) role.Module {
	slot := map[string]string{"main": "decay/panel"}
	return role.Module{
		Name:       "decay",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		API: func(a *api.API) {
			api.Register(a, api.Op{ID: "get-decay-model", Method: http.MethodGet, Path: "/api/v1/decay",
				Tag:  "indicators",
				Need: policy.RoleReader, Summary: i18n.T("How the score of indicators falls", "指標のスコアの減衰モデル")},
				func(ctx context.Context, _ *struct{}) (*modelOut, error) {
					m, err := s.Model(ctx)
					return &modelOut{m}, err
				})
			api.Register(a, api.Op{ID: "set-decay-model", Method: http.MethodPut, Path: "/api/v1/decay",
				Tag:  "indicators",
				Need: policy.RoleCoordinator, Summary: i18n.T("Adopt a model of decay", "減衰モデルを採用")},
				func(ctx context.Context, in *modelOut) (*struct{}, error) {
					return nil, s.SetModel(ctx, api.Viewer(ctx), in.Body)
				})
		},
		Panels: []web.Panel{{Page: "indicator", Slots: slot, Load: s.panel}, {Page: "object", Slots: slot,
			Load: s.panel}},
		Jobs: map[string]func(context.Context) error{"decay-indicators": s.Run},
	}
}
