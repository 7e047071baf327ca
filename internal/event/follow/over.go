package follow

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/meneki/meneki/internal/event/read"
)

// A rotation that copies and truncates may write its copy over the last one
// (cp a.log a.log.1; : > a.log). Then the file is the same with the content of
// another generation of the log: to follow it as a new file would read it twice.

// overwritten stops following files over which a copy of their log was written. They
// are found again, with the checkpoints of what was read of them to be saved.
func (w *Follower) overwritten(found []entry) (fresh []entry, save []Checkpoint) {
	listed := map[string]os.FileInfo{}
	for _, e := range found {
		listed[e.path] = e.info
	}
	w.files = slices.DeleteFunc(w.files, func(f *file) bool {
		e := entry{path: f.path, info: listed[f.path]}
		if e.info == nil {
			if !f.away || f.pack {
				return false
			}
			e.log = f.checkpoint.Path
			e.info, _ = os.Stat(f.path)
		}
		if e.info == nil || !os.SameFile(e.info, f.info) || !w.isCopy(f, e) {
			return false
		}
		if f.checkpoint.Offset > 0 {
			save = append(save, w.retire(f.checkpoint)...)
		} else {
			f.checkpoint.Gone = true
			save = append(save, f.checkpoint)
		}
		f.close()
		if e.log != "" {
			fresh = append(fresh, e) // nothing else leads to it
		}
		return true
	})
	return fresh, save
}

// inherited reports whether e is another file that got the number of f, which was
// removed. A file that is open keeps its number; archives and, where very many
// are followed, others are not open.
func (f *file) inherited(e entry) bool {
	if f.f != nil || f.path == e.path || f.checkpoint.Log != nil {
		return false
	}
	if f.checkpoint.Whole || f.form == read.Whole {
		return !e.info.ModTime().Equal(f.changed) || e.info.Size() != f.size
	}
	h, err := e.open()
	if err != nil {
		return false
	}
	defer h.Close()
	return !f.checkpoint.same(h, e.info.Size())
}

// forget stops following a file that no longer exists, and returns the checkpoint to
// save.
func (w *Follower) forget(f *file) Checkpoint {
	f.close()
	f.checkpoint.Gone = true
	w.files = slices.DeleteFunc(w.files, func(o *file) bool { return o == f })
	return f.checkpoint
}

// isCopy reports whether f has become a copy of a log that
// is followed, complete or under way, or of a generation of it that was read.
func (w *Follower) isCopy(f *file, e entry) bool {
	if f.checkpoint.Whole || f.checkpoint.Log != nil || e.info.Size() == 0 || e.info.Size() == f.checkpoint.Offset &&
		e.info.ModTime().Equal(f.checked) {
		return false
	}
	h, err := e.open()
	if err != nil {
		return false
	}
	defer h.Close()
	if f.checkpoint.Offset > 0 && f.checkpoint.same(h, e.info.Size()) {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(w.files),
		func(o *file) bool { return o == f || o.info == nil || !rotationOf(e.path, o.path) })
	return w.copyOf(e, others) != nil || w.copying(e, others) || w.retired(e, h) >= 0
}

// copyOfPending reports whether a file is a copy of a log that was followed before
// a restart.
func (w *Follower) copyOfPending(e entry, h *os.File) bool {
	for _, m := range w.pending {
		if !m.Whole && m.HeadLen > 0 && rotationOf(e.path, m.Path) && m.same(h, e.info.Size()) {
			return true
		}
	}
	return false
}

// isRotation reports whether f has the name of a rotation of another file that is
// followed.
func (w *Follower) isRotation(f *file) bool {
	return slices.ContainsFunc(w.files, func(o *file) bool { return o != f && rotationOf(f.path, o.path) })
}

// rotationOf reports whether path is what a rotation makes of log, beside it.
func rotationOf(path, log string) bool {
	return path != log && filepath.Dir(path) == filepath.Dir(log) && rotatedOf(filepath.Base(path), filepath.Base(log))
}
