package follow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event/read"
)

// match assigns the files on disk to the followed files and to the checkpoints.
func (w *Follower) match(ctx context.Context, found []entry, missing []string) error {
	fresh, save := w.overwritten(found) // files that are not followed yet
	here := map[*file]bool{}
	byID := map[[2]uint64]*file{}
	byPath := map[string]*file{}
	for _, f := range w.files {
		if f.info != nil {
			d, i := identity(f.info)
			byID[[2]uint64{d, i}] = f
		}
		byPath[f.path] = f
	}
	logs := map[string]bool{}
	for _, e := range found {
		if !packed.MatchString(e.path) {
			logs[e.path] = true
		}
	}
	for _, f := range w.files {
		if !f.checkpoint.Whole {
			logs[f.checkpoint.Path] = true
		}
	}
	for _, m := range w.pending {
		if !m.Whole {
			logs[m.Path] = true
		}
	}
	for _, e := range found {
		d, i := identity(e.info)
		f := byID[[2]uint64{d, i}]
		if i == 0 {
			f = byPath[e.path]
		}
		if f != nil && i != 0 && f.inherited(e) {
			save = append(save, w.forget(f))
			f = nil
		}
		if f != nil && os.SameFile(f.info, e.info) || f != nil && i == 0 {
			f.path, f.info, f.away = e.path, e.info, false
			here[f] = true
			continue
		}
		fresh = append(fresh, e)
	}
	for _, f := range w.files {
		if !here[f] && !f.away {
			f.away = true
			f.still = w.opts.Clock()
		}
	}
	fresh = unique(append(fresh, w.generations(found, missing, byID)...))
	// Older files first, so that what was rotated is read before what followed it.
	slices.SortStableFunc(fresh, func(a, b entry) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	var resumed, begun []*file
	var unknown []entry
	for _, e := range fresh {
		if w.skipped[e.path] == newStamp(e.info) {
			continue
		}
		if rotatedLog(e.path, logs) {
			w.skipPacked(e.path, e.info)
			continue
		}
		h, err := e.open()
		if err != nil {
			continue // it is being renamed: the next look finds it
		}
		f, known := w.known(e, h)
		h.Close()
		switch {
		case f != nil:
			resumed = append(resumed, f)
		case !known:
			unknown = append(unknown, e)
		}
	}
	for _, e := range unknown {
		f := w.copyOf(e, w.files)
		if f == nil {
			f = w.copyOf(e, resumed)
		}
		if f == nil && (w.copying(e, w.files) || w.copying(e, resumed)) {
			continue // the next looks see it grow
		}
		if f == nil {
			if form, why := read.Sniff(e.path, nil, false); form == read.Foreign {
				w.skip(w.adopt(e), why)
				continue
			}
			f = w.adopt(e)
		}
		begun = append(begun, f)
	}
	orphans, gone := w.orphans()
	resumed = append(resumed, orphans...)
	save = append(save, gone...)
	for _, f := range begun {
		save = append(save, f.checkpoint)
	}
	if len(save) > 0 {
		if err := w.save(ctx, save...); err != nil {
			return err
		}
	}
	w.files = append(append(w.files, resumed...), begun...)
	return nil
}

// adopt begins to follow a file from its start.
func (w *Follower) adopt(e entry) *file {
	m := Checkpoint{Key: clock.RandomID(), Epoch: clock.RandomID(), Path: e.name(), Modified: e.info.ModTime().UTC(),
		Since: w.since[e.name()]}
	m.Device, m.Inode = identity(e.info)
	return w.follow(e, m)
}

func (w *Follower) follow(e entry, m Checkpoint) *file {
	return &file{checkpoint: m, path: e.path, info: e.info, decoder: new(read.Decoder), still: w.opts.Clock(), size: -1}
}

// known finds out whether a file was followed before; f is to go on with, if
// there is more to read of it.
func (w *Follower) known(e entry, h *os.File) (f *file, known bool) {
	if f := w.resume(e, h); f != nil {
		return f, true
	}
	if i := w.retired(e, h); i >= 0 {
		return w.reopen(e, i), true
	}
	return nil, e.log != "" && e.info.ModTime().Before(w.since[e.log])
}

// resume finds the checkpoint of a file that was followed before a restart: that of
// the same inode, or, where the system has none, of the same path.
func (w *Follower) resume(e entry, h *os.File) *file {
	d, i := identity(e.info)
	for k, m := range w.pending {
		// A device may have another number after a reboot.
		if m.Inode != i || m.Device != d && m.Path != e.name() || i == 0 && m.Path != e.path {
			continue
		}
		f := w.follow(e, m)
		if !m.Whole && !m.same(h, e.info.Size()) {
			if m.Path != e.path || w.copyOfPending(e, h) {
				continue // another file that got the number of one that was removed, or a copy over the last one
			}
			// Truncated or rewritten between two looks: look() begins its
			// next generation, once a copy of the old one was looked for.
			f.form = read.Lines
		}
		delete(w.pending, k)
		return f
	}
	return nil
}

// copyOf recognises a file that a rotation has copied from one that is
// followed (copytruncate): what was read of that one is not read again.
func (w *Follower) copyOf(e entry, files []*file) *file {
	for _, f := range files {
		m := f.checkpoint
		if m.Whole || m.HeadLen == 0 || filepath.Dir(e.path) != filepath.Dir(f.path) || e.path == f.path ||
			!rotatedOf(filepath.Base(e.path), filepath.Base(f.path)) {
			continue
		}
		if c := w.copied(e, m); c != nil {
			return c
		}
	}
	return nil
}

// copying reports whether e is a copy of one of files that is not complete: a
// rotation that copies and truncates is under way. To follow it as a new
// file would read all of the log a second time.
func (w *Follower) copying(e entry, files []*file) bool {
	for _, f := range files {
		m := f.checkpoint
		if m.Whole || m.Log != nil || e.info.Size() >= m.Offset || e.path == f.path ||
			filepath.Dir(e.path) != filepath.Dir(f.path) || !rotatedOf(filepath.Base(e.path), filepath.Base(f.path)) {
			continue
		}
		if begins(f.path, e.path, e.info.Size()) {
			return true
		}
	}
	return false
}

// begins reports whether the file at whole begins with the first n bytes of the
// one at part. Of long ones the beginning and the end are compared.
func begins(whole, part string, n int64) bool {
	a, err := os.Open(whole)
	if err != nil {
		return false
	}
	defer a.Close()
	b, err := os.Open(part)
	if err != nil {
		return false
	}
	defer b.Close()
	for _, at := range []int64{0, max(0, n-sniff)} {
		x, y := make([]byte, min(n-at, sniff)), make([]byte, min(n-at, sniff))
		if _, err := a.ReadAt(x, at); err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		if _, err := b.ReadAt(y, at); err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		if !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// copied makes a file of e that goes on where m stopped, if e begins as m's did.
func (w *Follower) copied(e entry, m Checkpoint) *file {
	h, err := e.open()
	if err != nil {
		return nil
	}
	defer h.Close()
	if !m.same(h, e.info.Size()) {
		return nil
	}
	m.Key = clock.RandomID()
	m.Device, m.Inode = identity(e.info)
	c := w.follow(e, m)
	c.form = read.Lines
	return c
}

// orphans follows, after a restart, files that were rotated away meanwhile:
// renamed to a path that no pattern matches, or packed. gone are the checkpoints of those
// that are not there any more.
func (w *Follower) orphans() (found []*file, gone []Checkpoint) {
	for k, m := range w.pending {
		if m.Whole {
			// The archive was removed; that it was read is remembered by its content.
			delete(w.pending, k)
			continue
		}
		f := &file{checkpoint: m, path: m.Path, decoder: new(read.Decoder), away: true, form: read.Lines,
			still: w.opts.Clock()}
		switch {
		case w.find(f):
			found = append(found, f)
		case w.opts.Clock().Sub(w.began) < w.opts.Linger:
			continue // it may be being renamed
		default:
			gone = append(gone, w.retire(m)...)
		}
		delete(w.pending, k)
	}
	slices.SortFunc(found, func(a, b *file) int { return a.checkpoint.Modified.Compare(b.checkpoint.Modified) })
	return found, gone
}

// unique drops entries of a file that is there twice, because it was renamed
// while files were listed; the last one listed is the newest.
func unique(list []entry) []entry {
	at := map[[2]uint64]int{}
	out := list[:0:0]
	for _, e := range list {
		d, i := identity(e.info)
		if n, ok := at[[2]uint64{d, i}]; ok && i != 0 {
			out[n] = e
			continue
		}
		at[[2]uint64{d, i}] = len(out)
		out = append(out, e)
	}
	return out
}
