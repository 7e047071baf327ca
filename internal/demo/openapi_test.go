package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// What the hub and a node say of their APIs is well formed OpenAPI 3.1, and
// every page of theirs answers.
func TestConsolesAnswer(t *testing.T) {
	d, err := Open(t.Context(), Config{Listen: "127.0.0.1:0", Lang: i18n.EN, TLP: policy.Amber})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, h := range map[string]http.Handler{"hub": d.Hub.Handler(), "node": d.members[0].node.Handler()} {
		get := func(path string) *http.Response {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Result()
		}
		spec, err := io.ReadAll(get("/openapi.json").Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Check(spec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		paths := []string{
			"/", "/findings", "/indicators", "/settings", "/api/docs", "/metrics", "/search", "/search?q=x",
		}
		if name == "hub" {
			paths = append(paths, "/settings/set-aside", "/api/v1/set-aside")
		}
		for _, path := range paths {
			if res := get(path); res.StatusCode != http.StatusOK {
				b, _ := io.ReadAll(res.Body)
				t.Errorf("%s %s: %s %.300s", name, path, res.Status, b)
			}
		}
		r := httptest.NewRequest("GET", "http://hub.example/metrics", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: the figures are refused with %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		for _, scheme := range []string{"Bearer", "bearer"} {
			r.Header.Set("Authorization", scheme+" mnk_x")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if !strings.Contains(w.Body.String(), "the API token is not valid") {
				t.Errorf("scheme %s: %s", scheme, w.Body)
			}
		}
		r = httptest.NewRequest("GET", "http://rebound.example/findings", nil)
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			t.Errorf("%s: an open console answers under another name", name)
		}
	}
}
