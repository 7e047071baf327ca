package ownlist

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/web"
)

// Module is the watchlist as a node runs it. member returns the node's member id.
func Module(l *List, member func() string) role.Module {
	c := PageConfig{List: l, Member: member}
	name := i18n.T("Own watchlist", "自組織の監視リスト")
	return role.Module{
		Name:    "watchlist",
		Pages:   func(site *web.Site) { Pages(site, c) },
		API:     func(a *api.API) { API(a, c) },
		Control: l.Serve,
		Tabs:    []web.MoreTab{{Page: "indicators", Tab: web.Tab{Text: name, Path: "/watchlist"}}},
		Finders: []search.Finder{c.finder(name, l.Log)},
		Gauges: []role.Gauge{{Name: "meneki_watchlist_entries", Help: "Entries of the node's own watchlist.",
			Read: func(context.Context) float64 { return float64(l.Entries()) }}},
		Start: l.Start,
		Close: func() error { l.Close(); return nil },
	}
}

// finder finds a value on the watchlist, for those who may see the entry.
func (c PageConfig) finder(name i18n.Text, log *slog.Logger) search.Finder {
	find := func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		o, ok := feed.Observable(q, "")
		if !ok {
			return nil, nil
		}
		if st, ok := c.List.Stats(); !ok || st.Damage != nil && st.Entries == 0 {
			return nil, nil // none, or one that its page says cannot be used
		}
		hits, err := c.hits(ctx, v, o)
		if err != nil { // the other finders go on; its page says what is damaged
			log.Warn("the watchlist could not be searched", slog.Any("err", err))
		}
		for _, h := range hits[:min(limit, len(hits))] {
			out = append(out, search.Hit{Path: "/watchlist?q=" + url.QueryEscape(o.Value),
				Title: web.Defang(h.Entry.Value) + " (" + h.Entry.Source + ")", Note: h.Entry.TLP.OrRed()})
		}
		return out, nil
	}
	return search.Finder{Name: name, All: "/watchlist", Find: find}
}

// check that what a command gets is what the node has.
var (
	_ Access = (*List)(nil)
	_ Access = Remote{}
)
