package feeds

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

func (b *bench) console() http.Handler {
	return sharetest.Console(b.t, func(s *web.Site, _ *api.API) { b.pages(s) })
}

func TestPages(t *testing.T) {
	db := storetest.SQLite(t, storetest.With(identity.Migration(), object.Migration(), Migration()))
	b := newBench(t, db, nil)
	src := newSource(t)
	src.body = "a.example\n" + strings.Repeat("x", 10) + "\n"
	h := b.console()
	form := url.Values{"name": {sharetest.Hostile[:60]}, "address": {src.address}, "kind": {"list"},
		"label": {"amber"}, "every": {"3600"},
		"secret": {"very-secret"}}
	code, body := sharetest.Ask(t, h, "desk", "POST", "/feeds", form, "")
	if code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, body)
	}
	all, err := b.all(t.Context())
	if err != nil || len(all) != 1 || !all[0].Paused {
		t.Fatalf("%v %v", all, err)
	}
	id := all[0].ID
	for _, as := range []string{"desk", "reader"} {
		for _, p := range []string{"/feeds", "/feeds/" + id} {
			code, body := sharetest.Get(t, h, as, p)
			if code != http.StatusOK || strings.Contains(body, "very-secret") || strings.Contains(body,
				"<script>alert") {
				t.Errorf("%s %s: %d", as, p, code)
			}
			if as == "reader" && strings.Contains(body, "/edit") {
				t.Error("a reader is offered to change it")
			}
		}
	}
	// A member sees the lists for tools and nothing of the sources.
	if code, body := sharetest.Get(t, h, "power", "/feeds"); code != http.StatusOK || strings.Contains(body,
		src.address) ||
		!strings.Contains(body, outPath+"indicators.rpz") {
		t.Errorf("%d", code)
	}
	for _, of := range []string{id, "no-such-id"} {
		if code, _ := sharetest.Get(t, h, "power", "/feeds/"+of); code != http.StatusNotFound {
			t.Errorf("%s: %d", of, code)
		}
	}
	for _, as := range []string{"power", "reader"} {
		for _, action := range []string{"run", "take", "pause", "start", "look", "remove", "edit"} {
			if code, _ := sharetest.Ask(t, h, as, "POST", "/feeds/"+id+"/"+action, url.Values{}, ""); code < 400 {
				t.Errorf("%s may %s: %d", as, action, code)
			}
		}
	}
	if code, body := sharetest.Ask(t, h, "desk", "POST", "/feeds", url.Values{"name": {"x"},
		"address": {"file:///etc/passwd"}}, ""); code != 422 ||
		!strings.Contains(body, "feed.example") {
		t.Errorf("%d", code)
	}
	if l := b.try(t.Context(), all[0]); !l.Error.Zero() || l.Things != 1 || l.New != 1 || l.Refused != 1 ||
		len(b.live(power)) != 0 {
		t.Errorf("%+v", l)
	}
	if code, _ := sharetest.Ask(t, h, "desk", "POST", "/feeds/"+id+"/start", url.Values{},
		""); code != http.StatusSeeOther {
		t.Errorf("%d", code)
	}
	if list, _, _ := b.due(t.Context()); len(list) != 1 {
		t.Errorf("%v", list)
	}
	for _, as := range []string{"desk", "power"} { // a coordinator, and an administrator of a member
		if code, _ := sharetest.Ask(t, h, as, "POST", "/feeds/reach", url.Values{"networks": {"10.0.0.0/8"}},
			""); code != http.StatusForbidden {
			t.Errorf("%s opens the hub's network: %d", as, code)
		}
	}
}

// A list for tools holds what its reader may see; one who may not know of a secret gets the same list, with
// the same tag, as if there were none.
func TestListsForTools(t *testing.T) {
	lists := func(t *testing.T, secret bool, as string) map[string]string {
		now, _ := clock.Fixed(sharetest.Start)
		db := storetest.SQLite(t, storetest.With(identity.Migration(), object.Migration(), Migration()),
			storetest.Clock(now))
		b := newBench(t, db, nil)
		put := func(id, name string, h policy.Handling, more string) {
			o,
				err := stix.Parse([]byte(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-00000000000` + id +
				`","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"` +
				pattern(name) +
				`","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"` + more + `}`))
			b.must(err)
			b.must(db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
				_, err := b.Objects.Put(tx, []object.Item{{Object: o, Handling: h, Realm: event.Live}})
				return err
			}))
		}
		if secret {
			put("1", "secret.example", policy.Handling{TLP: policy.AmberStrict, Owner: "power"}, "")
			put("2", "crimson.example", policy.Handling{TLP: policy.Red,
				Audience: policy.Audience{policy.ToUser("u-p")}}, "")
		}
		put("3", "shared.example", policy.Handling{TLP: policy.Green}, "")
		put("4", "over.example", policy.Handling{TLP: policy.Green}, `,"valid_until":"2026-01-02T00:00:00Z"`)
		put("5", "unknown.example", policy.Handling{TLP: policy.Green},
			`,"object_marking_refs":["marking-definition--00000000-0000-4000-8000-0000000000aa"]`)
		h := b.console()
		out := map[string]string{}
		for _, name := range outNames() {
			r := httptest.NewRequest("GET", outPath+name, nil)
			r.Header.Set("As", as)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", name, w.Code, w.Body)
			}
			out[name] = fmt.Sprint(w.Header()["Etag"], w.Header()["Content-Length"], w.Header()["Last-Modified"],
				w.Body)
			again := httptest.NewRequest("GET", outPath+name, nil)
			again.Header.Set("As", as)
			again.Header.Set("If-None-Match", w.Header().Get("ETag"))
			w = httptest.NewRecorder()
			if h.ServeHTTP(w, again); w.Code != http.StatusNotModified {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		return out
	}
	one, two := lists(t, true, "city"), lists(t, false, "city")
	for name, text := range one {
		if text != two[name] {
			t.Errorf("%s differs:\n%s\n%s", name, text, two[name])
		}
		for _, word := range []string{"secret", "crimson", "over.example", "unknown"} {
			if strings.Contains(text, word) {
				t.Errorf("%s has %s", name, word)
			}
		}
	}
	if text := one["indicators.text"]; !strings.Contains(text, "shared.example") || !strings.Contains(text,
		"TLP:GREEN") {
		t.Errorf("%s", text)
	}
	mine := lists(t, true, "power")["indicators.hosts"]
	if !strings.Contains(mine, "secret.example") || !strings.Contains(mine, "TLP:AMBER+STRICT") ||
		strings.Contains(mine, "crimson.example") {
		t.Errorf("%s", mine)
	}
}

func FuzzAdvisory(f *testing.F) {
	f.Add([]byte(`{"document":{"csaf_version":"2.0","title":"x","tracking":{"id":"1","initial_release_date":"2026-01-01T00:00:00Z",` +
		`"current_release_date":"2026-01-01T00:00:00Z"}},"vulnerabilities":[{"cve":"CVE-2026-1"}]}`))
	f.Add([]byte("a.json,2026-01-01T00:00:00Z\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, _ := changes(raw)
		for _, c := range list {
			if !inside(c.path) {
				t.Errorf("%q leaves its folder", c.path)
			}
		}
		things, err := advisory(raw, "https://v.example/a.json")
		for _, x := range things {
			if errs := stix.Validate(x.Object); err == nil && len(errs) > 0 {
				t.Errorf("%s: %v", x.Object.Bytes(), errs)
			}
		}
	})
}
