package timeline

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web/lint"
	"github.com/meneki/meneki/internal/web/shots"
)

func report(t testing.TB, l i18n.Lang) string {
	_, list := sample(t)
	r := result(list)
	r.Report.BadN, r.Report.Bad = 1, []read.BadRecord{{Name: "x.json", Record: 3, Reason: i18n.T("broken", "壊れています")}}
	r.Report.SkipN, r.Report.Skipped = 300,
		[]read.SkippedFile{{Name: "y.pcap", Reason: i18n.T("packet capture", "パケットキャプチャ")}}
	return written(t, "html", style(l), r, list)
}

var remote = regexp.MustCompile(
	`(?i)(src|href|action|srcset|data)\s*=\s*["']?\s*(https?:)?//|@import|url\(|<link|<iframe|<img`,
)

func TestHTML(t *testing.T) {
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		got := report(t, l)
		if m := remote.FindString(got); m != "" {
			t.Errorf("%s: loads something: %s", l, m)
		}
		if strings.Contains(got, "<script>\"") || strings.Count(got, "<script") != 1 ||
			strings.Contains(got, "quoted\" <b>") {
			t.Errorf("%s: text of an event is markup", l)
		}
		for _, w := range lint.Page([]byte(got)) {
			if !strings.Contains(w, "script") && !strings.Contains(w, "style") { // the one of each is its own, by hash
				t.Errorf("%s: %s", l, w)
			}
		}
		for _, want := range []string{"TLP:AMBER", "11111111-1111-4111-8111-111111111111", "Aoi, 山田", "DRL-1.1",
			"licence as stated by its source", "T1059.001", "2026-01-02", "12:04:05.123", "PC1", "logs/a.zip!b.json #7",
			"r.yml:7", "x.json #3", "y.pcap", "<svg", `role="img"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing", l, want)
			}
		}
	}
	ja := report(t, i18n.JA)
	for _, want := range []string{`lang="ja"`, "2 台の機器で 3 件のルールに 3 件が一致", "壊れています", "300 件中、最初の 1 件", "時刻の記載なし",
		"水平展開", "未知の修飾子"} {
		if !strings.Contains(ja, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestHTMLNamesRefusedRules(t *testing.T) {
	if got := report(t, i18n.EN); !strings.Contains(got, "unknown modifier") {
		t.Error("the reason of a refused rule is missing")
	}
}

func TestHTMLNothing(t *testing.T) {
	got := written(t, "html", style(i18n.EN), &Result{}, nil)
	if !strings.Contains(got, "No rule matched") || strings.Contains(got, "<svg class=\"pic") {
		t.Error("an empty report")
	}
}

// Of more matches than the table can hold, it holds the most severe, and says so.
func TestHTMLCut(t *testing.T) {
	_, list := sample(t)
	var all []*Match
	for i := range maxRows + 100 {
		m := *list[1]
		if i%100 == 99 {
			m = *list[0]
		}
		m.Time = at("2026-01-01T00:00:00Z").Add(time.Duration(i) * time.Minute)
		all = append(all, &m)
	}
	got := written(t, "html", style(i18n.EN), result(all), all)
	if n := strings.Count(got, `<tr data-l="1">`); n != (maxRows+100)/100 {
		t.Errorf("%d of the severe matches are shown", n)
	}
	if n := strings.Count(got, "<tr data-l="); n != maxRows {
		t.Errorf("%d rows", n)
	}
	if want := "The table shows 5,000 of 5,100 matches: all of High, the first 4,949 of Low."; !strings.Contains(got,
		want) {
		t.Errorf("does not say %q", want)
	}
}

// In a browser, nothing is wider than the window, nothing is blocked, and the
// filter works. MENEKI_SHOTS names a folder for pictures.
func TestHTMLBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	shots.Browser(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, report(t, i18n.Lang(strings.Trim(r.URL.Path, "/"))))
	}))
	defer srv.Close()
	ctx, stop, err := shots.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var errs []string
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			errs = append(errs, e.ExceptionDetails.Text)
		case *log.EventEntryAdded: // what the content security policy blocks
			if e.Entry.Level == log.EntryLevelError && !strings.HasSuffix(e.Entry.URL, "favicon.ico") {
				errs = append(errs, e.Entry.Text)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"ja", "en"} {
		for _, width := range []int{1440, 390} {
			for _, dark := range []bool{false, true} {
				scheme := "light"
				if dark {
					scheme = "dark"
				}
				if err := chromedp.Do(ctx, shots.Open(srv.URL+"/"+lang, width, 900, dark)); err != nil {
					t.Fatal(err)
				}
				wide, err := chromedp.Run(ctx,
					chromedp.Evaluate[int](`document.documentElement.style.colorScheme=`+"'"+scheme+"'"+
						`;document.documentElement.scrollWidth`))
				if err != nil || wide > width {
					t.Errorf("%s %d: the page is %d wide: %v", lang, width, wide, err)
				}
				if dir := os.Getenv("MENEKI_SHOTS"); dir != "" {
					whole, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
					if err != nil {
						t.Fatal(err)
					}
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), whole)); err != nil {
						t.Fatal(err)
					}
					png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
					if err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("report-%s-%d-%s.png", lang, width, scheme)),
						png, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	left, err := chromedp.Run(ctx, chromedp.Evaluate[int](`(() => {
		const lv = document.getElementById("lv"); lv.selectedIndex = 1; lv.dispatchEvent(new Event("change"));
		return [...document.querySelectorAll(".rows tbody tr")].filter(r => !r.hidden).length })()`))
	if err != nil || left != 1 {
		t.Errorf("the filter leaves %d rows, want 1: %v", left, err)
	}
	if len(errs) > 0 {
		t.Error(errs)
	}
}
