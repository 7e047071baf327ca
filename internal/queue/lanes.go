package queue

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// lanes is in which order a worker takes the lanes that have work. A lane that had
// none comes before those that had their turn and have more, so that who sends
// little waits little; those still get every other turn.
type lanes struct {
	wake chan struct{} // has an element when there may be something

	mu    sync.Mutex
	fresh []string        // under mu; in the order in which they came
	more  []string        // under mu
	in    map[string]bool // under mu; in one of the two
	held  map[string]bool // under mu; not to be taken until a time
	other bool            // under mu; it is the turn of more
	taken string          // under mu; the lane that has its turn
	busy  bool            // under mu; one has
	moves int64           // under mu; grows with each change of the above
}

func newLanes() *lanes {
	return &lanes{wake: make(chan struct{}, 1), in: map[string]bool{}, held: map[string]bool{}}
}

// add says that a lane may have work.
func (l *lanes) add(lane string) { l.put(lane, &l.fresh) }

// again says that a lane that had its turn has more work.
func (l *lanes) again(lane string) { l.put(lane, &l.more) }

func (l *lanes) put(lane string, list *[]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in[lane] || l.held[lane] {
		return
	}
	l.in[lane] = true
	l.moves++
	*list = append(*list, lane)
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
		l.again(lane)
	})
}

// next takes the lane whose turn it is.
func (l *lanes) next() (lane string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := &l.fresh
	if len(l.fresh) == 0 || l.other && len(l.more) > 0 {
		from = &l.more
	}
	if len(*from) == 0 {
		return "", false
	}
	lane = (*from)[0]
	*from = (*from)[1:]
	delete(l.in, lane)
	l.other = from == &l.fresh
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
	list = slices.Concat(l.fresh, l.more, slices.Collect(maps.Keys(l.held)))
	if l.busy && !slices.Contains(list, l.taken) {
		list = append(list, l.taken)
	}
	return list, l.moves
}
