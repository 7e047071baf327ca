package publish

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// The page of a case shows the first of many indicators and leads to all; how far
// members are is for the hub's people, and what a reader may not see is not there.
func TestIndicatorsOfACase(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		const many = 30
		h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			for i := range many + 1 {
				row := indicator.Indicator{ID: fmt.Sprintf("indicator--%02d", i), Case: "case-1", Realm: event.Live,
					Kind: "domain-name", Name: "x", Value: fmt.Sprintf("x%d.example", i), Made: sharetest.Start,
					ValidUntil: sharetest.Start.Add(time.Hour), Handling: policy.Handling{TLP: policy.Green}}
				if i == many {
					row.Handling = policy.Handling{TLP: policy.Red, Owner: "power"}
				}
				if err := row.Save(tx); err != nil {
					return err
				}
			}
			return nil
		}))
		c := pages{Publisher: h.Publisher}
		get := func(path string) *web.Request {
			return &web.Request{Request: httptest.NewRequest(http.MethodGet, path, nil)}
		}
		for _, x := range []struct {
			as      string
			r       *web.Request
			rows    int
			columns int
			cut     bool
		}{
			{"desk", nil, many, 6, false},
			{"desk", get("/cases/N?as=power"), firstOfCase, 6, true},
			{"desk", get("/cases/N?all=1"), many, 6, false},
			{"city", get("/cases/N"), firstOfCase, 3, true},
			{"power", nil, many + 1, 3, false},
		} {
			about := web.Subject{ID: "case-1", Page: "/cases/N", Viewer: sharetest.Viewers[x.as], Request: x.r}
			part, err := c.ofCase(t.Context(), about)
			h.must(t, err)
			l := part.Data.(web.List)
			if len(l.Rows) != x.rows || len(l.Columns) != x.columns || part.Cut != x.cut {
				t.Errorf("%s: %d rows of %d columns, cut %v; want %+v", x.as, len(l.Rows), len(l.Columns), part.Cut, x)
			}
			if len(part.Related) < many {
				t.Errorf("%s: %d indicators are related to the case", x.as, len(part.Related))
			}
			if x.cut != (l.All != nil) {
				t.Errorf("%s: the way to all: %+v", x.as, l.All)
			}
		}
		part, err := c.ofCase(
			t.Context(),
			web.Subject{ID: "case-1", Viewer: sharetest.Desk, Request: get("/cases/N?as=b")},
		)
		h.must(t, err)
		if l := part.Data.(web.List); l.All.Path != "/cases/N?all=1&as=b#indicators" {
			t.Errorf("the way to all is %s", l.All.Path)
		}
	})
}
