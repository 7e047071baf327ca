package sharetest

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/web"
)

// Hostile is what an attacker writes where we show it.
const Hostile = `"><script>alert(1)</script>{{.}}` + "\u202Egpj.exe {0} ${x} <img src=x onerror=alert(1)> 標的"

// Viewers are people by the name that a request carries.
var Viewers = map[string]policy.Viewer{
	"desk":   Desk,
	"reader": {User: "u-r", Name: "Reader", Hub: true, Role: policy.RoleReader},
	"power":  {User: "u-p", Name: "Sato", Member: "power", Sector: "energy", Role: policy.RoleAdmin},
	"gas":    {User: "u-g", Name: "Gas", Member: "gas", Sector: "energy", Role: policy.RoleCoordinator},
	"city":   {User: "u-c", Name: "City", Member: "city", Sector: "government", Role: policy.RoleAdmin},
	"guest":  {User: "u-x", Name: "Guest", Member: "power", Sector: "energy", Role: policy.RoleReader},
}

// Console returns a site and an API with templates, for the viewer that a request names.
func Console(t *testing.T, add func(*web.Site, *api.API), templates ...fs.FS) http.Handler {
	t.Helper()
	auth := func(r *http.Request) (policy.Viewer, error) { return Viewers[r.Header.Get("As")], nil }
	now, _ := clock.Fixed(Start.Add(time.Minute))
	site := web.New(web.Config{Clock: now, Auth: auth})
	site.Templates(indicator.Templates())
	for _, fsys := range templates {
		site.Templates(fsys)
	}
	mux := http.NewServeMux()
	add(site, api.New(mux, api.Config{Version: "1", Auth: auth, Clock: now}))
	mux.Handle("/", site.Handler())
	return mux
}

// Ask sends a request; form makes it a POST of a form, body one of JSON.
func Ask(t *testing.T, h http.Handler, as, method, path string, form url.Values, body string) (int, string) {
	t.Helper()
	if form != nil {
		body = form.Encode()
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("As", as)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Get fetches an address.
func Get(t *testing.T, h http.Handler, as, path string) (int, string) {
	t.Helper()
	return Ask(t, h, as, http.MethodGet, path, nil, "")
}

var (
	exactCopies = regexp.MustCompile(`data-(copy|key)="[^"]*"`) // for the clipboard, as it is
	cells       = regexp.MustCompile(`(?s)<(td|dd|th|p|li|pre)\b.*?</(td|dd|th|p|li|pre)>`)
	broken      = regexp.MustCompile(`%!|<no value>|ZgotmplZ`)
)

// Page fetches a page in both languages and looks for what no page may hold.
func Page(t *testing.T, h http.Handler, as, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, lang := range []string{"ja", "en"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		code, body := Get(t, h, as, path+sep+"lang="+lang)
		if code != http.StatusOK {
			t.Fatalf("%s for %s in %s: %d\n%s", path, as, lang, code, body)
		}
		for _, bad := range []string{"<script>alert", "<img src=x"} {
			if i := strings.Index(body, bad); i >= 0 {
				t.Errorf("%s in %s holds %q: …%s…", path, lang, bad, body[max(0, i-120):i+40])
			}
		}
		for _, cell := range cells.FindAllString(exactCopies.ReplaceAllString(body, ""), -1) {
			if strings.Contains(cell, "\u202E") {
				t.Errorf("%s in %s turns the text around: %s", path, lang, cell)
			}
		}
		if m := broken.FindString(body); m != "" {
			t.Errorf("%s in %s holds %q", path, lang, m)
		}
		if dir := os.Getenv("MENEKI_TEST_PAGES"); dir != "" { // to look at them
			name := strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(t.Name()+as+path) + "." + lang + ".html"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
				t.Error(err)
			}
		}
		out[lang] = body
	}
	return out
}
