package inbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

func TestPages(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		cfg := PageConfig{DB: db, Inbox: n.Inbox}
		c := sharetest.Console(t, func(s *web.Site, a *api.API) { Pages(s, cfg); API(a, cfg) }, Templates())
		sharetest.Page(t, c, "power", "/indicators")
		sharetest.Page(t, c, "guest", "/indicators")
		n.begin(t)
		a, bad := sharetest.Object(t, "a.example.net"), sharetest.Object(t, "unmatchable "+sharetest.Hostile)
		n.push(t, a)
		n.push(t, bad)
		if _, err := n.huntSome(t.Context()); err != nil {
			t.Fatal(err)
		}
		sharetest.Page(t, c, "power", "/indicators")
		sharetest.Page(t, c, "power", "/indicators?state=expired")
		body := sharetest.Page(t, c, "power", "/indicators/"+a.ID)["en"]
		for _, want := range []string{"a[.]example[.]net", "2 traces", "/findings?indicator=" + a.ID, "armed"} {
			if !strings.Contains(body, want) {
				t.Errorf("the indicator's page lacks %q", want)
			}
		}
		sharetest.Page(t, c, "power", "/indicators/"+bad.ID)
		if code, body := sharetest.Get(
			t, c, "power", "/api/v1/indicators/"+a.ID,
		); code != http.StatusOK || !strings.Contains(body, `"state":"armed"`) {
			t.Errorf("%d %s", code, body)
		}
		if _, spec := sharetest.Get(t, c, "power", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}
