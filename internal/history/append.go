package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// request asks the committer to write entries, or to begin a new log.
type request struct {
	entries []*entry
	rotate  bool // seal what is there
	fresh   []bool
	done    chan error // gets one value
}

// Append keeps events. When it returns without an error they survive kill -9
// and power loss. fresh are those that were not kept before, as far as the
// window of Options reaches; the rest is there already. After an error none of
// the events is kept, unless the process ends in the same moment; append them again.
// Concurrent calls share one write.
//
// Errors: Storage if the disk does not take them, Invalid for an event without
// an ID, TooLarge for one beyond 256 MiB, Unavailable after Close.
func (h *History) Append(ctx context.Context, events []*event.Event) (fresh []*event.Event, err error) {
	return h.append(ctx, events, false)
}

// Import is Append for old logs: it knows every event that is kept, also those
// that the window has forgotten, if they have the time that they had.
func (h *History) Import(ctx context.Context, events []*event.Event) (fresh []*event.Event, err error) {
	return h.append(ctx, events, true)
}

func (h *History) append(ctx context.Context, events []*event.Event, all bool) ([]*event.Event, error) {
	if len(events) == 0 {
		return nil, ctx.Err()
	}
	rq := &request{entries: make([]*entry, len(events)), done: make(chan error, 1)}
	for i, ev := range events {
		e, err := h.entry(ev)
		if err != nil {
			return nil, err
		}
		rq.entries[i] = e
	}
	if all {
		if err := h.dropKept(rq.entries); err != nil {
			return nil, err
		}
	}
	if err := h.ask(ctx, rq); err != nil {
		return nil, err
	}
	var fresh []*event.Event
	for i, is := range rq.fresh {
		if is {
			fresh = append(fresh, events[i])
		}
	}
	return fresh, nil
}

func (h *History) entry(ev *event.Event) (*entry, error) {
	if ev == nil || ev.ID == "" {
		return nil, fault.New(fault.Invalid, i18n.T("an event without an ID cannot be kept", "ID のない事象は保存できません"))
	}
	place := ev.From.Name + ":" + fmt.Sprint(ev.From.Record)
	r, err := rowOf(ev, h.opt.Observables(ev))
	if err != nil {
		return nil, fault.Wrap(
			fault.Invalid,
			i18n.T("the event at {0} cannot be kept", "{0} の事象は保存できません").With(place),
			err,
		)
	}
	e := entryOf(r)
	payload := appendRow(make([]byte, 0, len(r.Fields)+len(r.Raw)+512), r)
	if len(payload) > maxPayload {
		return nil, fault.New(
			fault.TooLarge,
			i18n.T("the event at {0} is larger than {1} MiB", "{0} の事象は {1} MiB を超えています").With(place, maxPayload>>20),
		)
	}
	e.size = uint32(len(payload))
	e.frame = appendFrame(make([]byte, 0, frameHead+len(payload)), payload)
	return e, nil
}

// dropKept puts nil in the place of entries that are kept already.
func (h *History) dropKept(entries []*entry) error {
	parts, release := h.parts()
	defer release()
	kept := map[key]struct{}{}
	note := func(k key, _ uint32, _ int64) { kept[k] = struct{}{} }
	for _, p := range parts {
		s := p.span()
		var keys []key
		for _, e := range entries {
			if s.Events > 0 && (e.row.Assumed || e.row.Time >= s.Min && e.row.Time <= s.Max) {
				keys = append(keys, e.id)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if err := h.withPart(p, func() error { return p.locate(keys, note) }); err != nil {
			return err
		}
	}
	for i, e := range entries {
		if _, ok := kept[e.id]; ok {
			entries[i] = nil
		}
	}
	return nil
}

// ask sends a request to the committer and waits for its answer.
func (h *History) ask(ctx context.Context, rq *request) error {
	select {
	case h.requests <- rq:
	case <-h.ctx.Done():
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-rq.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	groupRequests = 64
	groupBytes    = 16 << 20
	ageTick       = time.Minute
)

// commit is the committer: the only one that writes to the open log.
func (h *History) commit() {
	tick := time.NewTicker(ageTick)
	defer tick.Stop()
	for {
		var group []*request
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
			if h.old() {
				h.rollLogged()
			}
			continue
		case rq := <-h.requests:
			group = h.gather(rq)
		}
		err := h.write(group)
		for _, rq := range group {
			if rq.rotate { // it may be what makes room again
				rq.done <- h.rotate(true)
			} else {
				rq.done <- err
			}
		}
		if s := h.open; err == nil &&
			(s.events() >= h.opt.SegmentEvents || s.view().at.Bytes >= h.opt.SegmentBytes || h.old()) {
			h.rollLogged()
		}
	}
}

// gather takes what else waits, up to a bound; one fsync serves all.
func (h *History) gather(first *request) []*request {
	group, bytes := []*request{first}, int64(0)
	for last := first; len(group) < groupRequests && bytes < groupBytes; {
		for _, e := range last.entries {
			if e != nil {
				bytes += int64(e.size)
			}
		}
		select {
		case last = <-h.requests:
			group = append(group, last)
		default:
			return group
		}
	}
	return group
}

// old reports whether the open log has reached its age.
func (h *History) old() bool {
	s := h.open
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.rows) > 0 && h.opt.Clock().Sub(s.since) >= h.opt.SegmentAge
}

// write makes the events of a group durable and searchable, all or none.
func (h *History) write(group []*request) (err error) {
	if !slices.ContainsFunc(group, func(rq *request) bool { return len(rq.entries) > 0 }) {
		return nil
	}
	if err := h.room(); err != nil {
		return err
	}
	s := h.open
	var fresh []*entry
	for _, rq := range group {
		rq.fresh = make([]bool, len(rq.entries))
		for i, e := range rq.entries {
			if e != nil && h.window.add(e.id) {
				rq.fresh[i] = true
				fresh = append(fresh, e)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := s.write(fresh); err != nil {
		for i := len(fresh) - 1; i >= 0; i-- {
			h.window.undo(fresh[i].id)
		}
		if errors.Is(err, errBroken) {
			// Nothing more goes into this log; what it holds stays readable.
			err = errors.Join(err, h.rotate(true))
		}
		return storageFault(err)
	}
	s.mu.Lock()
	if len(s.rows) == 0 {
		s.since = h.opt.Clock()
	}
	at := uint32(len(s.rows))
	for _, e := range fresh {
		s.add(e, s.size)
	}
	s.mu.Unlock()
	h.placeFound(s, at, fresh)
	return nil
}

// errBroken says that a log cannot be written any more.
var errBroken = errors.New("log cannot be written any more")

// write puts the entries' frames behind what the log holds, and syncs. If that
// fails, the log is cut back to what it was.
func (s *segment) write(entries []*entry) error {
	if s.broken {
		return errBroken
	}
	total := 0
	for _, e := range entries {
		total += len(e.frame)
	}
	buf := make([]byte, 0, min(total, 1<<20))
	off := s.size
	var err error
	flush := func() {
		if err == nil && len(buf) > 0 {
			_, err = s.log.WriteAt(buf, off)
			off += int64(len(buf))
			buf = buf[:0]
		}
	}
	for _, e := range entries {
		if len(buf) > 0 && len(buf)+len(e.frame) > cap(buf) {
			flush()
		}
		buf = append(buf, e.frame...)
		e.frame = nil
	}
	flush()
	if err == nil {
		if err = s.log.Sync(); err == nil {
			return nil
		}
		// After a failed sync it is unknown which pages have reached the disk.
		s.broken = true
	}
	if cut := s.log.Truncate(s.size); cut != nil {
		s.broken = true
		err = errors.Join(err, cut)
	}
	if s.broken {
		err = errors.Join(err, errBroken)
	}
	return err
}

const maxSealing = 2

// room waits until the open log may grow. It may always while it is small; if
// sealing is slow it waits, if sealing fails that is the error.
func (h *History) room() error {
	for {
		size := h.open.view().at
		h.mu.RLock()
		busy, err, changed := len(h.sealing) >= maxSealing, h.sealErr, h.changed
		h.mu.RUnlock()
		if !busy || size.Events < 2*int64(h.opt.SegmentEvents) && size.Bytes < 2*h.opt.SegmentBytes {
			return nil
		}
		if err != nil {
			return storageFault(err)
		}
		select {
		case <-changed:
		case <-h.ctx.Done():
			return errClosed()
		}
	}
}

func (h *History) rollLogged() {
	if err := h.rotate(false); err != nil {
		h.opt.Log.Error("history: cannot begin a new log; the present one goes on", "err", err)
	}
}

// rotate queues the open log for sealing and begins a new one. It leaves an empty
// log as it is, and, unless forced, a full one while others wait.
func (h *History) rotate(force bool) error {
	s := h.open
	h.mu.RLock()
	busy := len(h.sealing) >= maxSealing
	h.mu.RUnlock()
	if !s.broken && (s.events() == 0 || busy && !force) {
		return nil
	}
	id := clock.NewID()
	next, err := createSegment(id, h.path(walDir, id+walExt), h.opt.create)
	if err != nil {
		return storageFault(err)
	}
	h.mu.Lock()
	if s.events() > 0 {
		h.sealing = append(h.sealing, s)
	} else {
		h.retireLocked(s)
		os.Remove(s.path)
	}
	h.open = next
	h.mu.Unlock()
	h.wakeKeeper()
	return nil
}

func (h *History) wakeKeeper() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Flush seals what is in the log and waits until that is done.
func (h *History) Flush(ctx context.Context) error {
	if err := h.ask(ctx, &request{rotate: true, done: make(chan error, 1)}); err != nil {
		return err
	}
	h.mu.RLock()
	awaited, tries := slices.Clone(h.sealing), h.tries
	h.mu.RUnlock()
	h.wakeKeeper()
	for {
		h.mu.RLock()
		left := slices.ContainsFunc(awaited, func(s *segment) bool { return slices.Contains(h.sealing, s) })
		failed, err, changed := h.failed > tries, h.sealErr, h.changed
		h.mu.RUnlock()
		switch {
		case !left:
			return nil
		case failed && err != nil:
			return storageFault(err)
		}
		select {
		case <-changed:
		case <-h.ctx.Done():
			return errClosed()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
