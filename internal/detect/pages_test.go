package detect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// hostile is what an attacker writes where we show it.
const hostile = `"><script>alert(1)</script>{{.}}` + "\u202Egpj.exe {0} ${x} <img src=x onerror=alert(1)> 標的"

// console serves the pages and the API of findings to whoever the header names.
func console(t *testing.T, c PageConfig) http.Handler {
	t.Helper()
	viewers := map[string]policy.Viewer{"desk": {User: "u1", Name: "Desk", Hub: true, Desk: true, Role: policy.RoleAdmin}, "owner": {User: "u2", Name: "Sato", Member: "power", Sector: "energy", Role: policy.RoleAnalyst},
		"other": {User: "u3", Member: "city", Role: policy.RoleAdmin}}
	auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
	now, _ := clock.Fixed(start.Add(time.Minute))
	site := web.New(web.Config{Clock: now, Auth: auth, Nav: []web.NavItem{{Key: "findings", Path: "/findings", Text: levelText("low"), Icon: "findings"}}})
	site.Templates(Templates())
	Pages(site, c)
	mux := http.NewServeMux()
	a := api.New(mux, api.Config{Version: "1", Auth: auth, Clock: now})
	API(a, c)
	mux.Handle("/", site.Handler())
	return mux
}

func get(t *testing.T, h http.Handler, as, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("As", as)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

var (
	visibleText = regexp.MustCompile(`(?s)<(script|style|pre|code|svg)\b.*?</(script|style|pre|code|svg)>|<[^>]*>`)
	exactCopies = regexp.MustCompile(`data-(copy|key)="[^"]*"`) // for the clipboard, as it is
	cells       = regexp.MustCompile(`(?s)<(td|dd|th|p|li)\b.*?</(td|dd|th|p|li)>`)
	openHole    = regexp.MustCompile(`%!|<no value>|ZgotmplZ`)
)

// page fetches a page in both languages and looks for what no page may hold.
func page(t *testing.T, h http.Handler, as, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, lang := range []string{"ja", "en"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		code, body := get(t, h, as, path+sep+"lang="+lang)
		if code != http.StatusOK {
			t.Fatalf("%s in %s: %d\n%s", path, lang, code, visibleText.ReplaceAllString(body, " "))
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
		if m := openHole.FindString(body); m != "" {
			t.Errorf("%s in %s holds %q", path, lang, m)
		}
		if dir := os.Getenv("MENEKI_TEST_PAGES"); dir != "" { // to look at them
			name := strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(t.Name()+path) + "." + lang + ".html"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
				t.Error(err)
			}
		}
		out[lang] = body
	}
	return out
}

func TestHubPages(t *testing.T) {
	eachDesk(t, func(t *testing.T, db *store.DB) {
		h := console(t, PageConfig{DB: db, Hub: true, MemberName: func(_ context.Context, id string) string {
			return map[string]string{"power": "Denryoku", "city": hostile}[id]
		},
			CaseOf: func(_ *store.Tx, id string) (string, string, bool) { return "case-1", "MNK-2026-0001", id == "bad" }})
		empty := page(t, h, "desk", "/findings")
		if !strings.Contains(empty["ja"], "検知はまだありません") || !strings.Contains(empty["en"], "No findings yet") {
			t.Error("an empty list does not say what would be here")
		}
		if body := page(t, h, "desk", "/findings?level=high&when=past")["en"]; !strings.Contains(body, "Nothing matches this filter") {
			t.Error("an empty filter does not say so")
		}
		for i, id := range []string{"plain", "bad"} {
			f := sent()
			f.ID, f.Count = id, 1200+i
			f.Observables = []event.Observable{{Type: event.URL, Value: "http://evil.example.net/a?b=<script>alert(1)</script>"}}
			if id == "bad" {
				f.Rule = wire.RuleRef{ID: hostile, Title: hostile, Author: hostile, License: hostile, Level: "critical", Tags: []string{"attack.t1059.001", "attack.lateral_movement", hostile}}
				f.Host, f.User, f.Indicator, f.Retro, f.Realm = hostile, hostile, "indicator--x", true, event.Live
				f.Matched = []wire.FieldValue{{Field: hostile, Value: hostile}, {Field: "CommandLine", Value: strings.Repeat("long ", 300)}}
			}
			if err := receive(t, db, []string{"power", "city"}[i], f); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"/findings", "/findings?q=beacon", "/findings?member=city&when=past&level=high&rule=x&indicator=y&q=%3Cscript%3Ealert", "/findings/plain", "/findings/bad"} {
			page(t, h, "desk", path)
		}
		body := page(t, h, "desk", "/findings")["en"]
		for _, want := range []string{"Denryoku", `<span class="cnt">2</span>`, "hxxp://evil[.]example[.]net", "live"} {
			if !strings.Contains(body, want) {
				t.Errorf("the list lacks %q", want)
			}
		}
		body = page(t, h, "desk", "/findings/bad")["ja"]
		for _, want := range []string{"MNK-2026-0001", "水平展開", "T1059.001", "TLP:AMBER&#43;STRICT"} {
			if !strings.Contains(body, want) && !strings.Contains(body, strings.ReplaceAll(want, "&#43;", "+")) {
				t.Errorf("the finding lacks %q", want)
			}
		}
		// Others see nothing of it, in no form.
		for _, path := range []string{"/findings", "/findings?format=csv", "/findings?format=json", "/api/v1/findings"} {
			if _, body := get(t, h, "other", path); strings.Contains(body, "Beacon") || strings.Contains(body, "Denryoku") {
				t.Errorf("%s tells another member: %s", path, body)
			}
		}
		for path, want := range map[string]int{"/findings/plain": 404, "/findings/none": 404, "/api/v1/findings/plain": 404, "/api/v1/findings/none": 404} {
			if code, _ := get(t, h, "other", path); code != want {
				t.Errorf("%s: %d, want %d", path, code, want)
			}
		}
		if code, _ := get(t, h, "", "/findings"); code != http.StatusUnauthorized {
			t.Errorf("the public: %d", code)
		}
		// Downloads are exact.
		code, csv := get(t, h, "desk", "/findings?format=csv&lang=en")
		if code != 200 || !strings.Contains(csv, "http://evil.example.net/a") || !strings.Contains(csv, "1201") {
			t.Errorf("CSV %d: %s", code, csv)
		}
	})
}

func TestFindingsAPI(t *testing.T) {
	eachDesk(t, func(t *testing.T, db *store.DB) {
		h := console(t, PageConfig{DB: db, Hub: true, CaseOf: func(*store.Tx, string) (string, string, bool) { return "case-1", "n", true }})
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
			code, body := get(t, h, "desk", "/api/v1/findings?limit=2&after="+next)
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
		code, body := get(t, h, "desk", "/api/v1/findings/a")
		if code != 200 || !strings.Contains(body, `"case":"case-1"`) || !strings.Contains(body, `"tlp":"TLP:AMBER+STRICT"`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := get(t, h, "desk", "/api/v1/findings?after=junk"); code != 422 && code != 400 {
			t.Errorf("%d %s", code, body)
		}
		if _, spec := get(t, h, "desk", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}

func TestNodePages(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		h := console(t, PageConfig{DB: n.db})
		page(t, h, "owner", "/findings")
		ev := n.beacon("198.51.100.7")
		ev.Host, ev.User, ev.From.Name = hostile, hostile, hostile
		ev.Fields["DestinationHostname"] = "mail.power.example.jp"
		n.take(t, ev)
		n.take(t, n.event("process_creation", start, map[string]any{"Image": `C:\x\whoami.exe`}))
		list := n.findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings", len(list))
		}
		page(t, h, "owner", "/findings")
		all := ""
		for _, f := range list {
			all += page(t, h, "owner", "/findings/"+f.ID)["en"]
		}
		for _, want := range []string{"198[.]51[.]100[.]7", "own domain", "Where to look", "the behaviour itself is what others can match", "never gets them"} {
			if !strings.Contains(all, want) {
				t.Errorf("the findings lack %q", want)
			}
		}
	})
}

// Many rows: the pages come one after the other, each finding once.
func TestPaging(t *testing.T) {
	now, hand := clock.Fixed(start)
	db := storetest.SQLite(t, storetest.With(Migration()), storetest.Clock(now))
	for i := range pageRows + 7 {
		f := sent()
		f.ID = "f" + strings.Repeat("x", i)
		hand.Add(time.Duration(i%3) * time.Microsecond) // some at the same instant
		if err := receive(t, db, "power", f); err != nil {
			t.Fatal(err)
		}
	}
	h := console(t, PageConfig{DB: db, Hub: true})
	row := regexp.MustCompile(`data-key="([^"]*)"`)
	next := regexp.MustCompile(`rel="next" href="([^"]*)"`)
	seen := map[string]bool{}
	path := "/findings?lang=en"
	for range 3 {
		_, body := get(t, h, "desk", path)
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
	if len(seen) != pageRows+7 {
		t.Errorf("%d findings on all pages", len(seen))
	}
}
