package queue

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lanes is in which order a worker takes the lanes that have work. A light lane comes
// before those that have had more than a batch of late, so that who sends little waits
// little; the heavy ones still get every other turn.
type lanes struct {
	wake  chan struct{} // has an element when there may be something
	heavy *heavy        // of all workers

	mu     sync.Mutex
	light  []string        // under mu; in the order in which they came
	loaded []string        // under mu; the heavy ones, likewise
	in     map[string]bool // under mu; in one of the two
	held   map[string]bool // under mu; not to be taken until a time
	other  bool            // under mu; it is the turn of a heavy one
	taken  []string        // under mu; the lanes that have their turn
	moves  int64           // under mu; grows with each change of the above
}

// heavy knows the lanes that have had more than a batch of late, and how many others wait.
type heavy struct {
	now     func() time.Time
	waiting atomic.Int64 // light lanes that wait for their turn, of all workers

	mu   sync.Mutex
	last map[string]time.Time // under mu; when there was more than a batch
}

// heavyFor is how long a lane is heavy after it had more than a batch.
const heavyFor = time.Second

func (h *heavy) note(lane string) {
	h.mu.Lock()
	h.last[lane] = h.now()
	h.mu.Unlock()
}

func (h *heavy) is(lane string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := h.last[lane]
	if ok && h.now().Sub(at) > heavyFor {
		delete(h.last, lane)
		ok = false
	}
	return ok
}

func newLanes(h *heavy) *lanes {
	return &lanes{wake: make(chan struct{}, 1), heavy: h, in: map[string]bool{}, held: map[string]bool{}}
}

// add says that a lane may have work.
func (l *lanes) add(lane string) {
	heavy := l.heavy.is(lane)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in[lane] || l.held[lane] {
		return
	}
	l.in[lane] = true
	l.moves++
	if heavy {
		l.loaded = append(l.loaded, lane)
	} else {
		l.light = append(l.light, lane)
		l.heavy.waiting.Add(1)
	}
	l.signal()
}

func (l *lanes) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hold keeps a lane from being taken for d; then it may have work.
func (l *lanes) hold(lane string, d time.Duration) {
	l.mu.Lock()
	l.held[lane] = true
	l.moves++
	l.mu.Unlock()
	time.AfterFunc(d, func() {
		l.mu.Lock()
		delete(l.held, lane)
		l.mu.Unlock()
		l.add(lane)
	})
}

// next takes the lanes whose turn it is: some light ones together, or one heavy one.
func (l *lanes) next(most int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.light) > 0 && !(l.other && len(l.loaded) > 0):
		n := min(most, len(l.light))
		l.taken, l.light, l.other = slices.Clone(l.light[:n]), l.light[n:], true
		l.heavy.waiting.Add(-int64(n))
	case len(l.loaded) > 0:
		l.taken, l.loaded, l.other = []string{l.loaded[0]}, l.loaded[1:], false
	default:
		return nil
	}
	for _, lane := range l.taken {
		delete(l.in, lane)
	}
	l.moves++
	return l.taken
}

// done ends the turn of the lanes that next returned.
func (l *lanes) done() {
	l.mu.Lock()
	l.taken = nil
	l.moves++
	l.mu.Unlock()
}

// waiting lists the lanes that may have work, and how often this has changed so far.
func (l *lanes) waiting() (list []string, moves int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list = slices.Concat(l.light, l.loaded, slices.Collect(maps.Keys(l.held)))
	for _, lane := range l.taken {
		if !slices.Contains(list, lane) {
			list = append(list, lane)
		}
	}
	return list, l.moves
}
