package severity

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

type people map[string]string

func (p people) Name(_ context.Context, id string) string { return id }
func (p people) Sector(context.Context, string) string    { return "" }

func (p people) Node(_ context.Context, id string) policy.Viewer { return policy.Node(id, "", "") }
func (p people) UserName(_ context.Context, id string) string    { return p[id] }

// site is the pages of cases, with what severity has on them.
func (b *bench) site() http.Handler {
	viewers := map[string]policy.Viewer{
		"analyst": analyst, "power": {User: "p", Member: "power", Role: policy.RoleAdmin},
		"reader": {
			User: "r",
			Hub:  true,
			Role: policy.RoleReader,
		}, "city": {User: "c", Member: "city", Role: policy.RoleAdmin},
	}
	site := web.New(web.Config{Clock: b.s.clock, Lang: i18n.EN, Auth: func(r *http.Request) (policy.Viewer, error) {
		v, ok := viewers[r.Header.Get("X-Viewer")]
		if !ok {
			return v, fault.New(fault.Unauthenticated, i18n.Text{})
		}
		return v, nil
	}})
	m := Module(b.s, people{"ana": "Ana Lyst"})
	site.AddPanels(m.Panels...)
	cases := casework.PageConfig{DB: b.db, Members: people{}}
	cases.Pages(site)
	m.Pages(site)
	return site.Handler()
}

func ask(t *testing.T, h http.Handler, viewer, method, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Viewer", viewer)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// The page of a case has the form for those who may assess it, keeps what they
// typed when it is wrong, and tells a party neither who assessed nor why.
func TestThePageOfACase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.changed(t, opened)
		h := b.site()
		page, action := "/cases/"+opened.Number, "/cases/"+opened.Number+"/assess"
		for who, form := range map[string]bool{"analyst": true, "reader": false, "power": false} {
			code, body := ask(t, h, who, http.MethodGet, page, nil)
			if code != http.StatusOK || strings.Contains(body, action) != form {
				t.Errorf("%s: %d, want the form: %v", who, code, form)
			}
			if !strings.Contains(body, "Ask this next:") || !strings.Contains(body, "between 0 and 4") {
				t.Errorf("%s is not shown the assessment", who)
			}
		}
		good := url.Values{
			"axis.continuity": {"3"},
			"axis.trust":      {"1"},
			"sure.trust":      {"estimated"},
			"outlook":         {"worsening"},
		}
		for who, want := range map[string]int{"reader": 403, "power": 403, "city": 403, "": 401} {
			if code, _ := ask(t, h, who, http.MethodPost, action, good); code != want {
				t.Errorf("%s assesses: %d, want %d", who, code, want)
			}
		}
		if n := len(b.all(t, system)); n != 1 {
			t.Fatalf("%d assessments", n)
		}
		bad := url.Values{"axis.continuity": {"99"}, "axis.safety": {"4"}}
		code, body := ask(t, h, "analyst", http.MethodPost, action, bad)
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, "has no option 99") ||
			!strings.Contains(body, `<option value="4" selected`) ||
			!strings.Contains(body, `id="timeline"`) {
			t.Errorf("a wrong form is not shown again on the page of the case: %d", code)
		}
		b.hand.Add(1e9)
		if code, _ := ask(t, h, "analyst", http.MethodPost, action, good); code != http.StatusSeeOther {
			t.Fatalf("assess: %d", code)
		}
		for who, name := range map[string]bool{"analyst": true, "reader": true, "power": false} {
			_, body := ask(t, h, who, http.MethodGet, page, nil)
			if strings.Contains(body, "Ana Lyst") != name {
				t.Errorf("%s reads who assessed: %v", who, !name)
			}
			if !strings.Contains(body, "between 3 and 4") || !strings.Contains(body, "estimated") {
				t.Errorf("%s is not shown the assessment of a person", who)
			}
			if strings.Contains(body, "somebody inside") != name {
				t.Errorf("%s reads why: %v", who, !name)
			}
		}
		if code, _ := ask(t, h, "city", http.MethodGet, page, nil); code != http.StatusNotFound {
			t.Errorf("a stranger: %d", code)
		}
	})
}
