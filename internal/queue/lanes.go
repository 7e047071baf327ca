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
	taken  string          // under mu; the lane that has its turn
	busy   bool            // under mu; one has
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

// next takes the lane whose turn it is.
func (l *lanes) next() (lane string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.light) > 0 && !(l.other && len(l.loaded) > 0):
		lane, l.light, l.other = l.light[0], l.light[1:], true
		l.heavy.waiting.Add(-1)
	case len(l.loaded) > 0:
		lane, l.loaded, l.other = l.loaded[0], l.loaded[1:], false
	default:
		return "", false
	}
	delete(l.in, lane)
	l.taken, l.busy = lane, true
	l.moves++
	return lane, true
}

// done ends the turn of the lane that next returned.
func (l *lanes) done() {
	l.mu.Lock()
	l.busy = false
	l.moves++
	l.mu.Unlock()
}

// waiting lists the lanes that may have work, and how often this has changed so far.
func (l *lanes) waiting() (list []string, moves int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list = slices.Concat(l.light, l.loaded, slices.Collect(maps.Keys(l.held)))
	if l.busy && !slices.Contains(list, l.taken) {
		list = append(list, l.taken)
	}
	return list, l.moves
}
