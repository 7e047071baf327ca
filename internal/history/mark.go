package history

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"os"
	"time"
)

// mark says that an event led to a finding.
type mark struct {
	id   key
	at   int64 // when it was marked, µs
	time int64 // of the event, if placed
	here bool  // the event was kept when it was marked
}

const (
	markVersion = 1
	// A mark whose event does not come is forgotten after this time.
	unplacedAge = 30 * 24 * time.Hour
)

func appendMark(b []byte, m mark) []byte {
	p := []byte{markVersion}
	p = binary.LittleEndian.AppendUint64(p, uint64(m.id))
	p = binary.AppendVarint(p, m.at)
	if m.here {
		p = binary.AppendVarint(append(p, 1), m.time)
	} else {
		p = append(p, 0)
	}
	return appendFrame(b, p)
}

func parseMark(p []byte) (mark, error) {
	if len(p) < 9 || p[0] != markVersion {
		return mark{}, errors.New("damaged mark")
	}
	d := rowReader{b: p[9:]}
	m := mark{id: key(binary.LittleEndian.Uint64(p[1:])), at: d.varint()}
	if d.byte() == 1 {
		m.here, m.time = true, d.varint()
	}
	if d.failed {
		return mark{}, errors.New("damaged mark")
	}
	return m, nil
}

// markLog is the durable list of marks.
type markLog struct {
	f    *os.File
	size int64
}

// openMarks reads the list back, cuts its torn tail and tells damage in it.
func openMarks(path string) (l *markLog, marks []mark, damage []error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, nil, err
	}
	l = &markLog{f, int64(len(logHead))}
	head := make([]byte, len(logHead))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, nil, err
	}
	if string(head[:n]) != logHead[:n] {
		return nil, nil, nil, errLogHead
	}
	if n == len(logHead) {
		end, gaps, err := scanFrames(f, l.size, st.Size(), func(_ int64, p []byte) error {
			m, err := parseMark(p)
			if err != nil {
				damage = append(damage, err)
			} else {
				marks = append(marks, m)
			}
			return nil
		})
		if err != nil {
			return nil, nil, nil, err
		}
		for _, g := range gaps {
			damage = append(damage, errGap(g))
		}
		l.size = end
	} else if _, err := f.WriteAt([]byte(logHead), 0); err != nil {
		return nil, nil, nil, err
	}
	if err := f.Truncate(l.size); err != nil {
		return nil, nil, nil, err
	}
	return l, marks, damage, f.Sync()
}

func (l *markLog) append(marks []mark) error {
	var b []byte
	for _, m := range marks {
		b = appendMark(b, m)
	}
	_, err := l.f.WriteAt(b, l.size)
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		return errors.Join(err, l.f.Truncate(l.size))
	}
	l.size += int64(len(b))
	return nil
}

func (l *markLog) close() error { return l.f.Close() }

// rewriteMarks replaces the list by these marks, whole or not at all.
func (h *History) rewriteMarks(marks map[key]*mark) error {
	b := []byte(logHead)
	for _, m := range marks {
		b = appendMark(b, *m)
	}
	path := h.path(marksName)
	if err := writeWhole(path+newExt, b); err != nil {
		return err
	}
	if err := os.Rename(path+newExt, path); err != nil {
		return err
	}
	if err := syncDir(h.opt.Dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = h.marks.close()
	h.marks = &markLog{f, int64(len(b))}
	return err
}

// MarkFound says that these events led to a finding: Prevalence does not count
// them any more. It is durable when it returns. An event that is not kept yet
// counts as marked when it comes within 30 days. Marking again does nothing.
func (h *History) MarkFound(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.marking.Lock()
	defer h.marking.Unlock()
	if h.ctx.Err() != nil {
		return errClosed()
	}
	now := h.opt.Clock().UnixMicro()
	fresh := map[key]*mark{}
	h.mu.RLock()
	for _, id := range ids {
		k := idKey(clean(id))
		if _, ok := h.marked[k]; !ok {
			fresh[k] = &mark{id: k, at: now}
		}
	}
	h.mu.RUnlock()
	if len(fresh) == 0 {
		return nil
	}
	parts, release := h.parts()
	defer release()
	places, _, err := h.locate(parts, fresh)
	if err != nil {
		return err
	}
	list := make([]mark, 0, len(fresh))
	for _, m := range fresh {
		list = append(list, *m)
	}
	if err := h.marks.append(list); err != nil {
		return storageFault(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applyLocked(parts, places)
	for k, m := range fresh {
		h.marked[k] = struct{}{}
		if !m.here && !h.markOpenLocked(k) {
			h.unplaced[k] = struct{}{}
		}
	}
	return nil
}

// locate finds the events of marks, in the latest parts first, and notes their
// times. places are rows by part; placed are the marks that have one.
func (h *History) locate(parts []part, marks map[key]*mark) (places [][]uint32, placed map[key]struct{}, err error) {
	places = make([][]uint32, len(parts))
	placed = map[key]struct{}{}
	for i := len(parts) - 1; i >= 0 && len(placed) < len(marks); i-- {
		s := parts[i].span()
		var keys []key
		for k, m := range marks {
			if _, done := placed[k]; !done && s.Events > 0 && (!m.here || m.time >= s.Min && m.time <= s.Max) {
				keys = append(keys, k)
			}
		}
		if len(keys) == 0 {
			continue
		}
		note := func(k key, at uint32, time int64) {
			places[i] = append(places[i], at)
			placed[k] = struct{}{}
			marks[k].here, marks[k].time = true, time
		}
		if err := h.withPart(parts[i], func() error { return parts[i].locate(keys, note) }); err != nil {
			return nil, nil, err
		}
	}
	return places, placed, nil
}

// applyLocked adds rows to the marked ones of their parts.
func (h *History) applyLocked(parts []part, places [][]uint32) {
	for i, p := range parts {
		if len(places[i]) == 0 {
			continue
		}
		switch u := p.unit.(type) {
		case *file:
			u.found = u.found.with(places[i]...)
		case *view:
			u.segment.found = u.segment.found.with(places[i]...)
		}
	}
}

func (s rowSet) with(rows ...uint32) rowSet {
	out := maps.Clone(s)
	if out == nil {
		out = rowSet{}
	}
	for _, at := range rows {
		out[at] = struct{}{}
	}
	return out
}

// markOpenLocked marks an event that came to the open log while its mark was written.
func (h *History) markOpenLocked(k key) bool {
	for _, s := range append([]*segment{h.open}, h.sealing...) {
		s.mu.RLock()
		at, ok := s.ids[k]
		s.mu.RUnlock()
		if ok {
			s.found = s.found.with(at)
			return true
		}
	}
	return false
}

// placeMarks gives events that just came the marks that waited for them.
func (h *History) placeMarks(s *segment, at uint32, entries []*entry) {
	h.mu.RLock()
	waiting := len(h.unplaced)
	h.mu.RUnlock()
	if waiting == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, e := range entries {
		if _, ok := h.unplaced[e.id]; ok {
			s.found = s.found.with(at + uint32(i))
			delete(h.unplaced, e.id)
		}
	}
}
