package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/web/shots"
)

// growing is a console with one list that a test makes longer.
type growing struct {
	mu   sync.Mutex
	rows []string // under mu
	site *web.Site
}

func (g *growing) add(ids ...string) {
	g.mu.Lock()
	g.rows = append(append([]string{}, ids...), g.rows...)
	g.mu.Unlock()
	g.site.Notify("rows")
}

func newGrowing() *growing {
	now, _ := clock.Fixed(demoNow)
	g := &growing{rows: []string{"a", "b", "c"}}
	g.site = web.New(web.Config{Clock: now, Search: "/search",
		Auth: func(*http.Request) (policy.Viewer, error) { return demoDesk, nil },
		Nav: []web.NavItem{{Key: "list", Path: "/", Text: i18n.T("List", "一覧"), Icon: "cases", Letter: "l"},
			{Key: "row", Path: "/row/z", Text: i18n.T("Row", "行"), Icon: "note", Letter: "r"}}})
	g.site.Templates(demoFiles())
	g.site.Page("/", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		l := web.List{ID: "rows", Caption: i18n.T("Rows", "行"), Count: web.Exactly(int64(len(g.rows))),
			Columns: []web.ListColumn{{Key: "a", Text: i18n.T("Row", "行"), Role: web.RoleMain},
				{Key: "v", Text: i18n.T("Value", "値")}}}
		for _, id := range g.rows {
			l.Rows = append(l.Rows, web.Row{Key: id, Path: "/row/" + id,
				Cells: []any{"row " + id, web.Value("http://evil.example/" + id)}})
		}
		return &web.View{Template: "demo/cases", Title: i18n.T("List", "一覧"), Nav: "list", Data: l,
			Live: []string{"rows"}}, nil
	})
	g.site.Page("/row/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return &web.View{Template: "demo/public", Title: i18n.T("Row {0}", "行 {0}").With(r.PathValue("id"))}, nil
	})
	return g
}

// What people do with hands, keys and eyes, in a real browser.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes some seconds")
	}
	shots.Browser(t)
	g := newGrowing()
	srv := httptest.NewServer(g.site.Handler())
	defer srv.Close()
	defer g.site.Close()
	browser, stop, err := shots.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(browser, 90*time.Second)
	defer cancel()
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// eventually waits until an expression is true.
	eventually := func(what, js string) {
		t.Helper()
		await.Until(t, 15*time.Second, func() string {
			// A page that is just being left cannot be asked.
			if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js)); err == nil && ok {
				return ""
			}
			state, _ := chromedp.Run(ctx, chromedp.Evaluate[string](
				`document.documentElement.lang + ' ' + location.href + ' ' + document.activeElement.outerHTML.slice(0, 200) +
					document.querySelector("main").innerText`))
			return what + ": it did not come to pass\n" + state
		})
	}
	const rows = `document.querySelectorAll('tr[data-key]')`
	key := func(k string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(k) }
	hover := func(sel string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			at, err := chromedp.Evaluate[[]float64](fmt.Sprintf(
				`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`, sel))(ctx, target)
			if err != nil {
				return err
			}
			_, err = chromedp.MouseEvent("mouseMoved", at[0], at[1])(ctx, target)
			return err
		})
	}

	do("open", shots.Open(srv.URL+"/", 1440, 900, false, &http.Cookie{Name: "meneki_lang", Value: "ja"}))
	eventually("the page is live",
		`document.documentElement.classList.contains('js') && !document.querySelector('[data-livedot]').hidden && !document.querySelector('[data-livedot]').classList.contains('off')`)

	g.add("d")
	eventually("a new row comes in, marked",
		rows+`.length === 4 && `+rows+`[0].dataset.key === 'd' && `+rows+`[0].classList.contains('fresh') && !`+rows+
			`[1].classList.contains('fresh')`)

	do("put the hand on a row", hover(`tr[data-key=a] a`))
	before, err := chromedp.Run(ctx, chromedp.Evaluate[float64](
		`document.querySelector('tr[data-key=a]').getBoundingClientRect().top`))
	if err != nil {
		t.Fatal(err)
	}
	g.add("e", "f")
	eventually("new rows wait",
		`document.querySelector('[data-fresh] button')?.textContent === '新着 2 件を表示' && `+rows+`.length === 4`)
	after, err := chromedp.Run(ctx, chromedp.Evaluate[float64](
		`document.querySelector('tr[data-key=a]').getBoundingClientRect().top`))
	if err != nil || after != before {
		t.Fatalf("what the hand was on moved from %v to %v (%v)", before, after, err)
	}
	do("show them", chromedp.Click(chromedp.CSS(`[data-fresh] button`)))
	eventually("they are shown",
		rows+
			`.length === 6 && document.querySelectorAll('tr.fresh').length === 2 && document.activeElement.dataset.key === 'e'`)

	do("j moves", hover(`h1`), key("j"), key("j"), key("k"))
	eventually("the second row has the focus", `document.activeElement.dataset.key === 'f'`)
	do("slash searches", key("/"))
	eventually("the search box has the focus", `document.activeElement.id === 'q-all'`)
	do("keys are text there", key("j"), key("?"))
	eventually("typed", `document.activeElement.value.endsWith('j?') && !document.getElementById('keys').open`)
	do("leave", chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), key("?"))
	eventually("? lists the keys", `document.getElementById('keys').open`)
	do("close", chromedp.Click(chromedp.CSS(`#keys .btn`)))

	do("copy", chromedp.Evaluate[chromedp.Void](
		`window.copied = ''; document.execCommand = () => { window.copied = document.activeElement.value; return true }; navigator.clipboard.writeText = async (s) => { window.copied = s }; 0`),
		chromedp.Click(chromedp.CSS(`tr[data-key=a] .copy`)))
	eventually("exactly what it is", `window.copied === 'http://evil.example/a'`)

	do("theme", chromedp.Click(chromedp.CSS(`.menu > summary`)), chromedp.Click(chromedp.CSS(`[data-theme-set=dark]`)))
	eventually("dark at once",
		`document.documentElement.dataset.theme === 'dark' && getComputedStyle(document.body).backgroundColor === 'rgb(12, 17, 22)' && document.cookie.includes('meneki_theme=dark')`)

	do("language", chromedp.Click(chromedp.CSS(`a.lang`)))
	eventually("English, and the address is clean", `document.documentElement.lang === 'en' && !location.search`)
	do("go", key("g"), key("r"))
	eventually("g and a letter go", `location.pathname === '/row/z'`)
	do("back, and Enter opens", chromedp.Navigate(srv.URL+"/"), key("j"), key("\r"))
	eventually("the row is open", `location.pathname === '/row/e'`)

	forms := httptest.NewServer(demo(t, demoDesk).Handler())
	defer forms.Close()
	const area, typed = `document.querySelector('textarea[name=domains]')`, "half a thought"
	do("write", chromedp.Navigate(forms.URL+"/members/new"),
		chromedp.SendKeys(chromedp.CSS(`textarea[name=domains]`), typed))
	do("go elsewhere and come back", chromedp.Navigate(forms.URL+"/findings"),
		chromedp.Navigate(forms.URL+"/members/new"))
	eventually("what was not sent is there", area+`?.value === '`+typed+`'`)
	do("send without the name", chromedp.Evaluate[chromedp.Void](
		`const f = `+area+`.form; f.noValidate = true; f.requestSubmit(); 0`))
	eventually("refused, and still there",
		`!!document.querySelector('[aria-invalid=true]') && `+area+`.value === '`+typed+`'`)
	do("send", chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "A"),
		chromedp.Evaluate[chromedp.Void](area+`.form.requestSubmit(); 0`))
	eventually("sent, so it is gone",
		`!document.querySelector('[aria-invalid=true]') && `+area+
			`?.value === '' && !Object.keys(sessionStorage).some((k) => k.startsWith('draft'))`)
}
