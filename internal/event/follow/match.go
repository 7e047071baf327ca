package follow

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event/read"
)

// match brings files, marks and what is on disk together.
func (w *Follower) match(ctx context.Context, found []entry) error {
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
	var fresh []entry // files that are not followed yet
	logs := map[string]bool{}
	for _, e := range found {
		if !packed.MatchString(e.path) {
			logs[e.path] = true
		}
	}
	for _, f := range w.files {
		if !f.mark.Whole {
			logs[f.mark.Path] = true
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
	fresh = append(fresh, w.between(found, fresh, byID)...)
	// Older files first, so that what was rotated is read before what followed it.
	slices.SortStableFunc(fresh, func(a, b entry) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	var resumed, begun []*file
	var unknown []entry
	for _, e := range fresh {
		if w.skipped[e.path] == newStamp(e.info) || rotatedLog(e.path, logs) {
			continue
		}
		if f := w.resume(e); f != nil {
			resumed = append(resumed, f)
		} else {
			unknown = append(unknown, e)
		}
	}
	for _, e := range unknown {
		f := w.copyOf(e, w.files)
		if f == nil {
			f = w.copyOf(e, resumed)
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
	if !w.loaded {
		resumed = append(resumed, w.orphans()...)
	}
	var save []Mark
	for _, f := range begun {
		save = append(save, f.mark)
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
	m := Mark{Key: clock.RandomID(), Epoch: clock.RandomID(), Path: e.path, Modified: e.info.ModTime().UTC()}
	m.Device, m.Inode = identity(e.info)
	return w.follow(e, m)
}

func (w *Follower) follow(e entry, m Mark) *file {
	return &file{mark: m, path: e.path, info: e.info, decoder: new(read.Decoder), still: w.opts.Clock(), size: -1}
}

// resume finds the mark of a file that was followed before a restart: that of
// the same inode, or, where the system tells none, of the same path.
func (w *Follower) resume(e entry) *file {
	d, i := identity(e.info)
	for k, m := range w.pending {
		// A device may have another number after a reboot.
		if m.Inode != i || m.Device != d && m.Path != e.path || i == 0 && m.Path != e.path {
			continue
		}
		if !m.Whole {
			h, err := os.Open(e.path)
			if err != nil {
				return nil
			}
			same := m.same(h, e.info.Size())
			h.Close()
			if !same && m.Path != e.path {
				continue // another file that got the number of one that was removed
			}
			if !same {
				// Cut back or written anew while nobody looked: look() begins its
				// next life, once a copy of the old one was looked for.
				f := w.follow(e, m)
				f.form = read.Lines
				delete(w.pending, k)
				return f
			}
		}
		delete(w.pending, k)
		return w.follow(e, m)
	}
	return nil
}

// copyOf recognises a file that a rotation has copied from one that is
// followed (copytruncate): what was read of that one is not read again.
func (w *Follower) copyOf(e entry, files []*file) *file {
	for _, f := range files {
		m := f.mark
		if m.Whole || m.HeadLen == 0 || filepath.Dir(e.path) != filepath.Dir(f.path) || e.path == f.path || !rotatedOf(filepath.Base(e.path), filepath.Base(f.path)) {
			continue
		}
		if c := w.copied(e, m); c != nil {
			return c
		}
	}
	return nil
}

// copied makes a file of e that goes on where m stopped, if e begins as m's did.
func (w *Follower) copied(e entry, m Mark) *file {
	h, err := os.Open(e.path)
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

// orphans looks after a restart for files that were rotated away meanwhile:
// renamed to where no pattern leads, or packed.
func (w *Follower) orphans() []*file {
	var out []*file
	for k, m := range w.pending {
		delete(w.pending, k)
		if m.Whole {
			// The archive was removed; that it was read is remembered by its content.
			continue
		}
		f := w.orphan(m)
		if f == nil {
			f = &file{mark: m, path: m.Path, decoder: new(read.Decoder)}
		}
		f.away, f.form, f.still = true, read.Lines, w.opts.Clock()
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *file) int { return a.mark.Modified.Compare(b.mark.Modified) })
	return out
}

func (w *Follower) orphan(m Mark) *file {
	dir := filepath.Dir(m.Path)
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, n := range names {
		p := filepath.Join(dir, n.Name())
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() || p == m.Path || !rotatedOf(n.Name(), filepath.Base(m.Path)) {
			continue
		}
		e := entry{p, info}
		if packed.MatchString(p) {
			if samePacked(p, m) {
				f := w.follow(e, m)
				f.pack = true
				return f
			}
			continue
		}
		d, i := identity(info)
		if i != 0 && (d != m.Device || i != m.Inode) {
			continue
		}
		if c := w.copied(e, m); c != nil {
			c.mark.Key = m.Key
			return c
		}
	}
	return nil
}
