// Package shots takes pictures of pages with the Chromium that is installed, for
// browser tests and for the screenshots in the README. The browser gets a fresh
// profile, resolves no names but the machine's own, and is ended with the
// context.
package shots

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// T is what Browser needs of a testing.TB.
type T interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Find looks for a Chromium on PATH; MENEKI_CHROMIUM names one. Empty: there is none.
func Find() string {
	for _, name := range []string{os.Getenv("MENEKI_CHROMIUM"), "chromium", "chromium-browser", "google-chrome",
		"headless-shell"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Browser is Find for tests: without a browser it skips with the reason, and
// fails where CI=true, because there a skip is a failure.
func Browser(t T) string {
	t.Helper()
	path := Find()
	if path == "" {
		const why = "no chromium on PATH (Debian: apt-get install chromium fonts-noto-cjk)"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return path
}

// Zone is the time zone in which the browser lives, so that pictures are the
// same on every machine.
const Zone = "Asia/Tokyo"

// Start starts a browser. The context may be given to Take many times, and to
// chromedp for tests that click; the returned function ends the browser.
func Start(ctx context.Context) (context.Context, context.CancelFunc, error) {
	path := Find()
	if path == "" {
		return nil, nil, errors.New("shots: no chromium on PATH")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Env("TZ="+Zone),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-breakpad", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("force-prefers-reduced-motion", true),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE [::1]"),
	)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, stopAlloc := chromedp.NewExecAllocator(ctx, opts...)
	ctx, stopTab := chromedp.NewContext(ctx)
	stop := func() { stopTab(); stopAlloc() }
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("shots: start %s: %w", path, err)
	}
	return ctx, stop, nil
}

// Take writes a PNG of the page at address as a window of width by height CSS
// pixels shows it; height 0 takes the whole page. dark chooses the console's
// theme by its cookie. ctx may be one from Start; otherwise a browser is started
// for this one picture. Cookies are set before the page is loaded.
func Take(ctx context.Context, address, file string, width, height int, dark bool, cookies ...*http.Cookie) error {
	if chromedp.FromContext(ctx) == nil {
		c, stop, err := Start(ctx)
		if err != nil {
			return err
		}
		defer stop()
		ctx = c
	}
	tab, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	if err := chromedp.Do(tab); err != nil { // the tab lives longer than the limit below
		return fmt.Errorf("shots: %w", err)
	}
	limit, cancel := context.WithTimeout(tab, 60*time.Second)
	defer cancel()
	window := height
	if window == 0 {
		window = 900
	}
	if err := chromedp.Do(limit, Open(address, width, window, dark, cookies...)); err != nil {
		return fmt.Errorf("shots: %s: %w", address, err)
	}
	if height == 0 {
		// What stands at the edge of the window must stand at the end of the page.
		whole, err := chromedp.Run(limit, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
		if err == nil {
			err = chromedp.Do(limit, chromedp.EmulateViewport(int64(width), whole))
		}
		if err != nil {
			return fmt.Errorf("shots: %s: %w", address, err)
		}
	}
	png, err := chromedp.Run(limit, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("shots: %s: %w", address, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("shots: %w", err)
	}
	return os.WriteFile(file, png, 0o644)
}

// Open is a chromedp action that loads a page in a window of the given size and
// theme, and waits until it and its fonts are there.
func Open(address string, width, height int, dark bool, cookies ...*http.Cookie) chromedp.Action[chromedp.Void] {
	theme := "light"
	if dark {
		theme = "dark"
	}
	set := fmt.Sprintf("document.cookie = %q;", "meneki_theme="+theme+";path=/")
	for _, c := range cookies {
		set += fmt.Sprintf("document.cookie = %q;", c.Name+"="+c.Value+";path=/")
	}
	origin := address
	if u, err := url.Parse(address); err == nil {
		origin = u.Scheme + "://" + u.Host + "/favicon.ico" // cookies need a page of their site
	}
	return chromedp.Steps(
		chromedp.EmulateViewport(int64(width), int64(height)),
		chromedp.Navigate(origin),
		chromedp.Evaluate[chromedp.Void](set+"0"),
		chromedp.Navigate(address),
		chromedp.Evaluate[chromedp.Void](`document.fonts.ready.then(() => 0)`, chromedp.EvalAwaitPromise),
	)
}
