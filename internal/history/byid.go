package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// ByIDs returns the events that have these ids and that happened between two times,
// both included, in the order of their times. One that is not there any more is
// left out.
func (h *History) ByIDs(ctx context.Context, first, last time.Time, ids ...string) ([]*event.Event, error) {
	if h.ctx.Err() != nil {
		return nil, errClosed()
	}
	parts, release := h.parts()
	defer release()
	wanted := map[key]bool{}
	for _, id := range ids {
		wanted[idKey(clean(id))] = true
	}
	from, to := first.UnixMicro(), microsUp(last)
	in := interner{}
	var out []*event.Event
	for i := len(parts) - 1; i >= 0 && len(wanted) > 0; i-- {
		s := parts[i].span()
		if s.Events == 0 || s.Max < from || s.Min > to {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var here []*event.Event
		var done []key
		err := h.withPart(parts[i], func() error {
			here, done = nil, nil // a damaged part is repaired and asked again
			var keys []key
			for k := range wanted {
				keys = append(keys, k)
			}
			var places []uint32
			err := parts[i].locate(keys, func(k key, at uint32, _ int64) {
				places, done = append(places, at), append(done, k)
			})
			if err != nil || len(places) == 0 {
				return err
			}
			slices.Sort(places)
			var bad error
			err = parts[i].read(ctx, slices.Compact(places), false, func(_ uint32, r *row) bool {
				var ev *event.Event
				if ev, bad = r.event(in); bad == nil {
					here = append(here, ev)
				}
				return bad == nil
			})
			return errors.Join(err, bad)
		})
		if err != nil {
			return nil, err
		}
		out = append(out, here...)
		for _, k := range done {
			delete(wanted, k)
		}
	}
	slices.SortStableFunc(out, func(a, b *event.Event) int { return a.Time.Compare(b.Time) })
	return out, nil
}
