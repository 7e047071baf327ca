package follow

import (
	"os"
	"path/filepath"
	"time"
)

// between finds the lives of a log that nobody looked at: two rotations between
// two looks, or several while the program was down, leave a file that had the
// log's name and has it no longer. It stands beside the log under a rotation's
// name, and was written after what was read last; so what was rotated before
// the log was ever followed stays unread. Packed ones cannot be told from what
// was read and are left.
func (w *Follower) between(found, fresh []entry, byID map[[2]uint64]*file) []entry {
	listed := map[string]bool{}
	for _, e := range found {
		listed[e.path] = true
	}
	var out []entry
	for _, e := range fresh {
		since, known := w.lastRead(e.path)
		if since.IsZero() {
			continue
		}
		dir := filepath.Dir(e.path)
		names, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, n := range names {
			p := filepath.Join(dir, n.Name())
			if listed[p] || packed.MatchString(p) || !rotatedOf(n.Name(), filepath.Base(e.path)) {
				continue
			}
			info, err := os.Stat(p)
			if err != nil || !info.Mode().IsRegular() || !info.ModTime().After(since) {
				continue
			}
			d, i := identity(info)
			if i == 0 || byID[[2]uint64{d, i}] != nil || known[i] || w.buried(entry{p, info}, e.path) {
				continue
			}
			listed[p] = true
			out = append(out, entry{p, info})
		}
	}
	return out
}

// lastRead gives when the log of a path had last been written to when it was
// read: in the oldest of its lives that is still followed, or, if there is none,
// in the newest that was read to its end. known are the inodes of those that
// are followed.
func (w *Follower) lastRead(path string) (since time.Time, known map[uint64]bool) {
	known = map[uint64]bool{}
	note := func(m Mark) {
		if m.Path != path || m.Whole {
			return
		}
		known[m.Inode] = true
		if !m.Modified.IsZero() && (since.IsZero() || m.Modified.Before(since)) {
			since = m.Modified
		}
	}
	for _, f := range w.files {
		note(f.mark)
	}
	for _, m := range w.pending {
		note(m)
	}
	if len(known) > 0 {
		return since, known
	}
	for _, m := range w.past {
		if m.Path == path && m.Modified.After(since) {
			since = m.Modified
		}
	}
	return since, known
}

// maxPast is how many lives of one log are remembered after they were read.
const maxPast = 32

// bury remembers a life that was read to its end, and gives the marks to save.
func (w *Follower) bury(m Mark) []Mark {
	m.Gone, m.Past = false, true
	w.past = append(w.past, m)
	out, n := []Mark{m}, 0
	for _, p := range w.past {
		if p.Path == m.Path {
			n++
		}
	}
	for i := 0; n > maxPast; i++ {
		if old := w.past[i]; old.Path == m.Path {
			old.Past, old.Gone = false, true
			out = append(out, old)
			w.past = append(w.past[:i], w.past[i+1:]...)
			n, i = n-1, i-1
		}
	}
	return out
}

// buried reports whether a file is a life of the log at path that was read:
// the same file with the same beginning, or a copy of the same length.
func (w *Follower) buried(e entry, path string) bool {
	_, inode := identity(e.info)
	for _, m := range w.past {
		if m.Path != path || m.Inode != inode && m.Offset != e.info.Size() {
			continue
		}
		h, err := os.Open(e.path)
		if err != nil {
			return true // gone meanwhile
		}
		same := m.same(h, e.info.Size())
		h.Close()
		if same {
			return true
		}
	}
	return false
}
