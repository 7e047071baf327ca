package demo

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/release"
)

// walkPlain goes the main path with scripts switched off: from the situation to a
// case, to an indicator, to the filter of a list, and lets a message go.
func walkPlain(t *testing.T, browser context.Context, d *Demo, r Report) {
	t.Helper()
	scripts := func(off bool) {
		err := chromedp.Do(browser, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled,
				emulation.SetScriptExecutionDisabledParams{Value: off})
			return err
		}))
		if err != nil {
			t.Fatalf("scripts: %v", err)
		}
	}
	scripts(true)
	defer scripts(false)
	hub := &walker{t, browser, i18n.JA, d.Hub.URL()}
	hub.open("/")
	if eval[bool](hub, `document.documentElement.classList.contains('js')`) {
		t.Fatal("scripts run")
	}
	hub.follow("/cases/" + largest(r).Number)
	hub.sees(largest(r).Title)
	hub.follow("/indicators/indicator--")
	hub.sees("TLP:AMBER")
	hub.open("/findings")
	hub.click(`main form.filter button`)
	hub.sees(r.Findings[0].Title)
	member := &walker{t, browser, i18n.JA, d.members[2].node.URL()}
	waiting := university(member, d, release.StateWaiting)
	member.open("/outgoing")
	member.follow("/outgoing/")
	member.click(`form[action$="/send"] button`)
	if left := university(member, d, release.StateWaiting); left != waiting-1 {
		t.Errorf("%d messages waited, and %d wait after one was let go", waiting, left)
	}
}
