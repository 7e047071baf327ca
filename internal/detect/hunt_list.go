package detect

import (
	"context"
	"slices"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// NewOnList is what is new on a node's watchlist, for a search of its past.
type NewOnList struct {
	Values []event.Observable     // that the history is indexed by
	Wide   map[watchlist.Key]bool // the other entries, for which every event is read
}

// HuntList searches the node's whole past for what is new on its watchlist: first
// for values, by the indexes; then, if there are any, for the wide entries. What it
// finds becomes findings, marked as past, as the entries say that the events meet;
// an entry that is expired or gone finds nothing. At most maxTraces events of each
// of the two searches are written; Hits counts on. tell may be nil; it hears of one
// search after the other.
func (s *Searcher) HuntList(ctx context.Context, fresh NewOnList, tell func(done, total int64)) (Hunted, error) {
	var out Hunted
	w := s.engine.Watched()
	if w == nil {
		return out, nil
	}
	wanted := make(map[event.Observable]bool, len(fresh.Values))
	for _, v := range fresh.Values {
		wanted[v] = true
	}
	if len(wanted) > 0 {
		err := s.huntListed(ctx, history.Query{Observables: fresh.Values, Progress: tell}, &out, func(ev *event.Event, found func(Hit)) bool {
			list := slices.DeleteFunc(watchlist.Observables(ev), func(o event.Observable) bool { return !wanted[o] })
			any := false
			w.match(list, func(h Hit) { any = true; found(h) })
			return any
		})
		if err != nil {
			return out, err
		}
	}
	if len(fresh.Wide) == 0 {
		return out, nil
	}
	err := s.huntListed(ctx, history.Query{Progress: tell}, &out, func(ev *event.Event, found func(Hit)) bool {
		any, before := false, false
		w.each(watchlist.Observables(ev), func(k watchlist.Key, h Hit) {
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
func (s *Searcher) huntListed(ctx context.Context, q history.Query, out *Hunted, ask func(ev *event.Event, found func(Hit)) bool) error {
	var matches []match
	q.Cores, q.Wait = s.cores, s.giveWay
	st, err := s.past.Search(ctx, q, func(ev *event.Event) bool {
		counts := ask(ev, func(h Hit) {
			if len(matches) < maxTraces {
				matches = append(matches, match{ev, h})
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
