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

// foundID says that an event led to a finding.
type foundID struct {
	id   key
	at   int64 // when it was recorded, µs
	time int64 // of the event, if placed
	here bool  // the event was kept when it was recorded
}

const (
	foundVersion = 1
	// An id whose event does not come is forgotten after this time.
	unplacedAge = 30 * 24 * time.Hour
)

func appendFound(b []byte, m foundID) []byte {
	p := []byte{foundVersion}
	p = binary.LittleEndian.AppendUint64(p, uint64(m.id))
	p = binary.AppendVarint(p, m.at)
	if m.here {
		p = binary.AppendVarint(append(p, 1), m.time)
	} else {
		p = append(p, 0)
	}
	return appendFrame(b, p)
}

func parseFound(p []byte) (foundID, error) {
	if len(p) < 9 || p[0] != foundVersion {
		return foundID{}, errors.New("damaged entry")
	}
	d := rowReader{b: p[9:]}
	m := foundID{id: key(binary.LittleEndian.Uint64(p[1:])), at: d.varint()}
	if d.byte() == 1 {
		m.here, m.time = true, d.varint()
	}
	if d.failed {
		return foundID{}, errors.New("damaged entry")
	}
	return m, nil
}

// foundLog is the durable list of the found ids.
type foundLog struct {
	f    *os.File
	size int64
}

// openFound reads the list back, cuts off its torn tail and returns the damage in it.
func openFound(path string) (l *foundLog, found []foundID, damage []error, err error) {
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
	l = &foundLog{f, int64(len(logHead))}
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
			m, err := parseFound(p)
			if err != nil {
				damage = append(damage, err)
			} else {
				found = append(found, m)
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
	return l, found, damage, f.Sync()
}

func (l *foundLog) append(found []foundID) error {
	var b []byte
	for _, m := range found {
		b = appendFound(b, m)
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

func (l *foundLog) close() error { return l.f.Close() }

// rewriteFound replaces the list by these, whole or not at all.
func (h *History) rewriteFound(found map[key]*foundID) error {
	b := []byte(logHead)
	for _, m := range found {
		b = appendFound(b, *m)
	}
	path := h.path(foundName)
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
	err = h.foundLog.close()
	h.foundLog = &foundLog{f, int64(len(b))}
	return err
}

// SetFound says that these events led to a finding: Prevalence does not count
// them any more. It is durable when it returns. An event that is not kept yet
// counts when it comes within 30 days. Repeating an id does nothing.
func (h *History) SetFound(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.foundMu.Lock()
	defer h.foundMu.Unlock()
	if h.ctx.Err() != nil {
		return errClosed()
	}
	now := h.opt.Clock().UnixMicro()
	fresh := map[key]*foundID{}
	h.mu.RLock()
	for _, id := range ids {
		k := idKey(clean(id))
		if _, ok := h.found[k]; !ok {
			fresh[k] = &foundID{id: k, at: now}
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
	list := make([]foundID, 0, len(fresh))
	for _, m := range fresh {
		list = append(list, *m)
	}
	if err := h.foundLog.append(list); err != nil {
		return storageFault(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applyLocked(parts, places)
	for k, m := range fresh {
		h.found[k] = struct{}{}
		if !m.here && !h.setOpenFoundLocked(k) {
			h.unplaced[k] = struct{}{}
		}
	}
	return nil
}

// locate finds the found events, in the latest parts first, and notes their
// times. places are rows by part; placed are those that have one.
func (h *History) locate(parts []part, found map[key]*foundID) (places [][]uint32, placed map[key]struct{}, err error) {
	places = make([][]uint32, len(parts))
	placed = map[key]struct{}{}
	for i := len(parts) - 1; i >= 0 && len(placed) < len(found); i-- {
		s := parts[i].span()
		var keys []key
		for k, m := range found {
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
			found[k].here, found[k].time = true, time
		}
		if err := h.withPart(parts[i], func() error { return parts[i].locate(keys, note) }); err != nil {
			return nil, nil, err
		}
	}
	return places, placed, nil
}

// applyLocked adds rows to the found ones of their parts.
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

// setOpenFoundLocked found an event that came to the open log while its mark was written.
func (h *History) setOpenFoundLocked(k key) bool {
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

// placeFound applies the ids that waited for events that have just come.
func (h *History) placeFound(s *segment, at uint32, entries []*entry) {
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
