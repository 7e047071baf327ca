package contribution_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/share/contribution"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/web"
)

func (c *town) console() http.Handler {
	m := contribution.Module(c.s)
	return sharetest.Console(c.t, func(site *web.Site, a *api.API) {
		site.AddPanels(m.Panels...)
		m.Pages(site)
		m.API(a)
	})
}

func has(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("%q is not on the page:\n%.3000s", w, page)
		}
	}
}

// Each sees its own account, and the hub's people all of them.
func TestPages(t *testing.T) {
	each(t, func(c *town) {
		t := c.t
		h := c.console()
		sharetest.Page(t, h, "power", "/contribution")
		has(t, sharetest.Page(t, h, "desk", "/contribution")["en"], "POWER", "0.0")
		o := c.gives("power", sharetest.Hostile, green)
		c.sees(o, green, "gas", "city")
		own := sharetest.Page(t, h, "power", "/contribution")
		has(t, own["en"], "2.0 points for what others confirmed", "2 independent members saw it", "Member")
		has(t, own["ja"], "ほかの構成員に確認され 2.0 点", "独立した 2 組織が観測")
		has(t, sharetest.Page(t, h, "desk", "/contribution/members/power")["en"], "Tier in force", "2.0")
		if page := sharetest.Page(t, h, "gas", "/contribution")["en"]; strings.Contains(page, o) {
			t.Error("gas sees what became of what power gave")
		}
		for _, path := range []string{"/contribution/members/power", "/contribution/members/nobody"} {
			if code, _ := sharetest.Get(t, h, "gas", path); code != http.StatusNotFound {
				t.Errorf("%s for gas: %d", path, code)
			}
		}
		if code, csv := sharetest.Get(t, h, "power", "/contribution?format=csv&lang=en"); code != 200 ||
			!strings.Contains(csv, o) {
			t.Errorf("%d %s", code, csv)
		}
		for as, want := range map[string]string{"power": `"got":3,"armed":2`, "gas": `"points":0`} {
			if code, body := sharetest.Get(t, h, as, "/api/v1/contribution/members/me"); code != 200 ||
				!strings.Contains(body, want) {
				t.Errorf("%s: %d %s", as, code, body)
			}
		}
		if _, body := sharetest.Get(t, h, "gas", "/api/v1/contribution/members"); strings.Contains(body, "power") {
			t.Errorf("gas gets the list of all: %s", body)
		}
		if _, body := sharetest.Get(t, h, "desk", "/api/v1/contribution/members?sort=-given"); !strings.Contains(body,
			"power") {
			t.Errorf("the desk does not: %s", body)
		}
	})
}

// A report goes from the panel to the coordinators and back.
func TestReportByForm(t *testing.T) {
	each(t, func(c *town) {
		t := c.t
		h := c.console()
		o := c.gives("power", "shop.example", green)
		post := func(as, path string, form url.Values) int {
			code, _ := sharetest.Ask(t, h, as, http.MethodPost, path, form, "")
			return code
		}
		why := url.Values{"object": {o}, "reason": {sharetest.Hostile}}
		if code := post("guest", "/contribution/marks", why); code != http.StatusForbidden {
			t.Errorf("a reader: %d", code)
		}
		if code := post("gas", "/contribution/marks", why); code != http.StatusSeeOther {
			t.Errorf("%d", code)
		}
		page := sharetest.Page(t, h, "desk", "/contribution")["en"]
		has(t, page, "Decide on 1 report", "It is a false positive", "GAS")
		id := c.marks(sharetest.Desk, o)[0].ID
		if code := post("power", "/contribution/marks/"+id+"/decline", url.Values{}); code != http.StatusForbidden {
			t.Errorf("the giver declines it: %d", code)
		}
		if code := post("desk", "/contribution/marks/"+id+"/uphold", url.Values{}); code != http.StatusSeeOther {
			t.Errorf("%d", code)
		}
		has(t, sharetest.Page(t, h, "power", "/contribution")["en"], "found to be a false positive")
		code, body := sharetest.Ask(t, h, "desk", http.MethodPost, "/api/v1/contribution/marks/"+id, nil,
			`{"state":"open"}`)
		if code >= 300 {
			t.Errorf("%d %s", code, body)
		}
	})
}

// Coordinators see what rules would do before they adopt them; what is wrong is said at the field.
func TestRulesPage(t *testing.T) {
	each(t, func(c *town) {
		t := c.t
		h := c.console()
		has(t, sharetest.Page(t, h, "gas", "/contribution/rules")["ja"], "半減期", "貢献")
		if page := sharetest.Page(t, h, "gas", "/contribution/rules")["en"]; strings.Contains(page, "Adopt") {
			t.Error("a member may adopt rules")
		}
		r := credit.Default()
		r.Quorum = 4
		for as, want := range map[string]int{"gas": http.StatusForbidden, "guest": http.StatusForbidden} {
			if code, _ := sharetest.Ask(t, h, as, http.MethodPost, "/contribution/rules",
				url.Values{"rules": {r.YAML()},
					"do": {"adopt"}}, ""); code != want {
				t.Errorf("%s: %d", as, code)
			}
		}
		if code, _ := sharetest.Ask(t, h, "desk", http.MethodPost, "/contribution/rules",
			url.Values{"rules": {r.YAML()},
				"do": {"preview"}}, ""); code != http.StatusSeeOther {
			t.Errorf("preview: %d", code)
		}
		has(t, sharetest.Page(t, h, "desk", "/contribution/rules?preview=1")["en"], "simulated year", "Colluders",
			"quorum: 4",
			"meneki&#39;s own")
		code, body := sharetest.Ask(t, h, "desk", http.MethodPost, "/contribution/rules?lang=en",
			url.Values{"rules": {"quorum: 1"}, "do": {"adopt"}}, "")
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, "quorum") {
			t.Errorf("wrong rules: %d %.2000s", code, body)
		}
		if code, _ := sharetest.Ask(t, h, "desk", http.MethodPost, "/contribution/rules",
			url.Values{"rules": {r.YAML()},
				"do": {"adopt"}}, ""); code != http.StatusSeeOther {
			t.Errorf("adopt: %d", code)
		}
		has(t, sharetest.Page(t, h, "gas", "/contribution/rules")["en"], "at least 4 independent members", "as adopted")
	})
}
