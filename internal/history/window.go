package history

// window remembers the last ids, so that an event which comes again is known.
// It is for one goroutine.
type window struct {
	bound int
	set   map[key]struct{}
	ring  []key
	next  int // where the ring is overwritten once it is full
}

func newWindow(bound int) *window { return &window{bound: bound, set: map[key]struct{}{}} }

// add remembers k and reports whether it was new.
func (w *window) add(k key) bool {
	if _, ok := w.set[k]; ok {
		return false
	}
	w.set[k] = struct{}{}
	if len(w.ring) < w.bound {
		w.ring = append(w.ring, k)
		return true
	}
	delete(w.set, w.ring[w.next])
	w.ring[w.next] = k
	w.next = (w.next + 1) % w.bound
	return true
}

// undo forgets k, which was just added. Its place in the ring is lost until the
// ring comes round, which is harmless: the window is one shorter.
func (w *window) undo(k key) { delete(w.set, k) }
