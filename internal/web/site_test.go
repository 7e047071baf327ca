package web_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// client asks a site without following redirects, and keeps cookies.
type client struct {
	t   *testing.T
	url string
	c   *http.Client
}

func serve(t *testing.T, s *web.Site) client {
	t.Helper()
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return client{t, srv.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

func (c client) do(method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.c.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, string(text)
}

func (c client) get(path string, headers ...string) (*http.Response, string) {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

func (c client) post(path, form string, headers ...string) (*http.Response, string) {
	c.t.Helper()
	return c.do(http.MethodPost, path, strings.NewReader(form),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func want(t *testing.T, res *http.Response, status int, text string, parts ...string) {
	t.Helper()
	if res.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d\n%.600s", res.Request.Method, res.Request.URL, res.StatusCode, status, text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s %s lacks %q\n%.2000s", res.Request.Method, res.Request.URL, p, text)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	for _, path := range []string{"/", "/nowhere", "/boom", "/assets/x/app.css"} {
		res, _ := c.get(path)
		for name, part := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
			"X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "X-Request-Id": "-",
		} {
			if !strings.Contains(res.Header.Get(name), part) {
				t.Errorf("%s: %s is %q", path, name, res.Header.Get(name))
			}
		}
	}
	res, _ := c.get("/")
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Error("a page of a signed-in reader may be stored")
	}
}

func TestPagesHaveNothingInline(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	inline := regexp.MustCompile(
		`(?i)<script(?: [^>]*)?>[^<]|\sstyle=|<style|\son[a-z]+=["']|javascript:|(?:src|href|action)="(?:https?:)?//`)
	for _, path := range []string{"/", "/cases", "/cases/1", "/findings", "/members/new", "/pictures", "/public",
		"/wrong", "/drill"} {
		_, text := c.get(path)
		if m := inline.FindString(text); m != "" {
			t.Errorf("%s has %q", path, m)
		}
		if strings.Contains(text, "<script>alert") {
			t.Errorf("%s lets a script through", path)
		}
	}
}

func TestLanguageThemeZone(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	_, text := c.get("/")
	if !strings.Contains(text, `<html lang="ja" data-theme="auto"`) || !strings.Contains(text, "14:05 <small>JST") {
		t.Errorf("not Japanese and Tokyo first: %.200s", text)
	}
	_, text = c.get("/", "Accept-Language", "en-GB,ja;q=0.5")
	if !strings.Contains(text, `<html lang="en"`) {
		t.Error("the browser's language is not heard")
	}
	_, text = c.get("/?lang=en&theme=dark")
	if !strings.Contains(text, `<html lang="en" data-theme="dark"`) {
		t.Error("?lang and ?theme do nothing")
	}
	_, text = c.get("/", "Accept-Language", "ja")
	if !strings.Contains(text, `<html lang="en" data-theme="dark"`) {
		t.Error("the choice was not kept")
	}
	_, text = c.get("/", "Cookie", "meneki_zone=America%2FNew_York; meneki_lang=xx; meneki_theme=%22%3E")
	if !strings.Contains(text, "00:05 <small>EST") {
		t.Error("the reader's zone is not heard")
	}
	_, text = c.get("/?lang=%22%3E%3Cscript%3E")
	if strings.Contains(text, "<script>") {
		t.Error("?lang is a way in")
	}
}

func TestWhoMay(t *testing.T) {
	public := serve(t, demo(t, policy.Viewer{}))
	res, _ := public.get("/cases?state=open")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/sign-in?next=%2Fcases%3Fstate%3Dopen" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	res, text := public.get("/cases", "Accept", "application/json")
	want(t, res, http.StatusUnauthorized, text, "urn:meneki:problem:unauthenticated")
	res, text = public.get("/public")
	want(t, res, http.StatusOK, text, "関東地方の病院", "TLP:CLEAR")
	if strings.Contains(text, `class="rail"`) {
		t.Error("a plain page has a rail")
	}
	reader := serve(t, demo(t, policy.Viewer{User: "u", Name: "R", Role: policy.RoleReader}))
	res, text = reader.get("/members/new?lang=en")
	want(t, res, http.StatusForbidden, text, "Your role"[1:], "coordinator")
	if strings.Contains(text, ">Settings<") {
		t.Error("the rail shows what the reader may not open")
	}
}

func TestErrors(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	res, text := c.get("/wrong?lang=en")
	want(t, res, http.StatusServiceUnavailable, text, "the member&#39;s node cannot be reached", "check the address",
		res.Header.Get("X-Request-Id"))
	if strings.Contains(text, "secret") || strings.Contains(text, "10.1.2.3") {
		t.Error("the inner error got out")
	}
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	res, text = c.get("/wrong", "Accept", "application/problem+json")
	want(t, res, http.StatusServiceUnavailable, text)
	var p fault.Problem
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Type != "urn:meneki:problem:unavailable" ||
		p.Instance != "urn:meneki:request:"+res.Header.Get("X-Request-Id") ||
		res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v %+v", err, p)
	}
	res, text = c.get("/boom")
	want(t, res, http.StatusInternalServerError, text, res.Header.Get("X-Request-Id"))
	if strings.Contains(text, "secret") {
		t.Error("the panic got out")
	}
	res, text = c.get("/broken")
	want(t, res, http.StatusInternalServerError, text, res.Header.Get("X-Request-Id"))
	res, text = c.get("/no/such/page")
	want(t, res, http.StatusNotFound, text)
	res, text = c.get("/cases?after=x&lang=en")
	want(t, res, http.StatusUnprocessableEntity, text, "after must be a whole number")
	res, text = c.do(http.MethodDelete, "/cases", nil)
	want(t, res, http.StatusMethodNotAllowed, text)
	if res.Header.Get("Allow") != "GET" {
		t.Errorf("Allow is %q", res.Header.Get("Allow"))
	}
}

func TestActions(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	res, text := c.post("/members/new", "name=&lang=en")
	want(t, res, http.StatusUnprocessableEntity, text, `aria-invalid="true"`, "組織の名称を入力してください")
	res, _ = c.post("/members/new", "name="+url.QueryEscape("<b>大学</b>"))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/members/new" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	_, text = c.get("/members/new")
	want(t, res, http.StatusSeeOther, text, "&lt;b&gt;大学&lt;/b&gt; を招待しました")
	if _, text = c.get("/members/new"); strings.Contains(text, "招待しました") {
		t.Error("the sentence is shown twice")
	}
	// Words in a cookie that we did not sign are not shown.
	_, text = c.get("/members/new", "Cookie",
		"meneki_flash=W3siTW9vZCI6Imdvb2QiLCJUZXh0Ijp7IkVOIjoiZXZpbCIsIkpBIjoiZXZpbCJ9fV0.AAAA")
	if strings.Contains(text, "evil") {
		t.Error("a forged sentence is shown")
	}
	for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"},
		{"Origin", "null"}} {
		res, text = c.post("/members/new", "name=x", h...)
		want(t, res, http.StatusForbidden, text, res.Header.Get("X-Request-Id"))
	}
	res, _ = c.post("/members/new", "name=x", "Sec-Fetch-Site", "same-origin")
	if res.StatusCode != http.StatusSeeOther {
		t.Errorf("our own form is refused: %d", res.StatusCode)
	}
	res, text = c.post("/members/new", "name="+strings.Repeat("x", 5<<20))
	want(t, res, http.StatusRequestEntityTooLarge, text)
	res, text = c.post("/members/new", "name=%zz")
	want(t, res, http.StatusUnprocessableEntity, text)
}

func TestRedirectsStayHere(t *testing.T) {
	now, _ := clock.Fixed(demoNow)
	s := web.New(web.Config{Clock: now})
	s.Action("/go", policy.RoleNone, func(r *web.Request) (string, error) { return r.FormValue("to"), nil })
	c := serve(t, s)
	for to, wantTo := range map[string]string{"/x?y=1": "/x?y=1", "//evil.example": "/", "https://evil.example/": "/",
		`/\evil.example`: "/", "": "/"} {
		res, _ := c.post("/go", "to="+url.QueryEscape(to))
		if got := res.Header.Get("Location"); got != wantTo {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	res, _ := c.post("/go", "to=", "Referer", c.url+"/cases?x=1")
	if got := res.Header.Get("Location"); got != "/cases?x=1" {
		t.Errorf("back leads to %q", got)
	}
	res, _ = c.post("/go", "to=", "Referer", "https://evil.example/cases")
	if got := res.Header.Get("Location"); got != "/" {
		t.Errorf("back leads to %q", got)
	}
}

func TestDownloads(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	res, text := c.get("/cases?format=csv&lang=en")
	want(t, res, http.StatusOK, text)
	if !strings.HasPrefix(text, "\ufeffSeverity,Case,Marking,Due,Next\r\n") ||
		!strings.Contains(res.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%.100q %s", text, res.Header.Get("Content-Disposition"))
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 10001 || rows[1][2] != "TLP:AMBER" || rows[1][3] != "2026-11-22T05:47:00Z" {
		t.Errorf("%v: %d rows, %q", err, len(rows), rows[1])
	}
	res, text = c.get("/cases?format=json&lang=en")
	want(t, res, http.StatusOK, text)
	var doc struct{ Rows []map[string]any }
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Rows) != 10000 ||
		doc.Rows[0]["severity"] != 3.0 {
		t.Errorf("%v %v", err, doc.Rows[:1])
	}
}

// A reader puts columns away; the address says so, and every way of the list
// keeps it. What a row is, its marking, and files stay whole.
func TestColumnsAreChosen(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	_, all := c.get("/cases?lang=en&state=x")
	if !strings.Contains(all, `<details class="choose"`) || strings.Count(all, "hide=cases.") != 3 ||
		!strings.Contains(all, "hide=cases.due&amp;state=x") {
		t.Fatalf("severity, due and next cannot be put away\n%s", all)
	}
	_, some := c.get("/cases?lang=en&state=x&hide=cases.due,cases.case,cases.marking,other.next,x")
	head := some[strings.Index(some, "<thead"):strings.Index(some, "</thead>")]
	for col, there := range map[string]bool{"Severity": true, "Case": true, "Marking": true, "Due": false,
		"Next": true} {
		if strings.Contains(head, col) != there {
			t.Errorf("the column %s is shown: %v, want %v", col, !there, there)
		}
	}
	row := some[strings.Index(some, "<tbody"):]
	row = row[:strings.Index(row, "</tr>")]
	if strings.Count(row, "<td") != 4 || !strings.Contains(row, `data-name="Next"><`) &&
		!strings.Contains(row, `data-name="Next">ask for`) {
		t.Errorf("the cells do not follow the columns: %s", row)
	}
	if !strings.Contains(some, `<input type="hidden" name="hide" value="cases.due,`) ||
		!strings.Contains(some, "after=50&amp;hide=cases.due%2C") {
		t.Error("the filter or the next page forgets what is put away")
	}
	if _, text := c.get("/cases?format=csv&lang=en&hide=cases.due"); !strings.HasPrefix(text,
		"\ufeffSeverity,Case,Marking,Due,Next\r\n") {
		t.Errorf("a file lacks a column: %.60q", text)
	}
}

func TestFormulasAreHarmless(t *testing.T) {
	now, _ := clock.Fixed(demoNow)
	s := web.New(web.Config{Clock: now})
	s.Page("/t", policy.RoleNone, func(*web.Request) (*web.View, error) {
		return &web.View{Title: i18n.T("T", "T"),
			CSV: &web.Table{Columns: []web.Column{{Key: "a"}, {Key: "b"}},
				Rows: [][]any{{"=cmd|'/c calc'!A1", -5}, {web.Value("@evil.example"), web.Mono("+1")}}}}, nil
	})
	_, text := serve(t, s).get("/t?format=csv")
	if !strings.Contains(text, "\r\n'=cmd|'/c calc'!A1,-5\r\n'@evil.example,'+1\r\n") {
		t.Errorf("%q", text)
	}
}

func TestAssetsAreKept(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	_, text := c.get("/")
	path := regexp.MustCompile(`/assets/[0-9a-f]+/app\.css`).FindString(text)
	res, body := c.get(path)
	want(t, res, http.StatusOK, body, "light-dark(")
	if !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Error("not immutable under its version")
	}
	res, _ = c.get(path, "If-None-Match", res.Header.Get("ETag"), "Accept-Encoding", "identity")
	if res.StatusCode != http.StatusNotModified && res.StatusCode != http.StatusOK {
		t.Errorf("%d", res.StatusCode)
	}
	res, _ = c.get("/assets/old/app.css", "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Cache-Control") != "no-cache" {
		t.Error(res.Header)
	}
	tag := res.Header.Get("ETag")
	res, _ = c.get("/assets/old/app.css", "Accept-Encoding", "gzip", "If-None-Match", tag)
	if res.StatusCode != http.StatusNotModified {
		t.Errorf("%d", res.StatusCode)
	}
	res, _ = c.get("/assets/old/nothing.js")
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := c.get("/favicon.ico"); res.StatusCode != http.StatusFound {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestFragment(t *testing.T) {
	c := serve(t, demo(t, demoDesk))
	_, text := c.get("/", "X-Meneki-Fragment", "1")
	if !strings.HasPrefix(text, `<main id="main"`) || strings.Contains(text, `class="rail"`) ||
		!strings.Contains(text, `id="cases" data-live`) {
		t.Errorf("%.300s", text)
	}
	public := serve(t, demo(t, policy.Viewer{}))
	res, _ := public.get("/", "X-Meneki-Fragment", "1")
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a live page that is signed out gets %d", res.StatusCode)
	}
}

func TestStream(t *testing.T) {
	s := demo(t, demoDesk)
	c := serve(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/live?topics=cases,findings", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res.Header)
	}
	in := bufio.NewReader(res.Body)
	line := func() string {
		for {
			l, err := in.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, ":") {
				return l
			}
		}
	}
	if l := line(); l != "retry: 3000" {
		t.Fatal(l)
	}
	s.Notify("members")
	s.Notify("cases")
	if l := line() + " " + line(); l != "event: tell data: cases" {
		t.Error(l)
	}
	s.Close()
	if l := line(); l != "event: bye" {
		t.Error(l)
	}
	res2, text := c.get("/live?topics=cases")
	want(t, res2, http.StatusTooManyRequests, text)

	public := serve(t, demo(t, policy.Viewer{}))
	res2, text = public.get("/live?topics=cases")
	want(t, res2, http.StatusUnauthorized, text)
	res2, text = public.get("/live?topics=", "Accept", "application/json")
	want(t, res2, http.StatusUnprocessableEntity, text)
}

func TestTemplatesDefinedTwice(t *testing.T) {
	defer func() {
		if p := recover(); p == nil {
			t.Error("a page was quietly replaced by another")
		}
	}()
	demo(t, demoDesk).Templates(demoFiles())
}

func TestAuthFails(t *testing.T) {
	now, _ := clock.Fixed(demoNow)
	calls := 0
	s := web.New(web.Config{Clock: now, Auth: func(*http.Request) (policy.Viewer, error) {
		calls++
		if calls%2 == 0 {
			panic("secret")
		}
		return policy.Viewer{}, fault.Wrap(fault.Storage, i18n.Text{}, errors.New("secret"))
	}})
	s.Page("/x", policy.RoleReader, func(*web.Request) (*web.View, error) { return nil, errors.New("unreachable") })
	c := serve(t, s)
	res, text := c.get("/x")
	want(t, res, http.StatusInsufficientStorage, text)
	res, text = c.get("/x")
	want(t, res, http.StatusInternalServerError, text)
	if strings.Contains(text, "secret") {
		t.Error("the inner error got out")
	}
}

// Readers in two languages and zones at the same time do not see one another's.
func TestReadersAtTheSameTime(t *testing.T) {
	h := demo(t, demoDesk).Handler()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			lang, zone, title := "ja", "Asia/Tokyo", "14:05 <small>JST"
			if i%2 == 0 {
				lang, zone, title = "en", "UTC", "05:05 <small>UTC"
			}
			for range 5 {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Cookie", "meneki_lang="+lang+"; meneki_zone="+url.QueryEscape(zone))
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if text := w.Body.String(); !strings.Contains(text, `<html lang="`+lang+`"`) ||
					!strings.Contains(text, title) {
					t.Errorf("a reader of %s got another's page", lang)
				}
			}
		})
	}
	wg.Wait()
}
