package detect

import (
	"context"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// HuntList searches the node's whole past for values that are new on its
// watchlist. What it finds becomes findings, marked as past, as the entries say
// that the values meet; an entry that is expired or gone finds nothing. At most
// maxTraces events are written; Hits counts on. tell may be nil.
func (s *Service) HuntList(ctx context.Context, values []event.Observable, tell func(done, total int64)) (Hunted, error) {
	var out Hunted
	var matches []match
	w := s.engine.watch.Load()
	if w == nil || len(values) == 0 {
		return out, nil
	}
	wanted := make(map[event.Observable]bool, len(values))
	for _, v := range values {
		wanted[v] = true
	}
	st, err := s.past.Search(ctx, history.Query{Observables: values, Progress: tell, Cores: s.huntCores, Wait: s.giveWay}, func(ev *event.Event) bool {
		var list []event.Observable
		for _, o := range watchlist.Observables(ev) {
			if wanted[o] {
				list = append(list, o)
			}
		}
		found := false
		w.match(list, func(h Hit) {
			found = true
			if len(matches) < maxTraces {
				matches = append(matches, match{ev, h})
			}
		})
		if !found {
			return true
		}
		out.add(ev.Time)
		return true
	})
	out.Searched, out.Examined = st.Events, st.Examined
	if err != nil || len(matches) == 0 {
		return out, err
	}
	return out, s.recordAll(ctx, matches)
}
