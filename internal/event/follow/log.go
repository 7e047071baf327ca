package follow

import (
	"context"
	"errors"
	"time"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// logEvery is how often a Windows event log is looked at although its size and
// time do not change: Windows writes to it without touching them for a while.
const logEvery = time.Second

// errLooked ends a look at a Windows event log.
var errLooked = errors.New("looked")

// eventLog reads what was added to a Windows event log. It changes in place, so
// how far it was read is the record last kept, not an offset.
func (w *Follower) eventLog(ctx context.Context, f *file) error {
	now := w.opts.Clock()
	if !f.away && !f.looked.IsZero() && f.still.Before(f.looked) && now.Sub(f.looked) < logEvery {
		return nil
	}
	if f.log == nil {
		from := evtx.Position{}
		if f.checkpoint.Log != nil {
			from = *f.checkpoint.Log
		}
		f.log = evtx.NewTail(func() (evtx.TailFile, error) { return entry{path: f.path, info: f.info}.open() },
			func(context.Context) error { return errLooked }, from)
	}
	f.looked = now
	f.close() // opened for each look, so that Windows may rename and replace it
	hint := w.opts.Hint
	hint.Seen, hint.Seed = now, f.checkpoint.Epoch
	var events []*event.Event
	keep := func() error {
		if err := w.deliver(ctx, events); err != nil {
			return err
		}
		at := f.log.Position()
		events = nil
		if f.checkpoint.Log != nil && *f.checkpoint.Log == at {
			return nil
		}
		m := f.checkpoint
		m.Log, m.Modified = &at, f.info.ModTime().UTC()
		f.checkpoint = m
		return w.save(ctx, m)
	}
	for rec, err := range f.log.All(ctx) {
		switch {
		case errors.Is(err, errLooked):
			continue
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if b, lost := read.BadLog(f.checkpoint.Path, err); lost {
				w.bad(b)
			}
			continue
		}
		ev, err := f.decoder.Log(event.Source{Sensor: w.opts.Sensor, Name: f.checkpoint.Path}, rec, hint)
		if err != nil {
			w.bad(read.BadRecord{Name: f.checkpoint.Path, Offset: rec.Offset, Record: int64(rec.ID),
				Reason: read.LogReason(err)})
			continue
		}
		f.checkpoint.Record++
		if events = append(events, ev); len(events) >= w.opts.Batch {
			if err := keep(); err != nil {
				f.log = nil // go on from what was kept
				return err
			}
		}
	}
	if err := keep(); err != nil {
		f.log = nil
		return err
	}
	if f.away && now.Sub(f.still) >= w.opts.Linger {
		return w.end(ctx, f)
	}
	return nil
}
