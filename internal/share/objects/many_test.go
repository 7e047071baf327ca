package objects

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
)

// Ten thousand objects and more: pages of the API hold each once, in both orders, and a
// download says that it is the first of them.
func TestMany(t *testing.T) {
	d := openDesk(t)
	const many = 10_050
	for n := 0; n < many; n += 670 {
		var raw []string
		for i := range 670 {
			raw = append(raw, sdo("tool", n+i+1, fmt.Sprintf(`,"name":"tool %d of many"`, n+i+1)))
		}
		d.put("", policy.Green, nil, raw...)
	}
	for _, sort := range []string{"", "-new"} {
		seen := map[string]bool{}
		after := ""
		for page := 0; ; page++ {
			code, body := sharetest.Get(t, d, "gas",
				"/api/v1/objects?limit=1000&q=many&sort="+sort+"&after="+url.QueryEscape(after))
			var out struct {
				Items []struct{ ID string }
				Next  string
			}
			if code != 200 || json.Unmarshal([]byte(body), &out) != nil || page > 60 {
				t.Fatalf("%d %.300s", code, body)
			}
			for _, i := range out.Items {
				if seen[i.ID] {
					t.Fatalf("%s comes twice", i.ID)
				}
				seen[i.ID] = true
			}
			if after = out.Next; after == "" {
				break
			}
		}
		if len(seen) != many {
			t.Errorf("%q: %d of %d", sort, len(seen), many)
		}
	}
	if _, body := sharetest.Get(t, d, "gas", "/objects?format=csv"); strings.Count(body, "\n") < 10_000 {
		t.Errorf("the download has %d lines", strings.Count(body, "\n"))
	}
	if page := sharetest.Page(t, d, "gas", "/objects")["en"]; !strings.Contains(page, "10,050") ||
		strings.Count(page, "<tr") > 60 {
		t.Error("the page does not say how many there are, or shows all of them")
	}
}
