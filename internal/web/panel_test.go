package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// Panels are drawn in their order where the page has room for them; a form of one that
// is wrong is shown again on the whole page.
func TestPanels(t *testing.T) {
	now, _ := clock.Fixed(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	reader := policy.Viewer{User: "u", Role: policy.RoleReader}
	site := web.New(web.Config{Clock: now, Lang: i18n.EN,
		Auth: func(*http.Request) (policy.Viewer, error) { return reader, nil }})
	site.Templates(
		fstest.MapFS{
			"templates/x.html": {
				Data: []byte(`{{define "things/one"}}[{{panels .Panels "top"}}|{{panels .Panels "side"}}]{{end}}
{{define "a/top"}}a-top {{.ID}}{{end}}{{define "a/side"}}a-side{{end}}{{define "b/side"}} b-side {{field .Form .Field}}{{end}}`),
			},
		},
	)
	type form struct {
		Form  *web.Form
		Field web.Field
	}
	broken := false
	site.AddPanels(
		web.Panel{Page: "thing", Slots: map[string]string{"top": "a/top", "side": "a/side"},
			Load: func(_ context.Context, about web.Subject) (web.Part, error) {
				return web.Part{Data: about, Related: []web.Related{{ID: "x", Kind: svg.KindCase}}}, nil
			}},
		web.Panel{Page: "thing", Slots: map[string]string{"side": "b/side"},
			Load: func(_ context.Context, about web.Subject) (web.Part, error) {
				if broken {
					return web.Part{}, errors.New("broken")
				}
				return web.Part{Data: form{about.Sent(), web.Field{Name: "n", Label: i18n.Same("N")}}}, nil
			}},
		web.Panel{Page: "thing", Slots: map[string]string{"side": "b/side"}, // nothing of it is on the page
			Load: func(context.Context, web.Subject) (web.Part, error) {
				return web.Part{Severity: &web.Severity{Likely: 2}}, nil
			}},
		web.Panel{Page: "other", Load: func(context.Context, web.Subject) (web.Part, error) {
			return web.Part{}, errors.New("asked for another page")
		}},
	)
	var got web.Panels
	site.Page("/things/{id}", policy.RoleReader, func(r *web.Request) (_ *web.View, err error) {
		got, err = site.Load(r.Context(), "thing", web.Subject{ID: r.PathValue("id"), Viewer: r.Viewer, Request: r})
		return &web.View{Template: "things/one", Data: struct{ Panels web.Panels }{got}}, err
	})
	site.Page(
		"/admin/{id}",
		policy.RoleAdmin,
		func(*web.Request) (*web.View, error) { return nil, errors.New("shown") },
	)
	again := func(page string) func(*web.Request) (string, error) {
		return func(r *web.Request) (string, error) {
			f := web.FormOf(r)
			f.Wrong("n", i18n.Same("not a number"))
			return "", r.Again(page, f)
		}
	}
	site.Action("/things/{id}/count", policy.RoleReader, again("/things/{id}"))
	site.Action("/things/{id}/admin", policy.RoleReader, again("/admin/{id}"))
	site.Action("/things/{id}/gone", policy.RoleReader, again("/gone"))
	h := site.Handler()
	ask := func(method, path string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(url.Values{"n": {"seven"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, body := ask(http.MethodGet, "/things/7"); code != http.StatusOK ||
		!strings.Contains(body, "[a-top 7|a-side b-side") || strings.Count(body, "b-side") != 1 {
		t.Errorf("%d %s", code, body)
	}
	if s := got.Severity(); s == nil || s.Likely != 2 {
		t.Errorf("severity %v", s)
	}
	if list := got.Related(svg.KindCase); len(list) != 1 || len(got.Related(svg.KindMember)) != 0 {
		t.Errorf("related %v", list)
	}
	code, body := ask(http.MethodPost, "/things/7/count")
	if code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong form: %d", code)
	}
	for _, want := range []string{"a-top 7", "not a number", `value="seven"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page that is shown again lacks %q", want)
		}
	}
	for path, want := range map[string]int{"/things/7/admin": 403, "/things/7/gone": 500} {
		if code, _ := ask(http.MethodPost, path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	broken = true
	if code, body := ask(http.MethodGet, "/things/7"); code != http.StatusInternalServerError ||
		strings.Contains(body, "a-top") {
		t.Errorf("a panel that fails: %d", code)
	}
	var none *web.Site
	if list, err := none.Load(t.Context(), "thing", web.Subject{}); err != nil || len(list) != 0 {
		t.Error("a page without a site has panels", list, err)
	}
}
