package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
)

// manifest says which files a segment was sealed into. Once it is on disk under
// its name the sealing counts as done: what is left is finished, also after a
// crash. Before that it counts as not begun.
type manifest struct {
	Segment string       `json:"segment"`
	Files   []sealedFile `json:"files"`
}

type sealedFile struct {
	ID     string `json:"id"`
	Folder string `json:"folder"` // under the events folder
}

func (h *History) tmp(name string) string { return h.path(tmpDir, name) }

// keep is the goroutine that seals full logs and drops what is too old or too much.
func (h *History) keep() {
	retry := time.NewTicker(ageTick)
	defer retry.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
		case <-retry.C:
		}
		for h.sealNext() {
		}
		if h.ctx.Err() == nil {
			h.retain()
		}
	}
}

// sealNext seals the oldest full log; it reports whether there may be another.
func (h *History) sealNext() bool {
	h.mu.Lock()
	var s *segment
	if len(h.sealing) > 0 {
		s = h.sealing[0]
		h.tries++
	}
	h.mu.Unlock()
	if s == nil {
		return false
	}
	err := h.seal(s)
	if h.ctx.Err() != nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sealErr = err
	if err != nil {
		h.failed = h.tries
		h.opt.Log.Error(
			"history: cannot seal a log; its events are safe in it and it is tried again",
			"segment",
			s.id,
			"err",
			err,
		)
	}
	h.signalLocked()
	return err == nil
}

// seal turns a segment into files.
func (h *History) seal(s *segment) error {
	path := h.path(walDir, s.id+sealedExt)
	var m manifest
	b, err := os.ReadFile(path)
	switch {
	case err == nil: // an earlier try came so far
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
	case errors.Is(err, os.ErrNotExist):
		if m, err = h.writeFiles(s); err != nil {
			return errors.Join(err, emptyDir(h.path(tmpDir)))
		}
		h.opt.step("written")
		if err := h.commitManifest(path, m); err != nil {
			return err
		}
	default:
		return err
	}
	h.opt.step("committed")
	if err := h.moveFiles(m); err != nil {
		return err
	}
	h.opt.step("moved")
	files := make([]*file, len(m.Files))
	for i, sf := range m.Files {
		if files[i], err = openFile(sf.ID, h.finalPath(sf), h.path(indexDir, sf.ID+indexExt), h.blooms); err != nil {
			return err
		}
	}
	if err := h.swap(s, files); err != nil {
		return err
	}
	h.opt.step("swapped")
	return h.removeLog(s.id)
}

func (h *History) commitManifest(path string, m manifest) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tmp := h.tmp(m.Segment + sealedExt)
	if err := writeWhole(tmp, b); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(h.path(walDir))
}

func (h *History) finalPath(sf sealedFile) string {
	return h.path(eventsDir, filepath.FromSlash(sf.Folder), sf.ID+parquetExt)
}

// writeFiles writes the files of a segment into the folder for unfinished ones.
func (h *History) writeFiles(s *segment) (manifest, error) {
	m := manifest{Segment: s.id}
	s.mu.RLock()
	rows, places := s.rows, s.places
	s.mu.RUnlock()
	for _, g := range plan(rows, places, min(smallGroup, h.opt.SegmentEvents/100)) {
		sf := sealedFile{ID: clock.NewID(), Folder: g.folder()}
		n, err := h.writeFile(s, sf, g.rows)
		if err != nil {
			return m, err
		}
		if n > 0 {
			m.Files = append(m.Files, sf)
		}
	}
	return m, syncDir(h.path(tmpDir))
}

// writeFile writes one file and its index. A record of the log that has been damaged
// since it was written is left out. It returns the number of rows.
func (h *History) writeFile(s *segment, sf sealedFile, rows []uint32) (n int, err error) {
	f, err := os.Create(h.tmp(sf.ID + parquetExt))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b indexBuilder
	b.meta.File, b.meta.Segment = sf.ID, s.id
	sum := crc32.New(castagnoli)
	in := interner{}
	err = writeParquet(io.MultiWriter(f, sum), s.id, func() (*row, error) {
		for ; len(rows) > 0; rows = rows[1:] {
			if h.ctx.Err() != nil {
				return nil, h.ctx.Err()
			}
			r, err := s.row(rows[0], in)
			if damagedRecord(err) {
				h.problemOnce(s.path, err)
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("event %d of segment %s: %w", rows[0], s.id, err)
			}
			b.add(r)
			rows = rows[1:]
			return r, nil
		}
		return nil, nil
	})
	if err != nil || len(b.rows) == 0 {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if b.meta.Bytes, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	b.meta.CRC = sum.Sum32()
	pf, err := openParquet(f, b.meta.Bytes)
	if err != nil {
		return 0, err
	}
	if pf.NumRows() != int64(len(b.rows)) {
		return 0, fmt.Errorf("%d rows came out of %d", pf.NumRows(), len(b.rows))
	}
	if b.meta.Bloom, err = findBloom(pf); err != nil {
		return 0, err
	}
	index, err := b.bytes()
	if err != nil {
		return 0, err
	}
	return len(b.rows), writeWhole(h.tmp(sf.ID+indexExt), index)
}

// damagedRecord reports whether err says that a record of a log has been damaged.
func damagedRecord(err error) bool { return errors.Is(err, errFrame) || errors.Is(err, errRow) }

// moveFiles brings the files of a manifest to their places. It may be done again.
func (h *History) moveFiles(m manifest) error {
	dirs := map[string]struct{}{h.path(indexDir): {}}
	for _, sf := range m.Files {
		final := h.finalPath(sf)
		if err := os.MkdirAll(parent(final), 0o700); err != nil {
			return err
		}
		// A new folder lasts only when the one above it is synced, too.
		dirs[parent(final)], dirs[parent(parent(final))], dirs[h.path(eventsDir)] = struct{}{}, struct{}{}, struct{}{}
		for from, to := range map[string]string{
			h.tmp(sf.ID + parquetExt): final,
			h.tmp(sf.ID + indexExt):   h.path(indexDir, sf.ID+indexExt),
		} {
			if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			h.opt.step("moving")
		}
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// swap puts files in the place of their segment, with its found events.
func (h *History) swap(s *segment, files []*file) error {
	h.foundMu.Lock()
	defer h.foundMu.Unlock()
	h.mu.RLock()
	found := s.found
	h.mu.RUnlock()
	ids := map[key]*foundID{}
	s.mu.RLock()
	for k, at := range s.ids {
		if _, ok := found[at]; ok {
			ids[k] = &foundID{id: k}
		}
	}
	s.mu.RUnlock()
	parts := make([]part, len(files))
	for i, f := range files {
		parts[i] = part{f, nil}
	}
	places, _, err := h.locate(parts, ids)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applyLocked(parts, places)
	h.files = append(slices.Clone(h.files), files...)
	sortFiles(h.files)
	h.sealing = slices.DeleteFunc(slices.Clone(h.sealing), func(o *segment) bool { return o == s })
	h.retireLocked(s)
	return nil
}

// removeLog removes a sealed log, and then the manifest: in the other order a
// crash would bring its events back a second time.
func (h *History) removeLog(id string) error {
	for _, ext := range []string{walExt, sealedExt} {
		if err := os.Remove(h.path(walDir, id+ext)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := syncDir(h.path(walDir)); err != nil {
			return err
		}
		h.opt.step("removed " + ext)
	}
	return nil
}

// finishSealings does at start what a crash has interrupted.
func (h *History) finishSealings() error {
	ids, err := namesIn(h.path(walDir), sealedExt)
	if err != nil {
		return err
	}
	for _, id := range ids {
		b, err := os.ReadFile(h.path(walDir, id+sealedExt))
		if err != nil {
			return err
		}
		var m manifest
		if err := json.Unmarshal(b, &m); err != nil {
			return fmt.Errorf("%s: %w", h.path(walDir, id+sealedExt), err)
		}
		if err := h.moveFiles(m); err != nil {
			return err
		}
		if err := h.finishSealing(id, m); err != nil {
			return err
		}
	}
	return nil
}

func (h *History) finishSealing(id string, m manifest) error {
	whole := true
	for _, sf := range m.Files {
		if _, err := os.Stat(h.finalPath(sf)); errors.Is(err, os.ErrNotExist) {
			whole = false
		} else if err != nil {
			return err
		}
	}
	if _, err := os.Stat(h.path(walDir, id+walExt)); err == nil && !whole {
		// Files were removed from outside. The log has all events: begin again from it.
		for _, sf := range m.Files {
			if err := os.Remove(h.finalPath(sf)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return os.Remove(h.path(walDir, id+sealedExt))
	}
	return h.removeLog(id)
}
