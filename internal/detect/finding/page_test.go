package finding

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

type names map[string]string

func (n names) Name(_ context.Context, id string) string { return n[id] }
func (names) Sector(context.Context, string) string      { return "" }

// siteOf serves the pages and the API of findings to whoever the header names.
func siteOf(t *testing.T, c PageConfig) http.Handler {
	t.Helper()
	viewers := map[string]policy.Viewer{"desk": {User: "u1", Name: "Desk", Hub: true, Coordinator: true,
		Role: policy.RoleAdmin}, "owner": {User: "u2", Name: "Sato", Member: "power", Sector: "energy",
		Role: policy.RoleAnalyst},
		"other": {User: "u3", Member: "city", Role: policy.RoleAdmin}}
	auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
	now, _ := clock.Fixed(moment.Add(time.Minute))
	site := web.New(web.Config{Clock: now, Auth: auth,
		Nav: []web.NavItem{{Key: "findings", Path: "/findings", Text: web.LevelText("low"), Icon: "findings"}}})
	site.AddPanels(web.Panel{Page: "finding",
		Load: func(_ context.Context, about web.Subject) (out web.Part, err error) {
			if about.ID != "plain" {
				out.Next = []web.Next{{Text: i18n.Same("Open case MNK-2026-0001"), Path: "/cases/case-1"}}
				out.Related = []web.Related{{ID: "case-1", Kind: svg.KindCase}}
			}
			return out, nil
		}})
	c.Site = site
	Pages(site, c)
	mux := http.NewServeMux()
	a := api.New(mux, api.Config{Version: "1", Auth: auth, Clock: now})
	API(a, c)
	mux.Handle("/", site.Handler())
	return mux
}

func TestHubPages(t *testing.T) {
	eachHub(t, func(t *testing.T, db *store.DB) {
		h := siteOf(t, PageConfig{DB: db, Hub: true, Members: names{"power": "Denryoku", "city": detecttest.Hostile}})
		empty := detecttest.Page(t, h, "desk", "/findings")
		if !strings.Contains(empty["ja"], "検知はまだありません") || !strings.Contains(empty["en"], "No findings yet") {
			t.Error("an empty list does not say what would be here")
		}
		if body := detecttest.Page(t, h, "desk", "/findings?level=high&when=past")["en"]; !strings.Contains(body,
			"Nothing matches this filter") {
			t.Error("an empty filter does not say so")
		}
		for i, id := range []string{"plain", "bad"} {
			f := sent()
			f.ID, f.Count = id, 1200+i
			f.Observables = []event.Observable{{Type: event.URL,
				Value: "http://evil.example.net/a?b=<script>alert(1)</script>"}}
			if id == "bad" {
				f.Rule = wire.RuleRef{ID: detecttest.Hostile, Title: detecttest.Hostile, Author: detecttest.Hostile,
					License: detecttest.Hostile, Level: "critical",
					Tags: []string{"attack.t1059.001", "attack.lateral_movement", detecttest.Hostile}}
				f.Host, f.User, f.Indicator, f.Retro, f.Realm = detecttest.Hostile, detecttest.Hostile, "indicator--x",
					true, event.Live
				f.Matched = []wire.FieldValue{{Field: detecttest.Hostile, Value: detecttest.Hostile},
					{Field: "CommandLine", Value: strings.Repeat("long ", 300)}}
			}
			if err := receive(t, db, []string{"power", "city"}[i], f); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"/findings", "/findings?q=beacon",
			"/findings?member=city&when=past&level=high&rule=x&indicator=y&q=%3Cscript%3Ealert", "/findings/plain",
			"/findings/bad"} {
			detecttest.Page(t, h, "desk", path)
		}
		body := detecttest.Page(t, h, "desk", "/findings")["en"]
		for _, want := range []string{"Denryoku", `<span class="cnt">2</span>`, "hxxp://evil[.]example[.]net", "live"} {
			if !strings.Contains(body, want) {
				t.Errorf("the list lacks %q", want)
			}
		}
		body = detecttest.Page(t, h, "desk", "/findings/bad")["ja"]
		for _, want := range []string{"MNK-2026-0001", "水平展開", "T1059.001", "TLP:AMBER&#43;STRICT"} {
			if !strings.Contains(body, want) && !strings.Contains(body, strings.ReplaceAll(want, "&#43;", "+")) {
				t.Errorf("the finding lacks %q", want)
			}
		}
		// Others see nothing of it, in no form.
		for _, path := range []string{"/findings", "/findings?format=csv", "/findings?format=json",
			"/api/v1/findings"} {
			if _, body := detecttest.Get(t, h, "other", path); strings.Contains(body, "Beacon") ||
				strings.Contains(body, "Denryoku") {
				t.Errorf("%s tells another member: %s", path, body)
			}
		}
		for path, want := range map[string]int{"/findings/plain": 404, "/findings/none": 404,
			"/api/v1/findings/plain": 404, "/api/v1/findings/none": 404} {
			if code, _ := detecttest.Get(t, h, "other", path); code != want {
				t.Errorf("%s: %d, want %d", path, code, want)
			}
		}
		if code, _ := detecttest.Get(t, h, "", "/findings"); code != http.StatusUnauthorized {
			t.Errorf("the public: %d", code)
		}
		// Downloads are exact.
		code, csv := detecttest.Get(t, h, "desk", "/findings?format=csv&lang=en")
		if code != 200 || !strings.Contains(csv, "http://evil.example.net/a") || !strings.Contains(csv, "1201") {
			t.Errorf("CSV %d: %s", code, csv)
		}
	})
}

func TestFindingsAPI(t *testing.T) {
	eachHub(t, func(t *testing.T, db *store.DB) {
		h := siteOf(t, PageConfig{DB: db, Hub: true})
		for _, id := range []string{"a", "b", "c"} {
			f := sent()
			f.ID = id
			if err := receive(t, db, "power", f); err != nil {
				t.Fatal(err)
			}
		}
		var seen []string
		next := ""
		for range 5 {
			code, body := detecttest.Get(t, h, "desk", "/api/v1/findings?limit=2&after="+next)
			var p api.Page[FindingOut]
			if err := json.Unmarshal([]byte(body), &p); err != nil || code != 200 {
				t.Fatalf("%d %s", code, body)
			}
			for _, f := range p.Items {
				seen = append(seen, f.ID)
			}
			if next = p.Next; next == "" {
				break
			}
		}
		if strings.Join(seen, "") != "cba" {
			t.Errorf("listed %v", seen)
		}
		code, body := detecttest.Get(t, h, "desk", "/api/v1/findings/a")
		if code != 200 || !strings.Contains(body, `"case":"case-1"`) ||
			!strings.Contains(body, `"tlp":"TLP:AMBER+STRICT"`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := detecttest.Get(t, h, "desk", "/api/v1/findings?after=junk"); code != 422 && code != 400 {
			t.Errorf("%d %s", code, body)
		}
		if _, spec := detecttest.Get(t, h, "desk", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}

// Many rows: the pages come one after the other, each finding once.
func TestPaging(t *testing.T) {
	now, hand := clock.Fixed(moment)
	db := storetest.SQLite(t, storetest.With(Migration()), storetest.Clock(now))
	for i := range list.PageRows + 7 {
		f := sent()
		f.ID = "f" + strings.Repeat("x", i)
		hand.Add(time.Duration(i%3) * time.Microsecond) // some at the same instant
		if err := receive(t, db, "power", f); err != nil {
			t.Fatal(err)
		}
	}
	h := siteOf(t, PageConfig{DB: db, Hub: true})
	row := regexp.MustCompile(`data-key="([^"]*)"`)
	next := regexp.MustCompile(`rel="next" href="([^"]*)"`)
	seen := map[string]bool{}
	path := "/findings?lang=en"
	for range 3 {
		_, body := detecttest.Get(t, h, "desk", path)
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s is there twice", m[1])
			}
			seen[m[1]] = true
		}
		m := next.FindStringSubmatch(body)
		if m == nil {
			break
		}
		path = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	if len(seen) != list.PageRows+7 {
		t.Errorf("%d findings on all pages", len(seen))
	}
}
