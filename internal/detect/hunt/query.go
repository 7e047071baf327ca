package hunt

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/sigma"
)

// Query is what a person searches a node's past for: events that hold one of some
// values, lie in one of some networks, or match one of some rules.
type Query struct {
	Armed    []match.Armed // without patterns
	From, To time.Time     // bounds of the event time, From <= t < To; zero is none
	Limit    int           // stop after so many hits; 0 is no limit
	Tell     func(done, total int64)
}

// Summary is what a query came to.
type Summary struct {
	Searched int64 `json:"searched"` // events in the past
	Hits     int64 `json:"hits"`
	Stopped  bool  `json:"stopped,omitempty"` // at the limit, or by yield
}

// Search searches the past and yields each event with what meets it, one call after
// the other, until yield returns false. It writes nothing. It gives way to live
// events and is bounded as hunts are.
func (s *Searcher) Search(
	ctx context.Context, q Query, yield func(*event.Event, match.Hit) bool,
) (out Summary, err error) {
	var values, nets, rules []int
	for i, a := range q.Armed {
		switch {
		case a.Rule != nil:
			rules = append(rules, i)
		case len(a.Networks) > 0:
			nets = append(nets, i)
		default:
			values = append(values, i)
		}
	}
	give := func(ev *event.Event, h match.Hit) bool {
		if out.Stopped {
			return false
		}
		out.Hits++
		out.Stopped = !yield(ev, h) || q.Limit > 0 && out.Hits >= int64(q.Limit)
		return !out.Stopped
	}
	search := func(hq history.Query, see func(*event.Event) bool) error {
		hq.From, hq.To, hq.Progress, hq.Cores, hq.Wait = q.From, q.To, q.Tell, s.Cores, s.yieldToLive
		st, err := s.History.Search(ctx, hq, see)
		out.Searched = max(out.Searched, st.Events)
		return err
	}
	if len(values) > 0 {
		var hq history.Query
		wanted := map[event.Observable]match.Armed{}
		for _, i := range values {
			for _, v := range q.Armed[i].Values {
				wanted[v] = q.Armed[i]
				hq.Observables = append(hq.Observables, v)
			}
		}
		if len(hq.Observables) > 0 {
			err = search(hq, func(ev *event.Event) bool {
				return eachValue(ev, func(o event.Observable) bool {
					a, ok := wanted[o]
					return !ok || give(ev, match.ValueHit(a, o))
				})
			})
		}
	}
	if len(rules) > 0 && err == nil && !out.Stopped {
		h, hq := newRuleHunt(q.Armed, rules)
		err = search(hq, func(ev *event.Event) bool {
			h.match(ev, func(i int, m *sigma.Match) bool { return give(ev, ruleHit(q.Armed[i].ID, m)) })
			return !out.Stopped
		})
	}
	if len(nets) > 0 && err == nil && !out.Stopped {
		var around match.Networks[match.Armed]
		for _, i := range nets {
			for _, n := range q.Armed[i].Networks {
				around.Change(n, func(match.Armed) match.Armed { return q.Armed[i] })
			}
		}
		err = search(history.Query{}, func(ev *event.Event) bool {
			return eachValue(ev, func(o event.Observable) bool {
				for a := range around.Around(o) {
					give(ev, match.ValueHit(a, o))
				}
				return !out.Stopped
			})
		})
	}
	return out, err
}

// eachValue calls fn for each different observable of an event until it returns
// false, and reports whether it never did.
func eachValue(ev *event.Event, fn func(event.Observable) bool) bool {
	seen := map[event.Observable]bool{}
	for _, o := range event.Observables(ev) {
		if !seen[o] {
			seen[o] = true
			if !fn(o) {
				return false
			}
		}
	}
	return true
}
