package node

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/web"
)

// indicatorTabs are the views of a node's indicators.
func indicatorTabs() []web.Tab {
	return []web.Tab{{Text: i18n.T("From the hub", "ハブから"), Path: "/indicators"}, {Text: i18n.T("Own watchlist", "自組織の監視リスト"), Path: "/watchlist"}}
}

// ownList lends a node's watchlist to its console.
type ownList struct{ n *Node }

// Stats describes the list.
func (o ownList) Stats() (watchlist.Stats, bool) { return o.n.watch.Stats() }

// Check gives the entries that one of the values meets.
func (o ownList) Check(ctx context.Context, values []event.Observable) ([]watchlist.Hit, error) {
	return o.n.watch.Check(ctx, values)
}

// findListed finds a value on the watchlist, for those who may see the entry.
func (n *Node) findListed() search.Finder {
	return search.Finder{Name: i18n.T("Own watchlist", "自組織の監視リスト"), All: "/watchlist", Find: func(ctx context.Context, v policy.Viewer, q string, limit int) (out []search.Hit, err error) {
		o, ok := feed.Observable(q, "")
		if !ok {
			return nil, nil
		}
		if st, ok := n.watch.Stats(); !ok || st.Damage != nil && st.Entries == 0 {
			return nil, nil // none, or one that its page says cannot be used
		}
		hits, err := n.watch.Check(ctx, []event.Observable{o})
		if err != nil { // the other finders go on; its page says what is damaged
			n.cfg.Log.Warn("the watchlist could not be searched", slog.Any("err", err))
		}
		for _, h := range hits {
			if len(out) < limit && policy.MaySee(v, policy.Handling{TLP: h.Entry.TLP.Binding(), Owner: n.Member()}) {
				out = append(out, search.Hit{Path: "/watchlist?q=" + url.QueryEscape(o.Value), Title: web.Defang(h.Entry.Value) + " (" + h.Entry.Source + ")", Note: h.Entry.TLP.Binding()})
			}
		}
		return out, nil
	}}
}
