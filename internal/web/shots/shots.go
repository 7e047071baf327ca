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
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
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
	for _, name := range []string{os.Getenv("MENEKI_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "headless-shell"} {
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

// Start starts a browser. The context may be given to Take many times, and to
// chromedp for tests that click; the returned function ends the browser.
func Start(ctx context.Context) (context.Context, context.CancelFunc, error) {
	path := Find()
	if path == "" {
		return nil, nil, errors.New("shots: no chromium on PATH")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-breakpad", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE [::1]"),
	)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, stopAlloc := chromedp.NewExecAllocator(ctx, opts...)
	ctx, stopTab := chromedp.NewContext(ctx)
	stop := func() { stopTab(); stopAlloc() }
	if err := chromedp.Run(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("shots: start %s: %w", path, err)
	}
	return ctx, stop, nil
}

// Take writes a PNG of the page at url as a window of width by height CSS pixels
// shows it; height 0 takes the whole page. ctx may be one from Start; otherwise
// a browser is started for this one picture. Cookies are set before loading.
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
	tab, cancel := context.WithTimeout(tab, 60*time.Second)
	defer cancel()
	var png []byte
	if err := chromedp.Run(tab, Open(address, width, height, dark, cookies...), chromedp.ActionFunc(func(ctx context.Context) error {
		shot := page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatPng)
		if height == 0 {
			shot = shot.WithCaptureBeyondViewport(true)
			_, _, _, _, _, size, err := page.GetLayoutMetrics().Do(ctx)
			if err != nil {
				return err
			}
			// A page's fixed parts stand at the end of the window: the window is the page.
			if err := emulation.SetDeviceMetricsOverride(int64(width), int64(size.Height), 1, width < 600).Do(ctx); err != nil {
				return err
			}
		}
		var err error
		png, err = shot.Do(ctx)
		return err
	})); err != nil {
		return fmt.Errorf("shots: %s: %w", address, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("shots: %w", err)
	}
	return os.WriteFile(file, png, 0o644)
}

// Open is a chromedp task that loads a page in a window of the given size and
// theme, and waits until it and its fonts are there.
func Open(address string, width, height int, dark bool, cookies ...*http.Cookie) chromedp.Tasks {
	if height == 0 {
		height = 900
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return chromedp.Tasks{
		emulation.SetDeviceMetricsOverride(int64(width), int64(height), 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}),
		chromedp.ActionFunc(func(ctx context.Context) error {
			u, err := url.Parse(address)
			if err != nil {
				return err
			}
			for _, c := range cookies {
				if err := network.SetCookie(c.Name, c.Value).WithURL(u.Scheme + "://" + u.Host + "/").WithHTTPOnly(c.HttpOnly).Do(ctx); err != nil {
					return fmt.Errorf("cookie %s: %w", strings.ToLower(c.Name), err)
				}
			}
			return nil
		}),
		chromedp.Navigate(address),
		chromedp.Evaluate(`document.fonts.ready.then(() => true)`, nil, chromedp.EvalAsValue, awaitPromise),
	}
}
