package demo

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web/shots"
)

// walker is a person at the console, in one language.
type walker struct {
	t    *testing.T
	ctx  context.Context
	lang i18n.Lang
	base string
}

// open loads a page of the console and holds it to what every page must be.
func (w *walker) open(path string) {
	w.t.Helper()
	w.load(path, 1280, 900)
	if !eval[bool](w,
		`[...document.querySelectorAll('.fold .asks')].every(f => f.checkVisibility({contentVisibilityAuto: true}))`) {
		w.t.Errorf("%s (%s): the filter is folded where there is room", path, w.lang)
	}
}

// phone loads a page as a phone shows it.
func (w *walker) phone(paths ...string) {
	w.t.Helper()
	for _, path := range paths {
		w.load(path, 390, 844)
		if hidden := eval[string](w, covered); hidden != "" {
			w.t.Errorf("%s (%s) on a phone: with the focus it is behind something: %s", path, w.lang, hidden)
		}
		if !eval[bool](w,
			`[...document.querySelectorAll('.fold')].every(f => f.open || !f.querySelector('.asks').checkVisibility({contentVisibilityAuto: true}))`) {
			w.t.Errorf("%s (%s) on a phone: the filter is not folded", path, w.lang)
		}
	}
}

// covered names what has the focus and cannot be seen (WCAG 2.2, 2.4.11).
const covered = `[...document.querySelectorAll('main :is(a[href], button, summary, input:not([type=hidden]), select, textarea)')].filter(e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})).slice(0, 60).filter(e => {
	e.focus();
	const r = e.getBoundingClientRect(), x = Math.min(r.left + Math.min(r.width / 2, 30), innerWidth - 1), y = r.top + Math.min(r.height / 2, 14);
	const on = document.elementFromPoint(x, y);
	return r.width && document.activeElement === e && on && !e.contains(on) && !on.contains(e) && on.closest('.rail, thead, .stripe');
}).map(e => e.outerHTML.slice(0, 80)).join(' ')`

func (w *walker) load(path string, width, height int) {
	w.t.Helper()
	limit, cancel := context.WithTimeout(w.ctx, 40*time.Second)
	defer cancel()
	cookie := &http.Cookie{Name: "meneki_lang", Value: string(w.lang), Path: "/"}
	if err := chromedp.Do(limit, shots.Open(w.base+path, width, height, false, cookie)); err != nil {
		w.t.Fatalf("open %s: %v", path, err)
	}
	w.check(path)
}

// check holds the page that is open to the rules of the console.
func (w *walker) check(path string) {
	w.t.Helper()
	for rule, script := range map[string]string{
		"its language is said":             `document.documentElement.lang === '` + string(w.lang) + `'`,
		"it has one main heading":          `document.querySelectorAll('h1').length === 1`,
		"it has a main landmark":           `document.querySelectorAll('main').length === 1`,
		"it has a way past the navigation": `!!document.querySelector('a[href^="#"]')`,
		"every picture " +
			"is named": `[...document.querySelectorAll('svg[role=img]')].every(s => s.getAttribute('aria-label') || s.getAttribute('aria-labelledby') || s.querySelector('title'))`,
		"every picture has a table or is a mark":    `[...document.querySelectorAll('figure')].every(f => f.querySelector('table') || !f.querySelector('svg'))`,
		"every field has a label":                   `[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].every(f => f.labels.length || f.getAttribute('aria-label') || f.getAttribute('aria-labelledby'))`,
		"every button says something":               `[...document.querySelectorAll('button')].every(b => b.textContent.trim() || b.getAttribute('aria-label'))`,
		"no id stands twice":                        `(i => new Set(i).size === i.length)([...document.querySelectorAll('[id]')].map(e => e.id))`,
		"nothing is wider than the window":          `document.documentElement.scrollWidth <= window.innerWidth`,
		"nothing comes from elsewhere":              `performance.getEntriesByType('resource').every(r => new URL(r.name).host === location.host)`,
		"nothing of the program shows in the words": `!/&\{|%!|<nil>|ZgotmplZ|\{\{/.test(document.body.innerText)`,
	} {
		if !eval[bool](w, script) {
			w.t.Errorf("%s (%s): it does not hold that %s", path, w.lang, rule)
		}
	}
}

func eval[T any](w *walker, script string) T {
	w.t.Helper()
	limit, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	v, err := chromedp.Run(limit, chromedp.Evaluate[T](script))
	if err != nil {
		w.t.Fatalf("evaluate %.80s: %v", script, err)
	}
	return v
}

// sees waits until the page shows words.
func (w *walker) sees(words ...string) {
	w.t.Helper()
	for _, s := range words {
		await.Until(w.t, 10*time.Second, func() string {
			if strings.Contains(eval[string](w, `document.body.innerText`), s) {
				return ""
			}
			return fmt.Sprintf("%s does not show %q; it shows\n%.1500s", eval[string](w, `location.pathname`), s,
				eval[string](w, `document.querySelector('main').innerText`))
		})
	}
}

// follow clicks the first link of the main part whose path begins so, and waits for the page.
func (w *walker) follow(prefix string) {
	w.t.Helper()
	w.click(`main a[href^="` + prefix + `"]`)
}

// submit sends the form of an action as it stands, past what the browser would
// have held back.
func (w *walker) submit(action string) {
	w.t.Helper()
	eval[bool](w, `document.querySelector('main form[method=post][action="`+action+`"]').noValidate = true`)
	w.click(`main form[method=post][action="` + action + `"] button`)
}

func (w *walker) click(selector string) {
	w.t.Helper()
	limit, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	from := eval[string](w, `document.documentElement.dataset.walked = 'yes'; location.href`)
	if err := chromedp.Do(limit, chromedp.Click(chromedp.CSS(selector))); err != nil {
		w.t.Fatalf("click %s: %v", selector, err)
	}
	await.True(w.t, 15*time.Second, selector+" of "+from+" leads nowhere", func() bool {
		const loaded = `document.readyState === 'complete' && document.documentElement.dataset.walked !== 'yes'`
		ready, err := chromedp.Run(limit, chromedp.Evaluate[bool](loaded))
		return err == nil && ready
	})
	w.check(eval[string](w, `location.pathname`))
}

// TestWalk walks the consoles through the whole cycle in both languages: what
// was found and why, the case with its severity, the indicator and who is armed
// with it, the trace in a member's past, and what waits for a person, who lets
// it go.
func TestWalk(t *testing.T) {
	shots.Browser(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	d, err := Open(ctx, Config{Listen: "127.0.0.1:0", Lang: i18n.JA, TLP: policy.Amber})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	browser, stop, err := shots.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := chromedp.Listen(browser, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("a script failed: %s", ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.EntryLevelError && !strings.Contains(ev.Entry.Text, "status of 422") { // a form that is shown again
				t.Errorf("the browser complains: %s %s", ev.Entry.Text, ev.Entry.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	reports, ended := make(chan Report, 1), make(chan error, 1)
	run, end := context.WithCancel(ctx)
	defer func() { end(); <-ended }()
	go func() {
		ended <- d.Run(run, func(r Report) bool { reports <- r; return true })
	}()
	var r Report
	select {
	case r = <-reports:
	case err := <-ended:
		ended <- err
		t.Fatalf("the demo ended: %v", err)
	}
	if !r.OK {
		t.Fatalf("the cycle is not whole: %s", r.Missing)
	}
	walkPlain(t, browser, d, r)
	for _, lang := range []i18n.Lang{i18n.JA, i18n.EN} {
		walkHub(&walker{t, browser, lang, d.Hub.URL()}, r)
		walkRules(&walker{t, browser, lang, d.members[0].node.URL()}, r)
		walkMember(&walker{t, browser, lang, d.members[2].node.URL()}, d)
	}
	// The last page must not ask a console that has ended.
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
}

func walkHub(w *walker, r Report) {
	say := func(en, ja string) string { return i18n.T(en, ja).In(w.lang) }
	main := largest(r)
	w.open("/")
	w.sees(say("Situation", "状況"), main.Number, "TLP:AMBER")
	w.follow("/cases/")
	w.open("/cases")
	w.sees(main.Number, main.Title)
	w.open("/cases/" + main.Number)
	w.sees(main.Title, say("Severity", "深刻度"), "さくら電力", "みどり市")
	w.open("/findings")
	w.sees(r.Findings[0].Title)
	w.open("/findings/" + r.Findings[0].ID)
	w.sees(r.Findings[0].Title, "meneki project", "Apache-2.0", "WINWORD.EXE")
	w.open("/indicators")
	w.sees("cdn[.]update-portal[.]example", "3 / 3")
	w.open("/indicators/" + r.Indicators[0].ID)
	w.sees("TLP:AMBER", "あおば大学")
	w.open("/foryou?least=0")
	for _, path := range []string{"/contribution", "/contribution/rules", "/indicators/decay", "/foryou",
		"/foryou/profile", "/foryou/digest"} {
		w.open(path)
		w.phone(path)
	}
	w.open("/members")
	w.sees("さくら電力", "みどり市", "あおば大学")
	w.open("/search?q=update-portal")
	w.sees("update-portal")
	w.open("/settings")
	w.open("/settings/about")
	w.open("/rules")
	w.sees(say("No figures yet", "集計はまだありません"))
	w.open("/coverage")
	w.open("/settings/tokens")
	w.sees(say("A token belongs to an account.", "トークンは利用者に属します。"))
	w.open("/members")
	w.submit("/members")
	w.sees(say("This must be filled in", "入力してください"), say("Choose one of these", "いずれかを選んでください"))
	if !eval[bool](w, `document.activeElement.name === 'name'`) {
		w.t.Error("the first field that is wrong does not have the focus")
	}
	w.open("/objects?type=report")
	w.follow("/objects/report--")
	w.sees("KomoriLoader", "TLP:GREEN")
	w.open("/objects/lookup")
	w.open("/share/new")
	w.phone("/objects", "/reports", "/objects/lookup", "/share/new")
	w.phone("/cases", "/findings", "/indicators", "/rules", "/coverage", "/findings/"+r.Findings[0].ID, "/members")
}

// largest returns the case with most findings. Two members' findings have no order
// between them, so the first case is not always the one of the first attack.
func largest(r Report) ReportCase {
	return slices.MaxFunc(r.Cases, func(a, b ReportCase) int { return cmp.Compare(a.Findings, b.Findings) })
}

// walkRules looks at what a member's node does with its rules: health, what
// correlates, one rule, what is sent about them, and a false alarm.
func walkRules(w *walker, r Report) {
	say := func(en, ja string) string { return i18n.T(en, ja).In(w.lang) }
	w.open("/rules/health")
	w.sees(r.Findings[0].Title)
	w.open("/rules/correlation")
	w.sees(say("No correlation rules", "相関ルールがありません"), "256 MiB")
	w.open("/rules")
	w.sees(r.Findings[0].Title, "Apache-2.0")
	w.follow("/rules/5")
	w.sees("detection:")
	w.open("/rules?show=refused")
	w.open("/coverage")
	w.follow("/coverage/T")
	w.open("/settings/rule-counts")
	w.sees(r.Findings[0].RuleID)
	w.open("/watchlist")
	w.sees("meneki indicators import")
	w.open("/watchlist?q=evil.example")
	w.sees("evil[.]example")
	w.open("/findings")
	w.follow("/findings/")
	w.open("/rules/" + r.Findings[0].RuleID)
	w.sees(r.Findings[0].Title)
	w.open("/foryou?least=0")
	w.phone("/foryou?least=0", "/foryou/profile")
	w.phone("/rules", "/rules/health", "/rules/correlation", "/rules/"+r.Findings[0].RuleID, "/settings/rule-counts", "/coverage", "/watchlist")
}

func walkMember(w *walker, d *Demo) {
	w.open("/")
	w.open("/findings")
	w.open("/indicators")
	w.open("/settings/sharing")
	w.open("/outgoing")
	if university(w, d, release.StateWaiting) == 0 {
		return // the walk in the other language let everything go
	}
	sent := university(w, d, release.StateSent)
	w.follow("/outgoing/")
	w.sees("update-portal")
	w.click(`form[action$="/send"] button`)
	await.True(w.t, 10*time.Second, "what a person released was not sent", func() bool {
		return university(w, d, release.StateSent) > sent
	})
}

// university counts what is in a state among the university's outgoing messages.
func university(w *walker, d *Demo, state string) (n int64) {
	w.t.Helper()
	err := d.members[2].node.DB().Read(w.ctx, store.System("test"), func(tx *store.Tx) (err error) {
		n, err = release.Count(tx, state)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
