package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/meneki/meneki/internal/web/shots"
)

func TestAdhoc(t *testing.T) {
	srv := httptest.NewServer(demo(t, demoDesk).Handler())
	defer srv.Close()
	ctx, stop, err := shots.Start(t.Context())
	if err != nil { t.Fatal(err) }
	defer stop()
	snap := func(file string, w, h int, path string, js string) {
		if err := chromedp.Do(ctx, shots.Open(srv.URL+path, w, h, false, &http.Cookie{Name: "meneki_lang", Value: "ja"}), chromedp.Evaluate[chromedp.Void](js)); err != nil { t.Fatal(err) }
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil { t.Fatal(err) }
		os.WriteFile("/tmp/shots/"+file, png, 0o644)
	}
	snap("m1.png", 1440, 700, "/", `document.querySelector('.menu').open = true; document.querySelector('.astable').open = true`)
	snap("m2.png", 390, 800, "/", `document.querySelector('.more').open = true`)
	snap("m3.png", 1024, 900, "/cases/1", `document.getElementById('keys').showModal()`)
	snap("m4.png", 1920, 1080, "/", `0`)
	snap("m5.png", 1440, 700, "/cases", `window.scrollTo(0, 600)`)
	snap("m6.png", 760, 900, "/", `window.scrollTo(0, 500)`)
	chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900))
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	t.Log(len(pdf), err)
	os.WriteFile("/tmp/shots/m.pdf", pdf, 0o644)
}
