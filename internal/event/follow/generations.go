package follow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A log is a path that is followed by name. Rotation renames its file and starts a
// new one; each such file is a generation of the log. Generations may come and go
// between two looks, or while the program is down, so every file beside the log
// under a rotation's name is compared with the checkpoints: it is followed already,
// or was read to its end (a Past checkpoint), or was last written before the log was
// first scanned (Since), or else it is a generation to be read.

// maxPast is how many generations of one log are remembered after they were read.
const maxPast = 64

// looksAfterChange is how many more scans a folder gets after one that found a change:
// names move while they are listed, and file times have a coarse resolution.
const looksAfterChange = 25

// folder is when the folder of a log was last listed.
type folder struct {
	modified time.Time
	looks    int // left
}

// generations lists the files beside the logs that are not followed. Files that are
// followed and were renamed get their new path.
func (w *Follower) generations(found []entry, missing []string, byID map[[2]uint64]*file) []entry {
	listed := map[string]bool{}
	var logs []string
	for _, e := range found {
		listed[e.path] = true
		if e.named && !packed.MatchString(e.path) {
			logs = append(logs, e.path)
		}
	}
	for _, p := range missing {
		if !strings.ContainsAny(p, `*?[\`) {
			logs = append(logs, p)
		}
	}
	names := map[string][]string{} // by folder, of those that changed
	for _, l := range logs {
		dir := filepath.Dir(l)
		if _, ok := names[dir]; !ok {
			names[dir] = w.changed(dir)
		}
	}
	seen := map[[2]uint64]bool{}
	var out []entry
	for _, l := range logs {
		dir := filepath.Dir(l)
		var beside []entry
		var newest time.Time
		for _, n := range names[dir] {
			p := filepath.Join(dir, n)
			if listed[p] || n == filepath.Base(l) || !rotatedOf(n, filepath.Base(l)) {
				continue
			}
			info, err := os.Stat(p)
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			if packed.MatchString(n) {
				w.skipPacked(p, info)
				continue
			}
			if info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			d, i := identity(info)
			id := [2]uint64{d, i}
			if i == 0 || seen[id] {
				continue
			}
			if f := byID[id]; f != nil && os.SameFile(f.info, info) {
				f.path = p
				continue
			}
			seen[id] = true
			beside = append(beside, entry{path: p, info: info, log: l})
		}
		if _, known := w.since[l]; !known {
			w.since[l] = time.Time{}
			if !newest.IsZero() {
				w.since[l] = newest.Add(1)
			}
		}
		out = append(out, beside...)
	}
	return out
}

// changed lists a folder, if it may have changed since it was last listed.
func (w *Follower) changed(dir string) []string {
	info, err := os.Stat(dir)
	if err != nil {
		delete(w.folders, dir)
		return nil
	}
	was, ok := w.folders[dir]
	if !ok || !was.modified.Equal(info.ModTime()) {
		was = folder{info.ModTime(), looksAfterChange}
	}
	if was.looks == 0 {
		return nil
	}
	was.looks--
	w.folders[dir] = was
	return namesIn(dir)
}

func namesIn(dir string) []string {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names
}

// remember notes since when the generations of the logs are read.
func (w *Follower) remember(checkpoints map[string]Checkpoint) {
	for _, m := range checkpoints {
		if m.Whole {
			continue
		}
		if at, ok := w.since[m.Path]; !ok || m.Since.After(at) {
			w.since[m.Path] = m.Since
		}
	}
}

// retire remembers a generation that was read to its end, and returns the checkpoints to save.
func (w *Follower) retire(m Checkpoint) []Checkpoint {
	m.Gone, m.Past = false, true
	w.past = append(w.past, m)
	out := []Checkpoint{m}
	for w.count(m.Path) > maxPast {
		i := slices.IndexFunc(w.past, func(p Checkpoint) bool { return p.Path == m.Path })
		old := w.past[i]
		w.past = slices.Delete(w.past, i, i+1)
		old.Past, old.Gone = false, true
		out = append(out, old)
		// Its checkpoint is dropped, so it must count as one from before.
		if at := old.Modified.Add(1); at.After(w.since[m.Path]) {
			w.since[m.Path] = at
			w.past[len(w.past)-1].Since = at
			out[0] = w.past[len(w.past)-1]
		}
	}
	return out
}

func (w *Follower) count(path string) (n int) {
	for _, p := range w.past {
		if p.Path == path {
			n++
		}
	}
	return n
}

// retired finds the checkpoint of a generation that was read to its end: the same file with
// the same beginning, or a copy of it of the same length. It is an index into
// past, or -1.
func (w *Follower) retired(e entry, h *os.File) int {
	_, inode := identity(e.info)
	for i, m := range w.past {
		if m.Path != e.log && !(e.log == "" && rotationOf(e.path, m.Path)) || m.Inode != inode &&
			m.Offset != e.info.Size() {
			continue
		}
		if m.same(h, e.info.Size()) {
			return i
		}
	}
	return -1
}

// reopen goes on with a generation that was written to after it was read to its end.
func (w *Follower) reopen(e entry, i int) *file {
	m := w.past[i]
	if m.Offset >= e.info.Size() {
		return nil
	}
	w.past = slices.Delete(w.past, i, i+1)
	m.Past = false
	f := w.follow(e, m)
	f.away = e.log != ""
	return f
}

// find looks for a file that is not where it was seen last: among the rotations
// of its log, by its identity. ok is false if it is not there.
func (w *Follower) find(f *file) (ok bool) {
	if f.info != nil && f.open() == nil {
		return true
	}
	dir := filepath.Dir(f.checkpoint.Path)
	for _, n := range namesIn(dir) {
		p := filepath.Join(dir, n)
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() || n != filepath.Base(f.checkpoint.Path) &&
			!rotatedOf(n, filepath.Base(f.checkpoint.Path)) {
			continue
		}
		if packed.MatchString(p) {
			if samePacked(p, f.checkpoint) {
				f.path, f.info, f.pack = p, info, true
				return true
			}
			continue
		}
		d, i := identity(info)
		if i != 0 && (d != f.checkpoint.Device || i != f.checkpoint.Inode) {
			continue
		}
		h, err := (entry{path: p, info: info}).open()
		if err != nil {
			continue
		}
		if f.checkpoint.same(h, info.Size()) {
			f.path, f.info, f.f = p, info, h
			return true
		}
		h.Close()
	}
	return false
}
