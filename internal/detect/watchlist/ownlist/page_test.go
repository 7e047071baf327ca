package ownlist

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// brokenList is a real list as its pages see it, with what is said to be wrong with it;
// nil is none.
type brokenList struct {
	*watchlist.List
	damage error
}

func (d brokenList) Stats() (st watchlist.Stats, ok bool) {
	if d.List == nil {
		return st, false
	}
	st = d.List.Stats()
	st.Damage = d.damage
	return st, true
}

func (d brokenList) Check(_ context.Context, values []event.Observable) (out []watchlist.Hit, err error) {
	if d.List == nil {
		return nil, nil
	}
	err = d.Lookup(values, func(h watchlist.Hit) bool { out = append(out, h); return true })
	return out, err
}

// The page of the watchlist names its sources and answers for one value, in both
// languages; an entry of TLP:RED is for persons, not for machines.
func TestWatchPage(t *testing.T) {
	now, _ := clock.Fixed(detecttest.Start)
	l, err := watchlist.Open(t.TempDir(), watchlist.Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	load, err := l.Load(watchlist.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []watchlist.Entry{
		{
			Type: event.IPv4, Value: "198.51.100.0/24", Source: detecttest.Hostile, ID: detecttest.Hostile,
			TLP: policy.Amber,
		},
		{
			Type: event.Domain, Value: "evil.example", Match: watchlist.Tree, Source: "Feed A", TLP: policy.Green,
			ValidUntil: detecttest.Start.Add(time.Hour),
		},
		{Type: event.Domain, Value: "www.evil.example", Source: "Feed B", TLP: policy.Red},
		{
			Type: event.Domain, Value: "over.example", Source: "Feed A", TLP: policy.Green,
			ValidUntil: detecttest.Start.Add(-time.Hour),
		},
	} {
		if err := load.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := load.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	serve := func(d brokenList) http.Handler {
		viewers := map[string]policy.Viewer{
			"reader":  {User: "u2", Name: "Reader", Member: "power", Role: policy.RoleReader},
			"machine": {User: "t1", Name: "Token", Member: "power", Role: policy.RoleReader, Machine: true},
		}
		auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
		site := web.New(
			web.Config{
				Clock: now,
				Auth:  auth,
				Nav: []web.NavItem{
					{Key: "indicators", Path: "/indicators", Text: i18n.T("Indicators", "指標"), Icon: "indicators"},
				},
			},
		)
		mux := http.NewServeMux()
		a := api.New(mux, api.Config{Auth: auth, Clock: now})
		cfg := PageConfig{List: d, Member: func() string { return "power" }}
		Pages(site, cfg)
		API(a, cfg)
		mux.Handle("/", site.Handler())
		return mux
	}
	h := serve(brokenList{List: l})
	for path, words := range map[string][2][]string{
		"": {{"Feed A", "Feed B", "in service", "Entries"}, {"出所", "稼働中"}},
		"?q=" + url.QueryEscape("hxxps://www[.]evil[.]example/a"): {
			{"is not on the watchlist"}, {"監視リストにありません"},
		},
		"?q=www[.]evil[.]example": {
			{"this domain and all below it", "exactly this", "RED", "GREEN", "Feed B"},
			{"完全一致", "このドメインとその下すべて"},
		},
		"?q=198.51.100.7": {
			{"addresses in this network", "198.51.100.0/24"}, {"このネットワーク内のアドレス"},
		},
		"?q=over.example": {
			{"over[.]example is not on the watchlist"}, {"監視リストにありません"},
		},
		"?q=%3F%3F%3F": {{"This is no address"}, {"いずれでもありません"}},
		"?q=" + url.QueryEscape(detecttest.Hostile): {{}, {}},
	} {
		got := detecttest.Page(t, h, "reader", "/watchlist"+path)
		for i, lang := range []string{"en", "ja"} {
			for _, w := range words[i] {
				if !strings.Contains(got[lang], w) {
					t.Errorf("%s does not say %q in %s", path, w, lang)
				}
			}
		}
	}
	shown := detecttest.Page(t, h, "machine", "/watchlist?q=www.evil.example")["en"]
	if strings.Contains(shown, "exactly this") || !strings.Contains(shown, "this domain and all below it") {
		t.Error("a machine sees what is for persons, or not what is for all")
	}
	for as, want := range map[string]int{"reader": 2, "machine": 1} {
		code, body := detecttest.Get(t, h, as, "/api/v1/watchlist/check?value=www.evil.example")
		if code != 200 || strings.Count(body, `"source"`) != want {
			t.Errorf("%s: %d, %s", as, code, body)
		}
	}
	if code, body := detecttest.Get(t, h, "reader", "/api/v1/watchlist"); code != 200 ||
		!strings.Contains(body, `"Feed A":1`) {
		t.Errorf("%d, %s", code, body)
	}
	code, body := detecttest.Get(t, h, "machine", "/api/v1/watchlist")
	if page := detecttest.Page(t, h, "machine", "/watchlist")["en"]; code != 200 ||
		strings.Contains(body+page, "Feed") ||
		strings.Contains(body, `"entries":3`) {
		t.Errorf("a machine learns of whom there are entries: %d, %s", code, body)
	}
	if code, _ := detecttest.Get(t, h, "reader", "/api/v1/watchlist/check?value=%3F%3F"); code != 400 && code != 422 {
		t.Errorf("no observable: %d", code)
	}
	if code, _ := detecttest.Get(t, h, "", "/api/v1/watchlist/check?value=evil.example"); code != 401 && code != 403 {
		t.Errorf("nobody: %d", code)
	}
	none := detecttest.Page(t, serve(brokenList{}), "reader", "/watchlist?q=evil.example")
	if !strings.Contains(none["en"], "meneki indicators import") ||
		!strings.Contains(none["ja"], "監視リストはまだありません") {
		t.Error("where there is no list the page does not say how to get one")
	}
	broken := serve(brokenList{l, errors.New("block 7 is damaged")})
	shown = detecttest.Page(t, broken, "reader", "/watchlist")["en"]
	if !strings.Contains(shown, "damaged in part") || !strings.Contains(shown, "block 7 is damaged") {
		t.Error("the page does not say that the list is damaged")
	}
	if code, csv := detecttest.Get(t, h, "reader", "/watchlist?format=csv&lang=en"); code != 200 ||
		!strings.Contains(csv, "Feed A,1") {
		t.Errorf("%d\n%s", code, fmt.Sprintf("%q", csv))
	}
}
