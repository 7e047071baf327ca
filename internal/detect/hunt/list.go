package hunt

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// NewEntries is what is new on a node's watchlist, for a search of its past.
type NewEntries struct {
	Values []event.Observable     // that the history is indexed by
	Wide   map[watchlist.Key]bool // the other entries, for which every event is read
}

// HuntList searches the node's whole past for what is new on its watchlist: first
// for values, by the indexes; then, if there are any, for the wide entries. What it
// finds becomes findings, marked as past, as the entries say that the events meet;
// an entry that is expired or gone finds nothing. At most maxTraces events of each
// of the two searches are written; Hits counts on. tell may be nil; it hears of one
// search after the other.
func (s *Searcher) HuntList(ctx context.Context, fresh NewEntries, tell func(done, total int64)) (Result, error) {
	var out Result
	w := s.Engine.Watched()
	if w == nil {
		return out, nil
	}
	wanted := make(map[event.Observable]bool, len(fresh.Values))
	for _, v := range fresh.Values {
		wanted[v] = true
	}
	if len(wanted) > 0 {
		q := history.Query{Observables: fresh.Values, Progress: tell}
		err := s.huntListed(ctx, q, &out, func(ev *event.Event, found func(match.Hit)) bool {
			list := slices.DeleteFunc(watchlist.Observables(ev), func(o event.Observable) bool { return !wanted[o] })
			any := false
			w.Match(list, func(h match.Hit) { any = true; found(h) })
			return any
		})
		if err != nil {
			return out, err
		}
	}
	if len(fresh.Wide) == 0 {
		return out, nil
	}
	err := s.huntListed(ctx, history.Query{Progress: tell}, &out, func(ev *event.Event, found func(match.Hit)) bool {
		any, before := false, false
		w.Each(watchlist.Observables(ev), func(k watchlist.Key, h match.Hit) {
			before = before || wanted[*h.Value] // the first search counted it
			if fresh.Wide[k] {
				any = true
				found(h)
			}
		})
		return any && !before
	})
	return out, err
}

// huntListed is one search. ask tells found what an event meets, and reports whether
// the event is to be counted.
func (s *Searcher) huntListed(
	ctx context.Context, q history.Query, out *Result, ask func(ev *event.Event, found func(match.Hit)) bool,
) error {
	var matches []match.Found
	q.Cores, q.Wait = s.Cores, s.yieldToLive
	st, err := s.History.Search(ctx, q, func(ev *event.Event) bool {
		counts := ask(ev, func(h match.Hit) {
			if len(matches) < maxTraces {
				matches = append(matches, match.Found{Event: ev, Hit: h})
			}
		})
		if counts {
			at := ev.Time
			if at.IsZero() { // it tells no time
				at = ev.Seen
			}
			out.add(at)
		}
		return true
	})
	out.Searched = max(out.Searched, st.Events)
	out.Examined += st.Examined
	if err != nil || len(matches) == 0 {
		return err
	}
	return s.recordAll(ctx, matches)
}
