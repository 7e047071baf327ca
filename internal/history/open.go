package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Names in the folder; see the package's documentation.
const (
	walDir     = "wal"
	tmpDir     = "tmp"
	eventsDir  = "events"
	indexDir   = "index"
	walExt     = ".wal"
	sealedExt  = ".sealed"
	parquetExt = ".parquet"
	indexExt   = ".idx"
	badExt     = ".bad"
	formatName = "format"
	lockName   = "lock"
	foundName  = "found"
	newExt     = ".new"
)

func parent(path string) string { return filepath.Dir(path) }

func errGap(g gap) error {
	return fmt.Errorf("bytes %d to %d are damaged and were left out", g.from, g.to)
}

// Open opens the history in a folder, or begins one. It finishes what a crash
// has interrupted. What it cannot read it renames to *.bad, lists in Problems,
// and goes on.
//
// Errors: Conflict if another process uses the folder, Newer if a newer meneki
// wrote it, Invalid if the folder is no history, Storage for the disk.
func Open(ctx context.Context, opt Options) (*History, error) {
	opt.fill()
	for _, d := range []string{"", walDir, tmpDir, eventsDir, indexDir} {
		if err := os.MkdirAll(filepath.Join(opt.Dir, d), 0o700); err != nil {
			return nil, storageFault(err)
		}
	}
	l, err := takeLock(filepath.Join(opt.Dir, lockName))
	if err != nil {
		return nil, lockFault(opt.Dir, err)
	}
	h := &History{
		opt: opt, lock: l, blooms: newBloomCache(opt.CacheBytes), window: newWindow(opt.Window),
		requests: make(chan *request), wake: make(chan struct{}, 1), changed: make(chan struct{}),
		unplaced: map[key]struct{}{}, found: map[key]struct{}{},
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	if err := h.load(ctx); err != nil {
		h.stop()
		for _, s := range append(h.sealing, h.open) {
			if s != nil {
				s.log.Close()
			}
		}
		if h.foundLog != nil {
			h.foundLog.close()
		}
		l.release()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, storageFault(err)
	}
	h.done.Go(h.commit)
	h.done.Go(h.keep)
	h.wakeKeeper()
	return h, nil
}

func createLog(path string) (logFile, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (h *History) load(ctx context.Context) error {
	if err := h.checkFormat(); err != nil {
		return err
	}
	if err := h.finishSealings(); err != nil {
		return err
	}
	if err := emptyDir(h.path(tmpDir)); err != nil {
		return err
	}
	if err := h.loadFiles(ctx); err != nil {
		return err
	}
	if err := h.loadLogs(ctx); err != nil {
		return err
	}
	if err := h.loadFound(); err != nil {
		return err
	}
	return h.fillWindow()
}

// checkFormat compares the folder's layout with ours.
func (h *History) checkFormat() error {
	path := h.path(formatName)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := writeWhole(path+newExt, []byte(strconv.Itoa(formatVersion)+"\n")); err != nil {
			return err
		}
		if err := os.Rename(path+newExt, path); err != nil {
			return err
		}
		return syncDir(h.opt.Dir)
	}
	if err != nil {
		return err
	}
	switch v, err := strconv.Atoi(string(bytes.TrimSpace(b))); {
	case err != nil || v < 1:
		return fault.Wrap(
			fault.Invalid,
			i18n.T("{0} does not hold the number of a history format", "{0} に履歴の形式番号がありません").With(path),
			err,
		).
			WithHint(
				i18n.T(
					"point --data at the folder of a meneki node, or restore this one from a backup",
					"--data に meneki のフォルダーを指定するか、バックアップから復元してください",
				),
			)
	case v > formatVersion:
		return fault.New(
			fault.Newer,
			i18n.T(
				"the event history in {0} has format {1}; this meneki reads format {2}",
				"{0} の事象の履歴は形式 {1} です。この meneki が読めるのは形式 {2} です",
			).With(
				h.opt.Dir,
				v,
				formatVersion,
			),
		)
	}
	return nil
}

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// namesIn returns the names in dir that end with ext, without it, in order.
func namesIn(dir, ext string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ext); ok && e.Type().IsRegular() {
			out = append(out, name)
		}
	}
	return out, nil
}

// loadFiles opens all sealed files and removes indexes without a file.
func (h *History) loadFiles(ctx context.Context) error {
	known := map[string]bool{}
	err := filepath.WalkDir(h.path(eventsDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, ok := strings.CutSuffix(d.Name(), parquetExt)
		if !ok || d.IsDir() {
			return nil
		}
		f, err := openFile(id, path, h.path(indexDir, id+indexExt), h.blooms)
		if err != nil {
			if ours := systemError(err); ours {
				return err
			}
			return h.setAside(path, err)
		}
		known[id] = true
		h.files = append(h.files, f)
		return nil
	})
	if err != nil {
		return err
	}
	sortFiles(h.files)
	indexes, err := namesIn(h.path(indexDir), indexExt)
	if err != nil {
		return err
	}
	for _, id := range indexes {
		if !known[id] {
			if err := os.Remove(h.path(indexDir, id+indexExt)); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortFiles(files []*file) {
	slices.SortFunc(files, func(a, b *file) int {
		return compareFirst(a.meta.Min-b.meta.Min, strings.Compare(a.id, b.id))
	})
}

func compareFirst(a int64, b int) int {
	switch {
	case a < 0:
		return -1
	case a > 0:
		return 1
	}
	return b
}

// systemError reports whether err is the machine's (no memory, no handles, no
// right, a failing disk) rather than the file's, so that a good file is never
// set aside for it.
func systemError(err error) bool {
	if errors.Is(err, errDamaged) || errors.Is(err, errForeign) || errors.Is(err, errIndex) {
		return false
	}
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// setAside renames a file that cannot be used.
func (h *History) setAside(path string, why error) error {
	to := path + badExt
	if err := os.Rename(path, to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problemLocked(to, why)
	return nil
}

// loadLogs reads the write-ahead logs back. The last one goes on.
func (h *History) loadLogs(ctx context.Context) error {
	names, err := namesIn(h.path(walDir), walExt)
	if err != nil {
		return err
	}
	for _, id := range names {
		path := h.path(walDir, id+walExt)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		s, damage, err := openSegment(ctx, id, path, f)
		if err != nil {
			f.Close()
			if !errors.Is(err, errLogHead) {
				return err
			}
			if err := h.setAside(path, err); err != nil {
				return err
			}
			continue
		}
		for _, d := range damage {
			h.mu.Lock()
			h.problemLocked(path, d)
			h.mu.Unlock()
		}
		if s.since = clock.FromMicros(s.seenFirst); s.since.IsZero() {
			s.since = h.opt.Clock()
		}
		h.sealing = append(h.sealing, s)
	}
	if n := len(h.sealing); n > 0 {
		h.open, h.sealing = h.sealing[n-1], h.sealing[:n-1]
		return nil
	}
	id := clock.NewID()
	h.open, err = createSegment(id, h.path(walDir, id+walExt), h.opt.create)
	return err
}

// loadFound applies the found ids and rewrites their list without those whose events
// are gone.
func (h *History) loadFound() error {
	path := h.path(foundName)
	l, list, damage, err := openFound(path)
	if errors.Is(err, errLogHead) {
		if err := h.setAside(path, err); err != nil {
			return err
		}
		l, list, damage, err = openFound(path)
	}
	if err != nil {
		return err
	}
	h.foundLog = l
	for _, d := range damage {
		h.mu.Lock()
		h.problemLocked(path, d)
		h.mu.Unlock()
	}
	found := make(map[key]*foundID, len(list))
	for _, m := range list {
		found[m.id] = &m
	}
	parts, release := h.parts()
	defer release()
	places, placed, err := h.locate(parts, found)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applyLocked(parts, places)
	oldest := h.opt.Clock().Add(-unplacedAge).UnixMicro()
	for k, m := range found {
		if _, ok := placed[k]; !ok {
			if m.here || m.at < oldest { // the event was dropped, or never came
				delete(found, k)
				continue
			}
			h.unplaced[k] = struct{}{}
		}
		h.found[k] = struct{}{}
	}
	if len(found) < len(list)/2 {
		return h.rewriteFound(found)
	}
	return nil
}

// fillWindow remembers the ids of the last events, the latest sealed ones first.
func (h *History) fillWindow() error {
	logs := append(slices.Clone(h.sealing), h.open)
	n := 0
	for _, s := range logs {
		n += len(s.rows)
	}
	files := slices.Clone(h.files)
	slices.SortFunc(files, func(a, b *file) int { return strings.Compare(b.meta.Segment, a.meta.Segment) })
	var take [][]key
	for _, f := range files {
		if n >= h.opt.Window {
			break
		}
		var ids []key
		if err := h.withFile(f, func() (err error) { ids, err = f.ids(); return err }); err != nil {
			return err
		}
		take = append(take, ids)
		n += len(ids)
	}
	for _, ids := range slices.Backward(take) {
		for _, k := range ids {
			h.window.add(k)
		}
	}
	for _, s := range logs {
		for k := range s.ids {
			h.window.add(k)
		}
	}
	return nil
}
